/**
 * INFO: the state of the server as text. Each shard answers its figures as an array of integers; where the client is,
 * they are added and printed. A field is there only if its value is known: none is made up to fill a place.
 *
 * A shard's part, all integers:
 *
 *     [ the figures of FIGURES, in that order | database, keys, keys with expiry | database, … ]
 */

import { machine, release, totalmem, type } from "node:os";
import { TICK_MS } from "../base/limits.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandRow, type Parts } from "../runtime/commands.ts";
import { Counter } from "../runtime/counters.ts";
import type { Execution } from "../runtime/execution.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";
import type { ShardServices } from "../runtime/services.ts";
import { ratesOf } from "./rates.ts";
import { REDIS_VERSION } from "./version.ts";

type Figures = Record<(typeof FIGURES)[number], number>;
type Databases = Map<number, { keys: number; expires: number }>;

const FIGURES = [
  "clients",
  "dataBytes",
  "inputBytes",
  "outputBytes",
  "connections",
  "rejected",
  "commands",
  "bytesIn",
  "bytesOut",
  "hits",
  "misses",
  "expired",
  "spread",
  "protocolErrors",
  "changes",
  // Rates are per 100 seconds, so that they are integers.
  "commandRate",
  "inRate",
  "outRate",
] as const;
const RATE_SCALE = 100;

function figuresOf(shard: ShardServices): Figures {
  shard.settleCounters();
  const { counters, store } = shard;
  const memory = shard.clientMemory();
  const [commandRate, inRate, outRate] = ratesOf(shard);
  return {
    clients: shard.clientCount(),
    dataBytes: store.usedBytes,
    inputBytes: memory.input,
    outputBytes: memory.output,
    connections: counters.get(Counter.CONNECTIONS),
    rejected: counters.get(Counter.REJECTED_CONNECTIONS),
    commands: counters.get(Counter.COMMANDS),
    bytesIn: counters.get(Counter.BYTES_IN),
    bytesOut: counters.get(Counter.BYTES_OUT),
    hits: counters.get(Counter.HITS),
    misses: counters.get(Counter.MISSES),
    expired: counters.get(Counter.EXPIRED),
    spread: counters.get(Counter.FANNED_OUT),
    protocolErrors: counters.get(Counter.PROTOCOL_ERRORS),
    changes: shard.effects.changes,
    commandRate: Math.round(commandRate * RATE_SCALE),
    inRate: Math.round(inRate * RATE_SCALE),
    outRate: Math.round(outRate * RATE_SCALE),
  };
}

/** A shard's part. */
function part(x: Execution): void {
  const { shard, reply } = x;
  const figures = figuresOf(shard);
  const databases: number[] = [];
  for (let i = 0; i < shard.store.databaseCount; i++) {
    const database = shard.store.usedDatabase(i);
    if (database !== null && database.size > 0) databases.push(i, database.size, database.expires);
  }
  reply.array(FIGURES.length + databases.length);
  for (const name of FIGURES) reply.integer(figures[name]);
  for (const value of databases) reply.integer(value);
}

