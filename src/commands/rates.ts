/**
 * Rates: how much a shard did of late, for INFO's instantaneous fields. A sample is taken at every tick, and a rate is the
 * growth over the last samples, some 1.6 seconds, divided by the time between them.
 */

import { Counter } from "../runtime/counters.ts";
import type { ShardServices } from "../runtime/services.ts";

const SAMPLES = 16;
const RATED = [Counter.COMMANDS, Counter.BYTES_IN, Counter.BYTES_OUT, Counter.TURNS, Counter.TURN_US];
const WIDTH = 1 + RATED.length;

/** The last samples of one shard: time in microseconds, then the counters. */
class Samples {
  readonly values: Float64Array;
  count: number;

  constructor() {
    this.values = new Float64Array(SAMPLES * WIDTH);
    this.count = 0;
  }

  take(shard: ShardServices): void {
    const at = (this.count % SAMPLES) * WIDTH;
    this.values[at] = shard.clock.monotonicUs();
    for (let i = 0; i < RATED.length; i++) this.values[at + 1 + i] = shard.counters.get(RATED[i]);
    this.count++;
  }

  perSecond(field: number): number {
    if (this.count < 2) return 0;
    const newest = ((this.count - 1) % SAMPLES) * WIDTH;
    const oldest = (this.count <= SAMPLES ? 0 : this.count % SAMPLES) * WIDTH;
    const seconds = (this.values[newest] - this.values[oldest]) / 1_000_000;
    const growth = this.values[newest + field] - this.values[oldest + field];
    return seconds > 0 && growth > 0 ? growth / seconds : 0;
  }
}

const samplesByShard = new WeakMap<ShardServices, Samples>();

/** To be called at every tick of a shard. */
export function sampleRates(shard: ShardServices): void {
  let samples = samplesByShard.get(shard);
  if (samples === undefined) {
    samples = new Samples();
    samplesByShard.set(shard, samples);
  }
  samples.take(shard);
}

export interface Rates {
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly turns: number;
  /** Microseconds of turns. */
  readonly turnUs: number;
}

/** Growth per second; zeros before the second sample. */
export function ratesOf(shard: ShardServices): Rates {
  const samples = samplesByShard.get(shard);
  const rate = (field: number): number => samples?.perSecond(1 + field) ?? 0;
  return { commands: rate(0), bytesIn: rate(1), bytesOut: rate(2), turns: rate(3), turnUs: rate(4) };
}
