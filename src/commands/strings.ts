/**
 * Strings: commands on values that are byte strings. Hot path.
 */

import { isWord, parseInteger, parseInteger64, viewOf, writeInteger } from "../base/bytes.ts";
import { STRING_BYTES_MAX } from "../base/limits.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { OUT_OF_MEMORY } from "../runtime/refusals.ts";
import { KEEP_EXPIRY, NO_EXPIRY } from "../store/database.ts";
import {
  EMBEDDED_BYTES_MAX,
  STRING_EMBEDDED,
  STRING_INT,
  STRING_RAW,
  stringEncodingOf,
  TYPE_STRING,
} from "../store/encoding.ts";
import {
  BAD_TIME,
  integerArgument,
  MILLISECONDS,
  NOT_AN_INTEGER,
  SECONDS,
  SYNTAX,
  timeArgument,
  WRONG_TYPE,
} from "./arguments.ts";
import { addLongDouble, formatLongDouble, parseLongDouble } from "./long-double.ts";

const { WRITE, READONLY, DENYOOM, FAST } = CommandFlag;

const TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
const OVERFLOW = "ERR increment or decrement would overflow";
const OUT_OF_RANGE_OFFSET = "ERR offset is out of range";
const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;

/** Digits of a number on their way into the store. */
const digits = new Uint8Array(32);
const digitsView = viewOf(digits);

/** Finds the key in argument 1 for reading. 1: a string; 0: no key; -1: another type, replied. */
function readString(x: Execution, argv: ArgvView): number {
  if (!x.db.lookup(argv.view, argv.starts[1], argv.ends[1])) return 0;
  if (x.db.type === TYPE_STRING) return 1;
  x.reply.error(WRONG_TYPE);
  return -1;
}

/** The same for writing: hits and misses are not counted. */
function writeString(x: Execution, argv: ArgvView): number {
  if (!x.db.find(argv.view, argv.starts[1], argv.ends[1])) return 0;
  if (x.db.type === TYPE_STRING) return 1;
  x.reply.error(WRONG_TYPE);
  return -1;
}

/** Sets the key in argument `key`, last looked up, to argument `value`. False: no memory, replied. */
function store(x: Execution, argv: ArgvView, key: number, value: number, expiryMs: number): boolean {
  const bytes = argv.bytes;
  const start = argv.starts[value];
  const end = argv.ends[value];
  const encoding = stringEncodingOf(bytes, start, end);
  if (x.db.setString(argv.view, argv.starts[key], argv.ends[key], argv.view, start, end, encoding, expiryMs)) {
    x.effects.changed("set", bytes, argv.starts[key], argv.ends[key]);
    return true;
  }
  x.reply.error(OUT_OF_MEMORY);
  return false;
}

function replyValue(x: Execution): void {
  const db = x.db;
  const start = db.valueStart;
  x.reply.bulkView(db.view, start, start + db.valueLength);
}

function get(x: Execution, argv: ArgvView): void {
  const found = readString(x, argv);
  if (found > 0) replyValue(x);
  else if (found === 0) x.reply.nil();
}

const IF_ABSENT = 1;
const IF_PRESENT = 2;
const RETURN_OLD = 4;
const KEEP = 8;
const TIMED = 16;
const PERSIST = 32;

// Options of SET and GETEX as the parser below found them: a command runs to completion before the next one starts.
let optionBits = 0;
let optionWord = 0;
let optionUnit = 0;
let optionRelative = false;
let optionTime = 0;

/** Reads the options from argument `first` on. False: a syntax error. `allowed` says which this command has. */
function readOptions(argv: ArgvView, first: number, allowed: number): boolean {
  const { bytes, starts, ends, count } = argv;
  optionBits = 0;
  optionWord = 0;
  for (let i = first; i < count; i++) {
    const start = starts[i];
    const end = ends[i];
    let bit = 0;
    if (isWord(bytes, start, end, "nx")) bit = IF_ABSENT;
    else if (isWord(bytes, start, end, "xx")) bit = IF_PRESENT;
    else if (isWord(bytes, start, end, "get")) bit = RETURN_OLD;
    else if (isWord(bytes, start, end, "keepttl")) bit = KEEP;
    else if (isWord(bytes, start, end, "persist")) bit = PERSIST;
    else if (i + 1 < count && isTimeWord(bytes, start, end)) {
      // The same word may come twice, another one of the four may not.
      const word = optionUnit * 2 + (optionRelative ? 1 : 0);
      if (optionWord !== 0 && optionWord !== word) return false;
      optionWord = word;
      bit = TIMED;
      optionTime = ++i;
    }
    if (bit === 0 || (allowed & bit) === 0 || clashes(bit)) return false;
    optionBits |= bit;
  }
  return true;
}

