/**
 * Bytes: the few loops over byte ranges that everyone needs. Hot path.
 *
 * A range is (buffer, start, end), never a view: making a view costs 38 ns, an offset 1 ns.
 */

const COPY_LOOP_BYTES_MAX = 40;
/** Above this, making two views costs less than copying word by word. */
const COPY_WORDS_BYTES_MAX = 400;

/**
 * Copies src[start, end) to dst[at, …) and returns the offset behind the copy, four bytes at a time: for 32 bytes it
 * takes less than half as long as copyBytes. The ranges must not overlap.
 */
export function copyView(dst: DataView, at: number, src: DataView, start: number, end: number): number {
  const length = end - start;
  if (length > COPY_WORDS_BYTES_MAX) return copyLong(dst, at, src, start, length);
  if (length < 4) {
    for (let i = start; i < end; i++) dst.setUint8(at++, src.getUint8(i));
    return at;
  }
  const last = end - 4;
  let to = at;
  for (let i = start; i < last; i += 4) {
    dst.setInt32(to, src.getInt32(i, true), true);
    to += 4;
  }
  // The last word may overlap the one before: it brings the same bytes.
  dst.setInt32(at + length - 4, src.getInt32(last, true), true);
  return at + length;
}

// tidy: cold function, two views are cheap against what is copied
function copyLong(dst: DataView, at: number, src: DataView, start: number, length: number): number {
  const to = new Uint8Array(dst.buffer, dst.byteOffset + at, length);
  to.set(new Uint8Array(src.buffer, src.byteOffset + start, length));
  return at + length;
}

/** A view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies src[start, end) to dst[at, …) and returns the offset behind the copy. The ranges must not overlap. */
export function copyBytes(dst: Uint8Array, at: number, src: Uint8Array, start: number, end: number): number {
  if (end - start > COPY_LOOP_BYTES_MAX) {
    dst.set(src.subarray(start, end), at);
    return at + (end - start);
  }
  for (let i = start; i < end; i++) dst[at++] = src[i];
  return at;
}

/** Are a[aStart, aEnd) and b[bStart, …) of the same length equal? */
export function equalBytes(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number): boolean {
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) {
    if (a[i] !== b[j]) return false;
  }
  return true;
}

/** Order of two byte ranges as memcmp gives it, shorter first on a common prefix. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const common = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < common; i++) {
    const difference = a[aStart + i] - b[bStart + i];
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/** Is the range the ASCII word `lower` (given in lower case) in any case? */
export function isWord(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let c = bytes[start + i];
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The range as a string of one character per byte (latin1); for cold paths. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** A latin1 string as bytes; for constants. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Result of parseInteger for a text that is no canonical 64-bit integer, or lies outside ±(2^53 - 1). */
export const NOT_AN_INTEGER = Number.NaN;

/**
 * Reads a decimal integer as Redis's string2ll does: optional minus, no plus, no leading zero, no space.
 * Returns NaN for anything else and for what a double cannot hold exactly (magnitude of 2^53 and more): the caller takes
 * the slow, exact road with parseInteger64 then.
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (at >= end) return NOT_AN_INTEGER;
  const negative = bytes[at] === 45;
  if (negative) at++;
  const digits = end - at;
  if (digits < 1 || digits > 16) return NOT_AN_INTEGER;
  let c = bytes[at] - 48;
  if (c === 0) return digits === 1 && !negative ? 0 : NOT_AN_INTEGER;
  let value = 0;
  for (; at < end; at++) {
    c = bytes[at] - 48;
    if (c < 0 || c > 9) return NOT_AN_INTEGER;
    value = value * 10 + c;
  }
  if (value > Number.MAX_SAFE_INTEGER) return NOT_AN_INTEGER;
  return negative ? -value : value;
}

const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;

/** The exact form of parseInteger: any signed 64-bit integer, or null. Allocates; for the rare values a double cannot hold. */
// tidy: cold function, values of 2^53 and more are rare
export function parseInteger64(bytes: Uint8Array, start: number, end: number): bigint | null {
  const length = end - start;
  if (length < 1 || length > 20) return null;
  const text = latin1(bytes, start, end);
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return null;
  const value = BigInt(text);
  return value > INT64_MAX || value < INT64_MIN ? null : value;
}

/** Writes a safe integer in decimal at `at` and returns the offset behind it. The buffer must have 17 bytes of room. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    bytes[at++] = 45;
    value = -value;
  }
  if (value < 10) {
    bytes[at++] = 48 + value;
    return at;
  }
  const end = at + decimalDigits(value);
  let i = end;
  // The integer division by a constant is a multiplication only while the value fits 32 bits.
  while (value > 0x7fff_ffff) {
    const quotient = Math.floor(value / 10);
    bytes[--i] = 48 + (value - quotient * 10);
    value = quotient;
  }
  let small = value | 0;
  while (i > at) {
    const quotient = (small / 10) | 0;
    bytes[--i] = 48 + (small - quotient * 10);
    small = quotient;
  }
  return end;
}

/** Number of decimal digits of a non-negative safe integer. */
export function decimalDigits(value: number): number {
  let digits = 1;
  while (value >= 10_000) {
    value = Math.floor(value / 10_000);
    digits += 4;
  }
  if (value >= 1000) return digits + 3;
  if (value >= 100) return digits + 2;
  if (value >= 10) return digits + 1;
  return digits;
}
