/**
 * A database: one numbered keyspace of a shard. Hot path.
 *
 * Keys and values are entries of an off-heap table. Looking a key up leaves where it is in the public fields words, bytes
 * and index, which hold until the next call that changes the database; a key whose time has come is removed by the look
 * that meets it. Values are changed through here only, so that memory, expiry and counters stay true.
 *
 * Refuses: to know replies or arguments' meaning; to say what changed (the command does, it knows the event).
 */

import { assert } from "../base/assert.ts";
import type { Address } from "../base/brands.ts";
import { copyBytes, copyView, equalBytes } from "../base/bytes.ts";
import { HUGE_BYTES_MIN } from "../base/limits.ts";
import type { Arena } from "../memory/arena.ts";
import { capacityOf, sameClass } from "../memory/arena.ts";
import {
  CLOCK_MASK,
  ENTRY_HEADER_BYTES,
  entryByteLength,
  entryByteLengthAt,
  entryIndex,
  expiryAt,
  keyLengthAt,
  keyOffsetAt,
  makeMeta,
  setExpiryAt,
  setTypeAt,
  valueLengthAt,
  valueOffsetAt,
  writeEntryHeader,
} from "../memory/entry.ts";
import type { EntryVisitor, Sample } from "../memory/scan.ts";
import { Table } from "../memory/table.ts";
import type { AccessClock } from "./access.ts";
import { STRING_RAW, TYPE_STRING } from "./encoding.ts";
import type { Store } from "./store.ts";

const SLOT_BYTES = 8;

/** No expiry. */
export const NO_EXPIRY = -1;
/** The key keeps the expiry it has. */
export const KEEP_EXPIRY = -2;

export class Database {
  readonly index: number;
  /** The evictor's: where the next sample of rare keys begins, 2^32 for anywhere. */
  sweep: number;
  /** Segment of the entry last found: words, bytes, a view, and the index of the entry's first word. */
  words: Int32Array;
  bytes: Uint8Array;
  view: DataView;
  at: number;
  #address: Address;
  #hash: number;
  #table: Table;
  readonly #store: Store;
  readonly #access: AccessClock;
  #arena: Arena;

  constructor(store: Store, index: number) {
    this.index = index;
    this.sweep = 2 ** 32;
    this.words = NO_WORDS;
    this.bytes = NO_BYTES;
    this.view = NO_VIEW;
    this.at = 0;
    this.#address = 0 as Address;
    this.#hash = 0;
    this.#store = store;
    this.#access = store.access;
    this.#arena = store.arena;
    this.#table = new Table(store.arena);
  }

  /** Keys, those included whose time has come but which nobody has met. */
  get size(): number {
    return this.#table.count;
  }

  /** Keys with an expiry. */
  get expires(): number {
    return this.#table.flaggedCount;
  }

  /** Bytes of the table itself. */
  get tableBytes(): number {
    return this.#table.usedBytes;
  }

  /** Finds a live key for reading: counts a hit or a miss, and the access. */
  lookup(view: DataView, start: number, end: number): boolean {
    const found = this.find(view, start, end);
    this.#store.lookups[found ? 0 : 1]++;
    return found;
  }

  /** As lookup(), for commands that leave no trace in the key's access clock: EXISTS, TTL, TYPE, OBJECT. */
  inspect(view: DataView, start: number, end: number): boolean {
    const found = this.peek(view, start, end);
    this.#store.lookups[found ? 0 : 1]++;
    return found;
  }

  /** Finds a live key for writing: an access that counts neither as hit nor as miss. */
  find(view: DataView, start: number, end: number): boolean {
    if (!this.peek(view, start, end)) return false;
    const access = this.#access;
    const words = this.words;
    const at = this.at + 2;
    const meta = words[at];
    // Most often the clock stands already where it should: a store would cost more than the look.
    if (((meta ^ access.seen) & CLOCK_MASK) !== 0) {
      words[at] = (meta & ~CLOCK_MASK) | access.touched(meta & CLOCK_MASK);
    }
    return true;
  }

