/**
 * Tests of slots: CRC16, hash tags, ranges of shards.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Slot } from "../base/brands.ts";
import { SHARDS_MAX, SLOTS } from "../base/limits.ts";
import { shardOfSlot, shardSlotRange, slotOf } from "./slots.ts";

function slot(key: string): number {
  const bytes = Buffer.from(`{x}${key}{y}`, "latin1");
  return slotOf(bytes, 3, bytes.length - 3);
}

test("CRC16 as Redis Cluster computes it", () => {
  assert.equal(slot("123456789"), 0x31c3 % SLOTS);
  assert.equal(slot("foo"), 12_182);
  assert.equal(slot("bar"), 5061);
  assert.equal(slot(""), 0);
  assert.equal(slot("\xff\0\xff"), slot("{\xff\0\xff}"));
});

test("hash tags: what stands between the first { and the next }, unless it is empty", () => {
  for (const [key, hashed] of [
    ["{user1000}.following", "user1000"],
    ["foo{bar}{zap}", "bar"],
    ["foo{{bar}}zap", "{bar"],
    ["a{b}c{d}", "b"],
    ["{a}", "a"],
    ["a}{b}", "b"],
  ]) {
    assert.equal(slot(key), slot(hashed), key);
    assert.notEqual(slot(key), slot(`{${hashed}x}`));
  }
  // The whole key counts: a tag around it changes nothing.
  for (const key of ["a{}b", "{a", "a}b", "foo{}{bar}", "{}"]) {
    let crc = 0;
    for (const byte of Buffer.from(key)) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
    assert.equal(slot(key), crc % SLOTS, key);
  }
});

test("the ranges of 1 to 64 shards partition the slots and say what shardOfSlot says", () => {
  for (let shards = 1; shards <= SHARDS_MAX; shards++) {
    let next = 0;
    for (let shard = 0; shard < shards; shard++) {
      const { first, last } = shardSlotRange(shard, shards);
      assert.equal(first, next);
      assert.ok(last >= first && last - first + 1 <= Math.ceil(SLOTS / shards));
      for (let s = first; s <= last; s++)
        if (shardOfSlot(s as Slot, shards) !== shard) assert.fail(`${s} of ${shards}`);
      next = last + 1;
    }
    assert.equal(next, SLOTS);
  }
  assert.throws(() => shardSlotRange(0, 65));
  assert.throws(() => shardSlotRange(2, 2));
});
