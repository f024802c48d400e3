/**
 * The directory of a table: which leaf holds which hashes, and how leaves are made larger, split, merged and chained.
 *
 * Everything here is bounded by one leaf of entries, plus the places of the directory that change. It is called when a
 * leaf is full or sparse, not by a search: table.ts reads `places` and `shift` itself. It does not compare keys.
 *
 * Whoever takes a snapshot sets `observer`, and is told of a range of hashes before its entries change groups, so that
 * it can deal with groups that it has not seen; a new group's epoch is the latest of those that it is made of.
 */
import { assert } from "../base/assert.ts";
import type { Address } from "../base/brands.ts";
import { DIRECTORY_PLACES_PER_LEAF_MAX, TABLE_DEPTH_MAX } from "../base/limits.ts";
import { type Arena, capacityOf } from "./arena.ts";
import {
  carryEpochs,
  clearLeaf,
  copyEntries,
  countUpperHalf,
  GROUP_EPOCH,
  GROUP_WORDS,
  GROUPS_MAX,
  GROW_COUNT,
  groupsFor,
  HASHES,
  HEADER_WORDS,
  LEAF_CHAINED,
  LEAF_COUNT,
  LEAF_DEPTH,
  LEAF_GROUPS,
  LEAF_NEXT,
  LEAF_SLOTS_MAX,
  leafByteLength,
  leafIndex,
  MERGE_COUNT_MAX,
  nextSize,
  raiseEpoch,
  SHRINK_COUNT,
} from "./leaf.ts";

export interface RebuildObserver {
  /** Entries with hashes firstHash ≤ hash < endHash (unsigned) are about to change groups. It must not change the table. */
  beforeRebuild(firstHash: number, endHash: number): void;
}

const CHAINED_BIT = 1 << 16;
/** Depths that are allowed whatever the number of leaves. */
const FREE_DEPTH = 4;

export class Directory {
  readonly arena: Arena;
  /** Two words per place: leaf address, shape. See table.ts. */
  places = new Int32Array(2);
  /** Bits of the hash that choose a place, and (hash >>> 1) >>> shift is that place. */
  depth = 0;
  shift = 31;
  observer: RebuildObserver | null = null;
  /** Leaves in the longest chain there ever was since the directory was empty. */
  chainLengthMax = 1;
  #leaves = 0;
  #leafBytes = 0;
  readonly #leavesAtDepth = new Int32Array(TABLE_DEPTH_MAX + 1);

  constructor(arena: Arena) {
    this.arena = arena;
  }

  get usedBytes(): number {
    return this.#leafBytes + this.places.byteLength;
  }

  /** Word index of the place of a hash. */
  placeOf(hash: number): number {
    return ((hash >>> 1) >>> this.shift) << 1;
  }

  /** The first hash, unsigned, of the leaf of that depth that a hash belongs to. */
  leafFirstHash(hash: number, depth: number): number {
    return depth === 0 ? 0 : (hash & (-1 << (32 - depth))) >>> 0;
  }

