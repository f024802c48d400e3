/**
 * Arguments: how commands read numbers and times from theirs, and the error texts of those that cannot be read.
 */

import { parseInteger, parseInteger64 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { Execution } from "../runtime/execution.ts";

export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
export const SYNTAX = "ERR syntax error";
export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";

/** An expiry time that is no use: replied already. */
export const BAD_TIME = -1;

const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;
/** The largest double that 64 bits hold: a later time is rounded to it, so that its text can be read again. */
const DOUBLE_BELOW_INT64_MAX = INT64_MAX - 1023n;

/** Unit of a time argument, in milliseconds. */
export const SECONDS = 1000;
export const MILLISECONDS = 1;

/**
 * A signed 64-bit integer as a double: exact below 2^53, the nearest double beyond (only edges and refusals reach that
 * far), NaN when the argument is none.
 */
export function integerArgument(argv: ArgvView, index: number): number {
  const start = argv.starts[index];
  const end = argv.ends[index];
  const value = parseInteger(argv.bytes, start, end);
  if (!Number.isNaN(value)) return value;
  const exact = parseInteger64(argv.bytes, start, end);
  return exact === null ? Number.NaN : Number(exact);
}

/** timeInMs: the argument is no integer. */
export const TIME_NOT_AN_INTEGER = Number.NaN;
/** timeInMs: 64 bits do not hold the time in milliseconds. */
export const TIME_OUT_OF_RANGE = Number.POSITIVE_INFINITY;

/**
 * A time argument as milliseconds since 1970: `baseMs` is added (0 for absolute times). Exact below 2^53. Otherwise
 * TIME_NOT_AN_INTEGER or TIME_OUT_OF_RANGE.
 */
export function timeInMs(argv: ArgvView, index: number, unit: number, baseMs: number): number {
  const value = parseInteger(argv.bytes, argv.starts[index], argv.ends[index]);
  const ms = value * unit + baseMs;
  // Nothing that a double holds exactly comes near the edges of 64 bits.
  if (ms >= -Number.MAX_SAFE_INTEGER && ms <= Number.MAX_SAFE_INTEGER) return ms;
  return farTimeInMs(argv, index, unit, baseMs);
}

function farTimeInMs(argv: ArgvView, index: number, unit: number, baseMs: number): number {
  const value = parseInteger64(argv.bytes, argv.starts[index], argv.ends[index]);
  if (value === null) return TIME_NOT_AN_INTEGER;
  const scaled = value * BigInt(unit);
  const ms = scaled + BigInt(baseMs);
  if (scaled > INT64_MAX || scaled < INT64_MIN || ms > INT64_MAX) return TIME_OUT_OF_RANGE;
  return ms > DOUBLE_BELOW_INT64_MAX ? Number(DOUBLE_BELOW_INT64_MAX) : Number(ms);
}

/**
 * An expiry of SET, GETEX and their like as milliseconds since 1970. `relative` times count from now. Replies the error
 * and returns BAD_TIME when the argument is no integer, not positive, or beyond what 64 bits hold.
 */
export function timeArgument(
  x: Execution,
  argv: ArgvView,
  index: number,
  unit: number,
  relative: boolean,
  command: string,
): number {
  const base = relative ? x.nowMs : 0;
  const ms = timeInMs(argv, index, unit, base);
  if (Number.isNaN(ms)) {
    x.reply.error(NOT_AN_INTEGER);
    return BAD_TIME;
  }
  if (ms <= base || ms === TIME_OUT_OF_RANGE) {
    x.reply.error(invalidTime(command));
    return BAD_TIME;
  }
  return ms;
}

export function invalidTime(command: string): string {
  return "ERR invalid expire time in '" + command + "' command";
}
