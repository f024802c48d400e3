/**
 * The mesh: a ring from every shard to every other, in one SharedArrayBuffer, and the protocol of sleeping and waking.
 *
 *     line s                 shard s:  word 0 parked (1 while it sleeps or is about to), word 1 its wake handle
 *     lines N + 2·r, +1      ring r = from · N + to:  head and "writer waits" in one line, tail in the next
 *     then                   the rings' memory
 *
 * No lost wake-up: a shard that goes to sleep stores parked = 1 and then looks at all heads once more; a sender stores
 * its head and then looks at parked. All four are sequentially consistent, so that one of the two sees the other. The
 * same holds for room in a full ring, with "writer waits" and tail. A test explores every interleaving of this.
 *
 * Refuses: to know what messages mean; how a sleeper is woken is injected.
 */

import { assert } from "../base/assert.ts";
import type { ShardId } from "../base/brands.ts";
import {
  CREDITS_PER_OWNER,
  MESH_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SHARDS_MAX,
} from "../base/limits.ts";
import { MESSAGE_HEADER_BYTES, type RingPlace, RingReader, RingWriter } from "./ring.ts";

const WORDS_PER_LINE = 16;
const BYTES_PER_LINE = 64;
const PARKED = 0;
const WAKE_HANDLE = 1;
const NO_HANDLE = -1;

/** Shared by all shards; passed to each worker as it is. */
export interface MeshMemory {
  readonly buffer: SharedArrayBuffer;
  readonly shards: number;
  readonly ringBytes: number;
}

/** Makes the memory for `shards` shards. `ringBytes` (a power of two) is for tests; the default fills MESH_BYTES_MAX at most. */
export function createMeshMemory(shards: number, ringBytes: number = defaultRingBytes(shards)): MeshMemory {
  assert(shards >= 1 && shards <= SHARDS_MAX, "1 to 64 shards");
  assert((ringBytes & (ringBytes - 1)) === 0 && ringBytes >= 256, "a ring's size is a power of two");
  const lines = shards + 2 * shards * shards;
  const buffer = new SharedArrayBuffer(lines * BYTES_PER_LINE + shards * shards * ringBytes);
  // 0 is a handle like any other: a shard that has published none is woken by Atomics.notify.
  const words = new Int32Array(buffer, 0, shards * WORDS_PER_LINE);
  for (let shard = 0; shard < shards; shard++) words[shard * WORDS_PER_LINE + WAKE_HANDLE] = NO_HANDLE;
  return { buffer, shards, ringBytes };
}

function defaultRingBytes(shards: number): number {
  let size = RING_BYTES_MAX;
  while (size > RING_BYTES_MIN && size * shards * shards > MESH_BYTES_MAX) size /= 2;
  return size;
}

/** Starts all rings of a fresh memory at `position` instead of 0; for tests of the wrap-around. */
export function startMeshAt(memory: MeshMemory, position: number): void {
  const words = new Int32Array(memory.buffer);
  for (let from = 0; from < memory.shards; from++) {
    for (let to = 0; to < memory.shards; to++) {
      const place = ringPlace(memory, from, to);
      Atomics.store(words, place.headWord, position | 0);
      Atomics.store(words, place.tailWord, position | 0);
    }
  }
}

function ringPlace(memory: MeshMemory, from: number, to: number): RingPlace {
  const n = memory.shards;
  const ring = from * n + to;
  const line = n + 2 * ring;
  return {
    start: (n + 2 * n * n) * BYTES_PER_LINE + ring * memory.ringBytes,
    byteLength: memory.ringBytes,
    headWord: line * WORDS_PER_LINE,
    waitWord: line * WORDS_PER_LINE + 1,
    tailWord: (line + 1) * WORDS_PER_LINE,
  };
}

/** Wakes a shard that sleeps in its reactor. `handle` is what that shard published, 0 or more. */
export type WakeShard = (target: ShardId, handle: number) => void;

