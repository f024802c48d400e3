/**
 * What a shard offers to commands besides the keyspace: who it is, its settings, its clients, its counters.
 */

import type { ShardId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Store } from "../store/store.ts";
import type { CommandStats } from "./command-stats.ts";
import type { CommandTable } from "./command-table.ts";
import type { Conn } from "./conn.ts";
import type { Counters } from "./counters.ts";
import type { Effects } from "./effects.ts";
import type { LatencyMonitor } from "./latency.ts";
import type { Pause } from "./pause.ts";
import type { Slowlog } from "./slowlog.ts";

export type LogLevel = "debug" | "verbose" | "notice" | "warning";

/** Facts of the process that do not change while it runs. */
export interface ProcessFacts {
  readonly pid: number;
  readonly startedMs: number;
  /** 40 hexadecimal digits. */
  readonly runId: string;
  readonly executable: string;
  readonly configFile: string;
  readonly tcpPort: number;
  readonly reactor: string;
  readonly kevyVersion: string;
}

export interface ClientVisitor {
  visit(conn: Conn): void;
}

export interface ShardServices {
  readonly id: ShardId;
  readonly shardCount: number;
  readonly store: Store;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly shared: SharedWords;
  readonly counters: Counters;
  readonly effects: Effects;
  readonly table: CommandTable;
  readonly stats: CommandStats;
  readonly slowlog: Slowlog;
  readonly latency: LatencyMonitor;
  readonly facts: ProcessFacts;
  /** proto-max-bulk-len in bytes. */
  readonly bulkBytesMax: number;
  /** Brings `counters` up to date: the busiest ones are kept elsewhere between ticks. */
  settleCounters(): void;
  /** Begins all statistics anew, as CONFIG RESETSTAT does. */
  resetStatistics(): void;
  /** Calls the visitor for each client of this shard. */
  visitClients(visitor: ClientVisitor): void;
  clientCount(): number;
  /** Is the client on this machine: loopback or a Unix socket? */
  isLocalClient(conn: Conn): boolean;
  /** One line of CLIENT LIST for a client of this shard. `argvBytes`: of its own arguments, if it is the one that asks. */
  describeClient(conn: Conn, argvBytes?: number): string;
  /** "address:port" of a client's end of its connection, and of the server's. */
  peerName(conn: Conn): string;
  localName(conn: Conn): string;
  /** Closes the connection of a client of this shard: what was not sent yet is lost. */
  closeClient(conn: Conn): void;
  /** CLIENT REPLY: 0, Mode.MUTED or Mode.SKIP_NEXT. */
  setReplies(conn: Conn, mode: number): void;
  /** CLIENT PAUSE, of this shard's clients. */
  readonly pause: Pause;
  /** The largest input and output buffers of one client within the last seconds, in bytes. */
  clientPeaks(): { readonly input: number; readonly output: number };
  /** Settings with these names have new values in `config`. */
  applyConfig(names: readonly string[]): void;
  /** CONFIG SET has set these, on this shard and soon on the others: the main thread has to know. */
  announceConfig(names: readonly string[]): void;
  /** Ends the process in an orderly way, as SIGTERM does. */
  requestShutdown(reason: string): void;
  log(level: LogLevel, text: string): void;
  /** Bytes in assembly buffers and output blocks of all clients. */
  clientMemory(): { readonly input: number; readonly output: number };
}
