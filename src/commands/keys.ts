/**
 * Keys: commands on keys whatever they hold, one, many or all of them.
 */

import type { Address } from "../base/brands.ts";
import { isWord, latin1 } from "../base/bytes.ts";
import { globMatches } from "../base/glob.ts";
import type { EntryVisitor } from "../memory/scan.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandRow, type Parts } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";
import type { Database } from "../store/database.ts";
import { typeName } from "../store/encoding.ts";
import { integerArgument, NOT_AN_INTEGER, SYNTAX } from "./arguments.ts";

const { WRITE, READONLY, FAST } = CommandFlag;

/** Cursors of SCAN: shard · 2^32 + position in the order of hashes. 0 is the start, and the end. */
const POSITIONS = 2 ** 32;
const SCAN_COUNT_DEFAULT = 10;
const STAR = 42;

/** Removes the keys in all arguments; returns how many there were. */
function removeKeys(x: Execution, argv: ArgvView): number {
  let removed = 0;
  for (let i = 1; i < argv.count; i++) {
    if (!x.db.peek(argv.view, argv.starts[i], argv.ends[i])) continue;
    x.db.remove();
    x.effects.changed("del", argv.bytes, argv.starts[i], argv.ends[i]);
    removed++;
  }
  return removed;
}

function del(x: Execution, argv: ArgvView): void {
  x.reply.integer(removeKeys(x, argv));
}

function exists(x: Execution, argv: ArgvView): void {
  let found = 0;
  for (let i = 1; i < argv.count; i++) {
    if (x.db.inspect(argv.view, argv.starts[i], argv.ends[i])) found++;
  }
  x.reply.integer(found);
}

/** EXISTS that counts as an access, also where the client's commands do not. */
function touch(x: Execution, argv: ArgvView): void {
  const { store } = x.shard;
  const touching = store.touching;
  store.touching = true;
  let found = 0;
  for (let i = 1; i < argv.count; i++) {
    if (x.db.lookup(argv.view, argv.starts[i], argv.ends[i])) found++;
  }
  store.touching = touching;
  x.reply.integer(found);
}

function type(x: Execution, argv: ArgvView): void {
  if (x.db.inspect(argv.view, argv.starts[1], argv.ends[1])) x.reply.simple(typeName(x.db.type));
  else x.reply.simple("none");
}

function dbsize(x: Execution): void {
  x.reply.integer(x.db.size);
}

/** [ASYNC | SYNC]. False: a syntax error, replied. */
function flushMode(x: Execution, argv: ArgvView): "sync" | "async" | null {
  if (argv.count === 1) return "sync";
  if (argv.count === 2) {
    if (isWord(argv.bytes, argv.starts[1], argv.ends[1], "async")) return "async";
    if (isWord(argv.bytes, argv.starts[1], argv.ends[1], "sync")) return "sync";
  }
  x.reply.error(SYNTAX);
  return null;
}

function flushall(x: Execution, argv: ArgvView): void {
  if (flushMode(x, argv) === null) return;
  x.effects.changedAll("flushall", x.shard.store.clearAll());
  x.reply.ok();
}

function flushdb(x: Execution, argv: ArgvView): void {
  const mode = flushMode(x, argv);
  if (mode === null) return;
  x.effects.changedAll("flushdb", x.db.clear());
  if (mode === "sync") x.shard.store.freeAll();
  x.reply.ok();
}

/** Collects keys that live, match a pattern and have a type; written as bulk strings afterwards. */
class KeyCollector implements EntryVisitor {
  readonly keys: Uint8Array[] = [];
  readonly expired: Address[] = [];
  readonly #db: Database;
  readonly #pattern: Uint8Array | null;
  readonly #type: string | null;

  constructor(db: Database, pattern: Uint8Array | null, type: string | null) {
    this.#db = db;
    // A lone star asks for no match at all, so that it takes the empty key too.
    this.#pattern = pattern !== null && pattern.length === 1 && pattern[0] === STAR ? null : pattern;
    this.#type = type;
  }

