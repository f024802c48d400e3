/**
 * Timing: the stopwatch around commands, and what follows from a long time. Hot path.
 *
 * A measurement goes to the command's statistics, to the latency monitor, and if it is slow to `slow`, from where the
 * router takes it to the client's shard. The end of one measurement is also a point in time that a later one may begin
 * at: a command that turned out to move many bytes is measured from the last such point, which is late by no more than
 * the short commands before it.
 */

import type { CommandId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { SLOW_US_TIMES_ALL } from "../base/limits.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { CommandStats } from "./command-stats.ts";
import type { CommandTable } from "./command-table.ts";
import { CommandFlag } from "./commands.ts";
import type { LatencyMonitor } from "./latency.ts";
import type { SlowCommand, Slowlog } from "./slowlog.ts";

export class Timing {
  readonly stats: CommandStats;
  /** The command last measured, if it was slow; until takeSlow(). */
  slow: SlowCommand | null;
  /** A point in time before which everything is measured or was short; monotonic microseconds. */
  sinceUs: number;
  readonly #clock: Clock;
  readonly #table: CommandTable;
  readonly #slowlog: Slowlog;
  readonly #latency: LatencyMonitor;
  #begunUs: number;

  constructor(clock: Clock, table: CommandTable, stats: CommandStats, slowlog: Slowlog, latency: LatencyMonitor) {
    this.stats = stats;
    this.slow = null;
    this.sinceUs = 0;
    this.#clock = clock;
    this.#table = table;
    this.#slowlog = slowlog;
    this.#latency = latency;
    this.#begunUs = 0;
  }

  /** Thresholds have changed. */
  applyThresholds(): void {
    const slow = this.#slowlog;
    const slowEverywhere = slow.thresholdUs >= 0 && slow.thresholdUs < SLOW_US_TIMES_ALL && slow.lengthMax > 0;
    this.stats.timesAll = slowEverywhere || this.#latency.enabled;
  }

  now(): number {
    return this.#clock.monotonicUs();
  }

  begin(): void {
    this.#begunUs = this.#clock.monotonicUs();
  }

  /** The command that begin() was called for is done. */
  end(id: CommandId, argv: ArgvView, nowMs: number): void {
    const us = this.#lap(this.#begunUs);
    if (this.stats.left[id] < 0) this.stats.sampled(id, us);
    else this.stats.measured(id, us);
    this.#judge(id, argv, us, nowMs);
  }

  /** A command is done that nobody meant to measure, and that has moved many bytes. */
  endLate(id: CommandId, argv: ArgvView, nowMs: number): void {
    const us = this.#lap(this.sinceUs);
    this.stats.measured(id, us);
    this.#judge(id, argv, us, nowMs);
  }

  /** A command on several shards is done. */
  spread(id: CommandId, argv: ArgvView, startedUs: number, nowMs: number, failed: boolean): void {
    const us = this.#lap(startedUs);
    this.stats.counted(id, us);
    if (failed) this.stats.failed[id]++;
    this.#judge(id, argv, us, nowMs);
  }

  takeSlow(): SlowCommand | null {
    const slow = this.slow;
    this.slow = null;
    return slow;
  }

  #lap(fromUs: number): number {
    const nowUs = this.#clock.monotonicUs();
    this.sinceUs = nowUs;
    return nowUs - fromUs;
  }

  #judge(id: CommandId, argv: ArgvView, us: number, nowMs: number): void {
    if (us >= this.#latency.thresholdUs) {
      const fast = (this.#table.flags[id] & CommandFlag.FAST) !== 0;
      this.#latency.note(fast ? "fast-command" : "command", us, nowMs);
    }
    if (!this.#slowlog.wants(us)) return;
    if ((this.#table.flags[id] & CommandFlag.SKIP_SLOWLOG) !== 0) return;
    this.slow = this.#slowlog.describe(this.#table.rows[id], argv, us, nowMs);
  }
}
