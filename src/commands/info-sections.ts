/**
 * The sections of INFO: Redis's fields with kevy's values, and some fields of kevy's own.
 *
 * A field whose subject kevy does not have (yet) has the value that Redis shows while the subject is unused: no clients
 * are blocked, nothing was saved. A field that would say something untrue (the compiler, its version) is left out; the
 * tests hold the list of those.
 */

import { createHash } from "node:crypto";
import { machine, release, totalmem, type } from "node:os";
import { TICK_MS } from "../base/limits.ts";
import type { CommandTotal, Report } from "./info-figures.ts";
import { REDIS_VERSION } from "./version.ts";

type Fields = readonly (readonly [string, string | number])[];

export interface Section {
  readonly name: string;
  readonly title: string;
  /** When it is printed without being asked for by name. */
  readonly shown: "usually" | "with all" | "with everything";
  /** Does it need the figures of commands? */
  readonly ofCommands: boolean;
  readonly fields: (report: Report) => Fields;
}

const UNITS = ["B", "K", "M", "G", "T", "P"];

/** A number of bytes for people, in Redis's form: 1.46M. */
export function bytesForPeople(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? bytes + "B" : value.toFixed(2) + UNITS[unit];
}

const seconds = (microseconds: number): string => (microseconds / 1_000_000).toFixed(6);
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(2);
const percent = (part: number, whole: number): string => (whole > 0 ? (100 * part) / whole : 0).toFixed(2) + "%";
const ratio = (a: number, b: number): string => (b > 0 ? a / b : 0).toFixed(2);
/** The same value for several fields. */
const all = (value: string | number, names: string): Fields => names.split(" ").map((name) => [name, value]);

function serverFields({ x, shards }: Report): Fields {
  const { facts, config } = x.shard;
  const uptime = Math.max(0, Math.floor((x.nowMs - facts.startedMs) / 1000));
  return [
    ["redis_version", REDIS_VERSION],
    // As of a Redis that was built from an archive; the id tells versions of kevy apart.
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", createHash("sha1").update(facts.kevyVersion).digest("hex").slice(0, 16)],
    ["kevy_version", facts.kevyVersion],
    ["node_version", process.versions.node],
    ["redis_mode", "standalone"],
    ["os", type() + " " + release() + " " + machine()],
    ["arch_bits", 64],
    ["monotonic_clock", "POSIX clock_gettime"],
    ["multiplexing_api", facts.reactor],
    ["process_id", facts.pid],
    ["process_supervised", config.raw("supervised") === "auto" ? "no" : config.raw("supervised")],
    ["run_id", facts.runId],
    ["tcp_port", facts.tcpPort],
    ["server_time_usec", Math.floor(x.nowMs * 1000)],
    ["uptime_in_seconds", uptime],
    ["uptime_in_days", Math.floor(uptime / 86_400)],
    ["hz", Math.round(1000 / TICK_MS)],
    ["configured_hz", config.raw("hz")],
    ["lru_clock", x.shard.store.access.seconds],
    ["executable", facts.executable],
    ["config_file", facts.configFile],
    ["io_threads_active", 0],
    ["shards", shards.length],
    ["pipeline_order", config.raw("pipeline-order")],
  ];
}

function clientFields({ x, numbers, maxima }: Report): Fields {
  return [
    ["connected_clients", numbers.clients],
    ["cluster_connections", 0],
    ["maxclients", x.shard.config.raw("maxclients")],
    ["client_recent_max_input_buffer", maxima.recentInputBytes],
    ["client_recent_max_output_buffer", maxima.recentOutputBytes],
    ["blocked_clients", numbers.pausedClients],
    ...all(0, "tracking_clients pubsub_clients watching_clients clients_in_timeout_table"),
    ...all(0, "total_watched_keys total_blocking_keys total_blocking_keys_on_nokey"),
  ];
}

