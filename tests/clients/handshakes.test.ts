/**
 * The first words of client libraries and tools, sent byte for byte to kevy and to redis-server: equal replies where
 * they can be, else of one shape, with the fields that the client reads.
 *
 * A command that kevy has no row for yet is left out of its probe, and the last test says which those are.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rows } from "../../src/commands/table.ts";
import { isVersionDifference } from "../compare/version-differences.ts";
import { FULL } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { missing, RedisServer } from "../support/redis-server.ts";
import {
  encodeCommand,
  parseReply,
  ReplyError,
  ReplyMap,
  ReplySet,
  type ReplyValue,
  RespClient,
} from "../support/resp-client.ts";
import { PROBES, type Probe, type ProbeCommand } from "./probes.ts";
import { SETUPS, start, TEST_MS_MAX } from "./rig.ts";

const PASSWORD = ["--requirepass", "secret"];
/** How deep a shape goes: which kinds of entries an array has. What those hold is compared where the command is tested. */
const SHAPE_DEPTH = 1;

/** Families on their way into the command table; anything else that is missing is an error of the probe's. */
const AWAITED = ["memory", "object"];
const built = new Set(rows.map((row) => row.name));
const isAwaited = ({ args }: ProbeCommand): boolean =>
  AWAITED.includes(args[0].toLowerCase()) && !built.has(args[0].toLowerCase());

function skipReason(): string | false {
  const reason = missing();
  if (reason !== false && (FULL || process.env["CI"] === "true")) throw new Error(`${reason}: this run must compare`);
  return reason;
}

/** The kind of a value; of a collection also which kinds of elements there are, however many. */
function shape(value: ReplyValue, depth: number): string {
  const of = (items: readonly ReplyValue[]): string =>
    items.length === 0 || depth === 0 ? "" : [...new Set(items.map((item) => shape(item, depth - 1)))].sort().join(" ");
  if (value === null) return "nil";
  if (value instanceof ReplyError) return `error ${value.message}`;
  if (value instanceof ReplyMap) return `map {${of(value.pairs.flat())}}`;
  if (value instanceof ReplySet) return `set {${of(value.items)}}`;
  if (Array.isArray(value)) return `array {${of(value)}}`;
  return typeof value;
}

/** Empty if the replies agree as far as they must. */
function difference(command: ProbeCommand, kevy: Buffer, referee: Buffer): string {
  const { args, reads } = command;
  if (kevy.equals(referee) || isVersionDifference(args, kevy, referee)) return "";
  const [ours, theirs] = [kevy, referee].map((reply) => reply.toString("latin1"));
  const shown = `${args.join(" ")}: kevy ${JSON.stringify(ours.slice(0, 200))}, referee ${JSON.stringify(theirs.slice(0, 200))}`;
  if (reads === null) return shown;
  for (const field of reads) {
    if (!theirs.includes(field)) return `${args.join(" ")}: redis-server has no ${field}`;
    if (!ours.includes(field)) return `${args.join(" ")}: no ${field}`;
  }
  // One of two lists may be empty where it tells of a server's past.
  const [a, b] = [kevy, referee].map((reply) => shape(parseReply(reply), SHAPE_DEPTH));
  const isEmpty = (text: string): boolean => text.endsWith("{}");
  return a === b || (a[0] === b[0] && (isEmpty(a) || isEmpty(b))) ? "" : `${shown}: ${a} is not ${b}`;
}

async function run(probe: Probe, kevyPort: number, refereePort: number): Promise<string[]> {
  const [kevy, referee] = [await RespClient.connect(kevyPort), await RespClient.connect(refereePort)];
  const failures: string[] = [];
  try {
    for (const write of probe.writes) {
      const commands = write.filter((command) => !isAwaited(command));
      const bytes = Buffer.concat(commands.map((command) => encodeCommand(command.args)));
      for (const client of [kevy, referee]) client.send(bytes);
      const [ours, theirs] = await Promise.all([kevy, referee].map((client) => client.readReplies(commands.length)));
      commands.forEach((command, i) => {
        const found = difference(command, ours[i], theirs[i]);
        if (found !== "") failures.push(found);
      });
    }
  } finally {
    await Promise.all([kevy.close(), referee.close()]);
  }
  return failures;
}

describe("handshakes, compared with redis-server", { skip: skipReason(), timeout: TEST_MS_MAX }, () => {
  let referee: RedisServer;
  let lockedReferee: RedisServer;
  before(async () => {
    [referee, lockedReferee] = await Promise.all([RedisServer.start(), RedisServer.start(PASSWORD)]);
  });
  after(() => Promise.all([referee?.stop(), lockedReferee?.stop()]));

  for (const setup of SETUPS) {
    describe(setup.name, () => {
      let kevy: KevyServer;
      let locked: KevyServer;
      before(async () => {
        [kevy, locked] = await Promise.all([start(setup), start(setup, PASSWORD)]);
      });
      after(() => Promise.all([kevy?.stop(), locked?.stop()]));

      for (const probe of PROBES) {
        test(probe.name, async () => {
          const [ours, theirs] = probe.locked ? [locked, lockedReferee] : [kevy, referee];
          assert.deepEqual(await run(probe, ours.port, theirs.port), []);
        });
      }
    });
  }

  const waiting = PROBES.flatMap((probe) => probe.writes.flat())
    .filter(isAwaited)
    .map(({ args }) => args.slice(0, 2).join(" ").toUpperCase());
  const reason = `not in the command table yet: ${[...new Set(waiting)].sort().join(", ")}`;
  test("every command of the probes is compared", { skip: waiting.length > 0 ? reason : false }, () => {
    assert.deepEqual(waiting, []);
  });
});
