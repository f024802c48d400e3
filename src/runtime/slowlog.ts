/**
 * The slow log of a shard: the last commands of its clients that took longer than a threshold.
 *
 * Entries are numbered over all shards, so that the newest of the server are those with the highest numbers, wherever
 * they are kept. An entry is kept where the client is connected, since it names the client; a shard that ran the command
 * for another one sends it there.
 *
 * Refuses: to measure; to show arguments that a row calls secret.
 */

import { latin1 } from "../base/bytes.ts";
import { SLOWLOG_ARGUMENT_BYTES_MAX, SLOWLOG_ARGUMENTS_MAX } from "../base/limits.ts";
import type { SharedWords } from "../base/shared.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { CommandRow } from "./commands.ts";

export interface SlowEntry {
  /** Number in the server, from 0. */
  readonly id: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly microseconds: number;
  /** Arguments as byte strings, shortened. */
  readonly arguments: readonly string[];
  /** "127.0.0.1:40000"; empty when the client was gone already. */
  readonly peer: string;
  readonly name: string;
}

/** An entry without its client, as it travels to the client's shard. */
export type SlowCommand = Omit<SlowEntry, "peer" | "name">;

export class Slowlog {
  /** Commands that took at least so many microseconds are slow; below 0 none is. */
  thresholdUs: number;
  #lengthMax: number;
  readonly #shared: SharedWords;
  /** The oldest first. */
  #entries: SlowEntry[];

  constructor(shared: SharedWords) {
    this.thresholdUs = -1;
    this.#lengthMax = 0;
    this.#shared = shared;
    this.#entries = [];
  }

  get lengthMax(): number {
    return this.#lengthMax;
  }

  set lengthMax(entries: number) {
    this.#lengthMax = entries;
    this.#trim();
  }

  /** Is a command that took so long to be kept? */
  wants(microseconds: number): boolean {
    return this.thresholdUs >= 0 && microseconds >= this.thresholdUs && this.#lengthMax > 0;
  }

  /** What is kept of a command, with a number of its own. */
  describe(row: CommandRow, argv: ArgvView, microseconds: number, nowMs: number): SlowCommand {
    return {
      id: this.#shared.nextSlowlogId(),
      time: Math.floor(nowMs / 1000),
      microseconds: Math.round(microseconds),
      arguments: shortened(row, argv),
    };
  }

  add(entry: SlowEntry): void {
    this.#entries.push(entry);
    this.#trim();
  }

  /** Those of the server's newest entries that this shard has, the newest first. */
  newest(): SlowEntry[] {
    const first = this.#shared.slowlogEnd - this.#lengthMax;
    return this.#entries.filter((entry) => entry.id >= first).sort((a, b) => b.id - a.id);
  }

  reset(): void {
    this.#entries = [];
  }

  #trim(): void {
    const excess = this.#entries.length - this.#lengthMax;
    if (excess > 0) this.#entries.splice(0, excess);
  }
}

/** The first arguments, cut to a length; what is left out is told in their place, in Redis's words. */
function shortened(row: CommandRow, argv: ArgvView): string[] {
  const shown = Math.min(argv.count, SLOWLOG_ARGUMENTS_MAX);
  const result: string[] = [];
  for (let i = 0; i < shown; i++) {
    if (shown < argv.count && i === shown - 1) {
      result.push(`... (${argv.count - shown + 1} more arguments)`);
    } else if (row.secret?.(argv, i) === true) {
      result.push("(redacted)");
    } else {
      const length = argv.ends[i] - argv.starts[i];
      const excess = length - SLOWLOG_ARGUMENT_BYTES_MAX;
      const start = argv.starts[i];
      const shownBytes = Math.min(length, SLOWLOG_ARGUMENT_BYTES_MAX);
      const text = latin1(argv.bytes, start, start + shownBytes);
      result.push(excess > 0 ? `${text}... (${excess} more bytes)` : text);
    }
  }
  return result;
}
