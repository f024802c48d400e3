/**
 * Output blocks: 16 KiB pieces of memory in which replies are written and from which the kernel sends. Hot path.
 *
 * One pool per shard. A slab is 64 blocks in one piece of mapped memory, seen through one Uint8Array, so that a writer
 * works with (slab view, offset) and makes no view of its own. Where a reactor needs native addresses, the slab's base
 * address is kept beside it. Blocks are reused last-in first-out: the next reply lands in memory that is still in the cache.
 *
 *     slab 0  | block 0 | block 1 | … | block 63 |      block id = slab * 64 + index
 *     slab 1  | block 64 | …
 *
 * Refuses: to know who owns a block. A block in flight belongs to the kernel until the reactor's onSent or onClosed.
 */

import { assert } from "../base/assert.ts";
import type { BlockId } from "../base/brands.ts";
import { OUTPUT_BLOCK_BYTES, OUTPUT_BLOCKS_PER_SLAB } from "../base/limits.ts";
import { highWord, lowWord } from "./native-address.ts";

/** A piece of memory with its native address, or address 0 where nobody needs one. */
export interface MappedMemory {
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
}

/** Maps `byteLength` bytes of zeroed memory that never moves. */
export type MapMemory = (byteLength: number) => MappedMemory;

const NONE = -1 as BlockId;

export class BlockPool {
  /** Slab views by slab index. */
  readonly slabs: Uint8Array[];
  readonly views: DataView[];
  /** Native base address of each slab, split for 32-bit stores: low word and high word. */
  readonly slabAddressLow: number[];
  readonly slabAddressHigh: number[];
  /** Chain link of each block, for its owner's use; NONE ends a chain. */
  next: Int32Array;
  /** Where a block's content ends, for its owner's use: an offset in its slab view. */
  end: Int32Array;
  inUse: number;
  #free: Int32Array;
  #freeCount: number;
  readonly #map: MapMemory;

  static readonly NONE: BlockId = NONE;

  constructor(map: MapMemory) {
    this.slabs = [];
    this.views = [];
    this.slabAddressLow = [];
    this.slabAddressHigh = [];
    this.next = new Int32Array(OUTPUT_BLOCKS_PER_SLAB).fill(NONE);
    this.end = new Int32Array(OUTPUT_BLOCKS_PER_SLAB);
    this.inUse = 0;
    this.#free = new Int32Array(OUTPUT_BLOCKS_PER_SLAB);
    this.#freeCount = 0;
    this.#map = map;
  }

  /** Takes a block. Its content is arbitrary, its link NONE. The caller bounds how many it takes. */
  take(): BlockId {
    if (this.#freeCount === 0) this.#addSlab();
    this.#freeCount--;
    this.inUse++;
    const block = this.#free[this.#freeCount];
    this.next[block] = NONE;
    return block as BlockId;
  }

  give(block: BlockId): void {
    assert(block >= 0 && this.inUse > 0, "only a taken block is given back");
    this.#free[this.#freeCount++] = block;
    this.inUse--;
  }

  /** The slab view that holds `block`. */
  viewOf(block: BlockId): Uint8Array {
    return this.slabs[(block / OUTPUT_BLOCKS_PER_SLAB) | 0];
  }

  /** The same as a DataView, for words at a time. */
  dataViewOf(block: BlockId): DataView {
    return this.views[(block / OUTPUT_BLOCKS_PER_SLAB) | 0];
  }

  /** Offset of `block` in its slab view. */
  startOf(block: BlockId): number {
    return (block % OUTPUT_BLOCKS_PER_SLAB) * OUTPUT_BLOCK_BYTES;
  }

  get bytesMapped(): number {
    return this.slabs.length * OUTPUT_BLOCKS_PER_SLAB * OUTPUT_BLOCK_BYTES;
  }

  // tidy: cold function, pools grow seldom
  #addSlab(): void {
    const slab = this.slabs.length;
    const memory = this.#map(OUTPUT_BLOCKS_PER_SLAB * OUTPUT_BLOCK_BYTES);
    this.slabs.push(new Uint8Array(memory.buffer));
    this.views.push(new DataView(memory.buffer));
    this.slabAddressLow.push(lowWord(memory.address));
    this.slabAddressHigh.push(highWord(memory.address));
    const total = (slab + 1) * OUTPUT_BLOCKS_PER_SLAB;
    const next = new Int32Array(total).fill(NONE);
    next.set(this.next.subarray(0, Math.min(this.next.length, total)));
    this.next = next;
    const end = new Int32Array(total);
    end.set(this.end.subarray(0, Math.min(this.end.length, total)));
    this.end = end;
    const free = new Int32Array(total);
    free.set(this.#free.subarray(0, this.#freeCount));
    this.#free = free;
    // Pushed in reverse, so that the lowest block is taken first.
    for (let i = OUTPUT_BLOCKS_PER_SLAB - 1; i >= 0; i--) {
      this.#free[this.#freeCount++] = slab * OUTPUT_BLOCKS_PER_SLAB + i;
    }
  }
}
