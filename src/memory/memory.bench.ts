/**
 * Benchmarks of arena, hash and table: `node src/memory/memory.bench.ts [entries ...]`, by default 10 k, 1 M and 5 M.
 *
 * Hash and one-key look-ups by mitata; growth, look-ups in random order (cache misses included) and deletion by the
 * clock, in batches, since they cannot be repeated on the same table: of several rounds the best counts. The tests run it with a small table.
 */

import { do_not_optimize, measure } from "mitata";
import type { Address } from "../base/brands.ts";
import { viewOf } from "../base/bytes.ts";
import { Random } from "../base/random.ts";
import { Arena } from "./arena.ts";
import { freeEntry, makeEntry } from "./fixture.ts";
import { KeyHasher } from "./hash.ts";
import { Table } from "./table.ts";

export interface TableFigures {
  readonly entries: number;
  readonly insertNs: number;
  readonly insertWithEntryNs: number;
  readonly hitNs: number;
  readonly missNs: number;
  readonly removeNs: number;
  readonly longestInsertUs: number;
  readonly bytesPerEntry: number;
  readonly bytesPerEntryMean: number;
}

const KEY_BYTES = 16;
const HEX = "0123456789abcdef";

/** A key of 16 bytes: "key:" and 12 hexadecimal digits. */
function writeKey(key: Uint8Array, number: number): void {
  key[0] = 107;
  key[1] = 101;
  key[2] = 121;
  key[3] = 58;
  let rest = number;
  for (let i = KEY_BYTES - 1; i > 3; i--) {
    key[i] = HEX.charCodeAt(rest & 15);
    rest = Math.floor(rest / 16);
  }
}

function shuffled(count: number, random: Random): Int32Array {
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    const number = numbers[i];
    numbers[i] = numbers[other];
    numbers[other] = number;
  }
  return numbers;
}

function nsPer(startedMs: number, count: number): number {
  return ((performance.now() - startedMs) * 1e6) / count;
}

/** Time that making and hashing keys takes, which the other figures do not contain. */
function keyCost(order: Int32Array, hasher: KeyHasher, key: Uint8Array): number {
  const keyView = viewOf(key);
  let sum = 0;
  const started = performance.now();
  for (let i = 0; i < order.length; i++) {
    writeKey(key, order[i]);
    sum ^= hasher.hash(keyView, 0, KEY_BYTES);
  }
  do_not_optimize(sum);
  return nsPer(started, order.length);
}

function lookUps(table: Table, order: Int32Array, base: number, hasher: KeyHasher, key: Uint8Array): number {
  const keyView = viewOf(key);
  let found = 0;
  const started = performance.now();
  for (let i = 0; i < order.length; i++) {
    writeKey(key, base + order[i]);
    if (table.find(keyView, 0, KEY_BYTES, hasher.hash(keyView, 0, KEY_BYTES)) !== 0) found++;
  }
  const ns = nsPer(started, order.length);
  if (found !== (base === 0 ? order.length : 0)) throw new Error("the table is wrong");
  return ns;
}

