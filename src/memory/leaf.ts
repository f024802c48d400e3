/**
 * A leaf of a table: up to 63 groups of 15 slots in the arena, for one range of key hashes. Hot path.
 *
 * Leaf, in words:
 *
 *   0 count | 1 groups | 2 depth | 3 flagged | 4 next in chain | 5 latest epoch | 6 chained | 7..15 free | groups ...
 *
 * Group, 32 words (two cache lines):
 *
 *   0 epoch | 1 slots taken (bits 16..30), entries that went past this group (bits 0..15) | 15 × (hash, flag | address)
 *
 * `depth` bits at the top of the hash are the same for all entries of a leaf. The next 16 choose the home group, in
 * the order of the hash, so a leaf's groups are consecutive ranges of hashes. A full group sends later entries on to
 * the next one, around the end, and counts them; a search goes on only where that count is not zero. Entries never move
 * except when the leaf is built anew. Bit 31 of the second word of a slot is the entry's flag; an empty slot is (0, 0).
 *
 * Equal hashes that do not fit one leaf get more leaves of the same range, chained by `next`; the first one's epochs
 * hold for all. A chained leaf is never split, merged or resized.
 *
 * Sizes rise to 63 groups and fill size classes of the arena. A leaf's range of hashes is given by its first hash,
 * as an unsigned number, and its depth.
 */
import { assert } from "../base/assert.ts";

export const LEAF_COUNT = 0;
export const LEAF_GROUPS = 1;
export const LEAF_DEPTH = 2;
export const LEAF_FLAGGED = 3;
export const LEAF_NEXT = 4;
export const LEAF_EPOCH = 5;
export const LEAF_CHAINED = 6;
export const HEADER_WORDS = 16;
export const GROUP_WORDS_LOG = 5;
export const GROUP_WORDS = 1 << GROUP_WORDS_LOG;
export const GROUP_EPOCH = 0;
export const GROUP_META = 1;
export const FIRST_SLOT = 2;
export const GROUP_SLOTS = 15;
export const PASSED_MASK = 0xffff;
export const ADDRESS_MASK = 0x7fffffff;
export const FLAG_BIT = -0x80000000;
export const HASHES = 0x100000000;
export const GROUPS_MAX = 63;
export const LEAF_SLOTS_MAX = GROUPS_MAX * GROUP_SLOTS;
/** Two leaves that have no more entries together become one. */
export const MERGE_COUNT_MAX = Math.floor((LEAF_SLOTS_MAX * 3) / 8);

const SIZES = [1, 2, 4, 8, 15, 31, 47, GROUPS_MAX];
const TAKEN_SHIFT = 16;
const TAKEN_MASK = 0x7fff;

/** Entries from which on a leaf of so many groups is made larger, or split. */
export const GROW_COUNT = new Int32Array(GROUPS_MAX + 1);
/** Entries down to which a leaf of so many groups is made smaller; -1 for none. */
export const SHRINK_COUNT = new Int32Array(GROUPS_MAX + 1).fill(-1);
for (let i = 0; i < SIZES.length; i++) {
  GROW_COUNT[SIZES[i]] = Math.floor((SIZES[i] * GROUP_SLOTS * 7) / 8);
  if (i > 0) SHRINK_COUNT[SIZES[i]] = Math.floor((SIZES[i - 1] * GROUP_SLOTS) / 2);
}

export function leafByteLength(groups: number): number {
  return (HEADER_WORDS + groups * GROUP_WORDS) * 4;
}

/** Groups for a leaf of `count` entries that leave room to grow. */
export function groupsFor(count: number): number {
  for (let i = 0; i < SIZES.length; i++) if (count * 8 <= SIZES[i] * GROUP_SLOTS * 5) return SIZES[i];
  return GROUPS_MAX;
}

export function nextSize(groups: number): number {
  return SIZES[SIZES.indexOf(groups) + 1];
}

/** Index of the leaf's first word in its segment. */
export function leafIndex(leaf: number): number {
  return (leaf & 0x3fffff) << 2;
}

export function homeOf(hash: number, groups: number, depth: number): number {
  return (((hash << depth) >>> 16) * groups) >>> 16;
}

/** Where in its group an entry is put and looked for first: bits of the hash that the group does not depend on. */
export function startOf(hash: number): number {
  return ((hash & 0xff) * GROUP_SLOTS) >>> 8;
}

/** The first hash whose home is `group`, or the first one after the leaf if there is no such group. */
export function groupFirstHash(leafFirst: number, depth: number, groups: number, group: number): number {
  const span = HASHES / 2 ** depth;
  return leafFirst + Math.ceil((Math.ceil((group * 0x10000) / groups) * span) / 0x10000);
}

export function clearLeaf(words: Int32Array, leaf: number, groups: number, depth: number): void {
  words.fill(0, leaf, leaf + HEADER_WORDS + groups * GROUP_WORDS);
  words[leaf + LEAF_GROUPS] = groups;
  words[leaf + LEAF_DEPTH] = depth;
}