  /** Finds a live key and leaves no trace: for what is removed, and for those who only look. */
  peek(view: DataView, start: number, end: number): boolean {
    const store = this.#store;
    // The hash of a prefetched key is known already.
    const hash =
      store.hintStart === start && store.hintEnd === end && store.hintView === view
        ? store.hintHash
        : store.hasher.hash(view, start, end);
    this.#hash = hash;
    const address = this.#table.find(view, start, end, hash);
    this.#address = address;
    if (address === 0) return false;
    const words = this.#arena.words[address >>> 22];
    const at = entryIndex(address);
    if (words[at + 2] < 0 && expiryAt(words, at) <= store.nowMs) {
      this.#expireFound();
      return false;
    }
    if (this.words !== words) this.#turnTo(address >>> 22);
    this.at = at;
    return true;
  }

  /** See Table.prefetch. */
  prefetch(hashes: Int32Array, count: number): number {
    return this.#table.prefetch(hashes, count);
  }

  // Facts of the entry found.

  get valueStart(): number {
    return valueOffsetAt(this.words, this.at);
  }

  get valueEnd(): number {
    return valueOffsetAt(this.words, this.at) + valueLengthAt(this.words, this.at);
  }

  get valueLength(): number {
    return valueLengthAt(this.words, this.at);
  }

  get type(): number {
    return (this.words[this.at + 2] >>> 24) & 15;
  }

  get encoding(): number {
    return (this.words[this.at + 2] >>> 28) & 7;
  }

  /** Milliseconds since 1970, or NO_EXPIRY. */
  get expiryMs(): number {
    return this.words[this.at + 2] < 0 ? expiryAt(this.words, this.at) : NO_EXPIRY;
  }

  // Changes of the entry found, or of the key that find() did not find.

  /**
   * Sets the key last looked up to a string, whatever it held. `expiryMs` is a time, NO_EXPIRY or KEEP_EXPIRY. The bytes
   * must not lie in the store. False when there is no memory for it; then nothing changed.
   */
  setString(
    key: DataView,
    keyStart: number,
    keyEnd: number,
    value: DataView,
    valueStart: number,
    valueEnd: number,
    encoding: number,
    expiryMs: number,
  ): boolean {
    const address = this.#address;
    if (expiryMs === KEEP_EXPIRY) expiryMs = address === 0 ? NO_EXPIRY : this.expiryMs;
    const hasExpiry = expiryMs >= 0;
    const keyLength = keyEnd - keyStart;
    const valueLength = valueEnd - valueStart;
    if (address !== 0 && !hasExpiry && this.words[this.at + 2] >= 0) {
      const old = valueLengthAt(this.words, this.at);
      if (
        old === valueLength ||
        sameClass(ENTRY_HEADER_BYTES + keyLength + old, ENTRY_HEADER_BYTES + keyLength + valueLength)
      ) {
        // The common case: a value takes the place of one like it, and the key stays as it stands.
        const at = this.at;
        this.words[at + 1] = valueLength;
        this.words[at + 2] = makeMeta(TYPE_STRING, encoding, this.words[at + 2], false);
        copyView(this.view, (at << 2) + ENTRY_HEADER_BYTES + keyLength, value, valueStart, valueEnd);
        return true;
      }
    }
    const byteLength = entryByteLength(keyLength, valueLength, hasExpiry);
    // The key was looked up, so that an old entry's clock is set already: how often it is used outlives its value.
    const clock = address !== 0 ? this.words[this.at + 2] : this.#access.current;
    let words: Int32Array;
    let at: number;
    if (address !== 0 && sameClass(entryByteLengthAt(this.words, this.at), byteLength)) {
      words = this.words;
      at = this.at;
      if (words[at + 2] < 0 !== hasExpiry) this.#table.setFoundFlag(hasExpiry);
    } else {
      const fresh = this.#place(byteLength, hasExpiry);
      if (fresh === 0) return false;
      words = this.words;
      at = this.at;
    }
    writeEntryHeader(words, at, keyLength, valueLength, makeMeta(TYPE_STRING, encoding, clock, hasExpiry));
    let offset = (at << 2) + 12;
    if (hasExpiry) {
      setExpiryAt(words, at, expiryMs);
      offset += 8;
    }
    offset = copyView(this.view, offset, key, keyStart, keyEnd);
    copyView(this.view, offset, value, valueStart, valueEnd);
    return true;
  }

