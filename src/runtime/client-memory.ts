/**
 * Client memory: what clients take, and whom maxmemory-clients costs its connection.
 *
 * A shard knows at any time what all its clients take together, from the sizes of its pools; what one client takes is
 * added up when somebody asks. In shared words, in KiB, stands for each shard the sum, and a bound for its largest
 * client, which rises as buffers grow and is corrected by looking. After a turn a shard says what has changed; if all
 * together are over the limit and the largest bound is its own, it looks at its clients, and closes the largest one for
 * as long as it still has the largest of all.
 *
 * So the limit is passed by what comes within one turn of each shard, and a shard that sleeps joins in at its next tick
 * at the latest. Clients are closed until the sum is below the limit, never more.
 */

import {
  CLIENT_BYTES,
  CLIENT_PEAK_SECONDS,
  CLIENTS_MEMORY_BYTES_MIN,
  EVICTION_SCAN_PAUSE_MS,
  OUTPUT_BLOCK_BYTES,
} from "../base/limits.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Conn } from "./conn.ts";

const KIB = 1024;

/** Bytes that a client takes: its state, its input, its output. */
export function memoryOf(conn: Conn): number {
  let bytes = CLIENT_BYTES + conn.input.length + conn.outBlocks * OUTPUT_BLOCK_BYTES;
  if (conn.partial !== null) bytes += conn.partial.argv.starts.byteLength + conn.partial.argv.ends.byteLength;
  if (conn.late !== null) bytes += conn.late.bytes.length;
  return bytes;
}

/** What client-memory eviction needs of the registry. */
export interface EvictionHost {
  /** Bytes that all clients of this shard take, without those that are being closed. */
  clientBytes(): number;
  /** No client of this shard takes more; it may be less, until somebody looks and calls setLargest(). */
  largestAtMost(): number;
  setLargest(bytes: number): void;
  /** Its clients that may be evicted, largest first. */
  largestFirst(): Conn[];
  evict(conn: Conn): void;
}

export class ClientMemory {
  readonly #shard: number;
  readonly #shards: number;
  readonly #shared: SharedWords;
  readonly #host: EvictionHost;
  /** In KiB; 0 is none. */
  #limit: number;
  /** What this shard said last. */
  #together: number;
  #largest: number;
  #scannedMs: number;

  constructor(shard: number, shards: number, shared: SharedWords, host: EvictionHost) {
    this.#shard = shard;
    this.#shards = shards;
    this.#shared = shared;
    this.#host = host;
    this.#limit = 0;
    this.#together = 0;
    this.#largest = 0;
    this.#scannedMs = 0;
  }

  applyConfig(config: Config): void {
    const value = config.raw("maxmemory-clients");
    const bytes = value.endsWith("%")
      ? Math.floor((config.integer("maxmemory") * Number(value.slice(0, -1))) / 100)
      : Number(value);
    this.#limit = bytes === 0 ? 0 : Math.max(bytes, CLIENTS_MEMORY_BYTES_MIN) / KIB;
    if (this.#limit === 0) this.#publish(0, 0);
  }

  /** After each turn: says what there is, and evicts if it is too much and the largest client is here. */
  watch(nowMs: number): void {
    if (this.#limit === 0) return;
    const together = Math.ceil(this.#host.clientBytes() / KIB);
    const largest = Math.ceil(this.#host.largestAtMost() / KIB);
    if (together !== this.#together || largest !== this.#largest) this.#publish(together, largest);
    if (this.#shared.clientMemory(this.#shards) < this.#limit) return;
    if (this.#shared.shardOfLargestClient(this.#shards) !== this.#shard) return;
    if (nowMs - this.#scannedMs < EVICTION_SCAN_PAUSE_MS && nowMs >= this.#scannedMs) return;
    this.#scannedMs = nowMs;
    this.#evict();
  }

  #evict(): void {
    const host = this.#host;
    for (const conn of host.largestFirst()) {
      const largest = Math.ceil(memoryOf(conn) / KIB);
      host.setLargest(largest * KIB);
      this.#publish(Math.ceil(host.clientBytes() / KIB), largest);
      if (this.#shared.clientMemory(this.#shards) < this.#limit) return;
      if (this.#shared.shardOfLargestClient(this.#shards) !== this.#shard) return;
      host.evict(conn);
    }
    host.setLargest(0);
    this.#publish(Math.ceil(host.clientBytes() / KIB), 0);
  }

  #publish(together: number, largest: number): void {
    this.#together = together;
    this.#largest = largest;
    this.#shared.publishClientMemory(this.#shard, together, largest);
  }
}

/** The largest input and output buffers of any client within the last seconds. */
export class ClientPeaks {
  readonly #input: Float64Array;
  readonly #output: Float64Array;
  #second: number;

  constructor() {
    this.#input = new Float64Array(CLIENT_PEAK_SECONDS);
    this.#output = new Float64Array(CLIENT_PEAK_SECONDS);
    this.#second = 0;
  }

  /** Time passes: what is older than the window is forgotten. */
  advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const first = Math.max(this.#second + 1, second - CLIENT_PEAK_SECONDS + 1);
    for (let each = first; each <= second; each++) {
      this.#input[each % CLIENT_PEAK_SECONDS] = 0;
      this.#output[each % CLIENT_PEAK_SECONDS] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }

  note(inputBytes: number, outputBytes: number): void {
    const at = this.#second % CLIENT_PEAK_SECONDS;
    this.#input[at] = Math.max(this.#input[at], inputBytes);
    this.#output[at] = Math.max(this.#output[at], outputBytes);
  }

  get inputBytes(): number {
    return Math.max(...this.#input);
  }

  get outputBytes(): number {
    return Math.max(...this.#output);
  }
}