/** used_memory is what the server counts itself: keys, values, tables, input and output of clients. */
function memoryFields({ x, numbers }: Report): Fields {
  const { config } = x.shard;
  const clients = numbers.inputBytes + numbers.outputBytes;
  const { dataBytes, pageBytes, residentBytes } = numbers;
  const used = dataBytes + clients;
  const peak = Math.max(used, x.shard.store.budget.serverPeakBytes);
  const overhead = numbers.tableBytes + clients;
  const dataset = Math.max(0, used - overhead);
  const resident = process.memoryUsage.rss();
  const system = totalmem();
  const maxMemory = config.integer("maxmemory");
  return [
    ["used_memory", used],
    ["used_memory_human", bytesForPeople(used)],
    ["used_memory_rss", resident],
    ["used_memory_rss_human", bytesForPeople(resident)],
    ["used_memory_peak", peak],
    ["used_memory_peak_human", bytesForPeople(peak)],
    ["used_memory_peak_perc", percent(used, peak)],
    ["used_memory_overhead", overhead],
    ["used_memory_startup", 0],
    ["used_memory_dataset", dataset],
    ["used_memory_dataset_perc", percent(dataset, used)],
    ["allocator_allocated", dataBytes],
    ["allocator_active", pageBytes],
    ["allocator_resident", residentBytes],
    ["total_system_memory", system],
    ["total_system_memory_human", bytesForPeople(system)],
    ...all(0, "used_memory_lua used_memory_vm_eval"),
    ["used_memory_lua_human", "0B"],
    ...all(0, "used_memory_scripts_eval number_of_cached_scripts number_of_functions number_of_libraries"),
    ...all(0, "used_memory_vm_functions used_memory_vm_total"),
    ["used_memory_vm_total_human", "0B"],
    ...all(0, "used_memory_functions used_memory_scripts"),
    ["used_memory_scripts_human", "0B"],
    ["maxmemory", maxMemory],
    ["maxmemory_human", bytesForPeople(maxMemory)],
    ["maxmemory_policy", config.raw("maxmemory-policy")],
    ["allocator_frag_ratio", ratio(pageBytes, dataBytes)],
    ["allocator_frag_bytes", pageBytes - dataBytes],
    ["allocator_rss_ratio", ratio(residentBytes, pageBytes)],
    ["allocator_rss_bytes", residentBytes - pageBytes],
    ["rss_overhead_ratio", ratio(resident, residentBytes)],
    ["rss_overhead_bytes", resident - residentBytes],
    ["mem_fragmentation_ratio", ratio(resident, used)],
    ["mem_fragmentation_bytes", resident - used],
    ...all(0, "mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves"),
    ["mem_clients_normal", clients],
    ...all(0, "mem_cluster_links mem_aof_buffer"),
    ["mem_allocator", "kevy-arena"],
    ...all(0, "active_defrag_running lazyfree_pending_objects lazyfreed_objects"),
    ["js_heap_used", numbers.heapBytes],
  ];
}

function persistenceFields({ x, numbers }: Report): Fields {
  return [
    ...all(0, "loading async_loading current_cow_peak current_cow_size current_cow_size_age"),
    ["current_fork_perc", "0.00"],
    ...all(0, "current_save_keys_processed current_save_keys_total"),
    ["rdb_changes_since_last_save", numbers.changes],
    ["rdb_bgsave_in_progress", 0],
    ["rdb_last_save_time", Math.floor(x.shard.facts.startedMs / 1000)],
    ["rdb_last_bgsave_status", "ok"],
    ...all(-1, "rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec"),
    ...all(0, "rdb_saves rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded"),
    ...all(0, "aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled"),
    ...all(-1, "aof_last_rewrite_time_sec aof_current_rewrite_time_sec"),
    ["aof_last_bgrewrite_status", "ok"],
    ...all(0, "aof_rewrites aof_rewrites_consecutive_failures"),
    ["aof_last_write_status", "ok"],
    ...all(0, "aof_last_cow_size module_fork_in_progress module_fork_last_cow_size"),
  ];
}

function statsFields({ numbers, maxima, shards }: Report): Fields {
  return [
    ["total_connections_received", numbers.connections],
    ["total_commands_processed", numbers.commands],
    ["instantaneous_ops_per_sec", Math.round(numbers.commandRate)],
    ["total_net_input_bytes", numbers.bytesIn],
    ["total_net_output_bytes", numbers.bytesOut],
    ...all(0, "total_net_repl_input_bytes total_net_repl_output_bytes"),
    ["instantaneous_input_kbps", kilobytes(numbers.inRate)],
    ["instantaneous_output_kbps", kilobytes(numbers.outRate)],
    ...all("0.00", "instantaneous_input_repl_kbps instantaneous_output_repl_kbps"),
    ["rejected_connections", numbers.rejected],
    ...all(0, "sync_full sync_partial_ok sync_partial_err"),
    ["expired_keys", numbers.expired],
    ["expired_stale_perc", (numbers.stalePercent / shards.length).toFixed(2)],
    ["expired_time_cap_reached_count", numbers.expireCyclesCut],
    ["expire_cycle_cpu_milliseconds", Math.round(numbers.expireCycleUs / 1000)],
    ["evicted_keys", numbers.evicted],
    ["evicted_clients", numbers.evictedClients],
    ["total_eviction_exceeded_time", Math.floor(maxima.exceededUs / 1000)],
    ["current_eviction_exceeded_time", Math.floor(maxima.exceededNowUs / 1000)],
    ["keyspace_hits", numbers.hits],
    ["keyspace_misses", numbers.misses],
    ...all(0, "pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec total_forks"),
    ...all(0, "migrate_cached_sockets slave_expires_tracked_keys"),
    ...all(0, "active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses"),
    ...all(0, "total_active_defrag_time current_active_defrag_time"),
    ...all(0, "tracking_total_keys tracking_total_items tracking_total_prefixes"),
    ["unexpected_error_replies", 0],
    ["total_error_replies", numbers.errors],
    ["dump_payload_sanitizations", 0],
    ["total_reads_processed", numbers.reads],
    ["total_writes_processed", numbers.writes],
    ...all(0, "io_threaded_reads_processed io_threaded_writes_processed"),
    ["client_query_buffer_limit_disconnections", numbers.queryLimitCloses],
    ["client_output_buffer_limit_disconnections", numbers.outputLimitCloses],
    ...all(0, "reply_buffer_shrinks reply_buffer_expands"),
    ["eventloop_cycles", numbers.turns],
    ["eventloop_duration_sum", Math.round(numbers.turnUs)],
    ["eventloop_duration_cmd_sum", Math.round(numbers.commandUs)],
    ["instantaneous_eventloop_cycles_per_sec", Math.round(numbers.turnRate)],
    [
      "instantaneous_eventloop_duration_usec",
      Math.round(numbers.turnRate > 0 ? numbers.turnUsRate / numbers.turnRate : 0),
    ],
    ["timed_out_clients", numbers.timedOutClients],
    ["protocol_errors", numbers.protocolErrors],
    ["multi_shard_commands", numbers.spread],
  ];
}

