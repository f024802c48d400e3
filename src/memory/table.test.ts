/** The table against a Map: random operations, floods of equal hashes, scans and snapshots during change, no memory. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Address } from "../base/brands.ts";
import { viewOf } from "../base/bytes.ts";
import { SEGMENT_BYTES } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { Arena } from "./arena.ts";
import { entryIndex, keyLengthAt, keyOffsetAt } from "./entry.ts";
import { freeEntry, makeEntry } from "./fixture.ts";
import { KeyHasher } from "./hash.ts";
import {
  FIRST_SLOT,
  GROUP_META,
  GROUP_SLOTS,
  GROUP_WORDS,
  HEADER_WORDS,
  homeOf,
  LEAF_COUNT,
  LEAF_DEPTH,
  LEAF_FLAGGED,
  LEAF_GROUPS,
  LEAF_NEXT,
  leafIndex,
} from "./leaf.ts";
import { Table } from "./table.ts";

const DEEP = process.env["KEVY_TEST_DEPTH"] === "full";
const END = 2 ** 32;

type HashFunction = (bytes: Uint8Array, start: number, end: number) => number;

const hasher = new KeyHasher(0x12345678, 0x0abcdef0);
const realHash: HashFunction = (bytes, start, end) => hasher.hash(viewOf(bytes), start, end);

/** Collects what a scan visits. */
class Seen {
  readonly addresses: Address[] = [];
  visit(address: Address): void {
    this.addresses.push(address);
  }
}

/** A table beside a Map that says what must be in it. Keys are made from numbers. */
class Pair {
  readonly arena: Arena;
  readonly table: Table;
  readonly model = new Map<number, { address: Address; flag: boolean }>();
  readonly hash: HashFunction;
  readonly key = new Uint8Array(64);
  readonly numbers: number[] = [];
  readonly positions = new Map<number, number>();

  constructor(hash: HashFunction = realHash, limitBytes = 2 ** 34) {
    this.arena = new Arena({ limitBytes });
    this.table = new Table(this.arena);
    this.hash = hash;
  }

  /** Writes the key of a number, 3 bytes from the start, and returns its length: 4 to 19 bytes. */
  writeKey(number: number): number {
    const length = 4 + (number & 15);
    for (let i = 0; i < length; i++) this.key[3 + i] = i < 4 ? number >>> (8 * i) : 97 + i;
    return length;
  }

  hashOf(number: number): number {
    const length = this.writeKey(number);
    return this.hash(this.key, 3, 3 + length);
  }

  find(number: number): Address {
    const length = this.writeKey(number);
    return this.table.find(viewOf(this.key), 3, 3 + length, this.hash(this.key, 3, 3 + length));
  }

  numberOf(address: Address): number {
    const words = this.arena.words[address >>> 22];
    const offset = keyOffsetAt(words, entryIndex(address));
    const bytes = this.arena.bytes[address >>> 22];
    assert.ok(keyLengthAt(words, entryIndex(address)) >= 4);
    return bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
  }

  insert(number: number, flag: boolean): boolean {
    assert.equal(this.find(number), 0);
    const length = this.writeKey(number);
    const address = makeEntry(this.arena, this.key.subarray(3), length, number & 31);
    if (address === 0) return false;
    if (!this.table.insert(this.hashOf(number), address, flag)) {
      freeEntry(this.arena, address);
      return false;
    }
    this.model.set(number, { address, flag });
    this.positions.set(number, this.numbers.length);
    this.numbers.push(number);
    return true;
  }

  remove(number: number): void {
    const address = this.find(number);
    assert.equal(address, this.model.get(number)?.address);
    this.table.removeFound();
    freeEntry(this.arena, address);
    this.model.delete(number);
    const last = this.numbers.pop() as number;
    if (last !== number) {
      const position = this.positions.get(number) as number;
      this.numbers[position] = last;
      this.positions.set(last, position);
    }
    this.positions.delete(number);
  }

  replace(number: number): void {
    const old = this.find(number);
    const length = this.writeKey(number);
    const address = makeEntry(this.arena, this.key.subarray(3), length, 200);
    const flag = !(this.model.get(number)?.flag ?? false);
    this.table.replaceFound(address, flag);
    freeEntry(this.arena, old);
    this.model.set(number, { address, flag });
  }

  setFlag(number: number, flag: boolean): void {
    this.find(number);
    this.table.setFoundFlag(flag);
    (this.model.get(number) as { flag: boolean }).flag = flag;
  }

  any(random: Random): number {
    return this.numbers[random.below(this.numbers.length)];
  }

