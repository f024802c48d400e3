/**
 * Expiry: commands that set, show and remove the time at which a key goes. Hot path.
 */

import { isWord, latin1 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { OUT_OF_MEMORY } from "../runtime/refusals.ts";
import { NO_EXPIRY } from "../store/database.ts";
import { invalidTime, MILLISECONDS, NOT_AN_INTEGER, SECONDS, TIME_OUT_OF_RANGE, timeInMs } from "./arguments.ts";

const { WRITE, READONLY, FAST } = CommandFlag;

const ONLY_WITHOUT = 1;
const ONLY_WITH = 2;
const ONLY_LATER = 4;
const ONLY_EARLIER = 8;

const NX_CLASH = "ERR NX and XX, GT or LT options at the same time are not compatible";
const GT_LT_CLASH = "ERR GT and LT options at the same time are not compatible";

/** The conditions from argument 3 on, or -1 with the error replied. */
function conditions(x: Execution, argv: ArgvView): number {
  const { bytes, starts, ends } = argv;
  let found = 0;
  for (let i = 3; i < argv.count; i++) {
    if (isWord(bytes, starts[i], ends[i], "nx")) found |= ONLY_WITHOUT;
    else if (isWord(bytes, starts[i], ends[i], "xx")) found |= ONLY_WITH;
    else if (isWord(bytes, starts[i], ends[i], "gt")) found |= ONLY_LATER;
    else if (isWord(bytes, starts[i], ends[i], "lt")) found |= ONLY_EARLIER;
    else {
      x.reply.error("ERR Unsupported option " + latin1(bytes, starts[i], ends[i]));
      return -1;
    }
  }
  if ((found & ONLY_WITHOUT) !== 0 && found !== ONLY_WITHOUT) {
    x.reply.error(NX_CLASH);
    return -1;
  }
  if ((found & ONLY_LATER) !== 0 && (found & ONLY_EARLIER) !== 0) {
    x.reply.error(GT_LT_CLASH);
    return -1;
  }
  return found;
}

/** Does the key found, whose expiry is `current`, meet the conditions for the expiry `wanted`? */
function allowed(conditionBits: number, current: number, wanted: number): boolean {
  if (conditionBits === 0) return true;
  if ((conditionBits & ONLY_WITHOUT) !== 0 && current !== NO_EXPIRY) return false;
  if ((conditionBits & ONLY_WITH) !== 0 && current === NO_EXPIRY) return false;
  if ((conditionBits & ONLY_LATER) !== 0 && (current === NO_EXPIRY || wanted <= current)) return false;
  return (conditionBits & ONLY_EARLIER) === 0 || current === NO_EXPIRY || wanted < current;
}

function expireAt(x: Execution, argv: ArgvView, unit: number, baseMs: number, command: string): void {
  const conditionBits = argv.count > 3 ? conditions(x, argv) : 0;
  if (conditionBits < 0) return;
  const wanted = timeInMs(argv, 2, unit, baseMs);
  if (Number.isNaN(wanted)) {
    x.reply.error(NOT_AN_INTEGER);
    return;
  }
  if (wanted === TIME_OUT_OF_RANGE) {
    x.reply.error(invalidTime(command));
    return;
  }
  const { bytes, starts, ends } = argv;
  const db = x.db;
  if (!db.find(argv.view, starts[1], ends[1]) || !allowed(conditionBits, db.expiryMs, wanted)) {
    x.reply.integer(0);
    return;
  }
  if (wanted <= x.nowMs) {
    db.remove();
    x.effects.changed("del", bytes, starts[1], ends[1]);
    if (x.effects.observed) x.effects.record(["DEL", bytes.slice(starts[1], ends[1])]);
  } else {
    if (!db.setExpiry(wanted)) {
      x.reply.error(OUT_OF_MEMORY);
      return;
    }
    x.effects.changed("expire", bytes, starts[1], ends[1]);
    if (x.effects.observed) x.effects.record(["PEXPIREAT", bytes.slice(starts[1], ends[1]), String(wanted)]);
  }
  x.reply.integer(1);
}

function expire(x: Execution, argv: ArgvView): void {
  expireAt(x, argv, SECONDS, x.nowMs, "expire");
}

function pexpire(x: Execution, argv: ArgvView): void {
  expireAt(x, argv, MILLISECONDS, x.nowMs, "pexpire");
}

function expireat(x: Execution, argv: ArgvView): void {
  expireAt(x, argv, SECONDS, 0, "expireat");
}

function pexpireat(x: Execution, argv: ArgvView): void {
  expireAt(x, argv, MILLISECONDS, 0, "pexpireat");
}

const NO_KEY = -2;

/** The expiry of the key in argument 1 in milliseconds since 1970, NO_EXPIRY, or NO_KEY. */
function expiryOf(x: Execution, argv: ArgvView): number {
  return x.db.inspect(argv.view, argv.starts[1], argv.ends[1]) ? x.db.expiryMs : NO_KEY;
}

/** A time that may lie beyond what a double holds exactly: then it is near, not exact. */
function replyTime(x: Execution, ms: number): void {
  if (ms <= Number.MAX_SAFE_INTEGER) x.reply.integer(ms);
  else x.reply.bigInteger(BigInt(ms));
}

function ttl(x: Execution, argv: ArgvView): void {
  const expiryMs = expiryOf(x, argv);
  replyTime(x, expiryMs < 0 ? expiryMs : Math.floor((expiryMs - x.nowMs + 500) / 1000));
}

function pttl(x: Execution, argv: ArgvView): void {
  const expiryMs = expiryOf(x, argv);
  replyTime(x, expiryMs < 0 ? expiryMs : expiryMs - x.nowMs);
}

function expiretime(x: Execution, argv: ArgvView): void {
  const expiryMs = expiryOf(x, argv);
  replyTime(x, expiryMs < 0 ? expiryMs : Math.floor((expiryMs + 500) / 1000));
}

function pexpiretime(x: Execution, argv: ArgvView): void {
  replyTime(x, expiryOf(x, argv));
}

function persist(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  if (!x.db.find(argv.view, starts[1], ends[1]) || x.db.expiryMs === NO_EXPIRY) {
    x.reply.integer(0);
    return;
  }
  if (!x.db.setExpiry(NO_EXPIRY)) {
    x.reply.error(OUT_OF_MEMORY);
    return;
  }
  x.effects.changed("persist", bytes, starts[1], ends[1]);
  x.reply.integer(1);
}

const KEY = { first: 1, last: 1, step: 1 };

export const expiryRows: readonly CommandRow[] = [
  { name: "expire", arity: -3, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: expire },
  { name: "pexpire", arity: -3, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: pexpire },
  { name: "expireat", arity: -3, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: expireat },
  { name: "pexpireat", arity: -3, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: pexpireat },
  { name: "ttl", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: ttl },
  { name: "pttl", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: pttl },
  { name: "expiretime", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: expiretime },
  { name: "pexpiretime", arity: 2, flags: READONLY | FAST, keys: KEY, place: "keys", reduce: null, run: pexpiretime },
  { name: "persist", arity: 2, flags: WRITE | FAST, keys: KEY, place: "keys", reduce: null, run: persist },
];
