/**
 * The contract between the runtime and a command set.
 *
 * A command set is a module that exports `createCommands(): Commands`; each shard loads it once, from its URL. The
 * runtime knows a command by its row only: how many arguments, where its keys are, where it runs, how the parts of a
 * command that ran on several shards become one reply. It has never heard of a single verb.
 *
 * A command function runs to completion on the shard that owns its keys, reads its arguments through an ArgvView that is
 * valid during the call, and writes exactly one reply.
 */

import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import type { Execution } from "./execution.ts";
import type { ShardServices } from "./services.ts";

/** Bits of CommandRow.flags; the names are those that COMMAND INFO shows. */
export const CommandFlag = {
  WRITE: 1,
  READONLY: 2,
  DENYOOM: 4,
  ADMIN: 8,
  PUBSUB: 16,
  NOSCRIPT: 32,
  BLOCKING: 64,
  LOADING: 128,
  STALE: 256,
  SKIP_MONITOR: 512,
  SKIP_SLOWLOG: 1024,
  FAST: 2048,
  /** Allowed before authentication. */
  NO_AUTH: 4096,
  MOVABLE_KEYS: 8192,
  NO_ASYNC_LOADING: 16384,
  NO_MULTI: 32768,
  NO_MANDATORY_KEYS: 65536,
} as const;

/** Where the keys are among the arguments, as COMMAND shows it: the verb is argument 0, a negative last counts from the end. */
export interface KeyRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export type CommandFunction = (x: Execution, argv: ArgvView) => void;

/** The replies of the shards that took part, and who they were. */
export interface Parts {
  readonly argv: ArgvView;
  /** Shards that took part, in the order of the parts. */
  readonly shards: readonly number[];
  readonly replies: readonly Uint8Array[];
  /** Number of shards in all. */
  readonly shardCount: number;
}

/** Folds the parts into one reply. Runs where the connection is. */
export type ReduceFunction = (parts: Parts, reply: ReplyWriter, x: Execution) => void;

/**
 * How parts become a reply:
 * sum: integers are added · first: the first part's reply, but an error if any part is one · concat: arrays are joined ·
 * interleave: the elements of arrays go back to the places of their keys · or a function of the command set.
 */
export type Reduction = "sum" | "first" | "concat" | "interleave" | ReduceFunction;

/** The shard on which a command runs, for commands whose place is neither their keys' nor their connection's. */
export type PlaceFunction = (argv: ArgvView, shardCount: number) => number;

export interface CommandRow {
  /** Lower case; for a subcommand "container|name". */
  readonly name: string;
  /** Number of arguments including the verb; negative: at least that many. */
  readonly arity: number;
  readonly flags: number;
  readonly keys: KeyRange | null;
  /**
   * connection: where the connection is · keys: where the keys are, and if that is several places as parts, each with
   * its keys, reduced · all: on every shard, reduced · a function: on the shard it names.
   */
  readonly place: "connection" | "keys" | "all" | PlaceFunction;
  readonly reduce: Reduction | null;
  /**
   * For a command that may run on several shards: the error that it would answer whatever the keys hold, or null. Asked
   * where the client is, before any shard runs it.
   */
  readonly validate?: (argv: ArgvView, x: Execution) => string | null;
  readonly run: CommandFunction;
  /**
   * How its time is measured: each call, or by samples, where it grows with the bytes of arguments and reply and with
   * nothing else. Without a word: by samples if FAST.
   */
  readonly timing?: "each" | "sampled";
  /** Is this argument one that logs must not show? */
  readonly secret?: (argv: ArgvView, index: number) => boolean;
  /**
   * For a command that runs on all shards: a shard answers its part only once everything is done that its clients asked
   * of other shards before, and asks for nothing more until then.
   */
  readonly fences?: boolean;
  /** Present where the first argument chooses among commands with rows of their own. */
  readonly subcommands?: readonly CommandRow[];
}

export interface Commands {
  readonly rows: readonly CommandRow[];
  /** Once on each shard before it serves. */
  readonly onStart?: (shard: ShardServices) => void;
  /** On each shard ten times a second. Must take less than a millisecond. */
  readonly onTick?: (shard: ShardServices) => void;
}

/** What the module of a command set exports. */
export interface CommandModule {
  createCommands(): Commands;
}
