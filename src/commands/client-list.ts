/**
 * CLIENT LIST and CLIENT KILL: clients of all shards, chosen by what is known of them.
 *
 * Each shard lists or closes its own; where the client is that asks, the parts are put together.
 */

import { isWord, parseInteger, parseInteger64 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { Parts } from "../runtime/commands.ts";
import { ClientClass, type Conn } from "../runtime/conn.ts";
import type { Execution } from "../runtime/execution.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";
import type { ClientVisitor } from "../runtime/services.ts";
import { NOT_AN_INTEGER } from "./arguments.ts";
import { endConnection, quoted, quotingError, SYNTAX_ERROR } from "./replies.ts";

/** Any class of clients. */
const ANY = -1;
/** There is one user yet. */
const USERS = ["default"];

const CLASSES: readonly (readonly [string, number])[] = [
  ["normal", ClientClass.NORMAL],
  ["slave", ClientClass.REPLICA],
  ["replica", ClientClass.REPLICA],
  ["pubsub", ClientClass.PUBSUB],
  ["master", ClientClass.MASTER],
];

function classArgument(argv: ArgvView, index: number): number | null {
  for (const [name, value] of CLASSES) {
    if (isWord(argv.bytes, argv.starts[index], argv.ends[index], name)) return value;
  }
  return null;
}

const unknownClass = (argv: ArgvView, index: number): string => "ERR Unknown client type '" + quoted(argv, index) + "'";

/** Bytes of all arguments. */
export function argvBytes(argv: ArgvView): number {
  let sum = 0;
  for (let i = 0; i < argv.count; i++) sum += argv.ends[i] - argv.starts[i];
  return sum;
}

/** What CLIENT LIST was asked for: the error it deserves, else the class of clients that is wanted, or ANY. */
function readListArguments(argv: ArgvView): { readonly error: string } | { readonly type: number } {
  const { bytes, starts, ends } = argv;
  const is = (index: number, word: string): boolean => isWord(bytes, starts[index], ends[index], word);
  if (argv.count === 2) return { type: ANY };
  if (argv.count === 4 && is(2, "type")) {
    const type = classArgument(argv, 3);
    return type === null ? { error: unknownClass(argv, 3) } : { type };
  }
  if (argv.count > 3 && is(2, "id")) {
    for (let i = 3; i < argv.count; i++) {
      if (parseInteger64(bytes, starts[i], ends[i]) === null) return { error: "ERR Invalid client ID" };
    }
    return { type: ANY };
  }
  return { error: SYNTAX_ERROR };
}

class Lines implements ClientVisitor {
  text: string;
  readonly #x: Execution;
  readonly #argvBytes: number;
  readonly #type: number;

  constructor(x: Execution, argv: ArgvView, type: number) {
    this.text = "";
    this.#x = x;
    this.#argvBytes = argvBytes(argv);
    this.#type = type;
  }

  visit(conn: Conn): void {
    if (this.#type !== ANY && conn.clientClass !== this.#type) return;
    this.text += this.#x.shard.describeClient(conn, conn === this.#x.conn ? this.#argvBytes : 0) + "\n";
  }
}

/** A shard's part: the lines of its clients. CLIENT LIST [TYPE normal|master|replica|pubsub] [ID id …] */
export function list(x: Execution, argv: ArgvView): void {
  const asked = readListArguments(argv);
  if ("error" in asked) {
    quotingError(x.reply, asked.error);
    return;
  }
  const lines = new Lines(x, argv, asked.type);
  x.shard.visitClients(lines);
  x.reply.bulkText(lines.text);
}

/** The whole: all lines by id, or those of the ids asked for, in that order. */
export function joinLists(parts: Parts, reply: Execution["reply"]): void {
  const lines = new Map<number, string>();
  for (const part of parts.replies) {
    const start = behindLine(part, 0);
    const text = Buffer.from(part.buffer, part.byteOffset + start, headNumber(part, 0)).toString("latin1");
    for (const line of text.split("\n")) {
      if (line !== "") lines.set(Number.parseInt(line.slice("id=".length), 10), line);
    }
  }
  const { argv } = parts;
  const ids: number[] = [];
  if (argv.count > 3 && isWord(argv.bytes, argv.starts[2], argv.ends[2], "id")) {
    for (let i = 3; i < argv.count; i++) ids.push(parseInteger(argv.bytes, argv.starts[i], argv.ends[i]));
  } else {
    ids.push(...[...lines.keys()].sort((a, b) => a - b));
  }
  let text = "";
  for (const each of ids) {
    const line = lines.get(each);
    if (line !== undefined) text += line + "\n";
  }
  reply.verbatim("txt", text);
}

/** Whom CLIENT KILL means; null or ANY where it does not say. */
interface Condemned {
  id: bigint | null;
  type: number;
  address: string | null;
  localAddress: string | null;
  ageSeconds: number;
  spareSelf: boolean;
}

/** Reads one pair of words of CLIENT KILL; the error, or null. */
function readCondition(argv: ArgvView, i: number, condemned: Condemned): string | null {
  const { bytes, starts, ends } = argv;
  const is = (index: number, word: string): boolean => isWord(bytes, starts[index], ends[index], word);
  const value = i + 1;
  if (value >= argv.count) return SYNTAX_ERROR;
  if (is(i, "id")) {
    const id = parseInteger64(bytes, starts[value], ends[value]);
    if (id === null || id < 1n) return "ERR client-id should be greater than 0";
    condemned.id = id;
  } else if (is(i, "type")) {
    const type = classArgument(argv, value);
    if (type === null) return unknownClass(argv, value);
    condemned.type = type;
  } else if (is(i, "addr")) condemned.address = quoted(argv, value);
  else if (is(i, "laddr")) condemned.localAddress = quoted(argv, value);
  else if (is(i, "user")) {
    if (!USERS.includes(argv.text(value))) return "ERR No such user '" + quoted(argv, value) + "'";
  } else if (is(i, "maxage")) {
    const age = parseInteger64(bytes, starts[value], ends[value]);
    if (age === null) return "ERR maxage is not an integer or out of range";
    if (age <= 0n) return "ERR maxage should be greater than 0";
    condemned.ageSeconds = Number(age);
  } else if (is(i, "skipme")) {
    if (!is(value, "yes") && !is(value, "no")) return SYNTAX_ERROR;
    condemned.spareSelf = is(value, "yes");
  } else return SYNTAX_ERROR;
  return null;
}

function readCondemned(argv: ArgvView): Condemned | { readonly error: string } {
  const condemned: Condemned = {
    id: null,
    type: ANY,
    address: null,
    localAddress: null,
    ageSeconds: 0,
    spareSelf: true,
  };
  if (argv.count === 3) {
    // The old form may end the one who asks.
    condemned.address = quoted(argv, 2);
    condemned.spareSelf = false;
    return condemned;
  }
  for (let i = 2; i < argv.count; i += 2) {
    const error = readCondition(argv, i, condemned);
    if (error !== null) return { error };
  }
  return condemned;
}

class Killer implements ClientVisitor {
  killed: number;
  readonly #x: Execution;
  readonly #condemned: Condemned;

  constructor(x: Execution, condemned: Condemned) {
    this.killed = 0;
    this.#x = x;
    this.#condemned = condemned;
  }

  visit(conn: Conn): void {
    const { id, type, address, localAddress, ageSeconds, spareSelf } = this.#condemned;
    const { shard, nowMs } = this.#x;
    const isSelf = conn === this.#x.conn;
    if (isSelf && spareSelf) return;
    if (id !== null && BigInt(conn.id) !== id) return;
    if (type !== ANY && conn.clientClass !== type) return;
    if (address !== null && shard.peerName(conn) !== address) return;
    if (localAddress !== null && shard.localName(conn) !== localAddress) return;
    if (ageSeconds > 0 && Math.floor(nowMs / 1000) - Math.floor(conn.createdMs / 1000) < ageSeconds) return;
    this.killed++;
    // Who ends itself gets its reply first.
    if (isSelf) endConnection(conn);
    else shard.closeClient(conn);
  }
}

/** A shard's part: how many of its clients it closed. CLIENT KILL address | condition value … */
export function kill(x: Execution, argv: ArgvView): void {
  const condemned = readCondemned(argv);
  if ("error" in condemned) {
    quotingError(x.reply, condemned.error);
    return;
  }
  const killer = new Killer(x, condemned);
  x.shard.visitClients(killer);
  x.reply.integer(killer.killed);
}

/** The whole: how many in all; for the old form whether there was any. */
export function joinKilled(parts: Parts, reply: Execution["reply"]): void {
  let killed = 0;
  for (const part of parts.replies) killed += headNumber(part, 0);
  if (parts.argv.count > 3) reply.integer(killed);
  else if (killed > 0) reply.ok();
  else reply.error("ERR No such client");
}

/**
 * CLIENT UNBLOCK id [TIMEOUT|ERROR]: no command blocks yet, so that there is nobody to unblock. Who is held back by a
 * pause is not blocked in this sense.
 */
export function unblock(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  const is = (word: string): boolean => isWord(bytes, starts[3], ends[3], word);
  if (argv.count === 4 && !is("timeout") && !is("error")) {
    x.reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  } else if (parseInteger64(bytes, starts[2], ends[2]) === null) x.reply.error(NOT_AN_INTEGER);
  else x.reply.integer(0);
}
