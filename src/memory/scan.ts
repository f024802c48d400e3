/**
 * Walks over a table by hash: scans with a cursor, groups, random entries. Hot path.
 *
 * Hashes are unsigned here, 0 ≤ hash < 2^32, and a cursor is the first hash not yet seen. Groups are ranges of hashes,
 * and an entry belongs to the group of its hash even where it lies in a later one, so what a scan has seen does not
 * depend on how leaves are cut at the time of each call.
 *
 * None of this changes the table, nor may a visitor: it takes notes, and its caller acts on them after the call.
 */
import type { Address } from "../base/brands.ts";
import { RANDOM_TRIES_MAX, SAMPLE_SLOTS_MAX } from "../base/limits.ts";
import type { Directory } from "./directory.ts";
import {
  ADDRESS_MASK,
  FIRST_SLOT,
  GROUP_META,
  GROUP_SLOTS,
  GROUP_WORDS,
  GROUP_WORDS_LOG,
  groupFirstHash,
  HASHES,
  HEADER_WORDS,
  homeOf,
  LEAF_CHAINED,
  LEAF_FLAGGED,
  LEAF_GROUPS,
  LEAF_NEXT,
  LEAF_SLOTS_MAX,
  leafIndex,
  PASSED_MASK,
} from "./leaf.ts";

export interface EntryVisitor {
  visit(address: Address): void;
}

/** Slots that passing over a leaf without flagged entries counts for. */
const SKIPPED_LEAF_SLOTS = 16;

/** Visits the entries with home `group` and a hash not below `from`, in one chain of leaves; returns their number. */
function visitHome(
  directory: Directory,
  firstLeaf: number,
  depth: number,
  home: number,
  from: number,
  flaggedOnly: boolean,
  visitor: EntryVisitor,
): number {
  let visited = 0;
  for (let leaf = firstLeaf; leaf !== 0; ) {
    const words = directory.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const groups = words[index + LEAF_GROUPS];
    let group = home;
    do {
      const at = index + HEADER_WORDS + (group << GROUP_WORDS_LOG);
      for (let slot = at + FIRST_SLOT; slot < at + GROUP_WORDS; slot += 2) {
        const value = words[slot + 1];
        if (value === 0 || (flaggedOnly && value > 0)) continue;
        const hash = words[slot];
        if (homeOf(hash, groups, depth) !== home || hash >>> 0 < from) continue;
        visitor.visit((value & ADDRESS_MASK) as Address);
        visited++;
      }
      if ((words[at + GROUP_META] & PASSED_MASK) === 0) break;
      group = group + 1 === groups ? 0 : group + 1;
    } while (group !== home);
    leaf = words[index + LEAF_NEXT];
  }
  return visited;
}

/** See Table.scan. */
export function scan(directory: Directory, cursor: number, countMin: number, visitor: EntryVisitor): number {
  let position = cursor;
  let visited = 0;
  while (position < HASHES && visited < countMin) {
    const hash = position | 0;
    const at = directory.placeOf(hash);
    const leaf = directory.places[at];
    if (leaf === 0) return HASHES;
    const shape = directory.places[at + 1];
    const groups = shape & 0xff;
    const depth = (shape >>> 8) & 31;
    const first = directory.leafFirstHash(hash, depth);
    for (let group = homeOf(hash, groups, depth); group < groups && visited < countMin; group++) {
      visited += visitHome(directory, leaf, depth, group, position, false, visitor);
      position = groupFirstHash(first, depth, groups, group + 1);
    }
  }
  return position;
}

function flaggedInChain(directory: Directory, firstLeaf: number): boolean {
  for (let leaf = firstLeaf; leaf !== 0; ) {
    const words = directory.arena.words[leaf >>> 22];
    if (words[leafIndex(leaf) + LEAF_FLAGGED] !== 0) return true;
    leaf = words[leafIndex(leaf) + LEAF_NEXT];
  }
  return false;
}

/** See Table.scanFlagged. */
export function scanFlagged(directory: Directory, cursor: number, budgetSlots: number, visitor: EntryVisitor): number {
  let position = cursor;
  let rest = budgetSlots;
  while (position < HASHES && rest > 0) {
    const hash = position | 0;
    const at = directory.placeOf(hash);
    const leaf = directory.places[at];
    if (leaf === 0) return HASHES;
    const shape = directory.places[at + 1];
    const groups = shape & 0xff;
    const depth = (shape >>> 8) & 31;
    const first = directory.leafFirstHash(hash, depth);
    if (!flaggedInChain(directory, leaf)) {
      rest -= SKIPPED_LEAF_SLOTS;
      position = first + HASHES / 2 ** depth;
      continue;
    }
    for (let group = homeOf(hash, groups, depth); group < groups && rest > 0; group++) {
      visitHome(directory, leaf, depth, group, position, true, visitor);
      rest -= GROUP_SLOTS;
      position = groupFirstHash(first, depth, groups, group + 1);
    }
  }
  return position;
}

/** See Table.visitGroup. */
export function visitGroup(directory: Directory, hash: number, visitor: EntryVisitor): void {
  const at = directory.placeOf(hash);
  const leaf = directory.places[at];
  if (leaf === 0) return;
  const shape = directory.places[at + 1];
  const depth = (shape >>> 8) & 31;
  visitHome(directory, leaf, depth, homeOf(hash, shape & 0xff, depth), 0, false, visitor);
}

