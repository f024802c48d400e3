/**
 * For tests: a small command set, as somebody who embeds the runtime would bring one. Strings and little else, each with
 * one way to run: on its key's shard, on the shards of its keys, on all shards, or where the connection is.
 */

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { RESP2, RESP3 } from "../resp/writer.ts";
import { NO_EXPIRY } from "../store/database.ts";
import { STRING_RAW } from "../store/encoding.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Commands, type KeyRange } from "./commands.ts";
import { Wait } from "./conn.ts";
import type { Execution } from "./execution.ts";

const EMPTY = new Uint8Array(0);

function find(x: Execution, argv: ArgvView, i: number): boolean {
  return x.db.lookup(argv.view, argv.starts[i], argv.ends[i]);
}

function put(x: Execution, argv: ArgvView, key: number, value: number): void {
  const { view, starts, ends } = argv;
  find(x, argv, key);
  assert(
    x.db.setString(view, starts[key], ends[key], view, starts[value], ends[value], STRING_RAW, NO_EXPIRY),
    "there is memory",
  );
  x.effects.changed("set", argv.bytes, starts[key], ends[key]);
}

function get(x: Execution, argv: ArgvView, i = 1): void {
  if (find(x, argv, i)) x.reply.bulk(x.db.bytes, x.db.valueStart, x.db.valueEnd);
  else x.reply.nil();
}

function set(x: Execution, argv: ArgvView): void {
  put(x, argv, 1, 2);
  x.reply.ok();
}

function append(x: Execution, argv: ArgvView): void {
  const { bytes, view, starts, ends } = argv;
  const old = find(x, argv, 1) ? x.db.bytes.slice(x.db.valueStart, x.db.valueEnd) : EMPTY;
  const value = Buffer.concat([old, bytes.slice(starts[2], ends[2])]);
  find(x, argv, 1);
  const stored = x.db.setString(view, starts[1], ends[1], viewOf(value), 0, value.length, STRING_RAW, NO_EXPIRY);
  assert(stored, "there is memory");
  x.effects.changed("append", bytes, starts[1], ends[1]);
  x.reply.integer(value.length);
}

function del(x: Execution, argv: ArgvView): void {
  let removed = 0;
  for (let i = 1; i < argv.count; i++) {
    if (!find(x, argv, i)) continue;
    x.db.remove();
    x.effects.changed("del", argv.bytes, argv.starts[i], argv.ends[i]);
    removed++;
  }
  x.reply.integer(removed);
}

function mget(x: Execution, argv: ArgvView): void {
  x.reply.array(argv.count - 1);
  for (let i = 1; i < argv.count; i++) get(x, argv, i);
}

function mset(x: Execution, argv: ArgvView): void {
  for (let i = 1; i < argv.count; i += 2) put(x, argv, i, i + 1);
  x.reply.ok();
}

function quit(x: Execution): void {
  assert(x.conn !== null, "it runs where the connection is");
  x.reply.ok();
  x.conn.waits |= Wait.CLOSING;
  x.conn.closeWhenFlushed = true;
}

function speak(x: Execution, argv: ArgvView): void {
  assert(x.conn !== null, "it runs where the connection is");
  const version = argv.text(1) === "3" ? RESP3 : RESP2;
  x.conn.version = version;
  x.reply.version = version;
  x.reply.map(1);
  x.reply.bulkText("proto");
  x.reply.integer(version);
}

function select(x: Execution, argv: ArgvView): void {
  assert(x.conn !== null, "it runs where the connection is");
  x.conn.database = Number(argv.text(1));
  x.reply.ok();
}

const KEY: KeyRange = { first: 1, last: 1, step: 1 };
const KEYS: KeyRange = { first: 1, last: -1, step: 1 };
const PAIRS: KeyRange = { first: 1, last: -1, step: 2 };
const { WRITE, READONLY, FAST } = CommandFlag;

function here(name: string, arity: number, run: CommandFunction): CommandRow {
  return { name, arity, flags: FAST, keys: null, place: "connection", reduce: null, run };
}

function onKeys(name: string, arity: number, flags: number, keys: KeyRange, run: CommandFunction): CommandRow {
  const reduce = name === "del" ? "sum" : name === "mget" ? "interleave" : name === "mset" ? "first" : null;
  return { name, arity, flags, keys, place: "keys", reduce, run };
}

const rows: readonly CommandRow[] = [
  onKeys("get", 2, READONLY, KEY, (x, argv) => get(x, argv)),
  onKeys("set", 3, WRITE, KEY, set),
  onKeys("append", 3, WRITE, KEY, append),
  onKeys("del", -2, WRITE, KEYS, del),
  onKeys("mget", -2, READONLY, KEYS, mget),
  onKeys("mset", -3, WRITE, PAIRS, mset),
  {
    name: "dbsize",
    arity: 1,
    flags: READONLY,
    keys: null,
    place: "all",
    reduce: "sum",
    run: (x) => x.reply.integer(x.db.size),
  },
  here("ping", 1, (x) => x.reply.simple("PONG")),
  here("echo", 2, (x, argv) => x.reply.bulk(argv.bytes, argv.starts[1], argv.ends[1])),
  here("quit", 1, quit),
  here("speak", 2, speak),
  here("select", 2, select),
];

export function createCommands(): Commands {
  return { rows };
}
