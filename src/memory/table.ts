/**
 * A hash table from byte strings to entries in the arena (entry.ts), in the order of their hashes. Hot path.
 *
 * Extendible hashing: the top bits of the hash choose a place in the directory, which names a leaf (leaf.ts). A full
 * leaf grows, then splits; two sparse ones merge. So one operation costs at most the work of one leaf (some 10 µs), except
 * that now and then the directory doubles or halves: a copy of 8 bytes per place, 256 KiB for 10 M entries, 32 MiB at
 * the very most.
 *
 * Directory, two words for each place (2^depth of them):   leaf address | groups (0..7), leaf depth (8..12), chained (16)
 *
 * The table does not own entries: it neither makes nor frees them, and never reads more of one than its key. A key is in
 * it once; the caller looks before it inserts. It never throws for lack of memory: insert() answers false.
 * Shape and bounds are directory.ts's, scans and sampling are in scan.ts.
 */
import { assert } from "../base/assert.ts";
import type { Address } from "../base/brands.ts";
import type { Arena } from "./arena.ts";
import { Directory, type RebuildObserver } from "./directory.ts";
import { keyEqualsAt } from "./entry.ts";
import {
  ADDRESS_MASK,
  FIRST_SLOT,
  FLAG_BIT,
  GROUP_EPOCH,
  GROUP_META,
  GROUP_SLOTS,
  GROUP_WORDS,
  GROUP_WORDS_LOG,
  GROW_COUNT,
  groupFirstHash,
  HEADER_WORDS,
  homeOf,
  LEAF_CHAINED,
  LEAF_COUNT,
  LEAF_DEPTH,
  LEAF_FLAGGED,
  LEAF_GROUPS,
  LEAF_NEXT,
  leafIndex,
  PASSED_MASK,
  place,
  raiseEpoch,
  removeSlot,
  SHRINK_COUNT,
} from "./leaf.ts";
import { type EntryVisitor, randomEntry, type Sample, sample, scan, scanFlagged, visitGroup } from "./scan.ts";

/** Hashes that prefetch() takes in one call. */
const PREFETCH_MAX = 64;

export class Table {
  readonly directory: Directory;
  /** Entries, and those of them with a flag (which, for a keyspace, have an expiry). */
  count = 0;
  flaggedCount = 0;
  readonly #words: Int32Array[];
  /** Where the last successful find() or insert() was: leaf, and word index of its slot. Valid until the next insert or remove. */
  #foundLeaf = 0;
  #foundSlot = 0;
  readonly #prefetchLeaves = new Int32Array(PREFETCH_MAX);
  readonly #prefetchSlots = new Int32Array(PREFETCH_MAX);
  /** Directory place that clearStep() has come to; -1 when it is not under way. */
  #clearPlace = -1;

  constructor(arena: Arena) {
    this.directory = new Directory(arena);
    this.#words = arena.words;
  }

  /** Bytes of leaves in the arena and of the directory; entries not included. */
  get usedBytes(): number {
    return this.directory.usedBytes;
  }

  /** Called before entries change groups; null for nobody. */
  get observer(): RebuildObserver | null {
    return this.directory.observer;
  }

  set observer(observer: RebuildObserver | null) {
    this.directory.observer = observer;
  }

