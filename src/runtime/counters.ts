/**
 * Counters of a shard: whole numbers that only grow, as doubles in a typed array (a field that passes 2^31 slows its class).
 */

export const Counter = {
  CONNECTIONS: 0,
  REJECTED_CONNECTIONS: 1,
  COMMANDS: 2,
  BYTES_IN: 3,
  BYTES_OUT: 4,
  HITS: 5,
  MISSES: 6,
  EXPIRED: 7,
  FANNED_OUT: 10,
  /** Steps of the shard, and the microseconds from their first event to their end. */
  TURNS: 11,
  TURN_US: 12,
  PROTOCOL_ERRORS: 13,
  EVICTED_CLIENTS: 14,
  /** Clients that passed client-query-buffer-limit. */
  QUERY_LIMIT_CLOSES: 15,
  /** Clients that passed client-output-buffer-limit. */
  OUTPUT_LIMIT_CLOSES: 16,
  /** Clients that were idle for longer than `timeout`. */
  TIMED_OUT_CLIENTS: 17,
  KILLED_CLIENTS: 18,
  EVICTED: 19,
  /** Pieces of input that came, and sends. */
  READS: 20,
  WRITES: 21,
  EXPIRE_CYCLE_US: 22,
  /** Looks for expired keys that time ended. */
  EXPIRE_CYCLES_CUT: 23,
} as const;

const COUNTERS = 32;

export class Counters {
  readonly values: Float64Array;

  constructor() {
    this.values = new Float64Array(COUNTERS);
  }

  get(counter: number): number {
    return this.values[counter];
  }

  add(counter: number, amount: number): void {
    this.values[counter] += amount;
  }

  reset(): void {
    this.values.fill(0);
  }
}
