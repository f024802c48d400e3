/**
 * Generator: runs redis-benchmark for one figure and reads its CSV.
 *
 * One run is one command at one pipeline depth, bounded in requests and in time. Refuses: to choose how many requests.
 */

import { execFile } from "node:child_process";

/** A run that takes longer than this has hung, ms. */
const RUN_MS_MAX = 60_000;
export const CLIENTS = 50;
export const VALUE_BYTES = 32;
/** Keys are drawn at random from that many. */
export const KEY_SPACE = 100_000;

export type Verb = "SET" | "GET";

export interface Run {
  readonly port: number;
  /** Cores of redis-benchmark, as taskset takes them. */
  readonly cores: string;
  readonly verb: Verb;
  readonly pipeline: number;
  /** A multiple of the pipeline: redis-benchmark rounds up to one, and the figure per operation must be exact. */
  readonly requests: number;
}

export interface RunResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Splits a line of CSV whose fields are all quoted, without quotes inside. */
function fieldsOf(line: string): string[] {
  return line
    .trim()
    .split(",")
    .map((field) => field.replace(/^"|"$/g, ""));
}

/** Reads the figures of `verb` out of `redis-benchmark --csv`, by the names in its first line. */
export function parseCsv(text: string, verb: Verb): RunResult {
  const lines = text.split("\n").filter((line) => line.startsWith('"'));
  const names = fieldsOf(lines[0] ?? "");
  const row = lines.map(fieldsOf).find((fields) => fields[0] === verb);
  const figure = (name: string): number => {
    const value = Number.parseFloat(row?.[names.indexOf(name)] ?? "");
    if (Number.isNaN(value)) throw new Error(`redis-benchmark gave no ${name} for ${verb}: ${text.slice(0, 300)}`);
    return value;
  };
  return { requestsPerSecond: figure("rps"), p50Ms: figure("p50_latency_ms"), p99Ms: figure("p99_latency_ms") };
}

/** How many requests take about `seconds` at that rate: a multiple of clients × pipeline within [atLeast, atMost]. */
export function requestsFor(rate: number, seconds: number, pipeline: number, atLeast: number, atMost: number): number {
  const unit = CLIENTS * pipeline;
  return Math.max(1, Math.round(Math.min(atMost, Math.max(atLeast, rate * seconds)) / unit)) * unit;
}

export function argumentsOf(run: Run): string[] {
  const pairs = {
    h: "127.0.0.1",
    p: run.port,
    c: CLIENTS,
    d: VALUE_BYTES,
    r: KEY_SPACE,
    P: run.pipeline,
    n: run.requests,
  };
  const flags = Object.entries(pairs).flatMap(([name, value]) => [`-${name}`, String(value)]);
  return [...flags, "-t", run.verb.toLowerCase(), "--csv"];
}

export function generate(run: Run): Promise<RunResult> {
  const args = ["-c", run.cores, "redis-benchmark", ...argumentsOf(run)];
  return new Promise((resolve, reject) => {
    execFile("taskset", args, { timeout: RUN_MS_MAX, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      if (error !== null) {
        const hung = error.killed === true ? `did not end within ${RUN_MS_MAX / 1000} s` : `failed: ${error.message}`;
        reject(new Error(`redis-benchmark ${hung} ${stderr.trim().slice(0, 500)}`));
        return;
      }
      try {
        resolve(parseCsv(stdout, run.verb));
      } catch (problem) {
        reject(problem);
      }
    });
  });
}