/** Nobody follows this server; the id is one that no replica was ever given. */
function replicationFields({ x }: Report): Fields {
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", createHash("sha1").update(x.shard.facts.runId).digest("hex")],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", 0],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", x.shard.config.raw("repl-backlog-size")],
    ...all(0, "repl_backlog_first_byte_offset repl_backlog_histlen"),
  ];
}

/** "main_thread" is what Redis calls the thread that serves: here, the threads of all shards. */
function cpuFields({ numbers }: Report): Fields {
  const { system, user } = process.cpuUsage();
  return [
    ["used_cpu_sys", seconds(system)],
    ["used_cpu_user", seconds(user)],
    ...all(seconds(0), "used_cpu_sys_children used_cpu_user_children"),
    ["used_cpu_sys_main_thread", seconds(numbers.cpuSystemUs)],
    ["used_cpu_user_main_thread", seconds(numbers.cpuUserUs)],
  ];
}

function commandLine({ name, calls, microseconds, rejected, failed }: CommandTotal): readonly [string, string] {
  const usec = Math.round(microseconds);
  const each = (calls > 0 ? usec / calls : 0).toFixed(2);
  const refusals = `rejected_calls=${rejected},failed_calls=${failed}`;
  return ["cmdstat_" + name, `calls=${calls},usec=${usec},usec_per_call=${each},${refusals}`];
}

function latencyFields({ x, commands }: Report): Fields {
  const percentiles = x.shard.config.list("latency-tracking-info-percentiles").map(Number);
  return commands
    .filter(({ histogram }) => histogram.count > 0)
    .map(({ name, histogram }) => {
      const values = percentiles.map((p) => `p${p}=${(histogram.percentile(p) / 1000).toFixed(3)}`);
      return ["latency_percentiles_usec_" + name, values.join(",")];
    });
}

function keyspaceFields({ databases }: Report): Fields {
  const rows = [...databases.entries()].sort((a, b) => a[0] - b[0]);
  return rows.map(([index, { keys, expires }]) => ["db" + index, `keys=${keys},expires=${expires},avg_ttl=0`]);
}

/** One line for each shard, to see whether one has more to do than the others. */
function shardFields({ shards }: Report): Fields {
  return shards.map(({ numbers, databases }, index) => {
    const keys = databases.reduce((sum, database) => sum + database.keys, 0);
    const { clients, commands, dataBytes, cpuUserUs, cpuSystemUs } = numbers;
    const cpu = seconds(cpuUserUs + cpuSystemUs);
    return [
      "shard" + index,
      `clients=${clients},keys=${keys},used_memory=${dataBytes},commands=${commands},cpu=${cpu}`,
    ];
  });
}

function section(
  title: string,
  shown: Section["shown"],
  fields: Section["fields"],
  more: { readonly name?: string; readonly ofCommands?: boolean } = {},
): Section {
  return { name: more.name ?? title.toLowerCase(), title, shown, ofCommands: more.ofCommands === true, fields };
}

const OF_COMMANDS = { ofCommands: true };

/** In the order in which they are printed, whatever the order in which they are asked for. */
export const SECTIONS: readonly Section[] = [
  section("Server", "usually", serverFields),
  section("Clients", "usually", clientFields),
  section("Memory", "usually", memoryFields),
  section("Persistence", "usually", persistenceFields),
  section("Stats", "usually", statsFields),
  section("Replication", "usually", replicationFields),
  section("CPU", "usually", cpuFields),
  section("Modules", "usually", () => []),
  section("Commandstats", "with all", ({ commands }) => commands.map(commandLine), OF_COMMANDS),
  section("Errorstats", "usually", ({ errors }) =>
    [...errors].sort().map(([kind, count]) => ["errorstat_" + kind, "count=" + count]),
  ),
  section("Latencystats", "with all", latencyFields, OF_COMMANDS),
  section("Cluster", "usually", () => [["cluster_enabled", 0]]),
  section("Keyspace", "usually", keyspaceFields),
  section("Shards", "with all", shardFields),
];
