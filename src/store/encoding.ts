/**
 * Types and encodings of values, as the bits of an entry's meta word hold them, and their names in Redis's words.
 */

import { parseInteger, parseInteger64 } from "../base/bytes.ts";

export const TYPE_STRING = 0;

/** A string of any bytes. */
export const STRING_RAW = 0;
/** A string that is the canonical decimal form of a signed 64-bit integer; its bytes are still its digits. */
export const STRING_INT = 1;
/** A short string that was set whole: what Redis stores in one piece with its header. */
export const STRING_EMBEDDED = 2;

/** Longer strings are raw. */
export const EMBEDDED_BYTES_MAX = 44;
const INT64_DIGITS_MAX = 20;

const TYPE_NAMES = ["string", "list", "set", "zset", "hash", "stream"];
const STRING_ENCODING_NAMES = ["raw", "int", "embstr"];

/** What TYPE answers. */
export function typeName(type: number): string {
  return TYPE_NAMES[type];
}

/** What OBJECT ENCODING answers for a string. */
export function stringEncodingName(encoding: number): string {
  return STRING_ENCODING_NAMES[encoding];
}

/** The encoding Redis would choose for a string set whole. */
export function stringEncodingOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > INT64_DIGITS_MAX) return length <= EMBEDDED_BYTES_MAX ? STRING_EMBEDDED : STRING_RAW;
  if (length === 0) return STRING_EMBEDDED;
  const first = bytes[start];
  if (first > 57 || (first < 48 && first !== 45)) return STRING_EMBEDDED;
  const value = parseInteger(bytes, start, end);
  if (!Number.isNaN(value)) return STRING_INT;
  if (length < 16) return STRING_EMBEDDED;
  return parseInteger64(bytes, start, end) === null ? STRING_EMBEDDED : STRING_INT;
}
