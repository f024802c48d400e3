/**
 * Random commands against redis-server: one by one and in pipelines, every reply compared, and at the end all data.
 */

import { after, before, describe, test } from "node:test";
import { depth, FULL, forEachSeed, seeds } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import type { Command } from "./case.ts";
import { Generator, wholeDataSet } from "./generator.ts";
import {
  expectNone,
  FLUSH,
  Pair,
  type Protocol,
  setupName,
  setups,
  skipReason,
  startKevy,
  startReferee,
} from "./pair.ts";

const skip = skipReason();
const OPERATIONS = depth(2_000, 12_000);
const PIPELINE_MAX = 60;
/** How many of them are sent one by one before the rest goes in pipelines. */
const ALONE = depth(500, 2_000);

/** In a full run each way to run kevy gets every other seed, the next one those between. */
function seedsOf(setup: number): number[] {
  const all = seeds(3, 5);
  return FULL && all.length > 1 ? all.filter((_, i) => i % 2 === setup % 2) : all;
}

async function compareSeed(kevy: number, referee: number, seed: number): Promise<void> {
  const generator = new Generator(seed);
  const protocol: Protocol = seed % 2 === 0 ? 2 : 3;
  await using pair = await Pair.connect(kevy, referee, protocol);
  expectNone(await pair.pipeline([FLUSH]));
  let done = 0;
  while (done < OPERATIONS) {
    const pipelined = done >= ALONE;
    const wanted = pipelined ? generator.pipelineLength(PIPELINE_MAX) : 1;
    const commands: Command[] = [];
    for (let i = 0; i < wanted; i++) commands.push(generator.next());
    // A scan takes several round trips and cannot be part of a pipeline.
    const scans = commands.filter((what) => what.scan);
    const rest = commands.filter((what) => !what.scan);
    const failures = await pair.pipeline(rest);
    for (const what of scans) {
      const failure = await pair.ask(what);
      if (failure !== null) failures.push(failure);
    }
    if (failures.length > 0) {
      const where = `after ${done} commands, ${pipelined ? `in a pipeline of ${rest.length}` : "alone"}`;
      throw new Error(`${where}: ${failures.slice(0, 5).join("; ")}`);
    }
    done += wanted;
  }
  expectNone(await pair.pipeline(wholeDataSet()));
}

describe("compared with redis-server: random commands", { skip }, () => {
  let referee: RedisServer;
  before(async () => {
    referee = await startReferee();
  });
  after(() => referee?.stop());

  for (const [index, setup] of setups().entries()) {
    describe(setupName(setup), () => {
      let kevy: KevyServer | RedisServer;
      before(async () => {
        kevy = process.env["KEVY_COMPARE_REFEREE"] === "1" ? await startReferee() : await startKevy(setup);
      });
      after(() => kevy?.stop());

      test(`${OPERATIONS} commands a seed`, () =>
        forEachSeed(import.meta.filename, seedsOf(index), (seed) => compareSeed(kevy.port, referee.port, seed)));
    });
  }
});
