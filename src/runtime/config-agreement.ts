/**
 * The agreement of all shards on the options that CONFIG SET has changed. It lives on the main thread.
 *
 * Every CONFIG SET runs on every shard. When two of them meet, the shards may run them in different orders and end with
 * different values. So each shard announces what it has set; once all have run equally many and differ, the first shard
 * is right, and the others are told its values. A shard that has run another CONFIG SET meanwhile does not take them:
 * it will announce that one, and the comparison is made again.
 *
 * Refuses: to hold anything up. Shards that agree hear nothing.
 */

import { assert } from "../base/assert.ts";
import type { Pair } from "../config/config.ts";

/** What a shard has set. `count`: how many CONFIG SETs it has run; a correction that it took does not count. */
export interface Announcement {
  readonly count: number;
  readonly values: readonly Pair[];
}

/** Values for a shard that has run `count` CONFIG SETs, and no more. */
export interface Correction {
  readonly shard: number;
  readonly count: number;
  readonly values: readonly Pair[];
}

export class ConfigAgreement {
  readonly #counts: number[];
  /** For each shard, the values that it has announced. */
  readonly #values: Map<string, string>[];

  constructor(shards: number) {
    this.#counts = [];
    this.#values = [];
    for (let i = 0; i < shards; i++) {
      this.#counts.push(0);
      this.#values.push(new Map());
    }
  }

  /** Takes an announcement; returns what has to be told to whom. */
  announced(shard: number, announcement: Announcement): Correction[] {
    assert(shard < this.#counts.length, "the announcement comes from one of the shards");
    this.#counts[shard] = announcement.count;
    for (const [name, value] of announcement.values) this.#values[shard].set(name, value);
    const corrections: Correction[] = [];
    if (this.#counts.some((count) => count !== announcement.count)) return corrections;
    for (let other = 1; other < this.#values.length; other++) {
      const values: Pair[] = [];
      for (const [name, value] of this.#values[0]) {
        if (this.#values[other].get(name) !== value) values.push([name, value]);
      }
      if (values.length > 0) corrections.push({ shard: other, count: announcement.count, values });
    }
    return corrections;
  }
}
