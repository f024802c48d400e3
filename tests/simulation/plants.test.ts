/** Planted bugs: each must be found within a stated number of seeds; and what is found is shrunk to something readable. */

import { equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PLANTS, plantOf, withPlant } from "./plants.ts";
import { SCAN_ALL } from "./scan.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { type Failure, type Kind, simulate } from "./world.ts";

interface Expected {
  /** Found within so many seeds, counted from 1, of those in which it can show. */
  readonly seeds: number;
  readonly kinds: readonly Kind[];
  readonly canShow: (scenario: Scenario) => boolean;
}

const hops = ({ shards }: Scenario): boolean => shards > 1;
const breaks = ({ clients }: Scenario): boolean => clients.some((client) => client.resetAfter >= 0);

function hasWalks({ clients }: Scenario): boolean {
  return clients.some(({ batches }) => batches.some(({ commands }) => commands.some(([verb]) => verb === SCAN_ALL)));
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  "lost-wake-up": { seeds: 10, kinds: ["unanswered"], canShow: hops },
  "lost-wake-up-of-sender": { seeds: 20, kinds: ["unanswered"], canShow: hops },
  "reply-out-of-order": { seeds: 20, kinds: ["client", "history", "audit"], canShow: (s) => hops(s) && !s.strict },
  "order-not-strict": { seeds: 100, kinds: ["history"], canShow: (s) => s.shards > 2 && s.strict },
  "dropped-fragment": { seeds: 20, kinds: ["unanswered"], canShow: hops },
  "stale-read": { seeds: 40, kinds: ["history", "audit"], canShow: () => true },
  "scan-leaps": { seeds: 10, kinds: ["scan"], canShow: (s) => hasWalks(s) },
  "credit-leak": { seeds: 60, kinds: ["unanswered"], canShow: (s) => hops(s) && s.credits <= 4 && breaks(s) },
};

interface Found {
  readonly scenario: Scenario;
  readonly failure: Failure;
}

const known = new Map<string, Found>();

/** The first seed that fails with a plant. */
function find(name: string): Found | null {
  const before = known.get(name);
  if (before !== undefined) return before;
  const { seeds, canShow } = EXPECTED[name];
  return withPlant(plantOf(name), (parts) => {
    for (let seed = 1, tried = 0; tried < seeds; seed++) {
      const scenario = scenarioOf(seed);
      if (!canShow(scenario)) continue;
      tried++;
      const { failure } = simulate(scenario, parts);
      if (failure === null) continue;
      known.set(name, { scenario, failure });
      return { scenario, failure };
    }
    return null;
  });
}

function commandsOf(scenario: Scenario): number {
  let count = 0;
  for (const client of scenario.clients) for (const batch of client.batches) count += batch.commands.length;
  return count;
}

describe("planted bugs", () => {
  for (const { name, what } of PLANTS) {
    const { seeds, kinds } = EXPECTED[name];
    it(`${what}: found within ${seeds} seeds`, (t) => {
      const found = find(name);
      ok(found !== null, `${name} was not found`);
      ok(kinds.includes(found.failure.kind), `found as ${found.failure.kind}: ${found.failure.text}`);
      t.diagnostic(`seed ${found.scenario.seed}: ${found.failure.text.split("\n")[0]}`);
    });
  }

  it("are gone when they are mended", () => {
    for (const { name } of PLANTS) {
      const found = find(name);
      ok(found !== null);
      equal(simulate(found.scenario).failure, null, `${name}, seed ${found.scenario.seed}, without the plant`);
    }
  });
});

test("a failing scenario is shrunk to a few commands that still fail", () => {
  withPlant(plantOf("lost-wake-up"), (parts) => {
    const found = find("lost-wake-up");
    ok(found !== null);
    const run = (scenario: Scenario): Failure | null => simulate(scenario, parts).failure;
    const shrunk = shrink(found.scenario, found.failure, run);
    ok(commandsOf(found.scenario) > 20, "there was something to leave out");
    ok(commandsOf(shrunk.scenario) <= 4, `${commandsOf(shrunk.scenario)} commands are left`);
    equal(run(shrunk.scenario)?.kind, found.failure.kind);
  });
});

test("the command line says how to run a failing seed again, and shows its history", () => {
  const run = (args: readonly string[]): { status: number | null; text: string } => {
    const script = fileURLToPath(new URL("run.ts", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
    return { status, text: stdout + stderr };
  };
  const good = run(["--from", "1", "--count", "2"]);
  equal(good.status, 0, good.text);
  match(good.text, /^2 seeds, \d+ operations/m);
  const bad = run(["--plant", "lost-wake-up"]);
  equal(bad.status, 1, bad.text);
  const command = /repeat with: node tests\/simulation\/run\.ts (.+)/.exec(bad.text);
  ok(command !== null, bad.text);
  match(bad.text, /the smallest that still fails, after \d+ runs/);
  match(bad.text, / client \d+ at shard \d: /);
  const again = run([...command[1].split(" "), "--whole"]);
  equal(again.status, 1);
  equal(again.text.split("\n")[0], bad.text.split("\n")[0], "the same seed fails in the same way");
  equal(run(["--seed", "x"]).status, 2);
});