function clashes(bit: number): boolean {
  if (bit === IF_ABSENT) return (optionBits & IF_PRESENT) !== 0;
  if (bit === IF_PRESENT) return (optionBits & IF_ABSENT) !== 0;
  if (bit === RETURN_OLD) return false;
  if (bit === TIMED) return (optionBits & (KEEP | PERSIST)) !== 0;
  if (bit === KEEP) return (optionBits & (TIMED | PERSIST)) !== 0;
  return (optionBits & (TIMED | KEEP)) !== 0;
}

/** EX, PX, EXAT or PXAT: sets the unit and whether it counts from now. */
function isTimeWord(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length !== 2 && length !== 4) return false;
  optionRelative = length === 2;
  if (isWord(bytes, start, end, optionRelative ? "ex" : "exat")) optionUnit = SECONDS;
  else if (isWord(bytes, start, end, optionRelative ? "px" : "pxat")) optionUnit = MILLISECONDS;
  else return false;
  return true;
}

function set(x: Execution, argv: ArgvView): void {
  if (argv.count > 3) {
    if (!readOptions(argv, 3, IF_ABSENT | IF_PRESENT | RETURN_OLD | KEEP | TIMED)) {
      x.reply.error(SYNTAX);
      return;
    }
    setWithOptions(x, argv, optionBits);
    return;
  }
  x.db.find(argv.view, argv.starts[1], argv.ends[1]);
  if (store(x, argv, 1, 2, NO_EXPIRY)) x.reply.ok();
}

function setWithOptions(x: Execution, argv: ArgvView, options: number): void {
  let expiryMs: number = (options & KEEP) !== 0 ? KEEP_EXPIRY : NO_EXPIRY;
  if ((options & TIMED) !== 0) {
    expiryMs = timeArgument(x, argv, optionTime, optionUnit, optionRelative, "set");
    if (expiryMs === BAD_TIME) return;
  }
  const replyOld = (options & RETURN_OLD) !== 0;
  const db = x.db;
  let found: boolean;
  if (replyOld) {
    const state = readString(x, argv);
    if (state < 0) return;
    found = state > 0;
  } else found = db.find(argv.view, argv.starts[1], argv.ends[1]);
  const wanted = found ? (options & IF_ABSENT) === 0 : (options & IF_PRESENT) === 0;
  if (replyOld) {
    // The old value is written before it is overwritten in place.
    if (found) replyValue(x);
    else x.reply.nil();
  }
  if (!wanted) {
    if (!replyOld) x.reply.nil();
    return;
  }
  if (replyOld) {
    if (!storeSilently(x, argv, expiryMs)) return;
  } else if (store(x, argv, 1, 2, expiryMs)) x.reply.ok();
  else return;
  noteTimedSet(x, argv, options, expiryMs);
}

/** The reply is written already: memory was there for the value it replaces, and if not, the old one stays. */
function storeSilently(x: Execution, argv: ArgvView, expiryMs: number): boolean {
  const { bytes, starts, ends } = argv;
  const encoding = stringEncodingOf(bytes, starts[2], ends[2]);
  if (!x.db.setString(argv.view, starts[1], ends[1], argv.view, starts[2], ends[2], encoding, expiryMs)) return false;
  x.effects.changed("set", bytes, starts[1], ends[1]);
  return true;
}

/** The record of a SET with options: absolute time, no conditions. */
function noteTimedSet(x: Execution, argv: ArgvView, options: number, expiryMs: number): void {
  if ((options & TIMED) !== 0) x.effects.changed("expire", argv.bytes, argv.starts[1], argv.ends[1]);
  if (x.effects.observed) recordSet(x, argv, 2, expiryMs);
}