  /** The counts that a leaf keeps about itself, against its slots. */
  checkLeaves(): void {
    const places = this.table.directory.places;
    for (let place = 0; place < places.length; place += 2) {
      if (place > 0 && places[place] === places[place - 2]) continue;
      for (let leaf = places[place]; leaf !== 0; ) {
        const words = this.arena.words[leaf >>> 22];
        const index = leafIndex(leaf);
        const groups = words[index + LEAF_GROUPS];
        const passed = new Int32Array(groups);
        const taken = new Int32Array(groups);
        let count = 0;
        let flagged = 0;
        for (let slot = 0; slot < groups * GROUP_SLOTS; slot++) {
          const group = Math.floor(slot / GROUP_SLOTS);
          const at = index + HEADER_WORDS + group * GROUP_WORDS + FIRST_SLOT + (slot % GROUP_SLOTS) * 2;
          if (words[at + 1] === 0) continue;
          count++;
          if (words[at + 1] < 0) flagged++;
          taken[group] |= 1 << (slot % GROUP_SLOTS);
          const home = homeOf(words[at], groups, words[index + LEAF_DEPTH]);
          for (let on = home; on !== group; on = (on + 1) % groups) passed[on]++;
        }
        assert.equal(words[index + LEAF_COUNT], count);
        assert.equal(words[index + LEAF_FLAGGED], flagged);
        for (let group = 0; group < groups; group++) {
          const meta = words[index + HEADER_WORDS + group * GROUP_WORDS + GROUP_META];
          assert.equal(meta, (taken[group] << 16) | passed[group]);
        }
        leaf = words[index + LEAF_NEXT];
      }
    }
  }

  /** Everything that can be asked of the table, against the model. */
  check(): void {
    this.checkLeaves();
    assert.equal(this.table.count, this.model.size);
    let flagged = 0;
    for (const [number, { address, flag }] of this.model) {
      assert.equal(this.find(number), address);
      if (flag) flagged++;
    }
    assert.equal(this.table.flaggedCount, flagged);
    const all = new Seen();
    assert.equal(this.table.scan(0, Number.POSITIVE_INFINITY, all), END);
    assertSame(sorted(all.addresses), sorted([...this.model.values()].map((one) => one.address)));
    const some = new Seen();
    for (let cursor = 0; cursor < END; ) cursor = this.table.scanFlagged(cursor, 100, some);
    const expected = [...this.model.values()].filter((one) => one.flag).map((one) => one.address);
    assertSame(sorted(some.addresses), sorted(expected));
  }

  checkEmpty(): void {
    assert.equal(this.table.count, 0);
    assert.equal(this.table.flaggedCount, 0);
    assert.equal(this.arena.usedBytes, 0);
    assert.equal(this.table.usedBytes, 8);
    assert.ok(this.arena.committedBytes <= SEGMENT_BYTES);
  }
}

/** Like deepEqual, without the difference of long lists, which takes minutes to print. */
function assertSame(actual: number[], expected: number[]): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assert.equal(actual[i], expected[i]);
}

function sorted(addresses: number[]): number[] {
  return addresses.sort((a, b) => a - b);
}

function randomStep(pair: Pair, random: Random, growing: boolean, numberMax: number): void {
  const kind = random.below(100);
  if (kind < (growing ? 70 : 20)) {
    const number = random.below(numberMax);
    if (pair.model.has(number)) pair.replace(number);
    else pair.insert(number, random.below(3) === 0);
  } else if (kind < 90) {
    if (pair.numbers.length > 0) pair.remove(pair.any(random));
  } else if (kind < 95) {
    if (pair.numbers.length > 0) pair.setFlag(pair.any(random), random.below(2) === 0);
  } else {
    const number = random.below(numberMax);
    assert.equal(pair.find(number), pair.model.get(number)?.address ?? 0);
  }
}

test("a table from nothing to 200 k entries and back, with random operations, is what a Map is", () => {
  const pair = new Pair();
  const random = new Random(5);
  const peak = DEEP ? 1_000_000 : 200_000;
  pair.checkEmpty();
  while (pair.model.size < peak) randomStep(pair, random, true, 2 ** 31);
  pair.check();
  assert.ok(pair.table.usedBytes / pair.table.count < 19, `${pair.table.usedBytes / pair.table.count} bytes`);
  while (pair.model.size > peak / 20) randomStep(pair, random, false, 2 ** 31);
  pair.check();
  while (pair.model.size > 0) pair.remove(pair.any(random));
  pair.check();
  pair.checkEmpty();
});