/** One shard's end of the mesh. */
export class Mesh {
  readonly shard: ShardId;
  readonly shards: number;
  /** Rings to and from each other shard, by its id; at the own id stands a ring nobody uses. */
  readonly writers: RingWriter[];
  readonly readers: RingReader[];
  /** Largest payload of one message. */
  readonly payloadMax: number;
  /** Requests that this shard may have outstanding at each other one. */
  readonly credits: number;
  readonly #words: Int32Array;
  readonly #wake: WakeShard;
  /** Shards towards which this shard waits for room: see needRoom. */
  readonly #wantsRoom: boolean[];

  constructor(memory: MeshMemory, shard: ShardId, wake: WakeShard, credits: number = CREDITS_PER_OWNER) {
    this.credits = credits;
    this.shard = shard;
    this.shards = memory.shards;
    this.payloadMax = Math.min(MESSAGE_BYTES_MAX, memory.ringBytes / 4) - MESSAGE_HEADER_BYTES;
    this.writers = [];
    this.readers = [];
    this.#wantsRoom = [];
    for (let other = 0; other < memory.shards; other++) {
      this.writers.push(new RingWriter(memory.buffer, ringPlace(memory, shard, other), this.payloadMax));
      this.readers.push(new RingReader(memory.buffer, ringPlace(memory, other, shard)));
      this.#wantsRoom.push(false);
    }
    this.#words = new Int32Array(memory.buffer);
    this.#wake = wake;
  }

  /** Tells the others how to wake this shard; -1 (so it is at first): by Atomics.notify, see sleep(). */
  publishWakeHandle(handle: number): void {
    Atomics.store(this.#words, this.shard * WORDS_PER_LINE + WAKE_HANDLE, handle);
  }

  /** Is there a message for this shard? */
  hasInput(): boolean {
    for (let other = 0; other < this.shards; other++) {
      if (other !== this.shard && this.readers[other].poll()) return true;
    }
    return false;
  }

  /** Makes what was written visible and wakes those who sleep. Once per loop iteration. */
  publish(): void {
    for (let other = 0; other < this.shards; other++) {
      if (other !== this.shard && this.writers[other].publish()) this.wake(other as ShardId);
    }
  }

  /** Gives back what was read from `source`, and wakes it if it waits for room. */
  release(source: ShardId): void {
    if (this.readers[source].release()) this.wake(source);
  }

  /** Notes that a message to `target` did not fit: the shard must not sleep without asking for room. */
  needRoom(target: ShardId, needed: boolean): void {
    this.#wantsRoom[target] = needed;
  }

  /** Declares this shard asleep. False when something came in between: it is awake then and must look. */
  park(): boolean {
    Atomics.store(this.#words, this.shard * WORDS_PER_LINE + PARKED, 1);
    let mustLook = this.hasInput();
    for (let other = 0; other < this.shards; other++) {
      if (this.#wantsRoom[other] && this.writers[other].askForRoom()) mustLook = true;
    }
    if (mustLook) this.unpark();
    return !mustLook;
  }

  unpark(): void {
    Atomics.store(this.#words, this.shard * WORDS_PER_LINE + PARKED, 0);
  }

  /** Wakes `target` if it sleeps; at most one of its wakers does the work. */
  wake(target: ShardId): void {
    const word = target * WORDS_PER_LINE + PARKED;
    if (Atomics.load(this.#words, word) !== 1) return;
    if (Atomics.compareExchange(this.#words, word, 1, 0) !== 1) return;
    const handle = Atomics.load(this.#words, target * WORDS_PER_LINE + WAKE_HANDLE);
    // A shard on a reactor without a handle waits on its parked word: see sleep().
    if (handle < 0) Atomics.notify(this.#words, word);
    else this.#wake(target, handle);
  }

  /**
   * For a shard whose reactor cannot be woken through a handle: resolves when somebody wakes it after park(), or when
   * `timeoutMs` have passed; at once (false) when it is awake already. The promise alone does not keep a thread alive.
   */
  sleep(timeoutMs: number): Promise<string> | false {
    const result = Atomics.waitAsync(this.#words, this.shard * WORDS_PER_LINE + PARKED, 1, timeoutMs);
    return result.async ? result.value : false;
  }
}
