/**
 * A batch: requests of one connection that were parsed together and run one after the other. Hot path.
 *
 * Looking a key up misses the processor's cache twice, and each miss costs more than the rest of a pipelined GET. With
 * the keys of several requests known, their memory can be asked for at once, so that the misses overlap; the hashes are
 * kept for the look-ups that follow. Refuses: to run anything.
 */

import type { CommandId, ShardId } from "../base/brands.ts";
import { Argv } from "../resp/argv.ts";

/** Enough for all misses of a core to be under way. */
export const BATCH_REQUESTS_MAX = 16;

export class Batch {
  count: number;
  readonly argvs: Argv[];
  /** Command and place of each request, as the router found them. */
  readonly commands: CommandId[];
  readonly targets: ShardId[];
  /** Where the next request begins. */
  readonly nexts: Int32Array;
  /** Hashes of first keys, for those requests that run on this shard: hashOf[i] is an index, or -1. */
  readonly hashes: Int32Array;
  readonly hashOf: Int8Array;

  constructor() {
    this.count = 0;
    this.argvs = [];
    this.commands = [];
    this.targets = [];
    for (let i = 0; i < BATCH_REQUESTS_MAX; i++) {
      this.argvs.push(new Argv());
      this.commands.push(0 as CommandId);
      this.targets.push(0 as ShardId);
    }
    this.nexts = new Int32Array(BATCH_REQUESTS_MAX);
    this.hashes = new Int32Array(BATCH_REQUESTS_MAX);
    this.hashOf = new Int8Array(BATCH_REQUESTS_MAX);
  }
}