  addFirstLeaf(): boolean {
    assert(this.#leaves === 0, "the first leaf is the only one");
    const leaf = this.#allocate(1, 0);
    if (leaf === 0) return false;
    this.#setPlaces(0, 0, leaf, 0);
    return true;
  }

  /** Makes the full, unchained leaf of a hash larger, splits it or chains it. False when there is no memory. */
  makeRoom(hash: number): boolean {
    const at = this.placeOf(hash);
    const leaf = this.places[at];
    const words = this.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const groups = words[index + LEAF_GROUPS];
    if (groups < GROUPS_MAX) return this.#resize(hash, nextSize(groups));
    const depth = words[index + LEAF_DEPTH];
    if (depth < this.depth || this.#mayDouble()) return this.#split(hash);
    return this.#chain(at);
  }

  /** A leaf with room in the chain at a place; 0 when there is no memory for another one. */
  chainedRoom(at: number): number {
    let leaf = this.places[at];
    while (leaf !== 0) {
      const words = this.arena.words[leaf >>> 22];
      const index = leafIndex(leaf);
      if (words[index + LEAF_COUNT] < GROW_COUNT[GROUPS_MAX]) return leaf;
      leaf = words[index + LEAF_NEXT];
    }
    return this.#chain(at) ? this.places[at] : 0;
  }

  /** Takes an empty leaf out of the chain of a hash. */
  unchain(hash: number, leaf: number): void {
    const at = this.placeOf(hash);
    const words = this.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const next = words[index + LEAF_NEXT];
    const depth = words[index + LEAF_DEPTH];
    let first = this.places[at];
    if (first === leaf) {
      assert(next !== 0, "a chain has two leaves or more");
      this.#carryAll(leaf, next);
      first = next;
    } else {
      let before = first;
      for (;;) {
        const beforeNext = leafIndex(before) + LEAF_NEXT;
        if (this.arena.words[before >>> 22][beforeNext] === leaf) {
          this.arena.words[before >>> 22][beforeNext] = next;
          break;
        }
        before = this.arena.words[before >>> 22][beforeNext];
      }
    }
    this.#free(leaf);
    const firstWords = this.arena.words[first >>> 22];
    const single = firstWords[leafIndex(first) + LEAF_NEXT] === 0;
    if (single) firstWords[leafIndex(first) + LEAF_CHAINED] = 0;
    this.#setPlaces(hash, depth, first, single ? 0 : CHAINED_BIT);
    this.#count(depth, 1);
    if (single) this.shrink(hash);
  }

  /** After a removal from the unchained leaf of a hash: makes it smaller, or merges it with its buddies, if it is sparse. */
  shrink(hash: number): void {
    let leaf = this.places[this.placeOf(hash)];
    let words = this.arena.words[leaf >>> 22];
    let index = leafIndex(leaf);
    const count = words[index + LEAF_COUNT];
    if (count <= SHRINK_COUNT[words[index + LEAF_GROUPS]]) {
      const groups = groupsFor(count);
      if (groups < words[index + LEAF_GROUPS]) this.#resize(hash, groups);
    }
    while (this.#merge(hash));
    leaf = this.places[this.placeOf(hash)];
    words = this.arena.words[leaf >>> 22];
    index = leafIndex(leaf);
    if (words[index + LEAF_COUNT] === 0 && words[index + LEAF_DEPTH] === 0) {
      this.#free(leaf);
      this.reset();
    }
  }

  /** Frees the first leaf of the chain at a place, whose entries are gone or forgotten, and names the next one there. */
  dropFirstOfChain(at: number): void {
    const leaf = this.places[at];
    const words = this.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const next = words[index + LEAF_NEXT];
    const end = at + (2 << (this.depth - words[index + LEAF_DEPTH]));
    for (let place = at; place < end; place += 2) this.places[place] = next;
    this.#free(leaf);
  }

  /** Forgets all leaves, which are freed. */
  reset(): void {
    assert(this.#leafBytes === 0, "all leaves are freed");
    this.#setPlaceArray(new Int32Array(2));
    this.depth = 0;
    this.shift = 31;
    this.chainLengthMax = 1;
    this.#leaves = 0;
    this.#leavesAtDepth.fill(0);
  }

  #allocate(groups: number, depth: number): number {
    const bytes = leafByteLength(groups);
    const leaf = this.arena.allocate(bytes);
    if (leaf === 0) return 0;
    this.#leafBytes += capacityOf(bytes);
    this.#count(depth, 1);
    clearLeaf(this.arena.words[leaf >>> 22], leafIndex(leaf), groups, depth);
    return leaf;
  }

  #free(leaf: number): void {
    const index = leafIndex(leaf);
    const words = this.arena.words[leaf >>> 22];
    const bytes = leafByteLength(words[index + LEAF_GROUPS]);
    this.#leafBytes -= capacityOf(bytes);
    this.#count(words[index + LEAF_DEPTH], -1);
    this.arena.free(leaf as Address, bytes);
  }

  #count(depth: number, change: number): void {
    this.#leaves += change;
    this.#leavesAtDepth[depth] += change;
  }

  /** Lets all places of the range of a hash, at a depth, name a leaf. */
  #setPlaces(hash: number, depth: number, leaf: number, chained: number): void {
    const groups = this.arena.words[leaf >>> 22][leafIndex(leaf) + LEAF_GROUPS];
    const shape = groups | (depth << 8) | chained;
    const number = 1 << (this.depth - depth);
    const first = (this.placeOf(hash) >>> 1) & ~(number - 1);
    for (let place = first << 1; place < (first + number) << 1; place += 2) {
      this.places[place] = leaf;
      this.places[place + 1] = shape;
    }
  }