  /** Address of the entry whose key is bytes start ≤ i < end of the view and whose hash is given, or 0. Remembers where it was. */
  find(view: DataView, start: number, end: number, hash: number): Address {
    const directory = this.directory;
    const at = ((hash >>> 1) >>> directory.shift) << 1;
    let leaf = directory.places[at];
    if (leaf === 0) return 0 as Address;
    const shape = directory.places[at + 1];
    const groups = shape & 0xff;
    // Only bits 8 to 12 of the shape count in a shift.
    const home = (((hash << (shape >>> 8)) >>> 16) * groups) >>> 16;
    const startSlot = FIRST_SLOT + ((((hash & 0xff) * GROUP_SLOTS) >>> 8) << 1);
    const length = end - start;
    for (;;) {
      const words = this.#words[leaf >>> 22];
      const base = ((leaf & 0x3fffff) << 2) + HEADER_WORDS;
      let group = home;
      do {
        const first = base + (group << GROUP_WORDS_LOG);
        let slot = first + startSlot;
        for (let n = GROUP_SLOTS; n !== 0; n--) {
          if (words[slot] === hash) {
            const address = words[slot + 1] & ADDRESS_MASK;
            const entry = (address & 0x3fffff) << 2;
            if (address !== 0 && keyEqualsAt(this.#words[address >>> 22], entry, view, start, length)) {
              this.#foundLeaf = leaf;
              this.#foundSlot = slot;
              return address as Address;
            }
          }
          slot += 2;
          if (slot === first + GROUP_WORDS) slot = first + FIRST_SLOT;
        }
        if ((words[first + GROUP_META] & PASSED_MASK) === 0) break;
        group = group + 1 === groups ? 0 : group + 1;
      } while (group !== home);
      if (shape >>> 16 === 0) return 0 as Address;
      leaf = words[base - HEADER_WORDS + LEAF_NEXT];
      if (leaf === 0) return 0 as Address;
    }
  }

  /**
   * Asks for the memory of the entries with these hashes, all at once, so that the look-ups that follow do not wait for
   * it one by one. Changes nothing; the result says nothing either, it only keeps the loads from being optimized away.
   */
  prefetch(hashes: Int32Array, count: number): number {
    const places = this.directory.places;
    const shift = this.directory.shift;
    const segments = this.#words;
    const slots = this.#prefetchSlots;
    const leaves = this.#prefetchLeaves;
    let sink = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      const at = ((hash >>> 1) >>> shift) << 1;
      const leaf = places[at];
      const shape = places[at + 1];
      const home = (((hash << (shape >>> 8)) >>> 16) * (shape & 0xff)) >>> 16;
      const first = ((leaf & 0x3fffff) << 2) + HEADER_WORDS + (home << GROUP_WORDS_LOG);
      const slot = first + FIRST_SLOT + ((((hash & 0xff) * GROUP_SLOTS) >>> 8) << 1);
      leaves[i] = leaf;
      slots[i] = slot;
      if (leaf !== 0) sink ^= segments[leaf >>> 22][slot];
    }
    for (let i = 0; i < count; i++) {
      const leaf = leaves[i];
      if (leaf === 0) continue;
      const words = segments[leaf >>> 22];
      const hash = hashes[i];
      // Most entries lie in their first place or close behind it; the others are not worth a longer search here.
      const slot = slots[i];
      let address = 0;
      if (words[slot] === hash) address = words[slot + 1] & ADDRESS_MASK;
      else if (words[slot + 2] === hash) address = words[slot + 3] & ADDRESS_MASK;
      else if (words[slot + 4] === hash) address = words[slot + 5] & ADDRESS_MASK;
      else if (words[slot + 6] === hash) address = words[slot + 7] & ADDRESS_MASK;
      if (address !== 0) sink ^= segments[address >>> 22][(address & 0x3fffff) << 2];
    }
    return sink;
  }

