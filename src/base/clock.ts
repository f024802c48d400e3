/**
 * Time as a dependency: a shard reads the clock it was given, so that a simulator can turn it.
 */

export interface Clock {
  /** Wall clock, milliseconds since 1970; may step. Expiry deadlines are in this unit. */
  wallMs(): number;
  /** Monotonic, microseconds from an arbitrary start. Durations and time-outs are in this unit. */
  monotonicUs(): number;
}

/** The machine's clocks. */
export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicUs(): number {
    return performance.now() * 1000;
  }
}
