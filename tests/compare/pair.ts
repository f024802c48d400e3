/**
 * Two servers that are asked the same things: kevy, and the referee. Replies are compared one by one, raw.
 *
 * Refuses: to decide what counts as equal; the command's normaliser and the table of version differences do.
 */

import { FULL } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { REACTORS } from "../support/reactors.ts";
import { missing, RedisServer } from "../support/redis-server.ts";
import { parseReply, RespClient } from "../support/resp-client.ts";
import { type Case, type Command, command, encode, SLACK_SECONDS, show, type Word } from "./case.ts";
import { type Normaliser, REPLIES } from "./normalisers.ts";
import { isVersionDifference } from "./version-differences.ts";

export type Protocol = 2 | 3;

/** One way to run kevy. */
export interface Setup {
  readonly shards: number;
  readonly reactor: string;
  readonly order: "strict" | "relaxed";
}

const SHARDS: readonly number[] = [1, 2, 4];

const NORMAL_SETUPS: readonly Setup[] = [
  { shards: 1, reactor: "io_uring", order: "strict" },
  { shards: 2, reactor: "epoll", order: "strict" },
  { shards: 2, reactor: "net", order: "relaxed" },
];

/** In a normal run each value of each column at least once, in a full one nearly all combinations. */
export function setups(): readonly Setup[] {
  if (!FULL) return NORMAL_SETUPS;
  const result: Setup[] = [];
  for (const reactor of REACTORS) {
    // What two shards do in strict order, four do too.
    for (const shards of reactor === "io_uring" ? SHARDS : [1, 4]) result.push({ shards, reactor, order: "strict" });
    result.push({ shards: 2, reactor, order: "relaxed" });
  }
  return result;
}

export function setupName(setup: Setup): string {
  return `${setup.shards} shard${setup.shards === 1 ? "" : "s"}, ${setup.reactor}, ${setup.order}`;
}

/**
 * Why the comparison cannot run, or false: fits `{ skip: skipReason() }`. In CI and in a full run a missing referee is
 * no reason to skip.
 * @throws Error there
 */
export function skipReason(): string | false {
  const reason = missing();
  if (reason !== false && (FULL || process.env["CI"] === "true")) throw new Error(`${reason}: this run must compare`);
  return reason;
}

export function startKevy(setup: Setup, more: readonly string[] = []): Promise<KevyServer> {
  const args = ["--pipeline-order", setup.order, ...more];
  return KevyServer.start({ shards: setup.shards, reactor: setup.reactor, args });
}

/** What a command that the connection did not survive is answered with. */
const CLOSED = Buffer.from("(closed)");
const FAILURES_SHOWN = 40;
/** One wrong reply brings others with it. */
const FAILURES_OF_A_CASE = 3;
const PIPELINE_MS_MAX = 20_000;

/** Two connections. */
export class Pair implements AsyncDisposable {
  readonly kevy: RespClient;
  readonly referee: RespClient;

  private constructor(kevy: RespClient, referee: RespClient) {
    this.kevy = kevy;
    this.referee = referee;
  }

  static async connect(kevyPort: number, refereePort: number, protocol: Protocol = 2): Promise<Pair> {
    const pair = new Pair(await RespClient.connect(kevyPort), await RespClient.connect(refereePort));
    if (protocol === 3) await Promise.all([pair.kevy.command("HELLO", 3), pair.referee.command("HELLO", 3)]);
    return pair;
  }

  /** Sends a command to both; null if the replies are equal, otherwise what differs. */
  async ask(what: Command): Promise<string | null> {
    const sender = what.scan ? askScan : ask;
    const [kevy, referee] = await Promise.all([sender(this.kevy, what.args), sender(this.referee, what.args)]);
    return judge(what, kevy, referee);
  }

  /** Sends all commands in one write to both and compares all replies. Gives what differs. */
  async pipeline(commands: readonly Command[]): Promise<string[]> {
    const bytes = Buffer.concat(commands.map((each) => encode(each.args)));
    const startedMs = performance.now();
    this.kevy.send(bytes);
    this.referee.send(bytes);
    const [kevy, referee] = await Promise.all([
      this.kevy.readReplies(commands.length, PIPELINE_MS_MAX),
      this.referee.readReplies(commands.length, PIPELINE_MS_MAX),
    ]);
    // The servers were apart by no more than all of it took.
    const stretch = 1 + (performance.now() - startedMs) / 1000 / SLACK_SECONDS;
    const failures: string[] = [];
    for (let i = 0; i < commands.length; i++) {
      const failure = judge(commands[i], kevy[i], referee[i], stretch);
      if (failure !== null) failures.push(`at ${i}: ${failure}`);
    }
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.kevy.close(), this.referee.close()]);
  }
}

