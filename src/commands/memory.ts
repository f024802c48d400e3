/**
 * MEMORY: what the server's memory is used for. Each shard answers its figures as an array of integers; where the client
 * is they are added. Fields are Redis's, figures are what kevy accounts for itself.
 *
 * A shard's part, all integers:
 *
 *     [ the figures of FIGURES, in that order | database, keys, bytes of its table | database, … ]
 */

import { isWord } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Parts, type Reduction } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";
import { integerArgument, NOT_AN_INTEGER, SYNTAX } from "./arguments.ts";
import { helpFunction } from "./replies.ts";

/** Bytes, save `clients`. */
const FIGURES = ["data", "input", "output", "clients", "tables", "pages", "resident"] as const;
type Figures = Record<(typeof FIGURES)[number], number>;
type Tables = Map<number, { keys: number; bytes: number }>;

const MiB = 1024 * 1024;
/** Below this there is nothing to diagnose (Redis's number). */
const DIAGNOSED_BYTES_MIN = 5 * MiB;
/** From these ratios on, and from so many bytes, something is worth a remark (Redis's numbers). */
const PEAK_RATIO = 1.5;
const FRAGMENTATION_RATIO = 1.4;
const SLACK_RATIO = 1.1;
const SLACK_BYTES_MIN = 10 * MiB;
const CLIENT_BYTES_MAX = 200 * 1024;

/** A shard's part. */
function part(x: Execution): void {
  const { shard, reply } = x;
  const { store } = shard;
  const { input, output } = shard.clientMemory();
  const databases = store.usedDatabases.filter((db) => db.size > 0);
  const figures: Figures = {
    data: store.usedBytes,
    input,
    output,
    clients: shard.clientCount(),
    tables: store.usedDatabases.reduce((sum, db) => sum + db.tableBytes, 0),
    pages: store.arena.pageBytes,
    resident: store.arena.residentBytes,
  };
  reply.array(FIGURES.length + 3 * databases.length);
  for (const name of FIGURES) reply.integer(figures[name]);
  for (const db of databases) {
    reply.integer(db.index);
    reply.integer(db.size);
    reply.integer(db.tableBytes);
  }
}

/** Adds the parts up. */
function total(parts: Parts): { readonly figures: Figures; readonly tables: Tables } {
  const figures = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures;
  const tables: Tables = new Map();
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
      const table = tables.get(index) ?? { keys: 0, bytes: 0 };
      table.keys += next();
      table.bytes += next();
      tables.set(index, table);
    }
  }
  return { figures, tables };
}

/** What STATS and DOCTOR conclude from. */
interface Memory extends Figures {
  readonly used: number;
  readonly peak: number;
  readonly keys: number;
  readonly overhead: number;
  readonly rss: number;
}

function memoryOf(figures: Figures, tables: Tables, x: Execution): Memory {
  const used = figures.data + figures.input + figures.output;
  let keys = 0;
  for (const table of tables.values()) keys += table.keys;
  return {
    ...figures,
    used,
    peak: Math.max(used, x.shard.store.budget.serverPeakBytes),
    keys,
    overhead: figures.tables + figures.input + figures.output,
    rss: process.memoryUsage.rss(),
  };
}

const share = (of: number, all: number): number => (all === 0 ? 0 : of / all);

function stats(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const { figures, tables } = total(parts);
  const memory = memoryOf(figures, tables, x);
  const { used, peak, keys, overhead, data, pages, resident, rss } = memory;
  const integers = (fields: readonly (readonly [string, number])[]): void => {
    for (const [name, value] of fields) {
      reply.bulkText(name);
      reply.integer(Math.trunc(value));
    }
  };
  const ratio = (name: string, value: number): void => {
    reply.bulkText(name);
    reply.doubleText(String(value));
  };
  reply.map(27 + tables.size);
  integers([
    ["peak.allocated", peak],
    ["total.allocated", used],
    ["startup.allocated", 0],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", memory.input + memory.output],
    ["cluster.links", 0],
    ["aof.buffer", 0],
    ["lua.caches", 0],
    ["functions.caches", 0],
  ]);
  for (const [index, table] of [...tables].sort((a, b) => a[0] - b[0])) {
    reply.bulkText("db." + index);
    reply.map(3);
    // Expiries stand with their keys: one table holds both.
    integers([
      ["overhead.hashtable.main", table.bytes],
      ["overhead.hashtable.expires", 0],
      ["overhead.hashtable.slot-to-keys", 0],
    ]);
  }
  integers([
    ["overhead.total", overhead],
    ["keys.count", keys],
    ["keys.bytes-per-key", share(used, keys)],
    ["dataset.bytes", used - overhead],
  ]);
  ratio("dataset.percentage", 100 * share(used - overhead, used));
  ratio("peak.percentage", 100 * share(used, peak));
  integers([
    ["allocator.allocated", data],
    ["allocator.active", pages],
    ["allocator.resident", resident],
  ]);
  ratio("allocator-fragmentation.ratio", share(pages, data));
  integers([["allocator-fragmentation.bytes", pages - data]]);
  ratio("allocator-rss.ratio", share(resident, pages));
  integers([["allocator-rss.bytes", resident - pages]]);
  ratio("rss-overhead.ratio", share(rss, resident));
  integers([["rss-overhead.bytes", rss - resident]]);
  ratio("fragmentation", share(rss, used));
  integers([["fragmentation.bytes", rss - used]]);
}

