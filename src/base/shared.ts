/**
 * Shared words: integers that several shards read and write, in one SharedArrayBuffer.
 *
 *     line 0 to 3     process-wide words: next client id, clients, stopping, next entry of the slow log
 *     line 4          the ledger of memory: what is claimed in all, the most that was ever used
 *     line 5 + s      words of shard s: memory it has claimed and uses, whether it has keys to evict, memory of its clients
 *
 * One word a cache line of 64 bytes where writers differ, so that shards do not slow each other. With mesh/ and the
 * io_uring reactor, this is the only place that touches shared memory.
 */

import { SHARDS_MAX } from "./limits.ts";

/** Memory that several threads see; passed to a thread as it is. */
export type SharedMemory = SharedArrayBuffer;

const WORDS_PER_LINE = 16;

const CLIENT_ID = 0;
const CLIENTS = 1 * WORDS_PER_LINE;
const STOPPING = 2 * WORDS_PER_LINE;
const SLOWLOG_ID = 3 * WORDS_PER_LINE;
const ACCEPT_WARNING_S = 2 * WORDS_PER_LINE + 1;
const CLAIMED_IN_ALL = 4 * WORDS_PER_LINE;
const PEAK = 4 * WORDS_PER_LINE + 1;
const PROCESS_LINES = 5;
const CLAIMED = 0;
const USED = 1;
const EVICTABLE = 2;
const CLIENT_BYTES = 8;
const LARGEST_CLIENT = 9;

function shardWord(shard: number, word: number): number {
  return (PROCESS_LINES + shard) * WORDS_PER_LINE + word;
}