// tidy: cold function, records are built only for an observer
function recordSet(x: Execution, argv: ArgvView, value: number, expiryMs: number): void {
  const record: (string | Uint8Array)[] = [
    "SET",
    argv.bytes.slice(argv.starts[1], argv.ends[1]),
    argv.bytes.slice(argv.starts[value], argv.ends[value]),
  ];
  if (expiryMs >= 0) record.push("PXAT", String(expiryMs));
  if (expiryMs === KEEP_EXPIRY) record.push("KEEPTTL");
  x.effects.record(record);
}

function setnx(x: Execution, argv: ArgvView): void {
  if (x.db.find(argv.view, argv.starts[1], argv.ends[1])) x.reply.integer(0);
  else if (store(x, argv, 1, 2, NO_EXPIRY)) x.reply.integer(1);
}

function setTimed(x: Execution, argv: ArgvView, unit: number, command: string): void {
  const expiryMs = timeArgument(x, argv, 2, unit, true, command);
  if (expiryMs === BAD_TIME) return;
  x.db.find(argv.view, argv.starts[1], argv.ends[1]);
  if (!store(x, argv, 1, 3, expiryMs)) return;
  x.effects.changed("expire", argv.bytes, argv.starts[1], argv.ends[1]);
  if (x.effects.observed) recordSet(x, argv, 3, expiryMs);
  x.reply.ok();
}

function setex(x: Execution, argv: ArgvView): void {
  setTimed(x, argv, SECONDS, "setex");
}

function psetex(x: Execution, argv: ArgvView): void {
  setTimed(x, argv, MILLISECONDS, "psetex");
}

function getset(x: Execution, argv: ArgvView): void {
  const found = readString(x, argv);
  if (found < 0) return;
  if (found > 0) replyValue(x);
  else x.reply.nil();
  if (storeSilently(x, argv, NO_EXPIRY) && x.effects.observed) recordSet(x, argv, 2, NO_EXPIRY);
}

function getdel(x: Execution, argv: ArgvView): void {
  const found = readString(x, argv);
  if (found === 0) x.reply.nil();
  if (found <= 0) return;
  replyValue(x);
  removeKey(x, argv);
}

/** Removes the key in argument 1, found before. */
function removeKey(x: Execution, argv: ArgvView): void {
  x.db.remove();
  x.effects.changed("del", argv.bytes, argv.starts[1], argv.ends[1]);
  if (x.effects.observed) recordDel(x, argv);
}

// tidy: cold function, records are built only for an observer
function recordDel(x: Execution, argv: ArgvView): void {
  x.effects.record(["DEL", argv.bytes.slice(argv.starts[1], argv.ends[1])]);
}

function getex(x: Execution, argv: ArgvView): void {
  if (!readOptions(argv, 2, TIMED | PERSIST)) {
    x.reply.error(SYNTAX);
    return;
  }
  const options = optionBits;
  const found = readString(x, argv);
  if (found === 0) x.reply.nil();
  if (found <= 0) return;
  let expiryMs = NO_EXPIRY;
  if ((options & TIMED) !== 0) {
    expiryMs = timeArgument(x, argv, optionTime, optionUnit, optionRelative, "getex");
    if (expiryMs === BAD_TIME) return;
  }
  replyValue(x);
  if ((options & TIMED) !== 0) {
    if (expiryMs <= x.nowMs) {
      removeKey(x, argv);
      return;
    }
    if (!x.db.setExpiry(expiryMs)) return;
    x.effects.changed("expire", argv.bytes, argv.starts[1], argv.ends[1]);
    if (x.effects.observed) recordExpiry(x, argv, expiryMs);
  } else if ((options & PERSIST) !== 0 && x.db.expiryMs !== NO_EXPIRY) {
    x.db.setExpiry(NO_EXPIRY);
    x.effects.changed("persist", argv.bytes, argv.starts[1], argv.ends[1]);
    if (x.effects.observed) recordPersist(x, argv);
  }
}

// tidy: cold function, records are built only for an observer
function recordExpiry(x: Execution, argv: ArgvView, expiryMs: number): void {
  x.effects.record(["PEXPIREAT", argv.bytes.slice(argv.starts[1], argv.ends[1]), String(expiryMs)]);
}

