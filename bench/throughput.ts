/**
 * Throughput: SET and GET at several pipeline depths, the servers in turn, one figure after the other.
 *
 * All contenders stay up; each round runs one after the other (A B C, A B C, …), so that what disturbs the machine disturbs all.
 * The ratio is the median of the rounds' own ratios. The first run of each figure is not timed: it warms caches and compilers.
 */

import { generate, KEY_SPACE, type RunResult, requestsFor, VALUE_BYTES, type Verb } from "./generator.ts";
import { infoNumber, loadKeys } from "./load.ts";
import { cpuBetween, median, readCpu } from "./measure.ts";
import type { Server } from "./servers.ts";

const REQUESTS_MIN = 20_000;
const REQUESTS_MAX = 3_000_000;
/** Requests of an untimed run at pipeline 1; deeper pipelines send more, up to the maximum. */
const WARM_UP_REQUESTS = 30_000;
const WARM_UP_REQUESTS_MAX = 300_000;
/** A server's own count of commands may differ from ours by this share plus a few INFO and CONFIG. */
const COUNT_TOLERANCE = 0.01;
const COUNT_TOLERANCE_COMMANDS = 50;

export interface Pace {
  readonly rounds: number;
  /** Wanted length of a timed run of the slowest contender, s. */
  readonly secondsPerRun: number;
  readonly pipelines: readonly number[];
}

export interface Contender {
  readonly label: string;
  readonly server: Server;
}

export interface Figure {
  readonly label: string;
  readonly requestsPerSecond: number;
  /** CPU time of the whole server process per command, µs. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** cpuUs divided by that of the last contender (redis-server) in the same round. */
  readonly ratio: number;
  /** The same ratio in the best and in the worst round: how far to trust it. */
  readonly ratioMin: number;
  readonly ratioMax: number;
}

export interface Cell {
  readonly verb: Verb;
  readonly pipeline: number;
  readonly requests: number;
  readonly figures: readonly Figure[];
}

interface Sample extends RunResult {
  readonly cpuUs: number;
}

/** Medians over the rounds; samples[contender][round], the last contender is the referee. */
export function summarize(labels: readonly string[], samples: readonly (readonly Sample[])[]): Figure[] {
  const referee = samples[samples.length - 1];
  return labels.map((label, index) => {
    const own = samples[index];
    const ratios = own.map((sample, round) => sample.cpuUs / referee[round].cpuUs);
    return {
      label,
      requestsPerSecond: median(own.map((sample) => sample.requestsPerSecond)),
      cpuUs: median(own.map((sample) => sample.cpuUs)),
      p50Ms: median(own.map((sample) => sample.p50Ms)),
      p99Ms: median(own.map((sample) => sample.p99Ms)),
      ratio: median(ratios),
      ratioMin: Math.min(...ratios),
      ratioMax: Math.max(...ratios),
    };
  });
}

/** Fills the key space that redis-benchmark draws from, so that every GET finds a value. */
async function fillKeySpace(contenders: readonly Contender[]): Promise<void> {
  for (const { server } of contenders) await loadKeys(server.port, 0, KEY_SPACE, VALUE_BYTES);
}

async function measureCell(
  contenders: readonly Contender[],
  loadCores: string,
  verb: Verb,
  pipeline: number,
  pace: Pace,
  note: (text: string) => void,
): Promise<Cell> {
  const warmUp = requestsFor(WARM_UP_REQUESTS * pipeline, 1, pipeline, REQUESTS_MIN, WARM_UP_REQUESTS_MAX);
  let slowest = Number.POSITIVE_INFINITY;
  for (const { server } of contenders) {
    const run = { port: server.port, cores: loadCores, verb, pipeline, requests: warmUp };
    slowest = Math.min(slowest, (await generate(run)).requestsPerSecond);
  }
  const requests = requestsFor(slowest, pace.secondsPerRun, pipeline, REQUESTS_MIN, REQUESTS_MAX);
  const samples: Sample[][] = contenders.map(() => []);
  for (let round = 0; round < pace.rounds; round++) {
    for (const [index, { label, server }] of contenders.entries()) {
      const countedBefore = await infoNumber(server.port, "stats", "total_commands_processed");
      const before = readCpu(server.pid);
      const result = await generate({ port: server.port, cores: loadCores, verb, pipeline, requests });
      const cpuUs = cpuBetween(before, readCpu(server.pid)) / requests;
      const counted = (await infoNumber(server.port, "stats", "total_commands_processed")) - countedBefore;
      if (Math.abs(counted - requests) > requests * COUNT_TOLERANCE + COUNT_TOLERANCE_COMMANDS) {
        note(`${label} counts ${counted} commands where ${requests} were sent (${verb}, pipeline ${pipeline})`);
      }
      samples[index].push({ ...result, cpuUs });
    }
  }
  const labels = contenders.map((contender) => contender.label);
  return { verb, pipeline, requests, figures: summarize(labels, samples) };
}

/** All figures of one line-up; the last contender must be redis-server. */
export async function measureThroughput(
  contenders: readonly Contender[],
  loadCores: string,
  pace: Pace,
  progress: (text: string) => void,
  note: (text: string) => void,
): Promise<Cell[]> {
  await fillKeySpace(contenders);
  const cells: Cell[] = [];
  for (const verb of ["SET", "GET"] as const) {
    for (const pipeline of pace.pipelines) {
      progress(`${verb} at pipeline ${pipeline}: ${contenders.map((contender) => contender.label).join(", ")}`);
      cells.push(await measureCell(contenders, loadCores, verb, pipeline, pace, note));
    }
  }
  return cells;
}
