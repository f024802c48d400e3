/**
 * Slots: which shard owns a key. Hot path.
 *
 * slot = CRC16(hash tag or key) mod 16384, as in Redis Cluster; each shard owns one contiguous range of slots. The
 * number of the database is not hashed in, so that a key keeps its shard when it changes databases.
 */

import { assert } from "../base/assert.ts";
import type { ShardId, Slot } from "../base/brands.ts";
import { SHARDS_MAX, SLOTS } from "../base/limits.ts";

const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** CRC16-XMODEM: polynomial 0x1021, start 0. Check value of "123456789": 0x31C3. */
const crcTable = ((): Uint16Array => {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = crc;
  }
  return table;
})();

/** The slot of a key: of what stands between its first { and the next } if that is not empty, else of all of it. */
export function slotOf(bytes: Uint8Array, start: number, end: number): Slot {
  let open = start;
  while (open < end && bytes[open] !== OPEN_BRACE) open++;
  if (open < end) {
    let close = open + 1;
    while (close < end && bytes[close] !== CLOSE_BRACE) close++;
    if (close < end && close > open + 1) {
      start = open + 1;
      end = close;
    }
  }
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ crcTable[(crc >>> 8) ^ bytes[i]];
  return (crc & (SLOTS - 1)) as Slot;
}

/** The shard that owns a slot among `shards`. */
export function shardOfSlot(slot: Slot, shards: number): ShardId {
  return ((slot * shards) >>> 14) as ShardId;
}

/** The slots of a shard, both ends included: ceil(i·16384/n) to ceil((i+1)·16384/n) − 1. */
export function shardSlotRange(shard: number, shards: number): { readonly first: number; readonly last: number } {
  assert(shards >= 1 && shards <= SHARDS_MAX && shard >= 0 && shard < shards, "a shard of 1 to 64");
  return {
    first: Math.ceil((shard * SLOTS) / shards),
    last: Math.ceil(((shard + 1) * SLOTS) / shards) - 1,
  };
}