/** Stops this thread for `ms` milliseconds: nothing of it runs meanwhile. For DEBUG SLEEP, tests, and a wait of a few ms for other shards. */
export function blockThread(ms: number): void {
  // Nobody else has this memory, so that only the time ends the wait.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The process-wide words, the same memory on every thread. */
export class SharedWords {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer((PROCESS_LINES + SHARDS_MAX) * WORDS_PER_LINE * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** The next client id of the process, from 1; 32 bits, as a ring carries it. */
  nextClientId(): number {
    return (Atomics.add(this.#words, CLIENT_ID, 1) + 1) >>> 0;
  }

  /** The next number of an entry of SLOWLOG, from 0. */
  nextSlowlogId(): number {
    return Atomics.add(this.#words, SLOWLOG_ID, 1) >>> 0;
  }

  /** The number that the next entry of SLOWLOG will have. */
  get slowlogEnd(): number {
    return Atomics.load(this.#words, SLOWLOG_ID) >>> 0;
  }

  /** Counts one client in unless `max` are there; false means refused. */
  admitClient(max: number): boolean {
    let there = Atomics.load(this.#words, CLIENTS);
    while (there < max) {
      const seen = Atomics.compareExchange(this.#words, CLIENTS, there, there + 1);
      if (seen === there) return true;
      there = seen;
    }
    return false;
  }

  releaseClient(): void {
    Atomics.sub(this.#words, CLIENTS, 1);
  }

  clients(): number {
    return Atomics.load(this.#words, CLIENTS);
  }

  /** Says how much memory a shard's clients have together, and the largest one that may be evicted has; in KiB. */
  publishClientMemory(shard: number, together: number, largest: number): void {
    // Whoever sees a sum that is too much must not find the largest client too small: that would cost another shard's.
    const word = shardWord(shard, LARGEST_CLIENT);
    if (largest > Atomics.load(this.#words, word)) Atomics.store(this.#words, word, largest);
    Atomics.store(this.#words, shardWord(shard, CLIENT_BYTES), together);
    Atomics.store(this.#words, word, largest);
  }

  /** KiB that the clients of shards 0 to `shards` - 1 have, as each last said. */
  clientMemory(shards: number): number {
    let sum = 0;
    for (let shard = 0; shard < shards; shard++) sum += Atomics.load(this.#words, shardWord(shard, CLIENT_BYTES));
    return sum;
  }

  /** The shard with the largest client, of several the first; -1 where there is none. */
  shardOfLargestClient(shards: number): number {
    let found = -1;
    let most = 0;
    for (let shard = 0; shard < shards; shard++) {
      const largest = Atomics.load(this.#words, shardWord(shard, LARGEST_CLIENT));
      if (largest > most) {
        most = largest;
        found = shard;
      }
    }
    return found;
  }

  /** May a shard warn of failed accepts now? Says yes to one of them, once in `everyMs` of wall clock. */
  claimAcceptWarning(nowMs: number, everyMs: number): boolean {
    const now = Math.floor(nowMs / 1000) | 0;
    const last = Atomics.load(this.#words, ACCEPT_WARNING_S);
    const passed = (now - last) | 0;
    // A clock that was set back is no reason for silence.
    if (last !== 0 && passed >= 0 && passed * 1000 < everyMs) return false;
    return Atomics.compareExchange(this.#words, ACCEPT_WARNING_S, last, now) === last;
  }

  // The ledger of memory, in granules of LEDGER_GRANULE_BYTES. What a shard has claimed covers what it uses, but for what
  // its last command took; the sum over all shards stands in a word of its own.

  /** Granules that all shards have claimed. */
  claimedInAll(): number {
    return Atomics.load(this.#words, CLAIMED_IN_ALL);
  }

  /** Claims granules for a shard unless all claims together would pass `most`; false means refused. */
  claim(shard: number, granules: number, most: number): boolean {
    let claimed = Atomics.load(this.#words, CLAIMED_IN_ALL);
    while (claimed + granules <= most) {
      const seen = Atomics.compareExchange(this.#words, CLAIMED_IN_ALL, claimed, claimed + granules);
      if (seen === claimed) {
        Atomics.add(this.#words, shardWord(shard, CLAIMED), granules);
        return true;
      }
      claimed = seen;
    }
    return false;
  }

  /** Books granules that a shard takes already, or, below 0, gives back. */
  book(shard: number, granules: number): void {
    Atomics.add(this.#words, CLAIMED_IN_ALL, granules);
    Atomics.add(this.#words, shardWord(shard, CLAIMED), granules);
  }

  claimedBy(shard: number): number {
    return Atomics.load(this.#words, shardWord(shard, CLAIMED));
  }

  /** Says whether a shard has keys that the policy lets it evict. */
  setEvictable(shard: number, evictable: boolean): void {
    Atomics.store(this.#words, shardWord(shard, EVICTABLE), evictable ? 1 : 0);
  }

  isEvictable(shard: number): boolean {
    return Atomics.load(this.#words, shardWord(shard, EVICTABLE)) !== 0;
  }

  /** Says what a shard uses, and raises the peak; all shards that have ever said so are counted. */
  publishUsed(shard: number, granules: number): void {
    Atomics.store(this.#words, shardWord(shard, USED), granules);
    const used = this.usedInAll();
    let peak = Atomics.load(this.#words, PEAK);
    while (used > peak) {
      const seen = Atomics.compareExchange(this.#words, PEAK, peak, used);
      if (seen === peak) return;
      peak = seen;
    }
  }

  /** Granules that all shards use, as each last said. */
  usedInAll(): number {
    let used = 0;
    for (let shard = 0; shard < SHARDS_MAX; shard++) used += Atomics.load(this.#words, shardWord(shard, USED));
    return used;
  }

  /** The most granules that were ever used. */
  peak(): number {
    return Atomics.load(this.#words, PEAK);
  }

  /** Raised once, when the process begins to stop. */
  get stopping(): boolean {
    return Atomics.load(this.#words, STOPPING) !== 0;
  }

  raiseStopping(): void {
    Atomics.store(this.#words, STOPPING, 1);
  }
}