test("small tables, with random operations, at any time what a Map is", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 3000 }), (seed, size) => {
      const pair = new Pair();
      const random = new Random(seed);
      for (let step = 0; step < 4000; step++) {
        randomStep(pair, random, Math.floor(step / 1000) % 2 === 0, size);
        if (step % 500 === 0) pair.check();
      }
      pair.check();
      while (pair.numbers.length > 0) pair.remove(pair.any(random));
      pair.checkEmpty();
    }),
    { numRuns: DEEP ? 200 : 15, endOnFailure: true },
  );
});

const FLOODS: { name: string; hash: HashFunction }[] = [
  { name: "one hash", hash: () => 0x5a5a5a5a },
  { name: "the largest hash", hash: () => -1 },
  { name: "hash 0", hash: () => 0 },
  { name: "five hashes", hash: (bytes, start, end) => Math.imul(realHash(bytes, start, end) & 7, 0x1badb002) },
  { name: "low 11 bits", hash: (bytes, start, end) => realHash(bytes, start, end) & 0x7ff },
  { name: "top 6 bits", hash: (bytes, start, end) => realHash(bytes, start, end) & (-1 << 26) },
  {
    name: "half of all keys alike",
    hash: (bytes, start, end) => (bytes[start] & 1 ? 7 : realHash(bytes, start, end)),
  },
];

for (const { name, hash } of FLOODS) {
  test(`keys that collide are found, scanned and removed: ${name}`, () => {
    const pair = new Pair(hash);
    const random = new Random(9);
    while (pair.model.size < 5000) randomStep(pair, random, true, 100_000);
    pair.check();
    assert.ok(pair.table.usedBytes < 5000 * 40, `${pair.table.usedBytes} bytes`);
    for (let i = 0; i < 200; i++) assert.notEqual(pair.table.randomEntry(random.int32(), random.int32()), 0);
    while (pair.model.size > 500) randomStep(pair, random, false, 100_000);
    pair.check();
    while (pair.numbers.length > 0) pair.remove(pair.any(random));
    pair.checkEmpty();
  });
}

test("a scan sees what stays exactly once, while the table grows and shrinks between its calls", () => {
  const hashes = [realHash, FLOODS[3].hash, FLOODS[4].hash, FLOODS[6].hash];
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(4000),
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(...hashes),
      (seed, size, countMin, hash) => {
        const pair = new Pair(hash);
        const random = new Random(seed);
        for (let number = 0; number < size; number++) pair.insert(number, number % 5 === 0);
        const stays = new Set(pair.numbers.filter((number) => number % 4 === 0));
        const seen = new Map<number, number>();
        for (let cursor = 0, call = 0; cursor < END; call++) {
          const visitor = new Seen();
          const next = pair.table.scan(cursor, countMin, visitor);
          assert.ok(next > cursor && next <= END);
          assert.ok(next === END || visitor.addresses.length >= countMin);
          cursor = next;
          for (const address of visitor.addresses) {
            const number = pair.numberOf(address);
            seen.set(number, (seen.get(number) ?? 0) + 1);
          }
          const changes = random.below(1500);
          const growing = Math.floor(call / 4) % 2 === 0;
          for (let i = 0; i < changes && pair.numbers.length > 0; i++) {
            const number = growing ? 4000 + random.below(8000) : pair.any(random);
            if (stays.has(number)) continue;
            if (pair.model.has(number)) pair.remove(number);
            else pair.insert(number, false);
          }
        }
        for (const number of stays) assert.equal(seen.get(number), 1, `${number}`);
      },
    ),
    { numRuns: DEEP ? 300 : 30, endOnFailure: true },
  );
});

test("random entries are evenly spread, in tables of one leaf and of many, also with leaves of unequal depth", () => {
  const uneven: HashFunction = (bytes, start, end) => {
    const hash = realHash(bytes, start, end);
    return bytes[start] < 200 ? hash >>> 4 : hash;
  };
  for (const [size, hash] of [
    [7, realHash],
    [300, realHash],
    [3000, realHash],
    [3000, uneven],
  ] as const) {
    const pair = new Pair(hash);
    for (let number = 0; number < size; number++) pair.insert(number, false);
    const random = new Random(11);
    const draws = 40 * size;
    const drawn = new Map<number, number>();
    for (let i = 0; i < draws; i++) {
      const number = pair.numberOf(pair.table.randomEntry(random.int32(), random.int32()));
      drawn.set(number, (drawn.get(number) ?? 0) + 1);
    }
    let chiSquare = 0;
    for (let number = 0; number < size; number++) chiSquare += ((drawn.get(number) ?? 0) - 40) ** 2 / 40;
    assert.ok(chiSquare < size + 6 * Math.sqrt(2 * size), `${chiSquare} for ${size}`);
  }
  assert.equal(new Table(new Arena()).randomEntry(1, 2), 0);
});