// tidy: cold function, records are built only for an observer
function recordPersist(x: Execution, argv: ArgvView): void {
  x.effects.record(["PERSIST", argv.bytes.slice(argv.starts[1], argv.ends[1])]);
}

function strlen(x: Execution, argv: ArgvView): void {
  const found = readString(x, argv);
  if (found >= 0) x.reply.integer(found === 0 ? 0 : x.db.valueLength);
}

function append(x: Execution, argv: ArgvView): void {
  const found = writeString(x, argv);
  if (found < 0) return;
  const { bytes, starts, ends } = argv;
  const addition = ends[2] - starts[2];
  if (found === 0) {
    const encoding = stringEncodingOf(bytes, starts[2], ends[2]);
    if (!x.db.setString(argv.view, starts[1], ends[1], argv.view, starts[2], ends[2], encoding, NO_EXPIRY)) {
      x.reply.error(OUT_OF_MEMORY);
      return;
    }
  } else {
    const old = x.db.valueLength;
    if (old + addition > lengthMax(x)) {
      x.reply.error(TOO_LONG);
      return;
    }
    if (!x.db.resizeString(old + addition)) {
      x.reply.error(OUT_OF_MEMORY);
      return;
    }
    overwrite(x, old, bytes, starts[2], ends[2]);
  }
  x.effects.changed("append", bytes, starts[1], ends[1]);
  x.reply.integer(x.db.valueLength);
}

/** proto-max-bulk-len bounds strings that grow, but never above what an entry can hold. */
function lengthMax(x: Execution): number {
  const limit = x.shard.bulkBytesMax;
  return Math.min(limit, STRING_BYTES_MAX);
}

function overwrite(x: Execution, offset: number, bytes: Uint8Array, start: number, end: number): void {
  const to = x.db.bytes;
  let at = x.db.valueStart + offset;
  if (end - start > 96) {
    to.set(bytes.subarray(start, end), at); // view: only for long pieces, where it is cheaper than the loop
    return;
  }
  for (let i = start; i < end; i++) to[at++] = bytes[i];
}