  visit(address: Address): void {
    const db = this.#db;
    if (!db.visit(address)) {
      this.expired.push(address);
      return;
    }
    const start = db.keyStart;
    const end = db.keyEnd;
    const pattern = this.#pattern;
    if (pattern !== null && !globMatches(pattern, 0, pattern.length, db.bytes, start, end, false)) return;
    if (this.#type !== null && typeName(db.type) !== this.#type) return;
    this.keys.push(db.bytes.slice(start, end));
  }

  /** Removes what was met after its time, and writes the keys as an array. */
  finish(reply: ReplyWriter): void {
    for (const address of this.expired) this.#db.expireAt(address);
    reply.array(this.keys.length);
    for (const key of this.keys) reply.bulk(key, 0, key.length);
  }
}

function keys(x: Execution, argv: ArgvView): void {
  const collector = new KeyCollector(x.db, argv.bytes.slice(argv.starts[1], argv.ends[1]), null);
  for (let cursor = 0; cursor < POSITIONS; ) cursor = x.db.scan(cursor, 1024, collector);
  collector.finish(x.reply);
}

/** The cursor as strtoul reads it, or NaN. Beyond 2^53 it is no cursor of ours: the shard after the last. */
function cursorArgument(argv: ArgvView): number {
  const text = latin1(argv.bytes, argv.starts[1], argv.ends[1]);
  if (text === "") return 0;
  const digits = /^[+-]?(\d+)$/.exec(text);
  if (digits === null) return Number.NaN;
  const value = BigInt(digits[1]);
  if (value > 0xffff_ffff_ffff_ffffn) return Number.NaN;
  return Number(value);
}

function scanPlace(argv: ArgvView, shardCount: number): number {
  const shard = Math.floor(cursorArgument(argv) / POSITIONS);
  // A cursor that is none is refused, and one from elsewhere ends the scan, on whichever shard.
  return shard < shardCount ? shard : 0;
}

function scan(x: Execution, argv: ArgvView): void {
  const cursor = cursorArgument(argv);
  if (Number.isNaN(cursor)) {
    x.reply.error("ERR invalid cursor");
    return;
  }
  let count = SCAN_COUNT_DEFAULT;
  let pattern: Uint8Array | null = null;
  let typeWanted: string | null = null;
  for (let i = 2; i < argv.count; i += 2) {
    const word = argv.text(i).toLowerCase();
    if (i + 1 >= argv.count) {
      x.reply.error(SYNTAX);
      return;
    }
    if (word === "count") {
      count = integerArgument(argv, i + 1);
      if (!(count >= 1)) {
        x.reply.error(count < 1 ? SYNTAX : NOT_AN_INTEGER);
        return;
      }
    } else if (word === "match") pattern = argv.bytes.slice(argv.starts[i + 1], argv.ends[i + 1]);
    else if (word === "type") typeWanted = argv.text(i + 1).toLowerCase();
    else {
      x.reply.error(SYNTAX);
      return;
    }
  }
  const shard = Math.floor(cursor / POSITIONS);
  const collector = new KeyCollector(x.db, pattern, typeWanted);
  let next = 0;
  if (shard < x.shard.shardCount) {
    const position = x.db.scan(cursor % POSITIONS, Math.min(count, x.db.size + 1), collector);
    if (position < POSITIONS) next = shard * POSITIONS + position;
    else if (shard + 1 < x.shard.shardCount) next = (shard + 1) * POSITIONS;
  }
  x.reply.array(2);
  x.reply.bulkInteger(next);
  collector.finish(x.reply);
}

/** A part: the number of keys here, and one of them by chance. */
function randomkey(x: Execution): void {
  const db = x.db;
  // Every try either answers or removes a key whose time has come.
  for (let rest = db.size; rest > 0; rest--) {
    const address = db.randomAddress();
    if (address === 0) break;
    if (!db.visit(address)) {
      db.expireAt(address);
      continue;
    }
    x.reply.array(2);
    x.reply.integer(db.size);
    x.reply.bulk(db.bytes, db.keyStart, db.keyEnd);
    return;
  }
  x.reply.array(2);
  x.reply.integer(0);
  x.reply.nil();
}

/** Chooses a shard with the weight of its keys, so that every key is equally likely. */
function reduceRandomkey(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const counts = parts.replies.map((part) => headNumber(part, behindLine(part, 0)));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) {
    reply.nil();
    return;
  }
  let chosen = x.shard.random.below(total);
  let i = 0;
  while (chosen >= counts[i]) chosen -= counts[i++];
  const part = parts.replies[i];
  reply.rawBytes(part, behindLine(part, behindLine(part, 0)), part.length);
}

const KEY = { first: 1, last: 1, step: 1 };
const KEYS = { first: 1, last: -1, step: 1 };

export const keyRows: readonly CommandRow[] = [
  { name: "del", arity: -2, flags: WRITE, keys: KEYS, place: "keys", reduce: "sum", run: del },
  { name: "unlink", arity: -2, flags: WRITE | FAST, keys: KEYS, place: "keys", reduce: "sum", run: del },
  { name: "exists", arity: -2, flags: READONLY | FAST, keys: KEYS, place: "keys", reduce: "sum", run: exists },
  { name: "touch", arity: -2, flags: READONLY | FAST, keys: KEYS, place: "keys", reduce: "sum", run: touch },
  { name: "type", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: type },
  { name: "dbsize", arity: 1, flags: READONLY | FAST, keys: null, place: "all", reduce: "sum", run: dbsize },
  { name: "flushall", arity: -1, flags: WRITE, keys: null, place: "all", reduce: "first", run: flushall },
  { name: "flushdb", arity: -1, flags: WRITE, keys: null, place: "all", reduce: "first", run: flushdb },
  { name: "keys", arity: 2, flags: READONLY, keys: null, place: "all", reduce: "concat", run: keys },
  { name: "scan", arity: -2, flags: READONLY, keys: null, place: scanPlace, reduce: null, run: scan },
  { name: "randomkey", arity: 1, flags: READONLY, keys: null, place: "all", reduce: reduceRandomkey, run: randomkey },
];