/** Entries taken by sample(): hash and address of each. */
export class Sample {
  count: number;
  readonly hashes: Int32Array;
  readonly addresses: Int32Array;

  constructor(entriesMax: number) {
    this.count = 0;
    this.hashes = new Int32Array(entriesMax);
    this.addresses = new Int32Array(entriesMax);
  }
}

/**
 * Takes up to `want` neighbouring entries from the hash `place` on (0 ≤ place < 2^32), beginning with slot number `slot`
 * of its group, so that with both by chance no entry is favoured: hashes have nothing to do with what entries hold. Looks
 * at SAMPLE_SLOTS_MAX slots at most; a leaf without flagged ones, where only those are wanted, costs 16. Returns the
 * hash to go on with, 2^32 at the end of the table.
 */
export function sample(
  directory: Directory,
  place: number,
  slot: number,
  want: number,
  flaggedOnly: boolean,
  into: Sample,
): number {
  let position = place;
  let rest = SAMPLE_SLOTS_MAX;
  let count = 0;
  while (position < HASHES && rest > 0 && count < want) {
    const at = directory.placeOf(position | 0);
    const shape = directory.places[at + 1];
    const depth = (shape >>> 8) & 31;
    const groups = shape & 0xff;
    const first = directory.leafFirstHash(position | 0, depth);
    let group = homeOf(position | 0, groups, depth);
    position = first + HASHES / 2 ** depth;
    for (let leaf = directory.places[at]; leaf !== 0; ) {
      const words = directory.arena.words[leaf >>> 22];
      const index = leafIndex(leaf);
      if (flaggedOnly && words[index + LEAF_FLAGGED] === 0) rest -= SKIPPED_LEAF_SLOTS;
      else {
        for (; group < groups && count < want; group++) {
          const base = index + HEADER_WORDS + (group << GROUP_WORDS_LOG) + FIRST_SLOT;
          for (let n = 0; n < GROUP_SLOTS && count < want; n++) {
            const word = base + (((slot + n) % GROUP_SLOTS) << 1);
            const value = words[word + 1];
            if (value === 0 || (flaggedOnly && value > 0)) continue;
            into.hashes[count] = words[word];
            into.addresses[count++] = value & ADDRESS_MASK;
          }
          rest -= GROUP_SLOTS;
          if (rest > 0) continue;
          group++;
          break;
        }
        if (group < groups && words[index + LEAF_CHAINED] === 0) position = groupFirstHash(first, depth, groups, group);
      }
      if (count >= want || rest <= 0) break;
      leaf = words[index + LEAF_NEXT];
      group = 0;
    }
  }
  into.count = count;
  return position;
}

/** A step of a small generator (xorshift) over 32 bits, never 0. */
function nextRandom(state: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** A number 0 ≤ n < limit ≤ 2^21 from 32 random bits. */
function below(random: number, limit: number): number {
  return Math.floor(((random >>> 0) / HASHES) * limit);
}

/**
 * A random entry of a table that is not empty. See Table.randomEntry.
 *
 * Places of the directory are drawn evenly, but a leaf with half the depth has twice the places, so a draw counts only
 * at a leaf's first place: all leaves are equally likely. Then a slot is drawn among as many as the largest leaf (and
 * the longest chain) has, and counts only if it exists and is taken: all entries are equally likely. About 3 draws are
 * needed; after 1024 in vain, which takes a table that is nearly all holes, the next entry by hash is taken.
 */
export function randomEntry(directory: Directory, randomA: number, randomB: number): Address {
  const slots = directory.depth === 0 ? (directory.places[1] & 0xff) * GROUP_SLOTS : LEAF_SLOTS_MAX;
  let a = randomA | 0 || 1;
  let b = randomB | 0 || 1;
  for (let tries = 0; tries < RANDOM_TRIES_MAX; tries++) {
    a = nextRandom(a);
    b = nextRandom(b);
    const place = (a >>> 1) >>> directory.shift;
    const depth = (directory.places[(place << 1) + 1] >>> 8) & 31;
    if ((place & ((1 << (directory.depth - depth)) - 1)) !== 0) continue;
    let leaf = directory.places[place << 1];
    let slot = below(b, slots * directory.chainLengthMax);
    while (leaf !== 0 && slot >= slots) {
      leaf = directory.arena.words[leaf >>> 22][leafIndex(leaf) + LEAF_NEXT];
      slot -= slots;
    }
    if (leaf === 0) continue;
    const words = directory.arena.words[leaf >>> 22];
    const index = leafIndex(leaf);
    const group = (slot / GROUP_SLOTS) | 0;
    if (group >= words[index + LEAF_GROUPS]) continue;
    const at = index + HEADER_WORDS + (group << GROUP_WORDS_LOG) + FIRST_SLOT + ((slot - group * GROUP_SLOTS) << 1);
    const value = words[at + 1] & ADDRESS_MASK;
    if (value !== 0) return value as Address;
  }
  return nearestEntry(directory, a >>> 0);
}

class FirstEntry implements EntryVisitor {
  address = 0 as Address;
  visit(address: Address): void {
    this.address = address;
  }
}

function nearestEntry(directory: Directory, hash: number): Address {
  const visitor = new FirstEntry();
  scan(directory, hash, 1, visitor);
  if (visitor.address === 0) scan(directory, 0, 1, visitor);
  return visitor.address;
}
