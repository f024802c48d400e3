/**
 * The figures of INFO: what one shard knows, and what all of them come to.
 *
 * Refuses: to name fields; the sections do.
 */

import { Histogram } from "../base/histogram.ts";
import { Counter } from "../runtime/counters.ts";
import type { Execution } from "../runtime/execution.ts";
import type { ShardServices } from "../runtime/services.ts";
import { ratesOf } from "./rates.ts";

interface DatabaseFigures {
  readonly index: number;
  readonly keys: number;
  readonly expires: number;
}

/** What a shard says of itself; numbers are added up over the shards. */
export interface ShardFigures {
  readonly databases: readonly DatabaseFigures[];
  /** Errors by their first word. */
  readonly errors: Readonly<Record<string, number>>;
  readonly numbers: Readonly<Record<FigureName, number>>;
  readonly maxima: Readonly<Record<MaximumName, number>>;
}

/** What a shard says of one command. */
export interface CommandFigures {
  readonly name: string;
  readonly calls: number;
  readonly microseconds: number;
  readonly rejected: number;
  readonly failed: number;
  readonly histogram: readonly number[] | null;
}

export interface ShardReport {
  readonly figures: ShardFigures;
  readonly commands: readonly CommandFigures[];
}

const FIGURES = {
  clients: (shard: ShardServices) => shard.clientCount(),
  dataBytes: (shard: ShardServices) => shard.store.usedBytes,
  tableBytes: tableBytesOf,
  residentBytes: (shard: ShardServices) => shard.store.arena.residentBytes,
  pageBytes: (shard: ShardServices) => shard.store.arena.pageBytes,
  inputBytes: (shard: ShardServices) => shard.clientMemory().input,
  outputBytes: (shard: ShardServices) => shard.clientMemory().output,
  connections: counter(Counter.CONNECTIONS),
  rejected: counter(Counter.REJECTED_CONNECTIONS),
  commands: counter(Counter.COMMANDS),
  bytesIn: counter(Counter.BYTES_IN),
  bytesOut: counter(Counter.BYTES_OUT),
  hits: counter(Counter.HITS),
  misses: counter(Counter.MISSES),
  expired: counter(Counter.EXPIRED),
  evicted: counter(Counter.EVICTED),
  /** Held back by CLIENT PAUSE: Redis counts them as blocked. */
  pausedClients: (shard: ShardServices) => shard.pause.held,
  evictedClients: counter(Counter.EVICTED_CLIENTS),
  queryLimitCloses: counter(Counter.QUERY_LIMIT_CLOSES),
  outputLimitCloses: counter(Counter.OUTPUT_LIMIT_CLOSES),
  timedOutClients: counter(Counter.TIMED_OUT_CLIENTS),
  reads: counter(Counter.READS),
  writes: counter(Counter.WRITES),
  expireCycleUs: counter(Counter.EXPIRE_CYCLE_US),
  expireCyclesCut: counter(Counter.EXPIRE_CYCLES_CUT),
  stalePercent: (shard: ShardServices) => shard.store.stalePercent,
  spread: counter(Counter.FANNED_OUT),
  protocolErrors: counter(Counter.PROTOCOL_ERRORS),
  errors: (shard: ShardServices) => shard.stats.errors,
  changes: (shard: ShardServices) => shard.effects.changes,
  commandRate: (shard: ShardServices) => ratesOf(shard).commands,
  inRate: (shard: ShardServices) => ratesOf(shard).bytesIn,
  outRate: (shard: ShardServices) => ratesOf(shard).bytesOut,
  turnRate: (shard: ShardServices) => ratesOf(shard).turns,
  turnUsRate: (shard: ShardServices) => ratesOf(shard).turnUs,
  turns: counter(Counter.TURNS),
  turnUs: counter(Counter.TURN_US),
  commandUs: commandUsOf,
  cpuUserUs: () => threadCpu().user,
  cpuSystemUs: () => threadCpu().system,
  heapBytes: () => process.memoryUsage().heapUsed,
} as const;

export type FigureName = keyof typeof FIGURES;

/** Figures of which the largest of any shard counts. */
const MAXIMA = {
  recentInputBytes: (shard: ShardServices) => shard.clientPeaks().input,
  recentOutputBytes: (shard: ShardServices) => shard.clientPeaks().output,
  exceededUs: (shard: ShardServices) => shard.store.budget.exceededUs,
  exceededNowUs: (shard: ShardServices) => shard.store.budget.exceededNowUs,
} as const;

export type MaximumName = keyof typeof MAXIMA;

function counter(index: number): (shard: ShardServices) => number {
  return (shard) => shard.counters.get(index);
}

