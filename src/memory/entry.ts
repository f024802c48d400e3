/**
 * An entry of a table: the one owner of its byte layout. Hot path.
 *
 *   word 0      key length in bytes (bits 0..29; 30 and 31 are zero)
 *   word 1      value length in bytes
 *   word 2      meta: clock (0..23), type (24..27), encoding (28..30), has expiry (31)
 *   [word 3, 4  expiry in ms since 1970, low then high word, if meta says so]
 *   key bytes   from byte 12, or 20 with an expiry
 *   value bytes right behind the key
 *
 *   0        4        8        12       20        20 + key
 *   +--------+--------+--------+--------+---------+-------------+
 *   | keyLen | valLen |  meta  | expiry | key ... | value ...   |
 *   +--------+--------+--------+--------+---------+-------------+
 *
 * Words are little-endian. Functions take the words of the segment and the word index of the entry, both from
 * entryWords() and entryIndex(), so that a caller with several questions looks the segment up once.
 * What value bytes mean is the store's.
 */
import type { Address } from "../base/brands.ts";
import type { Arena } from "./arena.ts";

export const KEY_LENGTH_MASK = 0x3fffffff;
export const ENTRY_HEADER_BYTES = 12;
export const ENTRY_EXPIRY_BYTES = 8;
export const CLOCK_MASK = 0xffffff;
const EXPIRY_BIT = -0x80000000;
const TWO_POW_32 = 0x100000000;

export function entryWords(arena: Arena, address: Address): Int32Array {
  return arena.words[address >>> 22];
}

export function entryBytes(arena: Arena, address: Address): Uint8Array {
  return arena.bytes[address >>> 22];
}

/** Index of the entry's first word in its segment's words; times 4, of its first byte. */
export function entryIndex(address: Address): number {
  return (address & 0x3fffff) << 2;
}

/** Bytes that an entry takes. */
export function entryByteLength(keyLength: number, valueLength: number, hasExpiry: boolean): number {
  return ENTRY_HEADER_BYTES + (hasExpiry ? ENTRY_EXPIRY_BYTES : 0) + keyLength + valueLength;
}

/** Bytes that the entry at `index` takes. */
export function entryByteLengthAt(words: Int32Array, index: number): number {
  return (words[index + 2] < 0 ? 20 : 12) + (words[index] & KEY_LENGTH_MASK) + words[index + 1];
}

/** Writes the header; an expiry and the bytes are the caller's to write. */
export function writeEntryHeader(
  words: Int32Array,
  index: number,
  keyLength: number,
  valueLength: number,
  meta: number,
): void {
  words[index] = keyLength;
  words[index + 1] = valueLength;
  words[index + 2] = meta;
}

export function makeMeta(type: number, encoding: number, clock: number, hasExpiry: boolean): number {
  return (clock & CLOCK_MASK) | (type << 24) | (encoding << 28) | (hasExpiry ? EXPIRY_BIT : 0);
}

export function keyLengthAt(words: Int32Array, index: number): number {
  return words[index] & KEY_LENGTH_MASK;
}

export function valueLengthAt(words: Int32Array, index: number): number {
  return words[index + 1];
}

export function setValueLengthAt(words: Int32Array, index: number, valueLength: number): void {
  words[index + 1] = valueLength;
}

export function metaAt(words: Int32Array, index: number): number {
  return words[index + 2];
}

export function typeAt(words: Int32Array, index: number): number {
  return (words[index + 2] >>> 24) & 15;
}

export function encodingAt(words: Int32Array, index: number): number {
  return (words[index + 2] >>> 28) & 7;
}

export function clockAt(words: Int32Array, index: number): number {
  return words[index + 2] & CLOCK_MASK;
}

export function setClockAt(words: Int32Array, index: number, clock: number): void {
  words[index + 2] = (words[index + 2] & ~CLOCK_MASK) | (clock & CLOCK_MASK);
}

export function setTypeAt(words: Int32Array, index: number, type: number, encoding: number): void {
  words[index + 2] = (words[index + 2] & (EXPIRY_BIT | CLOCK_MASK)) | (type << 24) | (encoding << 28);
}

export function hasExpiryAt(words: Int32Array, index: number): boolean {
  return words[index + 2] < 0;
}

/** Milliseconds since 1970 of an entry that has an expiry. */
export function expiryAt(words: Int32Array, index: number): number {
  return (words[index + 4] >>> 0) * TWO_POW_32 + (words[index + 3] >>> 0);
}

/** `expiryMs` is an integer, 0 ≤ expiryMs < 2^53. */
export function setExpiryAt(words: Int32Array, index: number, expiryMs: number): void {
  words[index + 3] = expiryMs | 0;
  words[index + 4] = (expiryMs / TWO_POW_32) | 0;
}

/** Index of the first key byte in the segment's bytes. */
export function keyOffsetAt(words: Int32Array, index: number): number {
  return (index << 2) + (words[index + 2] < 0 ? 20 : 12);
}

/** Index of the first value byte in the segment's bytes. */
export function valueOffsetAt(words: Int32Array, index: number): number {
  return (index << 2) + (words[index + 2] < 0 ? 20 : 12) + (words[index] & KEY_LENGTH_MASK);
}

/** Whether the entry's key is the bytes start ≤ i < start + length of a view. The entry's side is read by words: it is aligned. */
export function keyEqualsAt(words: Int32Array, index: number, view: DataView, start: number, length: number): boolean {
  if ((words[index] & KEY_LENGTH_MASK) !== length) return false;
  let at = index + (words[index + 2] < 0 ? 5 : 3);
  let i = start;
  const end = start + length;
  for (const whole = end - 3; i < whole; i += 4) {
    if (words[at] !== view.getInt32(i, true)) return false;
    at++;
  }
  if (i === end) return true;
  let word = view.getUint8(i);
  if (i + 1 < end) word |= view.getUint8(i + 1) << 8;
  if (i + 2 < end) word |= view.getUint8(i + 2) << 16;
  return ((words[at] ^ word) & ((1 << ((end - i) << 3)) - 1)) === 0;
}
