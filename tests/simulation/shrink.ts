/**
 * Shrinking: a smaller scenario that fails in the same way.
 *
 * Tries to leave out clients, faults, batches and commands, and to have fewer shards, and keeps what still fails.
 * Leaving something out changes the order of everything else, so that each attempt is made with a few other draws.
 */

import { CALM } from "../../src/sys/sim-network.ts";
import type { Batch, ClientPlan, Scenario } from "./scenario.ts";
import type { Failure } from "./world.ts";

const RUNS_MAX = 1500;
const MS_MAX = 20_000;
/** Draws for each attempt. */
const DRAWS = 3;

export interface Shrunk {
  readonly scenario: Scenario;
  readonly failure: Failure;
  readonly runs: number;
}

/** `run` says how a scenario fails, or null. */
export function shrink(scenario: Scenario, failure: Failure, run: (scenario: Scenario) => Failure | null): Shrunk {
  let best = scenario;
  let how = failure;
  let runs = 0;
  const deadline = performance.now() + MS_MAX;
  const spent = (): boolean => runs >= RUNS_MAX || performance.now() > deadline;
  const keeps = (candidate: Scenario): boolean => {
    for (let draw = 0; draw < DRAWS && !spent(); draw++) {
      const drawn = draw === 0 ? candidate : { ...candidate, chance: scenario.chance + 7919 * draw };
      const found = run(drawn);
      runs++;
      if (found === null || found.kind !== failure.kind) continue;
      best = drawn;
      how = found;
      return true;
    }
    return false;
  };
  for (let smaller = true; smaller && !spent(); ) {
    smaller = false;
    for (const step of STEPS) {
      // A step that helped is tried again from where it was: there may be more to leave out.
      for (let at = 0; !spent(); ) {
        const candidate = step(best, at);
        if (candidate === null) break;
        if (keeps(candidate)) smaller = true;
        else at++;
      }
    }
  }
  return { scenario: best, failure: how, runs };
}

/** Attempt number `at` of one way to make a scenario smaller; null when there is none. */
type ShrinkStep = (scenario: Scenario, at: number) => Scenario | null;

const STEPS: readonly ShrinkStep[] = [
  (scenario, at) => {
    if (at >= scenario.clients.length || scenario.clients.length === 1) return null;
    return { ...scenario, clients: scenario.clients.filter((_, i) => i !== at) };
  },
  (scenario, at) => (at > 0 || scenario.stops.length === 0 ? null : { ...scenario, stops: [] }),
  (scenario, at) => (at > 0 || scenario.clockSteps.length === 0 ? null : { ...scenario, clockSteps: [] }),
  (scenario, at) => {
    if (at > 0 || scenario.network === CALM) return null;
    return { ...scenario, network: CALM };
  },
  (scenario, at) => {
    if (at > 0 || scenario.shards <= 2) return null;
    const shards = scenario.shards - 1;
    const clients = scenario.clients.map((client) => ({ ...client, shard: client.shard % shards }));
    const stops = scenario.stops.map((stop) => ({ ...stop, shard: stop.shard % shards }));
    return { ...scenario, shards, clients, stops };
  },
  (scenario, at) => plainer(scenario)[at] ?? null,
  chunks(8),
  chunks(3),
  chunks(1),
];

/** What can be taken from a client, one by one. */
const PLAIN: readonly Partial<ClientPlan>[] = [
  { readBytesMax: 65_536, readPauseUs: 0 },
  { resetAfter: -1 },
  { halfCloses: false },
  { database: 0 },
  { resp: 2 },
  { startUs: 0 },
];

/** All scenarios in which one client has one peculiarity less. */
function plainer(scenario: Scenario): Scenario[] {
  const found: Scenario[] = [];
  for (const client of scenario.clients) {
    for (const change of PLAIN) {
      const plain = { ...client, ...change };
      if (JSON.stringify(plain) === JSON.stringify(client)) continue;
      found.push({ ...scenario, clients: scenario.clients.map((one) => (one === client ? plain : one)) });
    }
  }
  return found;
}

/** Leaves out so many neighbouring commands, over all clients. */
function chunks(size: number): ShrinkStep {
  return (scenario, at) => {
    const from = at * size;
    let number = 0;
    let removed = 0;
    const clients: ClientPlan[] = [];
    for (const client of scenario.clients) {
      const batches: Batch[] = [];
      for (const batch of client.batches) {
        const commands = batch.commands.filter(() => {
          const gone = number >= from && number < from + size;
          number++;
          if (gone) removed++;
          return !gone;
        });
        if (commands.length > 0) batches.push({ ...batch, commands });
      }
      clients.push({ ...client, batches });
    }
    return removed === 0 ? null : { ...scenario, clients };
  };
}
