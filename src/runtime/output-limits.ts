/**
 * Output limits: how much unsent output a client of each class may have (client-output-buffer-limit). Hot path.
 *
 * A hard limit ends the client at once, a soft one when its output has been over it for longer than so many seconds. As
 * in Redis, the first block of a chain does not count: a client that reads its replies never has a second one for long.
 *
 * Refuses: to close anybody.
 */

import { OUTPUT_BLOCK_BYTES } from "../base/limits.ts";
import type { Config } from "../config/config.ts";
import { ClientClass, type Conn } from "./conn.ts";

const CLASSES = 3;
const WORDS_PER_CLASS = 4;

export class OutputLimits {
  /** Wall clock in ms, read once a turn by the shard. */
  nowMs: number;
  /** With fewer blocks no client of any class has reached a limit. */
  blocksLeast: number;
  /** By class, in blocks behind the first; Infinity where there is no limit. */
  readonly #hard: Float64Array;
  readonly #soft: Float64Array;
  readonly #softMs: Float64Array;

  constructor() {
    this.nowMs = 0;
    this.blocksLeast = Number.POSITIVE_INFINITY;
    this.#hard = new Float64Array(CLASSES).fill(Number.POSITIVE_INFINITY);
    this.#soft = new Float64Array(CLASSES).fill(Number.POSITIVE_INFINITY);
    this.#softMs = new Float64Array(CLASSES);
  }

  // tidy: cold function, runs when the configuration changes
  applyConfig(config: Config): void {
    const words = config.raw("client-output-buffer-limit").split(" ");
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < CLASSES; i++) {
      const [hard, soft, seconds] = words.slice(i * WORDS_PER_CLASS + 1, (i + 1) * WORDS_PER_CLASS).map(Number);
      // A replica may always have as much as the backlog that it could fetch instead.
      const backlog = i === ClientClass.REPLICA && hard > 0 ? config.integer("repl-backlog-size") : 0;
      this.#hard[i] = blocks(Math.max(hard, backlog));
      this.#soft[i] = blocks(soft);
      this.#softMs[i] = seconds * 1000;
      least = Math.min(least, this.#hard[i], this.#soft[i]);
    }
    this.blocksLeast = least;
  }

  /** Has the client, with so many blocks behind the first, reached a limit? Keeps the time for the soft one. */
  reached(conn: Conn, behind: number): boolean {
    const own = conn.clientClass === ClientClass.MASTER ? ClientClass.NORMAL : conn.clientClass;
    if (behind < this.#soft[own]) conn.overSoftSinceMs = 0;
    else if (conn.overSoftSinceMs === 0) conn.overSoftSinceMs = this.nowMs;
    else if (this.nowMs - conn.overSoftSinceMs > this.#softMs[own]) return true;
    return behind >= this.#hard[own];
  }
}

/** A limit in bytes as whole blocks; 0 stands for none. */
function blocks(bytes: number): number {
  return bytes === 0 ? Number.POSITIVE_INFINITY : Math.ceil(bytes / OUTPUT_BLOCK_BYTES);
}
