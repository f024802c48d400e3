/** The arena against a model: contents, overlap, exact counts, limits, and resident memory that comes back. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { Address } from "../base/brands.ts";
import { SEGMENT_BYTES } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { Arena, capacityOf, sameClass } from "./arena.ts";

const DEEP = process.env["KEVY_TEST_DEPTH"] === "full";

/** Resident bytes of the process. */
function residentBytes(): number {
  return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * 4096;
}

function fill(arena: Arena, address: Address, length: number, mark: number): void {
  const start = (address & 0x3fffff) << 4;
  arena.bytes[address >>> 22].fill(mark, start, start + length);
}

function holds(arena: Arena, address: Address, length: number, mark: number): boolean {
  const bytes = arena.bytes[address >>> 22];
  const start = (address & 0x3fffff) << 4;
  for (let i = start; i < start + length; i++) if (bytes[i] !== mark) return false;
  return true;
}

function randomLength(random: Random): number {
  const kind = random.below(20);
  if (kind < 12) return 1 + random.below(300);
  if (kind < 17) return 1 + random.below(9000);
  if (kind < 19) return 1 + random.below(200_000);
  return 1 + random.below(3_000_000);
}

test("capacities: at least the length, at most an eighth more above 128 bytes, whole pages above 8 KiB", () => {
  for (let length = 1; length <= 20_000; length++) {
    const capacity = capacityOf(length);
    assert.ok(capacity >= length && capacity % 16 === 0);
    if (length > 128 && length <= 8192) assert.ok(capacity <= length + Math.max(16, length / 8));
    if (length > 8192) assert.equal(capacity % 4096, 0);
  }
  assert.ok(sameClass(17, 32) && !sameClass(16, 17));
});

test("random allocations keep their contents, never overlap, are counted exactly and all come back", () => {
  const steps = DEEP ? 60_000 : 4000;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const arena = new Arena();
      const live: { address: Address; length: number; mark: number }[] = [];
      let used = 0;
      for (let step = 0; step < steps; step++) {
        const growing = Math.floor(step / (steps / 4)) % 2 === 0;
        if (live.length === 0 || random.below(10) < (growing ? 7 : 3)) {
          const length = randomLength(random);
          const address = arena.allocate(length);
          assert.notEqual(address, 0);
          const mark = random.below(256);
          fill(arena, address, capacityOf(length), mark);
          live.push({ address, length, mark });
          used += capacityOf(length);
        } else {
          const index = random.below(live.length);
          const one = live[index];
          assert.ok(holds(arena, one.address, capacityOf(one.length), one.mark), "contents are kept");
          live[index] = live[live.length - 1];
          live.pop();
          arena.free(one.address, one.length);
          used -= capacityOf(one.length);
        }
        assert.equal(arena.usedBytes, used);
      }
      for (const one of live) {
        assert.ok(holds(arena, one.address, capacityOf(one.length), one.mark), "contents are kept to the end");
        arena.free(one.address, one.length);
      }
      assert.equal(arena.usedBytes, 0);
      assert.ok(arena.committedBytes <= SEGMENT_BYTES, "no more than one nearly untouched segment is kept");
    }),
    { numRuns: DEEP ? 20 : 4, endOnFailure: true },
  );
});

test("addresses of living objects are disjoint", () => {
  const random = new Random(7);
  const arena = new Arena();
  const ranges: { start: number; end: number }[] = [];
  for (let i = 0; i < 20_000; i++) {
    const length = randomLength(random) % 20_000 || 1;
    const address = arena.allocate(length);
    ranges.push({ start: address, end: address + capacityOf(length) / 16 });
  }
  ranges.sort((a, b) => a.start - b.start);
  for (let i = 1; i < ranges.length; i++) assert.ok(ranges[i].start >= ranges[i - 1].end);
});

test("a large value has its own segment, whose index is used again", () => {
  const arena = new Arena();
  const small = arena.allocate(100);
  const length = 100 * 1024 * 1024 + 5;
  const large = arena.allocate(length);
  assert.equal(large & 0x3fffff, 0);
  assert.ok(arena.bytes[large >>> 22].length >= length);
  assert.equal(arena.committedBytes, SEGMENT_BYTES + capacityOf(length));
  arena.free(large, length);
  assert.equal(arena.bytes[large >>> 22].length, 0);
  assert.equal(arena.allocate(length), large);
  arena.free(large, length);
  arena.free(small, 100);
  assert.equal(arena.usedBytes, 0);
});