  #mayDouble(): boolean {
    if (this.depth === TABLE_DEPTH_MAX) return false;
    return this.depth < FREE_DEPTH || 2 << this.depth <= DIRECTORY_PLACES_PER_LEAF_MAX * this.#leaves;
  }

  #double(): void {
    const old = this.places;
    const places = new Int32Array(old.length * 2);
    for (let place = 0; place < old.length; place += 2) {
      const leaf = old[place];
      const shape = old[place + 1];
      const at = place << 1;
      places[at] = leaf;
      places[at + 1] = shape;
      places[at + 2] = leaf;
      places[at + 3] = shape;
    }
    this.#setPlaceArray(places);
    this.depth++;
    this.shift--;
  }

  #halve(): void {
    const old = this.places;
    const places = new Int32Array(old.length / 2);
    for (let place = 0; place < places.length; place += 2) {
      places[place] = old[place << 1];
      places[place + 1] = old[(place << 1) + 1];
    }
    this.#setPlaceArray(places);
    this.depth--;
    this.shift++;
  }

  /** The places are not the arena's memory, but count as used: it knows what a shard takes. */
  #setPlaceArray(places: Int32Array<ArrayBuffer>): void {
    this.arena.account(places.byteLength - this.places.byteLength);
    this.places = places;
  }

  #observe(first: number, depth: number): void {
    if (this.observer !== null) this.observer.beforeRebuild(first, first + HASHES / 2 ** depth);
  }

  /** Builds the leaf of a hash anew with another number of groups. */
  #resize(hash: number, groups: number): boolean {
    const leaf = this.places[this.placeOf(hash)];
    const index = leafIndex(leaf);
    const words = this.arena.words[leaf >>> 22];
    const depth = words[index + LEAF_DEPTH];
    const larger = this.#allocate(groups, depth);
    if (larger === 0) return false;
    const first = this.leafFirstHash(hash, depth);
    this.#observe(first, depth);
    const to = this.arena.words[larger >>> 22];
    copyEntries(words, index, to, leafIndex(larger), to, leafIndex(larger));
    carryEpochs(words, index, first, to, leafIndex(larger), first);
    this.#setPlaces(hash, depth, larger, 0);
    this.#free(leaf);
    return true;
  }

  #split(hash: number): boolean {
    const leaf = this.places[this.placeOf(hash)];
    const index = leafIndex(leaf);
    const words = this.arena.words[leaf >>> 22];
    const depth = words[index + LEAF_DEPTH];
    const upperCount = countUpperHalf(words, index);
    const lower = this.#allocate(groupsFor(words[index + LEAF_COUNT] - upperCount), depth + 1);
    if (lower === 0) return false;
    const upper = this.#allocate(groupsFor(upperCount), depth + 1);
    if (upper === 0) {
      this.#free(lower);
      return false;
    }
    if (depth === this.depth) this.#double();
    const first = this.leafFirstHash(hash, depth);
    this.#observe(first, depth);
    const half = first + HASHES / 2 ** (depth + 1);
    const lowerWords = this.arena.words[lower >>> 22];
    const upperWords = this.arena.words[upper >>> 22];
    copyEntries(words, index, lowerWords, leafIndex(lower), upperWords, leafIndex(upper));
    carryEpochs(words, index, first, lowerWords, leafIndex(lower), first);
    carryEpochs(words, index, first, upperWords, leafIndex(upper), half);
    this.#setPlaces(first | 0, depth + 1, lower, 0);
    this.#setPlaces(half | 0, depth + 1, upper, 0);
    this.#free(leaf);
    return true;
  }

  /** Merges the leaf of a hash with its buddy if both are whole, unchained and have few entries. */
  #merge(hash: number): boolean {
    const leaf = this.places[this.placeOf(hash)];
    const words = this.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const depth = words[index + LEAF_DEPTH];
    const count = words[index + LEAF_COUNT];
    if (depth === 0 || count > MERGE_COUNT_MAX) return false;
    const buddyHash = hash ^ (1 << (32 - depth));
    const buddy = this.places[this.placeOf(buddyHash)];
    const buddyWords = this.arena.words[buddy >>> 22];
    const buddyIndex = leafIndex(buddy);
    if (buddyWords[buddyIndex + LEAF_DEPTH] !== depth || buddyWords[buddyIndex + LEAF_CHAINED] !== 0) return false;
    const sum = count + buddyWords[buddyIndex + LEAF_COUNT];
    if (sum > MERGE_COUNT_MAX) return false;
    const merged = this.#allocate(groupsFor(sum), depth - 1);
    if (merged === 0) return false;
    const first = this.leafFirstHash(hash, depth - 1);
    this.#observe(first, depth - 1);
    const to = this.arena.words[merged >>> 22];
    const toIndex = leafIndex(merged);
    copyEntries(words, index, to, toIndex, to, toIndex);
    copyEntries(buddyWords, buddyIndex, to, toIndex, to, toIndex);
    carryEpochs(words, index, this.leafFirstHash(hash, depth), to, toIndex, first);
    carryEpochs(buddyWords, buddyIndex, this.leafFirstHash(buddyHash, depth), to, toIndex, first);
    this.#setPlaces(hash, depth - 1, merged, 0);
    this.#free(leaf);
    this.#free(buddy);
    while (this.depth > 0 && this.#leavesAtDepth[this.depth] === 0) this.#halve();
    return true;
  }

  /** Puts an empty leaf of the same range before the first one at a place. */
  #chain(at: number): boolean {
    const old = this.places[at];
    const oldWords = this.arena.words[old >>> 22];
    const oldIndex = leafIndex(old);
    const depth = oldWords[oldIndex + LEAF_DEPTH];
    const leaf = this.#allocate(GROUPS_MAX, depth);
    if (leaf === 0) return false;
    const words = this.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    this.#carryAll(old, leaf);
    words[index + LEAF_NEXT] = old;
    words[index + LEAF_CHAINED] = 1;
    oldWords[oldIndex + LEAF_CHAINED] = 1;
    const hash = this.depth === 0 ? 0 : (at >>> 1) << (32 - this.depth);
    this.#setPlaces(hash, depth, leaf, CHAINED_BIT);
    // Only the first leaf of a chain counts: a chain has a place in the directory like a leaf.
    this.#count(depth, -1);
    let length = 0;
    for (let link: number = leaf; link !== 0; length++)
      link = this.arena.words[link >>> 22][leafIndex(link) + LEAF_NEXT];
    if (length > this.chainLengthMax) this.chainLengthMax = length;
    assert(leafByteLength(GROUPS_MAX) >= LEAF_SLOTS_MAX * 8, "a leaf holds its slots");
    return true;
  }

  /** Copies epochs between leaves of one chain, which have the same range and groups. */
  #carryAll(from: number, to: number): void {
    const words = this.arena.words[from >>> 22];
    for (let group = 0; group < GROUPS_MAX; group++) {
      const epoch = words[leafIndex(from) + HEADER_WORDS + group * GROUP_WORDS + GROUP_EPOCH];
      raiseEpoch(this.arena.words[to >>> 22], leafIndex(to), group, epoch);
    }
  }
}
