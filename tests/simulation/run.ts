/**
 * The simulator's command line: runs seeds, and shows what fails in as few operations as shrinking finds.
 *
 *     node tests/simulation/run.ts --seed 123              one seed
 *     node tests/simulation/run.ts --from 1 --count 1000   many; ends at the first that fails
 *       --whole     does not shrink
 *       --history   shows the whole history, also of a seed that does not fail
 *       --plant X   with a planted bug: see plants.ts
 *
 * Exit code 0: nothing failed; 1: something did; 2: it does not know what to do.
 */

import { EOL } from "node:os";
import { parseArgs } from "node:util";
import { plantOf, withPlant } from "./plants.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { type Failure, type Parts, type Result, simulate } from "./world.ts";

/** The command that runs a seed again. */
export function repeatCommand(seed: number, plant = ""): string {
  return `node tests/simulation/run.ts --seed ${seed}${plant === "" ? "" : ` --plant ${plant}`}`;
}

/** All that a reader needs of a seed that failed. */
export function report(scenario: Scenario, failure: Failure, parts: Parts = {}, plant = "", whole = false): string {
  const lines = [`seed ${scenario.seed} fails: ${failure.kind}: ${failure.text}`];
  lines.push(`repeat with: ${repeatCommand(scenario.seed, plant)}`);
  if (whole) return [...lines, "", ...describe(scenario), ...failure.history].join(EOL);
  const shrunk = shrink(scenario, failure, (smaller) => simulate(smaller, parts).failure);
  lines.push("", `the smallest that still fails, after ${shrunk.runs} runs: ${shrunk.failure.text}`);
  return [...lines, ...describe(shrunk.scenario), ...shrunk.failure.history].join(EOL);
}

function describe(scenario: Scenario): string[] {
  const { shards, strict, ringBytes, credits, network, stops, clockSteps, clients } = scenario;
  const order = strict ? "strict" : "relaxed";
  const lines = [`${shards} shards, pipeline-order ${order}, rings of ${ringBytes} bytes, ${credits} credits`];
  lines.push(`network: ${JSON.stringify(network)}`);
  for (const { shard, atUs, forUs } of stops) lines.push(`shard ${shard} stops at ${atUs} µs for ${forUs} µs`);
  for (const { atUs, byMs } of clockSteps) lines.push(`the wall clock steps at ${atUs} µs by ${byMs} ms`);
  for (const client of clients) {
    if (client.resetAfter >= 0) lines.push(`client ${client.id} breaks after ${client.resetAfter} commands`);
  }
  return lines;
}

interface Totals {
  runs: number;
  operations: number;
  undecided: number;
}

function runSeeds(
  from: number,
  count: number,
  parts: Parts,
  show: (scenario: Scenario, result: Result) => boolean,
): Totals {
  const totals: Totals = { runs: 0, operations: 0, undecided: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const scenario = scenarioOf(seed);
    const result = simulate(scenario, parts);
    totals.runs++;
    totals.operations += result.operations;
    totals.undecided += result.undecided;
    if (show(scenario, result)) break;
  }
  return totals;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      from: { type: "string", default: "1" },
      count: { type: "string", default: "100" },
      whole: { type: "boolean", default: false },
      history: { type: "boolean", default: false },
      plant: { type: "string", default: "" },
    },
  });
  const from = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.count) : 1;
  if (!Number.isInteger(from) || !Number.isInteger(count)) throw new Error("seeds are whole numbers");
  const body = (parts: Parts): void => {
    const started = performance.now();
    const totals = runSeeds(from, count, parts, (scenario, { failure, history }) => {
      if (values.history) console.log(history.lines().join(EOL));
      if (failure === null) return false;
      console.log(report(scenario, failure, parts, values.plant, values.whole));
      process.exitCode = 1;
      return true;
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const { runs, operations, undecided } = totals;
    console.log(`${runs} seeds, ${operations} operations, ${undecided} searches undecided, ${seconds} s`);
  };
  if (values.plant === "") body({});
  else withPlant(plantOf(values.plant), body);
}

if (import.meta.main) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