/** A reply that no normaliser can read is wrong, and no reason to stop. */
function normalised(normaliser: Normaliser, kevy: Buffer, referee: Buffer, stretch: number): string | null {
  try {
    return normaliser(kevy, referee, stretch);
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}: ${REPLIES.exact(kevy, referee)}`;
  }
}

/** Null if the replies count as equal. */
export function judge(what: Command, kevy: Buffer, referee: Buffer, stretch = 1): string | null {
  if (kevy.equals(referee)) return null;
  const closed = kevy === CLOSED || referee === CLOSED;
  const failure = closed
    ? `kevy ${kevy.toString("latin1")}, referee ${referee.toString("latin1")}`
    : normalised(what.normaliser, kevy, referee, stretch);
  if (failure === null || isVersionDifference(what.args, kevy, referee)) return null;
  return `${show(what.args)}: ${failure}`;
}

async function ask(client: RespClient, args: readonly Word[]): Promise<Buffer> {
  if (client.closed && client.unread().length === 0) return CLOSED;
  client.send(encode(args));
  try {
    return await client.readReply();
  } catch (error) {
    if (client.closed) return CLOSED;
    throw new Error(`${show(args)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const SCAN_ROUNDS_MAX = 10_000;

/** Runs a scan to its end: all keys as one array, or the reply that was none of a scan. */
async function askScan(client: RespClient, options: readonly Word[]): Promise<Buffer> {
  const keys: string[] = [];
  let cursor = "0";
  for (let round = 0; round < SCAN_ROUNDS_MAX; round++) {
    const reply = await ask(client, ["SCAN", cursor, ...options]);
    if (reply[0] !== 42) return reply;
    const value = parseReply(reply);
    if (!Array.isArray(value) || value.length !== 2 || !Array.isArray(value[1])) return reply;
    keys.push(...value[1].map(String));
    cursor = String(value[0]);
    if (cursor === "0") return Buffer.concat([Buffer.from(`*${keys.length}\r\n`), ...keys.map(bulk)]);
  }
  throw new Error(`SCAN ${show(options)} has no end`);
}

function bulk(text: string): Buffer {
  return Buffer.from(`$${text.length}\r\n${text}\r\n`, "latin1");
}

export const FLUSH: Command = command("FLUSHALL");

/** Runs each case on empty databases, command by command. Gives what differs, with the case's name. */
export async function runCases(
  kevyPort: number,
  refereePort: number,
  cases: readonly Case[],
  protocol: Protocol,
): Promise<string[]> {
  const failures: string[] = [];
  const connect = (): Promise<Pair> => Pair.connect(kevyPort, refereePort, protocol);
  let shared = await connect();
  for (const each of cases) {
    if (failures.length >= FAILURES_SHOWN) break;
    const pair = each.alone ? await connect() : shared;
    const found: string[] = [];
    try {
      for (const what of [FLUSH, ...each.commands]) {
        const failure = await pair.ask(what);
        if (failure !== null) found.push(failure);
      }
    } catch (error) {
      found.push(error instanceof Error ? error.message : String(error));
    }
    const more = found.length > FAILURES_OF_A_CASE ? ` (and ${found.length - FAILURES_OF_A_CASE} more)` : "";
    for (const failure of found.slice(0, FAILURES_OF_A_CASE)) failures.push(`${each.name}: ${failure}${more}`);
    if (each.alone) await pair[Symbol.asyncDispose]();
    else if (found.length > 0) {
      // Replies may be out of step now.
      await shared[Symbol.asyncDispose]();
      try {
        shared = await connect();
      } catch (error) {
        failures.push(`then no connection: ${error instanceof Error ? error.message : String(error)}`);
        return failures;
      }
    }
  }
  await shared[Symbol.asyncDispose]();
  return failures;
}

/** @throws Error that lists the failures, unless there are none */
export function expectNone(failures: readonly string[]): void {
  if (failures.length === 0) return;
  const shown = failures.slice(0, FAILURES_SHOWN).map((each) => `  ${each}`);
  const more = failures.length > FAILURES_SHOWN ? `\n  and ${failures.length - FAILURES_SHOWN} more` : "";
  throw new Error(`${failures.length} replies differ from the referee's:\n${shown.join("\n")}${more}`);
}

/** One referee for all tests of a file. */
export function startReferee(args: readonly string[] = []): Promise<RedisServer> {
  return RedisServer.start(["--enable-debug-command", "yes", ...args]);
}