/** Builds a table of 16 + 32 byte entries, looks all up in random order, and takes it down in another. */
export function measureTable(entries: number): TableFigures {
  const arena = new Arena();
  const table = new Table(arena);
  const hasher = new KeyHasher(1, 2);
  const random = new Random(1);
  const key = new Uint8Array(KEY_BYTES);
  const order = shuffled(entries, random);
  const addresses = new Int32Array(entries).fill(1);
  const keyView = viewOf(key);
  const hashes = new Int32Array(entries).fill(1);
  keyCost(order, hasher, key);
  const own = keyCost(order, hasher, key);

  let started = performance.now();
  for (let i = 0; i < entries; i++) {
    writeKey(key, order[i]);
    addresses[i] = makeEntry(arena, key, KEY_BYTES, 32);
    hashes[i] = hasher.hash(keyView, 0, KEY_BYTES);
  }
  const entryNs = nsPer(started, entries) - own;

  let bytes = 0;
  let samples = 0;
  started = performance.now();
  for (let i = 0; i < entries; i++) table.insert(hashes[i], addresses[i] as Address, false);
  const insertNs = nsPer(started, entries);

  // The same growth three times, each insert by itself: the least of three is its own time, without interruptions.
  const times = new Float64Array(entries).fill(Number.POSITIVE_INFINITY);
  for (let round = 0; round < 3; round++) {
    const again = new Table(arena);
    for (let i = 0; i < entries; i++) {
      const before = performance.now();
      again.insert(hashes[i], addresses[i] as Address, false);
      times[i] = Math.min(times[i], performance.now() - before);
      if (i % 1000 === 999 && i >= entries / 50) {
        bytes += again.usedBytes / again.count;
        samples++;
      }
    }
    while (!again.clearStep(1000, { visit: () => undefined }));
  }
  const longest = times.reduce((most, time) => Math.max(most, time), 0);

  lookUps(table, order.subarray(0, Math.min(entries, 100_000)), 0, hasher, key);
  const hitNs = lookUps(table, shuffled(entries, random), 0, hasher, key) - own;
  const missNs = lookUps(table, shuffled(entries, random), 2 ** 32, hasher, key) - own;
  const bytesPerEntry = table.usedBytes / entries;

  const removal = shuffled(entries, random);
  started = performance.now();
  for (let i = 0; i < entries; i++) {
    writeKey(key, removal[i]);
    const address = table.find(keyView, 0, KEY_BYTES, hasher.hash(keyView, 0, KEY_BYTES));
    table.removeFound();
    freeEntry(arena, address);
  }
  const removeNs = nsPer(started, entries) - own;
  return {
    entries,
    insertNs: Math.round(insertNs),
    insertWithEntryNs: Math.round(insertNs + entryNs),
    hitNs: Math.round(hitNs),
    missNs: Math.round(missNs),
    removeNs: Math.round(removeNs),
    longestInsertUs: Math.round(longest * 1000),
    bytesPerEntry: Math.round(bytesPerEntry * 10) / 10,
    bytesPerEntryMean: Math.round((bytes / Math.max(samples, 1)) * 10) / 10,
  };
}

/** Nanoseconds that hashing `length` bytes takes. */
export async function measureHash(length: number): Promise<number> {
  const hasher = new KeyHasher(1, 2);
  const view = viewOf(new Uint8Array(length + 16).fill(97));
  let start = 0;
  const stats = await measure(() => {
    start = (start + 1) & 15;
    return do_not_optimize(hasher.hash(view, start, start + length));
  });
  return Math.round(stats.avg * 10) / 10;
}

/** Nanoseconds that allocating and freeing one object of 80 bytes takes among others, memory in the cache. */
export function measureArena(pairs: number): number {
  const arena = new Arena();
  const live = new Int32Array(4096).fill(1);
  const random = new Random(2);
  for (let i = 0; i < live.length; i++) live[i] = arena.allocate(80);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    for (let i = 0; i < pairs; i++) {
      const index = random.int32() & 4095;
      arena.free(live[index] as Address, 80);
      live[index] = arena.allocate(80);
    }
    best = Math.min(best, nsPer(started, pairs));
  }
  return Math.round(best * 10) / 10;
}

/** The best of several rounds, figure by figure: other work on the machine can only make one worse. */
export function bestOf(rounds: number, entries: number): TableFigures {
  let best = measureTable(entries);
  for (let round = 1; round < rounds; round++) {
    const next = measureTable(entries);
    best = {
      ...best,
      insertNs: Math.min(best.insertNs, next.insertNs),
      insertWithEntryNs: Math.min(best.insertWithEntryNs, next.insertWithEntryNs),
      hitNs: Math.min(best.hitNs, next.hitNs),
      missNs: Math.min(best.missNs, next.missNs),
      removeNs: Math.min(best.removeNs, next.removeNs),
      longestInsertUs: Math.min(best.longestInsertUs, next.longestInsertUs),
    };
  }
  return best;
}

if (import.meta.main) {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000, 1_000_000, 5_000_000];
  for (const length of [8, 16, 32, 64]) console.log(`hash of ${length} bytes: ${await measureHash(length)} ns`);
  console.log(`arena, free and allocate 80 bytes: ${measureArena(1_000_000)} ns`);
  console.table(sizes.map((entries) => bestOf(entries < 200_000 ? 20 : 2, entries)));
}