/** Microseconds of all commands: measured, or as long as those that were. */
function commandUsOf({ stats, table }: ShardServices): number {
  let us = 0;
  for (let id = 0; id < table.rows.length; id++) us += stats.microseconds(id);
  return us;
}

function tableBytesOf(shard: ShardServices): number {
  let bytes = 0;
  for (let i = 0; i < shard.store.databaseCount; i++) bytes += shard.store.usedDatabase(i)?.tableBytes ?? 0;
  return bytes;
}

/** Of this thread alone. Before version 23.9, Node does not tell. */
function threadCpu(): { readonly user: number; readonly system: number } {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => { readonly user: number; readonly system: number } };
  return threadCpuUsage?.() ?? { user: 0, system: 0 };
}

export function figuresOf(shard: ShardServices): ShardFigures {
  shard.settleCounters();
  const numbers = {} as Record<FigureName, number>;
  for (const name of Object.keys(FIGURES) as FigureName[]) numbers[name] = FIGURES[name](shard);
  const databases: DatabaseFigures[] = [];
  for (let index = 0; index < shard.store.databaseCount; index++) {
    const database = shard.store.usedDatabase(index);
    if (database !== null && database.size > 0) {
      databases.push({ index, keys: database.size, expires: database.expires });
    }
  }
  const maxima = {} as Record<MaximumName, number>;
  for (const name of Object.keys(MAXIMA) as MaximumName[]) maxima[name] = MAXIMA[name](shard);
  return { databases, errors: Object.fromEntries(shard.stats.errorKinds), numbers, maxima };
}

export function commandFiguresOf(shard: ShardServices): CommandFigures[] {
  const { stats, table } = shard;
  const result: CommandFigures[] = [];
  table.rows.forEach(({ name }, id) => {
    const calls = stats.calls(id);
    const rejected = stats.rejected[id];
    if (calls === 0 && rejected === 0) return;
    const microseconds = stats.microseconds(id);
    const histogram = stats.histogram(id)?.sparse() ?? null;
    result.push({ name, calls, microseconds, rejected, failed: stats.failed[id], histogram });
  });
  return result;
}

export interface CommandTotal {
  readonly name: string;
  calls: number;
  microseconds: number;
  rejected: number;
  failed: number;
  readonly histogram: Histogram;
}

/** What all shards said. */
export interface Report {
  readonly x: Execution;
  readonly shards: readonly ShardFigures[];
  readonly numbers: Readonly<Record<FigureName, number>>;
  readonly maxima: Readonly<Record<MaximumName, number>>;
  readonly databases: ReadonlyMap<number, { keys: number; expires: number }>;
  readonly errors: ReadonlyMap<string, number>;
  readonly commands: readonly CommandTotal[];
}

export function mergeFigures(reports: readonly ShardReport[], x: Execution): Report {
  const numbers = {} as Record<FigureName, number>;
  const databases = new Map<number, { keys: number; expires: number }>();
  const errors = new Map<string, number>();
  for (const name of Object.keys(FIGURES) as FigureName[]) {
    numbers[name] = reports.reduce((sum, { figures }) => sum + figures.numbers[name], 0);
  }
  const maxima = {} as Record<MaximumName, number>;
  for (const name of Object.keys(MAXIMA) as MaximumName[]) {
    maxima[name] = Math.max(...reports.map(({ figures }) => figures.maxima[name]));
  }
  for (const { figures } of reports) {
    for (const { index, keys, expires } of figures.databases) {
      const database = databases.get(index) ?? { keys: 0, expires: 0 };
      database.keys += keys;
      database.expires += expires;
      databases.set(index, database);
    }
    for (const [kind, count] of Object.entries(figures.errors)) errors.set(kind, (errors.get(kind) ?? 0) + count);
  }
  const shards = reports.map(({ figures }) => figures);
  return { x, shards, numbers, maxima, databases, errors, commands: mergeCommands(reports) };
}

function mergeCommands(reports: readonly ShardReport[]): CommandTotal[] {
  const totals = new Map<string, CommandTotal>();
  for (const { commands } of reports) {
    for (const { name, calls, microseconds, rejected, failed, histogram } of commands) {
      let total = totals.get(name);
      if (total === undefined) {
        total = { name, calls: 0, microseconds: 0, rejected: 0, failed: 0, histogram: new Histogram() };
        totals.set(name, total);
      }
      total.calls += calls;
      total.microseconds += microseconds;
      total.rejected += rejected;
      total.failed += failed;
      if (histogram !== null) total.histogram.addSparse(histogram);
    }
  }
  return [...totals.values()];
}