/** What is worth a remark, each a sentence or two. */
function remarks(memory: Memory): string[] {
  const { used, peak, data, pages, resident, rss } = memory;
  const found: string[] = [];
  if (peak / used > PEAK_RATIO) {
    found.push(
      "Peak memory: the server once used more than 150% of what it uses now. Memory that came free then and lies " +
        "between values that stayed may not have gone back to the system; MEMORY PURGE offers it again.",
    );
  }
  if (pages - data > SLACK_BYTES_MIN && pages / data > SLACK_RATIO) {
    found.push(
      "High fragmentation: pages are more than 10% larger than the values in them. Values of other sizes than the " +
        "ones before them mend this as they come; so does a restart.",
    );
  }
  if (resident - pages > SLACK_BYTES_MIN && resident / pages > SLACK_RATIO) {
    found.push(
      "High allocator RSS overhead: free pages have not gone back to the system. MEMORY PURGE gives them back.",
    );
  }
  if (rss - resident > SLACK_BYTES_MIN && rss / used > FRAGMENTATION_RATIO) {
    found.push(
      "High process RSS overhead: the process takes more than 140% of what it accounts for. Besides data there are the " +
        "JavaScript heaps of its threads, rings and receive buffers, some 30 MiB a shard.",
    );
  }
  if ((memory.input + memory.output) / memory.clients > CLIENT_BYTES_MAX) {
    found.push(
      "Big client buffers: clients take more than 200 KiB each on average. CLIENT LIST shows which of them, and " +
        "client-output-buffer-limit bounds them.",
    );
  }
  return found;
}

function doctor(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const { figures, tables } = total(parts);
  const memory = memoryOf(figures, tables, x);
  let text: string;
  if (memory.used < DIAGNOSED_BYTES_MIN) {
    text = "There is too little data to judge by: ask again when some megabytes are stored.\n";
  } else {
    const found = remarks(memory);
    text =
      found.length === 0
        ? "No memory issue was found.\n"
        : "What memory is used for, and what may help:\n\n" + found.map((remark) => `- ${remark}\n`).join("");
  }
  reply.verbatim("txt", text);
}

/** The arenas in one table, a line for each shard. */
function mallocStats(parts: Parts, reply: ReplyWriter): void {
  let text = "kevy-arena, bytes\nshard         used        pages     resident\n";
  for (const [i, bytes] of parts.replies.entries()) {
    const { figures } = total({ ...parts, replies: [bytes] });
    const columns = [figures.data, figures.pages, figures.resident];
    text += String(parts.shards[i]).padEnd(5) + columns.map((value) => String(value).padStart(13)).join("") + "\n";
  }
  reply.verbatim("txt", text);
}

function purge(x: Execution): void {
  x.shard.store.arena.purge();
  x.reply.ok();
}

/** MEMORY USAGE key [SAMPLES count]. A string is one piece, so that there is nothing to sample. */
function usage(x: Execution, argv: ArgvView): void {
  for (let i = 3; i < argv.count; i += 2) {
    if (!isWord(argv.bytes, argv.starts[i], argv.ends[i], "samples") || i + 1 === argv.count) {
      x.reply.error(SYNTAX);
      return;
    }
    const samples = integerArgument(argv, i + 1);
    if (!(samples >= 0)) {
      x.reply.error(samples < 0 ? SYNTAX : NOT_AN_INTEGER);
      return;
    }
  }
  if (x.db.peek(argv.view, argv.starts[2], argv.ends[2])) x.reply.integer(x.db.entryBytes);
  else x.reply.nil();
}

const help = helpFunction("MEMORY", [
  "DOCTOR",
  "    Return memory problems reports.",
  "MALLOC-STATS",
  "    Return internal statistics report from the memory allocator.",
  "PURGE",
  "    Attempt to purge dirty pages for reclamation by the allocator.",
  "STATS",
  "    Return information about the memory usage of the server.",
  "USAGE <key> [SAMPLES <count>]",
  "    Return memory in bytes used by <key> and its value. Nested values are",
  "    sampled up to <count> times (default: 5, 0 means sample all).",
]);

const { LOADING, READONLY, STALE } = CommandFlag;

function everywhere(name: string, run: CommandFunction, reduce: Reduction): CommandRow {
  return { name: "memory|" + name, arity: 2, flags: 0, keys: null, place: "all", reduce, run };
}

export const memoryRows: readonly CommandRow[] = [
  {
    name: "memory",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      everywhere("doctor", part, doctor),
      {
        name: "memory|help",
        arity: 2,
        flags: LOADING | STALE,
        keys: null,
        place: "connection",
        reduce: null,
        run: help,
      },
      everywhere("malloc-stats", part, mallocStats),
      everywhere("purge", purge, "first"),
      everywhere("stats", part, stats),
      {
        name: "memory|usage",
        arity: -3,
        flags: READONLY,
        keys: { first: 2, last: 2, step: 1 },
        place: "keys",
        reduce: null,
        run: usage,
      },
    ],
  },
];
