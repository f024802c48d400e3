/**
 * Rows of the option table: memory and eviction, encodings of the types, events, persistence.
 *
 * Rows only; what the columns mean is in option.ts.
 */

import { bareName, EVENTS, INT_MAX, LONG_MAX, SAVE_POINTS } from "./kinds.ts";
import { bytes, flag, number, type Option, oneOf, option } from "./option.ts";

const MiB = 1024 * 1024;
const INT_MIN = -2147483648;

const EVICTION_POLICIES = [
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "noeviction",
];

export const DATA_OPTIONS: readonly Option[] = [
  // Memory
  bytes("maxmemory", [0], "live works", "Most memory for data; 0 sets no bound."),
  oneOf("maxmemory-policy", EVICTION_POLICIES, "live works", "Which keys go when memory is short.", {
    initial: "noeviction",
  }),
  number("maxmemory-samples", [5, 1, INT_MAX], "live works", "Keys compared per eviction."),
  number("maxmemory-eviction-tenacity", [10, 0, 100], "live works", "How long eviction may work in one go."),
  number("lfu-log-factor", [10, 0, INT_MAX], "live works", "How slowly the access counter grows."),
  number("lfu-decay-time", [1, 0, INT_MAX], "live works", "Minutes until the access counter falls."),
  number("active-expire-effort", [1, 1, 10], "live tuning", "How hard expired keys are looked for."),
  flag("activerehashing", "yes", "live tuning", "Grow tables in idle time."),
  flag("activedefrag", "no", "live tuning", "Move data to free memory."),
  bytes("active-defrag-ignore-bytes", [100 * MiB, 1, LONG_MAX], "live tuning", "Waste that is left alone."),
  number("active-defrag-threshold-lower", [10, 0, 1000], "live tuning", "Percent of waste that starts it."),
  number("active-defrag-threshold-upper", [100, 0, 1000], "live tuning", "Percent of waste with the most effort."),
  number("active-defrag-cycle-min", [1, 1, 99], "live tuning", "Least effort, percent of a processor."),
  number("active-defrag-cycle-max", [25, 1, 99], "live tuning", "Most effort, percent of a processor."),
  number("active-defrag-max-scan-fields", [1000, 1, LONG_MAX], "live tuning", "Fields per pass."),
  flag("lazyfree-lazy-eviction", "no", "live tuning", "Free evicted keys in the background."),
  flag("lazyfree-lazy-expire", "no", "live tuning", "Free expired keys in the background."),
  flag("lazyfree-lazy-server-del", "no", "live tuning", "Free overwritten values in the background."),
  flag("lazyfree-lazy-user-del", "no", "live tuning", "DEL as UNLINK."),
  flag("lazyfree-lazy-user-flush", "no", "live tuning", "FLUSHALL as FLUSHALL ASYNC."),

  // Types
  number("hash-max-listpack-entries", [512, 0, LONG_MAX], "live tuning", "Fields of a packed hash.", {
    alias: "hash-max-ziplist-entries",
  }),
  bytes("hash-max-listpack-value", [64, 0, LONG_MAX], "live tuning", "Longest value in a packed hash.", {
    alias: "hash-max-ziplist-value",
  }),
  number("list-max-listpack-size", [-2, INT_MIN, INT_MAX], "live tuning", "Size of a list's packed block.", {
    alias: "list-max-ziplist-size",
  }),
  number("list-compress-depth", [0, 0, INT_MAX], "live tuning", "Blocks at a list's ends left uncompressed."),
  number("set-max-intset-entries", [512, 0, LONG_MAX], "live tuning", "Members of a packed set of integers."),
  number("set-max-listpack-entries", [128, 0, LONG_MAX], "live tuning", "Members of a packed set."),
  bytes("set-max-listpack-value", [64, 0, LONG_MAX], "live tuning", "Longest member of a packed set."),
  number("zset-max-listpack-entries", [128, 0, LONG_MAX], "live tuning", "Members of a packed sorted set.", {
    alias: "zset-max-ziplist-entries",
  }),
  bytes("zset-max-listpack-value", [64, 0, LONG_MAX], "live tuning", "Longest member of a packed sorted set.", {
    alias: "zset-max-ziplist-value",
  }),
  bytes("hll-sparse-max-bytes", [3000, 0, LONG_MAX], "live tuning", "Size of a sparse HyperLogLog."),
  bytes("stream-node-max-bytes", [4096, 0, LONG_MAX], "live tuning", "Bytes of a stream's block."),
  number("stream-node-max-entries", [100, 0, LONG_MAX], "live tuning", "Entries of a stream's block."),
  option("notify-keyspace-events", EVENTS, "", "live refused", "Which changes are published.", { keepsEmpty: true }),

  // Persistence
  option("save", SAVE_POINTS, "", "live refused", "When to write a snapshot: after seconds with changes."),
  option("dbfilename", bareName("dbfilename", "filename"), "dump.rdb", "live tuning", "File of the snapshot.", {
    isProtected: true,
  }),
  flag("stop-writes-on-bgsave-error", "yes", "live tuning", "Refuse writes when the last snapshot failed."),
  flag("rdbcompression", "yes", "live tuning", "Compress texts in the snapshot."),
  flag("rdbchecksum", "yes", "start tuning", "End the snapshot with a checksum."),
  flag("rdb-del-sync-files", "no", "live tuning", "Delete snapshots made for replicas."),
  flag("rdb-save-incremental-fsync", "yes", "live tuning", "Sync the snapshot piece by piece."),
  oneOf("sanitize-dump-payload", ["no", "yes", "clients"], "live tuning", "Check what RESTORE is given."),
  number("rdb-key-save-delay", [0, INT_MIN, INT_MAX], "live tuning", "Microseconds between saved keys.", {
    hidden: true,
  }),
  number("key-load-delay", [0, INT_MIN, INT_MAX], "live tuning", "Microseconds between loaded keys.", {
    hidden: true,
  }),
  bytes("loading-process-events-interval-bytes", [2 * MiB, 1024, INT_MAX], "live tuning", "Loop passes in loading.", {
    hidden: true,
  }),
  flag("appendonly", "no", "live refused", "Log each write."),
  option(
    "appendfilename",
    bareName("appendfilename", "filename"),
    "appendonly.aof",
    "start tuning",
    "File of the log.",
  ),
  option(
    "appenddirname",
    bareName("appenddirname", "dirname"),
    "appendonlydir",
    "start tuning",
    "Folder of the log, inside dir.",
  ),
  oneOf("appendfsync", ["everysec", "always", "no"], "live tuning", "When the log is synced."),
  flag("no-appendfsync-on-rewrite", "no", "live tuning", "No sync during a rewrite."),
  number("auto-aof-rewrite-percentage", [100, 0, INT_MAX], "live tuning", "Growth that starts a rewrite."),
  bytes("auto-aof-rewrite-min-size", [64 * MiB, 0, LONG_MAX], "live tuning", "Least size for a rewrite."),
  flag("aof-load-truncated", "yes", "live tuning", "Start with a log whose end is missing."),
  flag("aof-use-rdb-preamble", "yes", "live tuning", "Start the log with a snapshot."),
  flag("aof-timestamp-enabled", "no", "live tuning", "Write the time into the log."),
  flag("aof-rewrite-incremental-fsync", "yes", "live tuning", "Sync a rewrite piece by piece."),
  flag("aof-disable-auto-gc", "no", "live tuning", "Keep old files of the log."),
];