test("at the limit the answer is 0, and memory freed can be had again", () => {
  const arena = new Arena({ limitBytes: SEGMENT_BYTES });
  const live: Address[] = [];
  for (;;) {
    const address = arena.allocate(1_000_000);
    if (address === 0) break;
    live.push(address);
  }
  assert.ok(live.length >= 66);
  assert.equal(arena.allocate(40 * 1024 * 1024), 0);
  assert.equal(arena.allocate(2 ** 40), 0);
  while (arena.allocate(8192) !== 0);
  while (arena.allocate(16) !== 0);
  assert.ok(arena.usedBytes > SEGMENT_BYTES * 0.99);
  arena.free(live[5], 1_000_000);
  assert.equal(arena.allocate(1_000_000), live[5]);
});

test("long dirty runs of free pages are offered to the system once", () => {
  const released: number[][] = [];
  const arena = new Arena({
    advice: { adopt: () => undefined, lineOffset: () => 0, release: (_, start, end) => released.push([start, end]) },
  });
  const kept = arena.allocate(16);
  const large = arena.allocate(3_000_000);
  const other = arena.allocate(3_000_000);
  arena.free(large, 3_000_000);
  assert.equal(released.length, 1);
  assert.equal(released[0][0], (large & 0x3fffff) << 4);
  assert.ok(released[0][1] - released[0][0] >= 3_000_000);
  const small = arena.allocate(10_000);
  arena.free(small, 10_000);
  assert.equal(released.length, 1, "a run that is hardly dirty is not offered again");
  arena.free(other, 3_000_000);
  assert.equal(released.length, 2);
  arena.free(kept, 16);
});

test("memory freed with another length is a bug that shows at once", () => {
  const arena = new Arena();
  const address = arena.allocate(100);
  assert.throws(() => arena.free(address, 200), /freed with its length/);
});

test("after 2 M objects of 80 bytes are freed in random order, resident memory is back", {
  skip: process.platform === "linux" ? false : "reads /proc/self/statm",
}, () => {
  const objects = 2_000_000;
  const arena = new Arena();
  const addresses = new Int32Array(objects).fill(1);
  const random = new Random(3);
  arena.free(arena.allocate(80), 80);
  const before = residentBytes();
  for (let i = 0; i < objects; i++) {
    const address = arena.allocate(80);
    const at = (address & 0x3fffff) << 2;
    for (let word = 0; word < 20; word++) arena.words[address >>> 22][at + word] = i;
    addresses[i] = address;
  }
  const full = residentBytes();
  assert.ok(full - before > objects * 80 * 0.9);
  assert.ok(full - before < objects * 80 * 1.15, `${full - before} bytes for ${objects * 80}`);
  for (let i = objects - 1; i > 0; i--) {
    const other = random.below(i + 1);
    const address = addresses[i];
    addresses[i] = addresses[other];
    addresses[other] = address;
  }
  for (let i = 0; i < objects; i++) arena.free(addresses[i] as Address, 80);
  assert.equal(arena.usedBytes, 0);
  const after = residentBytes();
  assert.ok(after < before * 1.2, `${before} bytes before, ${after} after`);
});

test("what is resident is counted, and a purge gives back what is free", () => {
  let released = 0;
  const arena = new Arena({
    advice: {
      adopt: () => undefined,
      lineOffset: () => 0,
      release: (_, start, end) => {
        released += end - start;
      },
    },
  });
  const random = new Random(8);
  const live: { address: Address; length: number }[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (live.length > 0 && random.below(2) === 0) {
      const { address, length } = live.splice(random.below(live.length), 1)[0];
      arena.free(address, length);
    } else {
      const length = 1 + random.below(100_000);
      live.push({ address: arena.allocate(length), length });
    }
    assert.ok(arena.usedBytes <= arena.pageBytes && arena.pageBytes <= arena.residentBytes);
  }
  assert.ok(arena.residentBytes > arena.pageBytes, "some pages are free and dirty");
  const before = released;
  const free = arena.residentBytes - arena.pageBytes;
  arena.purge();
  assert.equal(arena.residentBytes, arena.pageBytes);
  assert.ok(released - before >= free);
  for (const { address, length } of live) arena.free(address, length);
  arena.purge();
  assert.equal(arena.usedBytes, 0);
});
