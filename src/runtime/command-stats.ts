/**
 * What commands cost: calls, time, failures, and the errors they answered. Hot path.
 *
 * Calls, failures and rejections are exact. Time is exact for rows that are timed each; one that is
 * timed by samples is timed for its first calls and then once in a while, each measurement standing for the calls since
 * the last one: reading the clock twice would cost half a GET.
 *
 *     left[id]   calls until the next one is timed; the router counts it down, and below 0 it is time
 *
 * Refuses: to read the clock, to know what is slow.
 */

import type { CommandId } from "../base/brands.ts";
import { Histogram } from "../base/histogram.ts";
import { ERROR_KINDS_MAX } from "../base/limits.ts";
import type { ErrorObserver } from "../resp/writer.ts";
import { CommandFlag, type CommandRow } from "./commands.ts";

/** So many calls of a command are timed before samples must do. */
const TIMED_AT_FIRST = 64;
/** A prime, so that no pattern of a client's pipeline is sampled at the same place always. */
const CALLS_PER_SAMPLE = 31;

export class CommandStats implements ErrorObserver {
  readonly left: Int32Array;
  readonly failed: Float64Array;
  readonly rejected: Float64Array;
  /** Error replies so far. */
  errors: number;
  /** Keeps distributions: latency-tracking. */
  tracking: boolean;
  readonly errorKinds: Map<string, number>;
  readonly #bySamples: Uint8Array;
  readonly #gap: Int32Array;
  /** Calls that measurements stand for. */
  readonly #counted: Float64Array;
  readonly #microseconds: Float64Array;
  readonly #histograms: (Histogram | null)[];
  #timesAll: boolean;

  constructor(rows: readonly CommandRow[]) {
    const n = rows.length;
    this.left = new Int32Array(n);
    this.failed = new Float64Array(n);
    this.rejected = new Float64Array(n);
    this.errors = 0;
    this.tracking = true;
    this.errorKinds = new Map();
    this.#bySamples = Uint8Array.from(rows, (row) => (isSampled(row) ? 1 : 0));
    this.#gap = new Int32Array(n).fill(1);
    this.#counted = new Float64Array(n);
    this.#microseconds = new Float64Array(n);
    this.#histograms = new Array<Histogram | null>(n).fill(null);
    this.#timesAll = false;
  }

  /** Shall every call be timed? For thresholds so low that any command may pass them. */
  get timesAll(): boolean {
    return this.#timesAll;
  }

  set timesAll(all: boolean) {
    if (all === this.#timesAll) return;
    this.#timesAll = all;
    for (let id = 0; id < this.left.length; id++) this.#restart(id);
  }

  /** The call that brought left[id] below 0 took so long; it stands for those since the last measurement as well. */
  sampled(id: CommandId, microseconds: number): void {
    const calls = this.#gap[id] - 1 - this.left[id];
    this.#note(id, microseconds, calls);
    const often = this.#bySamples[id] === 0 || this.#timesAll || this.#counted[id] < TIMED_AT_FIRST;
    const gap = often ? 1 : CALLS_PER_SAMPLE;
    this.#gap[id] = gap;
    this.left[id] = gap - 1;
  }

  /** One call was measured for a reason of its own, and stands for nothing else. The router has counted it down. */
  measured(id: CommandId, microseconds: number): void {
    this.left[id]++;
    this.#note(id, microseconds, 1);
  }

  /** A call whose time is not this shard's to measure. */
  counted(id: CommandId, microseconds: number): void {
    this.#note(id, microseconds, 1);
  }

  /** A command was refused before it ran. */
  refused(id: CommandId): void {
    this.rejected[id]++;
  }

  onError(text: string): void {
    this.errors++;
    const blank = text.indexOf(" ");
    this.#noteKind(blank < 0 ? text : text.slice(0, blank));
  }

  calls(id: number): number {
    return this.#counted[id] + (this.#gap[id] - 1 - this.left[id]);
  }

  /** Microseconds of all calls: measured, or as long as those that were. */
  microseconds(id: number): number {
    this.#settle(id);
    return this.#microseconds[id];
  }

  /** How long calls took, as far as measured; null when none was. */
  histogram(id: number): Histogram | null {
    this.#settle(id);
    return this.#histograms[id];
  }

  // tidy: cold function, CONFIG RESETSTAT
  reset(): void {
    this.failed.fill(0);
    this.rejected.fill(0);
    this.errors = 0;
    this.errorKinds.clear();
    for (let id = 0; id < this.left.length; id++) {
      this.#restart(id);
      this.#counted[id] = 0;
      this.#microseconds[id] = 0;
    }
    this.dropHistograms();
  }

  /** Forgets the distributions. */
  dropHistograms(): void {
    this.#histograms.fill(null);
  }

  /** Counts the calls since the last measurement, each as long as the mean of those that were measured. */
  #settle(id: number): void {
    const calls = this.#gap[id] - 1 - this.left[id];
    const counted = this.#counted[id];
    if (calls === 0 || counted === 0) return;
    this.#note(id, this.#microseconds[id] / counted, calls);
    this.left[id] = this.#gap[id] - 1;
  }

  /** The next call is timed; those since the last one are counted. */
  #restart(id: number): void {
    this.#settle(id);
    this.#gap[id] = 1;
    this.left[id] = 0;
  }

  #note(id: number, microseconds: number, calls: number): void {
    this.#counted[id] += calls;
    this.#microseconds[id] += microseconds * calls;
    if (!this.tracking) return;
    let histogram = this.#histograms[id];
    if (histogram === null) {
      histogram = new Histogram();
      this.#histograms[id] = histogram;
    }
    histogram.record(microseconds * 1000, calls);
  }

  #noteKind(kind: string): void {
    const count = this.errorKinds.get(kind);
    if (count !== undefined) this.errorKinds.set(kind, count + 1);
    else if (this.errorKinds.size < ERROR_KINDS_MAX) this.errorKinds.set(kind, 1);
  }
}

function isSampled(row: CommandRow): boolean {
  return row.timing === undefined ? (row.flags & CommandFlag.FAST) !== 0 : row.timing === "sampled";
}
