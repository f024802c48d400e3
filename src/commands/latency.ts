/**
 * LATENCY: what took too long, on all shards, and how the time of each command is distributed.
 *
 * A shard's part is its events, or its histograms, as JSON; they are merged where the client is.
 */

import { Histogram } from "../base/histogram.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import type { CommandTable } from "../runtime/command-table.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Parts, type Reduction } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import type { LatencyEvent, LatencySample } from "../runtime/latency.ts";
import { advice } from "./latency-doctor.ts";
import { graph } from "./latency-graph.ts";
import { readParts, writePart } from "./parts.ts";
import { helpFunction } from "./replies.ts";

type Events = Record<string, LatencyEvent>;

/** The worst of two lists of samples for each second, the oldest first. */
function mergeSamples(a: readonly LatencySample[], b: readonly LatencySample[]): LatencySample[] {
  const worst = new Map<number, number>();
  for (const [time, ms] of [...a, ...b]) worst.set(time, Math.max(ms, worst.get(time) ?? 0));
  return [...worst].sort((x, y) => x[0] - y[0]);
}

/** The events of all shards by name: each shard has them in the order in which they happened first. */
function mergedEvents(parts: Parts): Map<string, LatencyEvent> {
  const merged = new Map<string, LatencyEvent>();
  for (const events of readParts<Events>(parts)) {
    for (const [name, event] of Object.entries(events)) {
      const there = merged.get(name);
      merged.set(name, {
        samples: mergeSamples(there?.samples ?? [], event.samples),
        max: Math.max(event.max, there?.max ?? 0),
      });
    }
  }
  return new Map([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A shard's part: its events. */
function events(x: Execution): void {
  writePart(x.reply, Object.fromEntries(x.shard.latency.events));
}

function latest(parts: Parts, reply: ReplyWriter): void {
  const merged = mergedEvents(parts);
  reply.array(merged.size);
  for (const [name, { samples, max }] of merged) {
    const [time, ms] = samples[samples.length - 1];
    reply.array(4);
    reply.bulkText(name);
    reply.integer(time);
    reply.integer(ms);
    reply.integer(max);
  }
}

function history(parts: Parts, reply: ReplyWriter): void {
  const samples = mergedEvents(parts).get(parts.argv.text(2))?.samples ?? [];
  reply.array(samples.length);
  for (const [time, ms] of samples) {
    reply.array(2);
    reply.integer(time);
    reply.integer(ms);
  }
}

function drawGraph(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const name = parts.argv.text(2);
  const event = mergedEvents(parts).get(name);
  if (event === undefined) reply.error("ERR No samples available for event '" + name + "'");
  else reply.verbatim("txt", graph(name, event, Math.floor(x.nowMs / 1000)));
}

function doctor(parts: Parts, reply: ReplyWriter, x: Execution): void {
  reply.verbatim("txt", advice(mergedEvents(parts), x.shard.config, x.shard.facts.reactor));
}

/** LATENCY RESET [event …]: how many were forgotten. Each shard answers the names that it had. */
function reset(x: Execution, argv: ArgvView): void {
  const { latency } = x.shard;
  const names: string[] = [];
  if (argv.count === 2) names.push(...latency.events.keys());
  else for (let i = 2; i < argv.count; i++) if (latency.events.has(argv.text(i))) names.push(argv.text(i));
  for (const name of names) latency.forget(name);
  writePart(x.reply, names);
}

function countNames(parts: Parts, reply: ReplyWriter): void {
  reply.integer(new Set(readParts<string[]>(parts).flat()).size);
}

/** The rows that LATENCY HISTOGRAM [command …] asks for, by id; a container stands for its subcommands. */
function wantedRows(table: CommandTable, argv: ArgvView): number[] {
  const ids: number[] = [];
  const { rows } = table;
  const wants = (name: string): boolean => {
    for (let i = 2; i < argv.count; i++) {
      const asked = argv.text(i).toLowerCase();
      if (name === asked || name.startsWith(asked + "|")) return true;
    }
    return argv.count === 2;
  };
  for (let id = 0; id < rows.length; id++) if (wants(rows[id].name)) ids.push(id);
  return ids;
}

/** A shard's part: name and sparse histogram of each command that was called. */
function histograms(x: Execution, argv: ArgvView): void {
  const { stats, table } = x.shard;
  const found: [string, number[]][] = [];
  for (const id of wantedRows(table, argv)) {
    const histogram = stats.histogram(id);
    if (histogram !== null && histogram.count > 0) found.push([table.rows[id].name, histogram.sparse()]);
  }
  writePart(x.reply, found);
}

/** Nanoseconds at which the first of Redis's buckets ends; each next one ends at twice as much. */
const FIRST_BUCKET_NS = 1024;
const BUCKETS = 21;

/** Redis's form: (microseconds, calls that took no longer) for each bucket in which there are calls. */
function cumulative(histogram: Histogram): number[] {
  const result: number[] = [];
  let before = 0;
  for (let i = 0; i < BUCKETS; i++) {
    const low = FIRST_BUCKET_NS * 2 ** i;
    const high = low + low / 128 - 1;
    const upTo = histogram.countUpTo(high);
    if (upTo > before) result.push(Math.floor(high / 1000), upTo);
    before = upTo;
  }
  return result;
}

function mergeHistograms(parts: Parts, reply: ReplyWriter): void {
  const merged = new Map<string, Histogram>();
  for (const found of readParts<[string, number[]][]>(parts)) {
    for (const [name, counts] of found) {
      const histogram = merged.get(name) ?? new Histogram();
      histogram.addSparse(counts);
      merged.set(name, histogram);
    }
  }
  reply.map(merged.size);
  for (const [name, histogram] of merged) {
    const buckets = cumulative(histogram);
    reply.bulkText(name);
    reply.map(2);
    reply.bulkText("calls");
    reply.integer(histogram.count);
    reply.bulkText("histogram_usec");
    reply.map(buckets.length / 2);
    for (const value of buckets) reply.integer(value);
  }
}

const help = helpFunction("LATENCY", [
  "DOCTOR",
  "    Return a human readable latency analysis report.",
  "GRAPH <event>",
  "    Return an ASCII latency graph for the <event> class.",
  "HISTORY <event>",
  "    Return time-latency samples for the <event> class.",
  "LATEST",
  "    Return the latest latency samples for all events.",
  "RESET [<event> ...]",
  "    Reset latency data of one or more <event> classes.",
  "    (default: reset all data for all event classes)",
  "HISTOGRAM [COMMAND ...]",
  "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
  "    If no commands are specified then all histograms are replied.",
]);

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;
const OWN = ADMIN | NOSCRIPT | LOADING | STALE;

function subcommand(name: string, arity: number, run: CommandFunction, reduce: Reduction): CommandRow {
  return { name: "latency|" + name, arity, flags: OWN, keys: null, place: "all", reduce, run };
}

export const latencyRows: readonly CommandRow[] = [
  {
    name: "latency",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("doctor", 2, events, doctor),
      subcommand("graph", 3, events, drawGraph),
      {
        name: "latency|help",
        arity: 2,
        flags: LOADING | STALE,
        keys: null,
        place: "connection",
        reduce: null,
        run: help,
      },
      subcommand("histogram", -2, histograms, mergeHistograms),
      subcommand("history", 3, events, history),
      subcommand("latest", 2, events, latest),
      subcommand("reset", -2, reset, countNames),
    ],
  },
];
