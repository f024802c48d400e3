/**
 * The latency monitor of a shard: events that took longer than a threshold, by name, each with its last samples.
 *
 * Redis's events, and three of ours: `event-loop` is one step of a shard, `gc` a pause of V8's garbage collector, and
 * `ring-wait` the time that messages to another shard waited for room. A name's samples of one second are one, the worst.
 */

import { LATENCY_SAMPLES_MAX } from "../base/limits.ts";

/** Seconds since 1970, and milliseconds. */
export type LatencySample = readonly [time: number, ms: number];

export interface LatencyEvent {
  /** The oldest first. */
  samples: LatencySample[];
  /** The worst of all, also of those that are no longer kept. */
  max: number;
}

export class LatencyMonitor {
  /** Microseconds from which on an event is kept; Infinity when none is. */
  thresholdUs: number;
  readonly #events: Map<string, LatencyEvent>;

  constructor() {
    this.thresholdUs = Number.POSITIVE_INFINITY;
    this.#events = new Map();
  }

  /** latency-monitor-threshold: 0 switches the monitor off. */
  setThresholdMs(ms: number): void {
    this.thresholdUs = ms > 0 ? ms * 1000 : Number.POSITIVE_INFINITY;
  }

  get enabled(): boolean {
    return this.thresholdUs !== Number.POSITIVE_INFINITY;
  }

  /** Something took `us` microseconds: kept if that is too long. */
  note(event: string, us: number, nowMs: number): void {
    if (us >= this.thresholdUs) this.#add(event, Math.floor(us / 1000), Math.floor(nowMs / 1000));
  }

  get events(): ReadonlyMap<string, LatencyEvent> {
    return this.#events;
  }

  /** Forgets an event; false when there is none of that name. */
  forget(event: string): boolean {
    return this.#events.delete(event);
  }

  forgetAll(): void {
    this.#events.clear();
  }

  #add(name: string, ms: number, time: number): void {
    const event = this.#events.get(name);
    if (event === undefined) {
      this.#events.set(name, { samples: [[time, ms]], max: ms });
      return;
    }
    if (ms > event.max) event.max = ms;
    const { samples } = event;
    const last = samples[samples.length - 1];
    if (last[0] === time) {
      if (ms > last[1]) samples[samples.length - 1] = [time, ms];
      return;
    }
    samples.push([time, ms]);
    if (samples.length > LATENCY_SAMPLES_MAX) samples.shift();
  }
}
