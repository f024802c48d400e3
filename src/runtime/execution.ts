/**
 * Execution: what a command function sees while it runs. One object per shard, refilled for each command.
 */

import type { ReplyWriter } from "../resp/writer.ts";
import type { Database } from "../store/database.ts";
import type { Conn } from "./conn.ts";
import type { Effects } from "./effects.ts";
import type { ShardServices } from "./services.ts";

export class Execution {
  readonly shard: ShardServices;
  readonly effects: Effects;
  /** Where the reply goes. Exactly one reply must be written. */
  reply: ReplyWriter;
  /** The keyspace the client selected. */
  db: Database;
  /** The wall clock, read once for the batch of commands this one came in; milliseconds since 1970. */
  nowMs: number;
  /** The client, for commands whose place is the connection; null where a command runs for a client of another shard. */
  conn: Conn | null;

  constructor(shard: ShardServices, effects: Effects, reply: ReplyWriter, db: Database) {
    this.shard = shard;
    this.effects = effects;
    this.reply = reply;
    this.db = db;
    this.nowMs = 0;
    this.conn = null;
  }
}
