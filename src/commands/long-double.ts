/**
 * Long doubles: the 80-bit floating point of x86-64, in which Redis computes INCRBYFLOAT and HINCRBYFLOAT.
 *
 *     value = (negative ? -1 : 1) · mantissa · 2^exponent,   mantissa < 2^64,   -16445 ≤ exponent ≤ 16320
 *
 * Text in and text out are byte for byte what Redis makes of them with strtold and "%.17Lf", on any machine. Every
 * operation is exact with integers of any size, then rounded once, half to even. Cold: it allocates.
 *
 * Refuses: NaN, which no text and no sum may become.
 */

import { latin1 } from "../base/bytes.ts";
import { FLOAT_TEXT_BYTES_MAX } from "../base/limits.ts";

export interface LongDouble {
  readonly negative: boolean;
  readonly finite: boolean;
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = 64;
const MANTISSA_END = 1n << 64n;
const EXPONENT_MIN = -16_445;
const EXPONENT_MAX = 16_320;
/** 10^4933 is above the largest value. */
const DECIMAL_POINT_MAX = 4933;
/** 10^-4951 is below half of the smallest one. */
const DECIMAL_POINT_MIN = -4951;
/** More than any text of allowed length can make up for with its digits. */
const WRITTEN_EXPONENT_MAX = 1_000_000;
const FRACTION_DIGITS = 17;
const FRACTION_SCALE = 10n ** BigInt(FRACTION_DIGITS);

const DECIMAL = /^[+-]?(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?$/;
const HEXADECIMAL = /^[+-]?0[xX](?:([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?|\.([0-9a-fA-F]+))(?:[pP]([+-]?[0-9]+))?$/;
const INFINITY = /^[+-]?inf(?:inity)?$/i;

export const LONG_DOUBLE_ZERO: LongDouble = { negative: false, finite: true, mantissa: 0n, exponent: 0 };

/**
 * Reads a number as Redis does: decimal or hexadecimal, with or without an exponent, or infinity; all of the text. Null
 * for anything else, and for what rounds to infinity or, without being zero, to zero.
 */
export function parseLongDouble(bytes: Uint8Array, start: number, end: number): LongDouble | null {
  if (end - start > FLOAT_TEXT_BYTES_MAX) return null;
  const text = latin1(bytes, start, end);
  const negative = text.startsWith("-");
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return fromDecimal(negative, decimal);
  const hexadecimal = HEXADECIMAL.exec(text);
  if (hexadecimal !== null) return fromHexadecimal(negative, hexadecimal);
  return INFINITY.test(text) ? { negative, finite: false, mantissa: 0n, exponent: 0 } : null;
}

/** The sum, or null when it is infinite or no number. */
export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble | null {
  if (!a.finite || !b.finite) return null;
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = signed(a) * (1n << BigInt(a.exponent - exponent)) + signed(b) * (1n << BigInt(b.exponent - exponent));
  return rounded(sum < 0n, sum < 0n ? -sum : sum, 1n, exponent);
}

/** The value with up to 17 decimals, half to even, without zeros at the end; never in exponential form. It must be finite. */
export function formatLongDouble(x: LongDouble): string {
  const sign = x.negative ? "-" : "";
  if (x.exponent >= 0) {
    const whole = x.mantissa << BigInt(x.exponent);
    return whole === 0n ? "0" : sign + whole.toString();
  }
  const shift = BigInt(-x.exponent);
  const digits = divideHalfToEven(x.mantissa * FRACTION_SCALE, 1n << shift)
    .toString()
    .padStart(FRACTION_DIGITS + 1, "0");
  const point = digits.length - FRACTION_DIGITS;
  let used = digits.length;
  while (used > point && digits.charCodeAt(used - 1) === 48) used--;
  const text = used === point ? digits.slice(0, point) : digits.slice(0, point) + "." + digits.slice(point, used);
  return text === "0" ? text : sign + text;
}

function fromDecimal(negative: boolean, match: RegExpExecArray): LongDouble | null {
  const fraction = match[2] ?? match[3] ?? "";
  const digits = ((match[1] ?? "") + fraction).replace(/^0+/, "");
  if (digits === "") return { negative, finite: true, mantissa: 0n, exponent: 0 };
  const exponent = writtenExponent(match[4]) - fraction.length;
  // The value is at least 10^(point - 1) and less than 10^point.
  const point = digits.length + exponent;
  if (point > DECIMAL_POINT_MAX || point < DECIMAL_POINT_MIN) return null;
  const power = 10n ** BigInt(Math.abs(exponent));
  const mantissa = BigInt(digits);
  const value = exponent < 0 ? rounded(negative, mantissa, power, 0) : rounded(negative, mantissa * power, 1n, 0);
  return value === null || value.mantissa === 0n ? null : value;
}

function fromHexadecimal(negative: boolean, match: RegExpExecArray): LongDouble | null {
  const fraction = match[2] ?? match[3] ?? "";
  const digits = BigInt("0x" + (match[1] ?? "") + fraction);
  if (digits === 0n) return { negative, finite: true, mantissa: 0n, exponent: 0 };
  const value = rounded(negative, digits, 1n, writtenExponent(match[4]) - 4 * fraction.length);
  return value === null || value.mantissa === 0n ? null : value;
}

function writtenExponent(text: string | undefined): number {
  if (text === undefined) return 0;
  return Math.max(-WRITTEN_EXPONENT_MAX, Math.min(WRITTEN_EXPONENT_MAX, Number(text)));
}

function signed(x: LongDouble): bigint {
  return x.negative ? -x.mantissa : x.mantissa;
}

/** The long double nearest to above / below · 2^exponent, half to even; null when that is infinite. */
function rounded(negative: boolean, above: bigint, below: bigint, exponent: number): LongDouble | null {
  if (above === 0n) return { negative, finite: true, mantissa: 0n, exponent: 0 };
  // The quotient has `bits` or `bits + 1` bits in front of its point.
  const bits = bitLength(above) - bitLength(below);
  if (bits + exponent < EXPONENT_MIN - 2) return { negative, finite: true, mantissa: 0n, exponent: 0 };
  if (bits + exponent > EXPONENT_MAX + MANTISSA_BITS) return null;
  // Of two possible exponents the smaller one may give a mantissa of 65 bits.
  let result = Math.max(EXPONENT_MIN, bits + exponent - MANTISSA_BITS);
  let mantissa = scaledQuotient(above, below, exponent - result, false);
  if (mantissa >= MANTISSA_END) result++;
  mantissa = scaledQuotient(above, below, exponent - result, true);
  if (mantissa === MANTISSA_END) {
    mantissa >>= 1n;
    result++;
  }
  return result > EXPONENT_MAX ? null : { negative, finite: true, mantissa, exponent: result };
}

/** above / below · 2^shift as an integer: cut off, or rounded half to even. */
function scaledQuotient(above: bigint, below: bigint, shift: number, round: boolean): bigint {
  const dividend = shift > 0 ? above << BigInt(shift) : above;
  const divisor = shift < 0 ? below << BigInt(-shift) : below;
  return round ? divideHalfToEven(dividend, divisor) : dividend / divisor;
}

function divideHalfToEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = (dividend - quotient * divisor) << 1n;
  return twice > divisor || (twice === divisor && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  const text = value.toString(16);
  return text.length * 4 - Math.clz32(Number.parseInt(text[0], 16)) + 28;
}
