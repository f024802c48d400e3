/** The simulation: seeds that must not fail, and that a seed is a whole run. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { seeds } from "../support/depth.ts";
import { report } from "./run.ts";
import { scenarioOf } from "./scenario.ts";
import { simulate } from "./world.ts";

/** In a full run 1000: so many fixed ones, and as many from the clock. */
const SEEDS = seeds(100, 500);
/** Searches that are given up are searches that find nothing. */
const UNDECIDED_SHARE_MAX = 0.05;

test("histories of simulated servers are those of sequential ones", (t) => {
  const started = process.cpuUsage();
  let operations = 0;
  let undecided = 0;
  for (const seed of SEEDS) {
    const scenario = scenarioOf(seed);
    const result = simulate(scenario);
    if (result.failure !== null) throw new Error(report(scenario, result.failure));
    operations += result.operations;
    undecided += result.undecided;
  }
  const { user, system } = process.cpuUsage(started);
  const seconds = ((user + system) / 1e6).toFixed(1);
  t.diagnostic(`${SEEDS.length} seeds, ${operations} operations, ${undecided} searches undecided, ${seconds} s of CPU`);
  ok(operations > 20 * SEEDS.length, "clients say something");
  ok(undecided <= 1 + UNDECIDED_SHARE_MAX * SEEDS.length, `${undecided} searches were given up`);
});

test("a seed runs the same every time", () => {
  for (const seed of [1, 2, 3, 4]) {
    const first = simulate(scenarioOf(seed));
    const second = simulate(scenarioOf(seed));
    deepEqual(first.history.lines(), second.history.lines());
    equal(first.turns, second.turns);
  }
});

test("other draws of the same scenario run differently", () => {
  const scenario = scenarioOf(1);
  const first = simulate(scenario);
  const second = simulate({ ...scenario, chance: 2 });
  equal(first.operations, second.operations);
  ok(first.history.lines().join() !== second.history.lines().join());
});