/** Puts an entry into a leaf that has a free slot; returns the word index of that slot. */
export function place(words: Int32Array, leaf: number, hash: number, addressAndFlag: number): number {
  const groups = words[leaf + LEAF_GROUPS];
  let group = homeOf(hash, groups, words[leaf + LEAF_DEPTH]);
  for (;;) {
    const at = leaf + HEADER_WORDS + (group << GROUP_WORDS_LOG);
    const meta = words[at + GROUP_META];
    const free = ~(meta >>> TAKEN_SHIFT) & TAKEN_MASK;
    if (free !== 0) {
      const behind = free & (-1 << startOf(hash));
      const choice = behind !== 0 ? behind : free;
      const slot = 31 - Math.clz32(choice & -choice);
      words[at + GROUP_META] = meta | (1 << (TAKEN_SHIFT + slot));
      words[at + FIRST_SLOT + (slot << 1)] = hash;
      words[at + FIRST_SLOT + (slot << 1) + 1] = addressAndFlag;
      words[leaf + LEAF_COUNT]++;
      if (addressAndFlag < 0) words[leaf + LEAF_FLAGGED]++;
      return at + FIRST_SLOT + (slot << 1);
    }
    words[at + GROUP_META] = meta + 1;
    group = group + 1 === groups ? 0 : group + 1;
  }
}

/** Empties the slot whose hash is at word `slot`. */
export function removeSlot(words: Int32Array, leaf: number, slot: number): void {
  const hash = words[slot];
  const groups = words[leaf + LEAF_GROUPS];
  const offset = slot - leaf - HEADER_WORDS;
  const last = offset >>> GROUP_WORDS_LOG;
  assert(words[slot + 1] !== 0, "only an entry is removed");
  if (words[slot + 1] < 0) words[leaf + LEAF_FLAGGED]--;
  words[leaf + LEAF_COUNT]--;
  words[slot] = 0;
  words[slot + 1] = 0;
  const bit = TAKEN_SHIFT + (((offset & (GROUP_WORDS - 1)) - FIRST_SLOT) >>> 1);
  words[leaf + HEADER_WORDS + (last << GROUP_WORDS_LOG) + GROUP_META] &= ~(1 << bit);
  let group = homeOf(hash, groups, words[leaf + LEAF_DEPTH]);
  while (group !== last) {
    words[leaf + HEADER_WORDS + (group << GROUP_WORDS_LOG) + GROUP_META]--;
    group = group + 1 === groups ? 0 : group + 1;
  }
}

/** Entries of a leaf whose next bit of the hash, after the leaf's depth, is set. */
export function countUpperHalf(words: Int32Array, leaf: number): number {
  const depth = words[leaf + LEAF_DEPTH];
  const end = leaf + HEADER_WORDS + words[leaf + LEAF_GROUPS] * GROUP_WORDS;
  let count = 0;
  for (let at = leaf + HEADER_WORDS; at < end; at += GROUP_WORDS) {
    for (let slot = at + FIRST_SLOT; slot < at + GROUP_WORDS; slot += 2) {
      if (words[slot + 1] !== 0 && words[slot] << depth < 0) count++;
    }
  }
  return count;
}

/**
 * Copies all entries of a leaf: those with the next bit of the hash clear to `lower`, the others to `upper`, which may
 * be the same leaf.
 */
export function copyEntries(
  words: Int32Array,
  leaf: number,
  lowerWords: Int32Array,
  lower: number,
  upperWords: Int32Array,
  upper: number,
): void {
  const depth = words[leaf + LEAF_DEPTH];
  const end = leaf + HEADER_WORDS + words[leaf + LEAF_GROUPS] * GROUP_WORDS;
  for (let at = leaf + HEADER_WORDS; at < end; at += GROUP_WORDS) {
    for (let slot = at + FIRST_SLOT; slot < at + GROUP_WORDS; slot += 2) {
      const addressAndFlag = words[slot + 1];
      if (addressAndFlag === 0) continue;
      const hash = words[slot];
      if (hash << depth < 0) place(upperWords, upper, hash, addressAndFlag);
      else place(lowerWords, lower, hash, addressAndFlag);
    }
  }
}

/** Raises the epochs of `to` to those of the groups of `from` that share hashes with them. Free if there never was an epoch. */
export function carryEpochs(
  fromWords: Int32Array,
  from: number,
  fromFirst: number,
  toWords: Int32Array,
  to: number,
  toFirst: number,
): void {
  if (fromWords[from + LEAF_EPOCH] === 0) return;
  const fromGroups = fromWords[from + LEAF_GROUPS];
  const fromDepth = fromWords[from + LEAF_DEPTH];
  const groups = toWords[to + LEAF_GROUPS];
  const depth = toWords[to + LEAF_DEPTH];
  const toEnd = toFirst + HASHES / 2 ** depth;
  for (let source = 0; source < fromGroups; source++) {
    const epoch = fromWords[from + HEADER_WORDS + source * GROUP_WORDS + GROUP_EPOCH];
    const first = Math.max(toFirst, groupFirstHash(fromFirst, fromDepth, fromGroups, source));
    const end = Math.min(toEnd, groupFirstHash(fromFirst, fromDepth, fromGroups, source + 1));
    if (first >= end) continue;
    const last = homeOf((end - 1) | 0, groups, depth);
    for (let group = homeOf(first | 0, groups, depth); group <= last; group++) {
      raiseEpoch(toWords, to, group, epoch);
    }
  }
}

export function raiseEpoch(words: Int32Array, leaf: number, group: number, epoch: number): void {
  const at = leaf + HEADER_WORDS + (group << GROUP_WORDS_LOG) + GROUP_EPOCH;
  if (words[at] < epoch) words[at] = epoch;
  if (words[leaf + LEAF_EPOCH] < epoch) words[leaf + LEAF_EPOCH] = epoch;
}