  /** Adds an entry whose key is not in the table, as if it were found. False when there is no memory for it; then nothing changed. */
  insert(hash: number, address: Address, flag: boolean): boolean {
    assert(address > 0 && this.#clearPlace < 0, "an entry goes into a table that stays");
    const directory = this.directory;
    for (;;) {
      const at = ((hash >>> 1) >>> directory.shift) << 1;
      let leaf = directory.places[at];
      if (leaf === 0) {
        if (!directory.addFirstLeaf()) return false;
        continue;
      }
      const words = this.#words[leaf >>> 22];
      const index = leafIndex(leaf);
      const count = words[index + LEAF_COUNT];
      const groups = words[index + LEAF_GROUPS];
      if (count >= GROW_COUNT[groups]) {
        if (words[index + LEAF_CHAINED] !== 0) {
          leaf = directory.chainedRoom(at);
          if (leaf === 0) return false;
        } else {
          if (directory.makeRoom(hash)) continue;
          if (count >= groups * GROUP_SLOTS) return false;
        }
      }
      this.#foundSlot = place(this.#words[leaf >>> 22], leafIndex(leaf), hash, flag ? address | FLAG_BIT : address);
      this.#foundLeaf = leaf;
      this.count++;
      if (flag) this.flaggedCount++;
      return true;
    }
  }

  /** Puts another entry with the same key in place of the one found. */
  replaceFound(address: Address, flag: boolean): void {
    assert(address > 0 && this.#foundLeaf !== 0, "an entry was found");
    const words = this.#words[this.#foundLeaf >>> 22];
    this.setFoundFlag(flag);
    words[this.#foundSlot + 1] = flag ? address | FLAG_BIT : address;
  }

  setFoundFlag(flag: boolean): void {
    assert(this.#foundLeaf !== 0, "an entry was found");
    const words = this.#words[this.#foundLeaf >>> 22];
    const value = words[this.#foundSlot + 1];
    if (value < 0 === flag) return;
    words[this.#foundSlot + 1] = flag ? value | FLAG_BIT : value & ADDRESS_MASK;
    words[leafIndex(this.#foundLeaf) + LEAF_FLAGGED] += flag ? 1 : -1;
    this.flaggedCount += flag ? 1 : -1;
  }

  /** Removes the entry found from the table; its memory is the caller's. */
  removeFound(): void {
    const leaf = this.#foundLeaf;
    assert(leaf !== 0 && this.#clearPlace < 0, "an entry was found");
    this.#foundLeaf = 0;
    const words = this.#words[leaf >>> 22];
    const index = leafIndex(leaf);
    const hash = words[this.#foundSlot];
    if (words[this.#foundSlot + 1] < 0) this.flaggedCount--;
    this.count--;
    removeSlot(words, index, this.#foundSlot);
    const count = words[index + LEAF_COUNT];
    if (words[index + LEAF_CHAINED] !== 0) {
      if (count === 0) this.directory.unchain(hash, leaf);
    } else if (count <= SHRINK_COUNT[words[index + LEAF_GROUPS]] || (count & 15) === 0) {
      this.directory.shrink(hash);
    }
  }

  /**
   * Frees the table in slices: shows the visitor, who frees them, the entries of whole leaves until at least `budget`
   * are done. True when the table is empty, and usable again. In between it may be searched and nothing else.
   */
  clearStep(budget: number, visitor: EntryVisitor): boolean {
    const places = this.directory.places;
    if (this.#clearPlace < 0) this.#clearPlace = 0;
    this.#foundLeaf = 0;
    let rest = budget;
    let at = this.#clearPlace;
    while (at < places.length && rest > 0) {
      const leaf = places[at];
      if (leaf === 0) {
        at += 2;
        rest--;
        continue;
      }
      const words = this.#words[leaf >>> 22];
      const index = leafIndex(leaf);
      const count = words[index + LEAF_COUNT];
      rest -= count + 1;
      this.count -= count;
      this.flaggedCount -= words[index + LEAF_FLAGGED];
      const end = index + HEADER_WORDS + words[index + LEAF_GROUPS] * GROUP_WORDS;
      for (let group = index + HEADER_WORDS; group < end; group += GROUP_WORDS) {
        for (let slot = group + FIRST_SLOT; slot < group + GROUP_WORDS; slot += 2) {
          const value = words[slot + 1];
          if (value !== 0) visitor.visit((value & ADDRESS_MASK) as Address);
        }
      }
      this.directory.dropFirstOfChain(at);
    }
    this.#clearPlace = at;
    if (at < places.length) return false;
    this.#clearPlace = -1;
    this.directory.reset();
    assert(this.count === 0 && this.flaggedCount === 0, "all entries were counted");
    return true;
  }

  /**
   * Visits all entries with hashes from `cursor` on, in order of groups, until at least `countMin` are visited; returns
   * the cursor to go on with, 2^32 at the end. Start with 0. An entry that stays in the table from the first call to the
   * last is visited exactly once, whatever happens between calls. A visitor must not change the table.
   */
  scan(cursor: number, countMin: number, visitor: EntryVisitor): number {
    return scan(this.directory, cursor, countMin, visitor);
  }

  /** Like scan() for flagged entries alone, ended by the number of slots looked at. Leaves without any cost 16. */
  scanFlagged(cursor: number, budgetSlots: number, visitor: EntryVisitor): number {
    return scanFlagged(this.directory, cursor, budgetSlots, visitor);
  }

  /** See sample() in scan.ts. */
  sample(place: number, slot: number, want: number, flaggedOnly: boolean, into: Sample): number {
    into.count = 0;
    return this.count === 0 ? 2 ** 32 : sample(this.directory, place, slot, want, flaggedOnly, into);
  }

  /** Is the entry at `address`, with that hash, in the table? It is found then, as by find(). */
  findAddress(hash: number, address: Address): boolean {
    const directory = this.directory;
    const at = directory.placeOf(hash);
    const shape = directory.places[at + 1];
    for (let leaf = directory.places[at]; leaf !== 0; ) {
      const words = this.#words[leaf >>> 22];
      const index = leafIndex(leaf);
      const groups = words[index + LEAF_GROUPS];
      const home = homeOf(hash, groups, (shape >>> 8) & 31);
      let group = home;
      do {
        const first = index + HEADER_WORDS + (group << GROUP_WORDS_LOG);
        for (let slot = first + FIRST_SLOT; slot < first + GROUP_WORDS; slot += 2) {
          if (words[slot] !== hash || (words[slot + 1] & ADDRESS_MASK) !== address) continue;
          this.#foundLeaf = leaf;
          this.#foundSlot = slot;
          return true;
        }
        if ((words[first + GROUP_META] & PASSED_MASK) === 0) break;
        group = group + 1 === groups ? 0 : group + 1;
      } while (group !== home);
      leaf = words[index + LEAF_NEXT];
    }
    return false;
  }

  /** An entry by chance, each with the same probability, from 64 random bits; 0 if there is none. */
  randomEntry(randomA: number, randomB: number): Address {
    return this.count === 0 ? (0 as Address) : randomEntry(this.directory, randomA, randomB);
  }

  /** Epoch of the group that a hash belongs to; 0 if never set. */
  epochOf(hash: number): number {
    const at = this.directory.placeOf(hash);
    const leaf = this.directory.places[at];
    if (leaf === 0) return 0;
    const words = this.#words[leaf >>> 22];
    const index = leafIndex(leaf);
    const group = homeOf(hash, words[index + LEAF_GROUPS], words[index + LEAF_DEPTH]);
    return words[index + HEADER_WORDS + (group << GROUP_WORDS_LOG) + GROUP_EPOCH];
  }

  /** Raises the epoch (0 ≤ epoch < 2^31) of the group that a hash belongs to. */
  setEpoch(hash: number, epoch: number): void {
    const leaf = this.directory.places[this.directory.placeOf(hash)];
    if (leaf === 0) return;
    const words = this.#words[leaf >>> 22];
    const index = leafIndex(leaf);
    raiseEpoch(words, index, homeOf(hash, words[index + LEAF_GROUPS], words[index + LEAF_DEPTH]), epoch);
  }

  /** Visits all entries of the group that a hash belongs to. */
  visitGroup(hash: number, visitor: EntryVisitor): void {
    visitGroup(this.directory, hash, visitor);
  }

  /** First hash (unsigned) after the group that a hash belongs to; 2^32 after the last group. */
  groupEnd(hash: number): number {
    const at = this.directory.placeOf(hash);
    const shape = this.directory.places[at + 1];
    const groups = shape & 0xff;
    const depth = (shape >>> 8) & 31;
    if (groups === 0) return 2 ** 32;
    return groupFirstHash(this.directory.leafFirstHash(hash, depth), depth, groups, homeOf(hash, groups, depth) + 1);
  }
}