  /**
   * Makes the string found `length` bytes long and raw: cut, or grown with zero bytes. False when there is no memory;
   * then nothing changed. The caller then writes at valueStart.
   */
  resizeString(length: number): boolean {
    const oldWords = this.words;
    const oldBytes = this.bytes;
    const oldAt = this.at;
    const keyLength = keyLengthAt(oldWords, oldAt);
    const oldLength = valueLengthAt(oldWords, oldAt);
    const hasExpiry = oldWords[oldAt + 2] < 0;
    const byteLength = entryByteLength(keyLength, length, hasExpiry);
    if (!sameClass(entryByteLengthAt(oldWords, oldAt), byteLength)) {
      const oldAddress = this.#address;
      const fresh = this.#arena.allocate(byteLength);
      if (fresh === 0) return false;
      const oldByteLength = entryByteLengthAt(oldWords, oldAt);
      this.#adopt(fresh);
      copyBytes(this.bytes, this.at << 2, oldBytes, oldAt << 2, (oldAt << 2) + Math.min(oldByteLength, byteLength));
      this.#table.replaceFound(fresh, hasExpiry);
      this.#arena.free(oldAddress, oldByteLength);
    }
    this.words[this.at + 1] = length;
    setTypeAt(this.words, this.at, TYPE_STRING, STRING_RAW);
    if (length > oldLength) {
      const from = this.valueStart + oldLength;
      this.bytes.fill(0, from, from + length - oldLength);
    }
    return true;
  }

  /** Gives the key found another expiry, or NO_EXPIRY. False when there is no memory for it. */
  setExpiry(expiryMs: number): boolean {
    const hasExpiry = expiryMs >= 0;
    if (this.words[this.at + 2] < 0 === hasExpiry) {
      if (hasExpiry) setExpiryAt(this.words, this.at, expiryMs);
      return true;
    }
    const oldWords = this.words;
    const oldBytes = this.bytes;
    const oldAt = this.at;
    const oldAddress = this.#address;
    const oldByteLength = entryByteLengthAt(oldWords, oldAt);
    const keyLength = keyLengthAt(oldWords, oldAt);
    const valueLength = valueLengthAt(oldWords, oldAt);
    const from = keyOffsetAt(oldWords, oldAt);
    const fresh = this.#arena.allocate(entryByteLength(keyLength, valueLength, hasExpiry));
    if (fresh === 0) return false;
    this.#adopt(fresh);
    const meta = oldWords[oldAt + 2];
    writeEntryHeader(this.words, this.at, keyLength, valueLength, (meta & 0x7fff_ffff) | (hasExpiry ? 1 << 31 : 0));
    if (hasExpiry) setExpiryAt(this.words, this.at, expiryMs);
    copyBytes(this.bytes, keyOffsetAt(this.words, this.at), oldBytes, from, from + keyLength + valueLength);
    this.#table.replaceFound(fresh, hasExpiry);
    this.#arena.free(oldAddress, oldByteLength);
    return true;
  }