function setrange(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  const offset = integerArgument(argv, 2);
  if (Number.isNaN(offset)) {
    x.reply.error(NOT_AN_INTEGER);
    return;
  }
  if (offset < 0) {
    x.reply.error(OUT_OF_RANGE_OFFSET);
    return;
  }
  const found = writeString(x, argv);
  if (found < 0) return;
  const length = ends[3] - starts[3];
  const old = found === 0 ? 0 : x.db.valueLength;
  if (length === 0) {
    x.reply.integer(old);
    return;
  }
  if (offset + length > lengthMax(x)) {
    x.reply.error(TOO_LONG);
    return;
  }
  if (
    found === 0 &&
    !x.db.setString(argv.view, starts[1], ends[1], argv.view, starts[1], starts[1], STRING_RAW, NO_EXPIRY)
  ) {
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  if (!x.db.resizeString(Math.max(offset + length, old))) {
    if (found === 0) x.db.remove();
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  overwrite(x, offset, bytes, starts[3], ends[3]);
  x.effects.changed("setrange", bytes, starts[1], ends[1]);
  x.reply.integer(x.db.valueLength);
}

function getrange(x: Execution, argv: ArgvView): void {
  let first = integerArgument(argv, 2);
  let last = integerArgument(argv, 3);
  if (Number.isNaN(first) || Number.isNaN(last)) {
    x.reply.error(NOT_AN_INTEGER);
    return;
  }
  const found = readString(x, argv);
  if (found < 0) return;
  const length = found === 0 ? 0 : x.db.valueLength;
  const backwards = first < 0 && last < 0 && first > last;
  if (first < 0) first += length;
  if (last < 0) last += length;
  if (first < 0) first = 0;
  if (last < 0) last = 0;
  if (last >= length) last = length - 1;
  if (backwards || first > last || length === 0) {
    x.reply.bulk(NOTHING, 0, 0);
    return;
  }
  const start = x.db.valueStart;
  x.reply.bulk(x.db.bytes, start + first, start + last + 1);
}

const NOTHING = new Uint8Array(0);

/** Adds to the integer in the key of argument 1; `increment` is a safe integer. */
function add(x: Execution, argv: ArgvView, increment: number): void {
  const db = x.db;
  const found = writeString(x, argv);
  if (found < 0) return;
  let value = 0;
  if (found > 0) {
    value = parseInteger(db.bytes, db.valueStart, db.valueEnd);
    if (Number.isNaN(value)) {
      addExactly(x, argv, BigInt(increment));
      return;
    }
  }
  const sum = value + increment;
  if (sum > Number.MAX_SAFE_INTEGER || sum < -Number.MAX_SAFE_INTEGER) {
    addExactly(x, argv, BigInt(increment));
    return;
  }
  const end = writeInteger(digits, 0, sum);
  if (found > 0 && db.encoding === STRING_INT && db.valueLength === end) {
    // The same number of digits: they are written over.
    const to = db.bytes;
    let at = db.valueStart;
    for (let i = 0; i < end; i++) to[at++] = digits[i];
  } else if (!db.setString(argv.view, argv.starts[1], argv.ends[1], digitsView, 0, end, STRING_INT, KEEP_EXPIRY)) {
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  x.effects.changed("incrby", argv.bytes, argv.starts[1], argv.ends[1]);
  x.reply.integer(sum);
}

/** The same where a double cannot hold the numbers. The key was looked up. */
// tidy: cold function, numbers of 2^53 and more are rare
function addExactly(x: Execution, argv: ArgvView, increment: bigint): void {
  const db = x.db;
  const found = writeString(x, argv);
  let value: bigint | null = 0n;
  if (found > 0) value = parseInteger64(db.bytes, db.valueStart, db.valueEnd);
  if (value === null) {
    x.reply.error(NOT_AN_INTEGER);
    return;
  }
  const sum = value + increment;
  if (sum > INT64_MAX || sum < INT64_MIN) {
    x.reply.error(OVERFLOW);
    return;
  }
  const text = Buffer.from(sum.toString(), "latin1");
  if (!db.setString(argv.view, argv.starts[1], argv.ends[1], viewOf(text), 0, text.length, STRING_INT, KEEP_EXPIRY)) {
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  x.effects.changed("incrby", argv.bytes, argv.starts[1], argv.ends[1]);
  x.reply.bigInteger(sum);
}

function incr(x: Execution, argv: ArgvView): void {
  add(x, argv, 1);
}

function decr(x: Execution, argv: ArgvView): void {
  add(x, argv, -1);
}

function incrby(x: Execution, argv: ArgvView): void {
  const increment = parseInteger(argv.bytes, argv.starts[2], argv.ends[2]);
  if (!Number.isNaN(increment)) add(x, argv, increment);
  else addLarge(x, argv, false);
}

function decrby(x: Execution, argv: ArgvView): void {
  const decrement = parseInteger(argv.bytes, argv.starts[2], argv.ends[2]);
  if (!Number.isNaN(decrement)) add(x, argv, -decrement);
  else addLarge(x, argv, true);
}

// tidy: cold function, increments of 2^53 and more are rare
function addLarge(x: Execution, argv: ArgvView, negate: boolean): void {
  const increment = parseInteger64(argv.bytes, argv.starts[2], argv.ends[2]);
  if (increment === null) {
    x.reply.error(NOT_AN_INTEGER);
    return;
  }
  if (negate && increment === INT64_MIN) {
    x.reply.error("ERR decrement would overflow");
    return;
  }
  if (writeString(x, argv) >= 0) addExactly(x, argv, negate ? -increment : increment);
}

// tidy: cold function, decimal arithmetic is exact and slow
function incrbyfloat(x: Execution, argv: ArgvView): void {
  const db = x.db;
  const found = writeString(x, argv);
  if (found < 0) return;
  const old = found === 0 ? parseLongDouble(ZERO, 0, 1) : parseLongDouble(db.bytes, db.valueStart, db.valueEnd);
  const increment = old === null ? null : parseLongDouble(argv.bytes, argv.starts[2], argv.ends[2]);
  if (old === null || increment === null) {
    x.reply.error("ERR value is not a valid float");
    return;
  }
  const sum = addLongDouble(old, increment);
  if (sum === null) {
    x.reply.error("ERR increment would produce NaN or Infinity");
    return;
  }
  const text = Buffer.from(formatLongDouble(sum), "latin1");
  const { bytes, starts, ends } = argv;
  // The result stays a plain string even where it looks like an integer, as in Redis.
  const encoding = text.length > EMBEDDED_BYTES_MAX ? STRING_RAW : STRING_EMBEDDED;
  if (!db.setString(argv.view, starts[1], ends[1], viewOf(text), 0, text.length, encoding, KEEP_EXPIRY)) {
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  x.effects.changed("incrbyfloat", bytes, starts[1], ends[1]);
  if (x.effects.observed) x.effects.record(["SET", bytes.slice(starts[1], ends[1]), text, "KEEPTTL"]);
  x.reply.bulk(text, 0, text.length);
}

const ZERO = new Uint8Array([48]);

function mget(x: Execution, argv: ArgvView): void {
  const db = x.db;
  x.reply.array(argv.count - 1);
  for (let i = 1; i < argv.count; i++) {
    if (db.lookup(argv.view, argv.starts[i], argv.ends[i]) && db.type === TYPE_STRING) replyValue(x);
    else x.reply.nil();
  }
}

// tidy: cold function, an error's text
function msetArity(argv: ArgvView): string | null {
  return argv.count % 2 === 0 ? "ERR wrong number of arguments for 'mset' command" : null;
}

function mset(x: Execution, argv: ArgvView): void {
  const wrong = msetArity(argv);
  if (wrong !== null) {
    x.reply.error(wrong);
    return;
  }
  for (let i = 1; i < argv.count; i += 2) {
    x.db.find(argv.view, argv.starts[i], argv.ends[i]);
    if (!store(x, argv, i, i + 1, NO_EXPIRY)) return;
  }
  x.reply.ok();
}

const KEY = { first: 1, last: 1, step: 1 };
const KEYS = { first: 1, last: -1, step: 1 };
const PAIRS = { first: 1, last: -1, step: 2 };
const GROWS = WRITE | DENYOOM;

export const stringRows: readonly CommandRow[] = [
  { name: "get", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: get },
  { name: "set", timing: "sampled", arity: -3, flags: GROWS, keys: KEY, place: "keys", reduce: null, run: set },
  { name: "setnx", arity: 3, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: setnx },
  { name: "setex", timing: "sampled", arity: 4, flags: GROWS, keys: KEY, place: "keys", reduce: null, run: setex },
  { name: "psetex", timing: "sampled", arity: 4, flags: GROWS, keys: KEY, place: "keys", reduce: null, run: psetex },
  { name: "getset", arity: 3, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: getset },
  { name: "getdel", arity: 2, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: getdel },
  { name: "getex", arity: -2, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: getex },
  { name: "strlen", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: strlen },
  {
    name: "append",
    timing: "each",
    arity: 3,
    flags: GROWS | FAST,
    keys: KEY,
    place: "keys",
    reduce: null,
    run: append,
  },
  { name: "setrange", arity: 4, flags: GROWS, keys: KEY, place: "keys", reduce: null, run: setrange },
  {
    name: "getrange",
    timing: "sampled",
    arity: 4,
    flags: READONLY,
    keys: KEY,
    place: "keys",
    reduce: null,
    run: getrange,
  },
  {
    name: "substr",
    timing: "sampled",
    arity: 4,
    flags: READONLY,
    keys: KEY,
    place: "keys",
    reduce: null,
    run: getrange,
  },
  { name: "incr", arity: 2, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: incr },
  { name: "decr", arity: 2, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: decr },
  { name: "incrby", arity: 3, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: incrby },
  { name: "decrby", arity: 3, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: decrby },
  { name: "incrbyfloat", arity: 3, flags: GROWS | FAST, keys: KEY, place: "keys", reduce: null, run: incrbyfloat },
  { name: "mget", arity: -2, flags: READONLY | FAST, keys: KEYS, place: "keys", reduce: "interleave", run: mget },
  {
    name: "mset",
    arity: -3,
    flags: GROWS,
    keys: PAIRS,
    place: "keys",
    reduce: "first",
    validate: msetArity,
    run: mset,
  },
];