/** Adds the parts up. */
function total(parts: Parts): { readonly figures: Figures; readonly databases: Databases } {
  const figures = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures;
  const databases: Databases = new Map();
  for (const bytes of parts.replies) {
    const count = headNumber(bytes, 0);
    let at = behindLine(bytes, 0);
    const next = (): number => {
      const value = headNumber(bytes, at);
      at = behindLine(bytes, at);
      return value;
    };
    for (const name of FIGURES) figures[name] += next();
    for (let i = FIGURES.length; i < count; i += 3) {
      const index = next();
      const database = databases.get(index) ?? { keys: 0, expires: 0 };
      database.keys += next();
      database.expires += next();
      databases.set(index, database);
    }
  }
  return { figures, databases };
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

/** What a section is printed from. */
interface Report {
  readonly x: Execution;
  readonly shardCount: number;
  readonly figures: Figures;
  readonly databases: Databases;
}

type Fields = readonly (readonly [string, string | number])[];

const seconds = (microseconds: number): string => (microseconds / 1_000_000).toFixed(6);
const kilobytes = (per100: number): string => (per100 / RATE_SCALE / 1024).toFixed(2);

function serverFields({ x, shardCount }: Report): Fields {
  const { facts, config } = x.shard;
  const uptime = Math.max(0, Math.floor((x.nowMs - facts.startedMs) / 1000));
  return [
    ["redis_version", REDIS_VERSION],
    ["kevy_version", facts.kevyVersion],
    ["node_version", process.versions.node],
    ["redis_mode", "standalone"],
    ["os", type() + " " + release() + " " + machine()],
    ["arch_bits", 64],
    ["multiplexing_api", facts.reactor],
    ["process_id", facts.pid],
    ["run_id", facts.runId],
    ["tcp_port", facts.tcpPort],
    ["server_time_usec", Math.floor(x.nowMs * 1000)],
    ["uptime_in_seconds", uptime],
    ["uptime_in_days", Math.floor(uptime / 86_400)],
    ["hz", Math.round(1000 / TICK_MS)],
    ["configured_hz", config.raw("hz")],
    ["lru_clock", x.shard.store.accessClock & 0xff_ffff],
    ["executable", facts.executable],
    ["config_file", facts.configFile],
    ["io_threads_active", 0],
    ["shards", shardCount],
    ["pipeline_order", config.raw("pipeline-order")],
  ];
}

function clientFields({ x, figures }: Report): Fields {
  return [
    ["connected_clients", figures.clients],
    ["cluster_connections", 0],
    ["maxclients", x.shard.config.raw("maxclients")],
    ["blocked_clients", 0],
    ["tracking_clients", 0],
  ];
}

/** used_memory is what the server counts itself: keys, values, tables, input and output of clients. */
function memoryFields({ x, figures }: Report): Fields {
  const { config } = x.shard;
  const used = figures.dataBytes + figures.inputBytes + figures.outputBytes;
  const resident = process.memoryUsage.rss();
  const system = totalmem();
  const maxMemory = config.integer("maxmemory");
  return [
    ["used_memory", used],
    ["used_memory_human", bytesForPeople(used)],
    ["used_memory_rss", resident],
    ["used_memory_rss_human", bytesForPeople(resident)],
    ["used_memory_dataset", figures.dataBytes],
    ["total_system_memory", system],
    ["total_system_memory_human", bytesForPeople(system)],
    ["maxmemory", maxMemory],
    ["maxmemory_human", bytesForPeople(maxMemory)],
    ["maxmemory_policy", config.raw("maxmemory-policy")],
    ["mem_clients_normal", figures.inputBytes + figures.outputBytes],
    ["mem_allocator", "kevy-arena"],
  ];
}

function statsFields({ figures }: Report): Fields {
  return [
    ["total_connections_received", figures.connections],
    ["total_commands_processed", figures.commands],
    ["instantaneous_ops_per_sec", Math.round(figures.commandRate / RATE_SCALE)],
    ["total_net_input_bytes", figures.bytesIn],
    ["total_net_output_bytes", figures.bytesOut],
    ["instantaneous_input_kbps", kilobytes(figures.inRate)],
    ["instantaneous_output_kbps", kilobytes(figures.outRate)],
    ["rejected_connections", figures.rejected],
    ["expired_keys", figures.expired],
    ["evicted_keys", 0],
    ["keyspace_hits", figures.hits],
    ["keyspace_misses", figures.misses],
    ["protocol_errors", figures.protocolErrors],
    ["multi_shard_commands", figures.spread],
  ];
}

function cpuFields(): Fields {
  const { system, user } = process.cpuUsage();
  return [
    ["used_cpu_sys", seconds(system)],
    ["used_cpu_user", seconds(user)],
  ];
}

function keyspaceFields({ databases }: Report): Fields {
  const rows = [...databases.entries()].sort((a, b) => a[0] - b[0]);
  return rows.map(([index, { keys, expires }]) => ["db" + index, `keys=${keys},expires=${expires},avg_ttl=0`]);
}

interface Section {
  readonly name: string;
  readonly title: string;
  /** Printed when no section is asked for. */
  readonly usual: boolean;
  readonly fields: (report: Report) => Fields;
}

/** In the order in which they are printed, whatever the order in which they are asked for. */
const SECTIONS: readonly Section[] = [
  { name: "server", title: "Server", usual: true, fields: serverFields },
  { name: "clients", title: "Clients", usual: true, fields: clientFields },
  { name: "memory", title: "Memory", usual: true, fields: memoryFields },
  {
    name: "persistence",
    title: "Persistence",
    usual: true,
    fields: ({ figures }) => [
      ["loading", 0],
      ["rdb_changes_since_last_save", figures.changes],
      ["aof_enabled", 0],
    ],
  },
  { name: "stats", title: "Stats", usual: true, fields: statsFields },
  {
    name: "replication",
    title: "Replication",
    usual: true,
    fields: () => [
      ["role", "master"],
      ["connected_slaves", 0],
    ],
  },
  { name: "cpu", title: "CPU", usual: true, fields: cpuFields },
  { name: "cluster", title: "Cluster", usual: true, fields: () => [["cluster_enabled", 0]] },
  { name: "keyspace", title: "Keyspace", usual: true, fields: keyspaceFields },
];

/** The sections that INFO [section …] asks for. */
function wantedSections(argv: ArgvView): readonly Section[] {
  const asked = new Set<string>();
  for (let i = 1; i < argv.count; i++) asked.add(argv.text(i).toLowerCase());
  if (asked.has("all") || asked.has("everything")) return SECTIONS;
  const usual = argv.count === 1 || asked.has("default");
  return SECTIONS.filter((section) => (usual && section.usual) || asked.has(section.name));
}

function print(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const report: Report = { x, shardCount: parts.shardCount, ...total(parts) };
  const texts = wantedSections(parts.argv).map((section) => {
    let text = "# " + section.title + "\r\n";
    for (const [name, value] of section.fields(report)) text += name + ":" + value + "\r\n";
    return text;
  });
  reply.verbatim("txt", texts.join("\r\n"));
}

export const infoRows: readonly CommandRow[] = [
  {
    name: "info",
    arity: -1,
    flags: CommandFlag.LOADING | CommandFlag.STALE,
    keys: null,
    place: "all",
    reduce: print,
    run: part,
  },
];