  /** Removes the key found. */
  remove(): void {
    assert(this.#address !== 0, "a key was found");
    const byteLength = entryByteLengthAt(this.words, this.at);
    this.#table.removeFound();
    this.#arena.free(this.#address, byteLength);
    this.#address = 0 as Address;
    if (byteLength > HUGE_BYTES_MIN) this.#turnAway();
  }

  /** Turns to the entry at `address` with that hash, so that it can be removed; false if it is not there any more. */
  select(hash: number, address: Address): boolean {
    if (!this.#table.findAddress(hash, address)) return false;
    this.#hash = hash;
    this.#adopt(address);
    return true;
  }

  /** See Table.sample. */
  sample(place: number, slot: number, want: number, flaggedOnly: boolean, into: Sample): number {
    return this.#table.sample(place, slot, want, flaggedOnly, into);
  }

  /** Removes all keys; returns how many. Their memory is given back at once, or in slices by the store. */
  clear(): number {
    const count = this.#table.count;
    this.#address = 0 as Address;
    if (count > 0) {
      this.#store.discard(this.#table);
      this.#table = new Table(this.#arena);
    }
    return count;
  }

  /** Bytes that the entry found takes, its slot in the table included. */
  get entryBytes(): number {
    return capacityOf(entryByteLengthAt(this.words, this.at)) + SLOT_BYTES;
  }

  /** Where the entry found is, as the arena counts. */
  get address(): number {
    return this.#address;
  }

  /** The access clock of the entry found: access.ts tells what it means. */
  get clock(): number {
    return this.words[this.at + 2] & CLOCK_MASK;
  }

  /** The store has a new arena; what the database held is gone with the old one. */
  restart(): void {
    this.#address = 0 as Address;
    this.#turnAway();
    this.#arena = this.#store.arena;
    this.#table = new Table(this.#arena);
  }

  /** See Table.scan. The visitor gets addresses: keyAt() reads them. */
  scan(cursor: number, countMin: number, visitor: EntryVisitor): number {
    return this.#table.scan(cursor, countMin, visitor);
  }

  /** See Table.scanFlagged: keys with an expiry. */
  scanExpiring(cursor: number, budgetSlots: number, visitor: EntryVisitor): number {
    return this.#table.scanFlagged(cursor, budgetSlots, visitor);
  }

  /** Looks at the entry at `address` as find() does; false when its time has come (it stays). */
  visit(address: Address): boolean {
    this.#address = 0 as Address;
    this.#turnTo(address >>> 22);
    this.at = entryIndex(address);
    return !(this.words[this.at + 2] < 0 && expiryAt(this.words, this.at) <= this.#store.nowMs);
  }

  /** Key of the entry looked at: [keyStart, keyEnd) of bytes. */
  get keyStart(): number {
    return keyOffsetAt(this.words, this.at);
  }

  get keyEnd(): number {
    return keyOffsetAt(this.words, this.at) + keyLengthAt(this.words, this.at);
  }

  /** Address of a key by chance, each equally likely, or 0. Its time may have come. */
  randomAddress(): Address {
    const random = this.#store.random;
    return this.#table.randomEntry(random.int32(), random.int32());
  }

  /** Removes the entry at `address`, whose time has come. */
  expireAt(address: Address): void {
    const words = this.#arena.words[address >>> 22];
    const at = entryIndex(address);
    const view = this.#arena.views[address >>> 22];
    const start = keyOffsetAt(words, at);
    // Found by its own key; peek() sees that its time has come.
    const found = this.peek(view, start, start + keyLengthAt(words, at));
    assert(!found, "the key's time had come");
  }

  /** Is the key found the one given? For tests. */
  holdsKey(bytes: Uint8Array, start: number, end: number): boolean {
    return keyLengthAt(this.words, this.at) === end - start && equalBytes(bytes, start, end, this.bytes, this.keyStart);
  }

  /** Takes memory for the key last looked up and puts it in the table, in place of what was there. */
  #place(byteLength: number, hasExpiry: boolean): Address {
    const fresh = this.#arena.allocate(byteLength);
    if (fresh === 0) return fresh;
    const old = this.#address;
    if (old === 0) {
      if (!this.#table.insert(this.#hash, fresh, hasExpiry)) {
        this.#arena.free(fresh, byteLength);
        return 0 as Address;
      }
    } else {
      const oldByteLength = entryByteLengthAt(this.words, this.at);
      this.#table.replaceFound(fresh, hasExpiry);
      this.#arena.free(old, oldByteLength);
    }
    this.#adopt(fresh);
    return fresh;
  }

  #adopt(address: Address): void {
    this.#address = address;
    this.#turnTo(address >>> 22);
    this.at = entryIndex(address);
  }

  /** The fields that callers read look at this segment from now on. */
  #turnTo(segment: number): void {
    this.words = this.#arena.words[segment];
    this.bytes = this.#arena.bytes[segment];
    this.view = this.#arena.views[segment];
  }

  /** Looks at nothing: a view of memory that is given back would hold it. */
  // tidy: cold function, the end of an arena or of a huge value
  #turnAway(): void {
    this.words = NO_WORDS;
    this.bytes = NO_BYTES;
    this.view = NO_VIEW;
    this.at = 0;
  }

  #expireFound(): void {
    const address = this.#address;
    const words = this.#arena.words[address >>> 22];
    const bytes = this.#arena.bytes[address >>> 22];
    const at = entryIndex(address);
    const start = keyOffsetAt(words, at);
    this.#store.noteExpired(this.index, bytes, start, start + keyLengthAt(words, at));
    const byteLength = entryByteLengthAt(words, at);
    this.#table.removeFound();
    this.#arena.free(address, byteLength);
    this.#address = 0 as Address;
    if (byteLength > HUGE_BYTES_MIN) this.#turnAway();
  }
}

const NO_WORDS = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));