test("epochs survive growth, splits and merges as the latest of the groups concerned", () => {
  const pair = new Pair();
  for (let number = 0; number < 2000; number++) pair.insert(number, false);
  const marked = pair.numbers.filter((number) => number % 97 === 0);
  for (const number of marked) {
    const hash = pair.hashOf(number);
    pair.table.setEpoch(hash, 5 + (number % 3));
    assert.ok(pair.table.epochOf(hash) >= 5 + (number % 3));
  }
  for (let number = 2000; number < 20_000; number++) pair.insert(number, false);
  for (const number of marked) assert.ok(pair.table.epochOf(pair.hashOf(number)) >= 5 + (number % 3));
  let untouched = 0;
  for (const number of pair.numbers) if (pair.table.epochOf(pair.hashOf(number)) === 0) untouched++;
  assert.ok(untouched > 10_000, `${untouched} entries in groups without an epoch`);
  for (let number = 100; number < 20_000; number++) pair.remove(number);
  for (const number of marked) assert.ok(pair.table.epochOf(pair.hashOf(number)) >= 5 + (number % 3));
});

test("a snapshot by groups, written before the first change and before a rebuild, is the table at the cut", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 4000 }), (seed, size) => {
      const pair = new Pair();
      const random = new Random(seed);
      for (let number = 0; number < size; number++) pair.insert(number, false);
      const atCut = sorted(pair.numbers.slice());
      const written = new Seen();
      const numbers: number[] = [];
      const writeGroup = (hash: number) => {
        if (pair.table.epochOf(hash) === 1) return;
        written.addresses.length = 0;
        pair.table.visitGroup(hash, written);
        for (const address of written.addresses) numbers.push(pair.numberOf(address));
        pair.table.setEpoch(hash, 1);
      };
      const writeRange = (firstHash: number, endHash: number) => {
        for (let hash = firstHash; hash < endHash; hash = pair.table.groupEnd(hash | 0)) writeGroup(hash | 0);
      };
      pair.table.observer = { beforeRebuild: writeRange };
      for (let step = 0; step < 6000 && pair.numbers.length > 1; step++) {
        const number = step % 4000 < 2000 ? random.below(20_000) : pair.any(random);
        writeGroup(pair.hashOf(number));
        if (pair.model.has(number)) pair.remove(number);
        else pair.insert(number, false);
      }
      writeRange(0, END);
      assertSame(sorted(numbers), atCut);
    }),
    { numRuns: DEEP ? 100 : 10, endOnFailure: true },
  );
});

test("without memory an insert answers false, and nothing is lost", () => {
  const pair = new Pair(realHash, SEGMENT_BYTES);
  let number = 0;
  while (pair.insert(number, false)) number++;
  assert.ok(number > 300_000);
  let refused = 0;
  for (let i = 0; i < 1000; i++) if (!pair.insert(number + i, false)) refused++;
  assert.ok(refused > 500, `${refused} of 1000 refused: only sizes that have a free piece are taken`);
  pair.check();
  for (let i = 0; i < 20_000; i++) pair.remove(i);
  for (let i = 0; i < 10_000; i++) assert.ok(pair.insert(i, true));
  pair.check();
});

test("a table is cleared in slices, can be read meanwhile and used again afterwards", () => {
  for (const hash of [realHash, FLOODS[3].hash]) {
    const pair = new Pair(hash);
    for (let number = 0; number < 20_000; number++) pair.insert(number, number % 2 === 0);
    let slices = 0;
    let most = 0;
    let freed = 0;
    const visitor = {
      visit: (address: Address) => {
        freed++;
        freeEntry(pair.arena, address);
      },
    };
    for (let done = false; !done; slices++) {
      const before = freed;
      done = pair.table.clearStep(1000, visitor);
      most = Math.max(most, freed - before);
      if (!done) pair.find(slices);
    }
    assert.equal(freed, 20_000);
    assert.ok(slices >= 10 && most <= 1000 + 960, `${slices} slices of up to ${most}`);
    pair.checkEmpty();
    pair.model.clear();
    pair.numbers.length = 0;
    pair.positions.clear();
    for (let number = 0; number < 1000; number++) pair.insert(number, false);
    pair.check();
  }
});
