/**
 * Every scripted case, byte for byte against redis-server: command by command, and all of them in one write.
 *
 * KEVY_COMPARE_REFEREE=1 puts a second redis-server in kevy's place: then nothing may differ, and a failure is one of
 * a case.
 */

import { after, before, describe, test } from "node:test";
import type { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import type { Command } from "./case.ts";
import { FAMILIES } from "./cases/index.ts";
import {
  expectNone,
  FLUSH,
  Pair,
  type Protocol,
  runCases,
  setupName,
  setups,
  skipReason,
  startKevy,
  startReferee,
} from "./pair.ts";

const skip = skipReason();
const PROTOCOLS: readonly Protocol[] = [2, 3];

/** Families worth a second run, command by command, in RESP3; the one big write has them all in both. */
const SPEAKS_DIFFERENTLY: readonly string[] = ["keys", "connection", "server"];

/** All commands that need no connection of their own, in the order of their families. */
function together(): Command[] {
  const commands: Command[] = [];
  for (const cases of Object.values(FAMILIES)) {
    for (const each of cases) {
      if (each.alone) continue;
      commands.push(FLUSH, ...each.commands.filter((what) => !what.scan));
    }
  }
  return commands;
}

describe("compared with redis-server: scripted cases", { skip }, () => {
  let referee: RedisServer;
  before(async () => {
    referee = await startReferee();
  });
  after(() => referee?.stop());

  for (const setup of setups()) {
    describe(setupName(setup), () => {
      let kevy: KevyServer | RedisServer;
      before(async () => {
        const itself = process.env["KEVY_COMPARE_REFEREE"] === "1";
        kevy = itself ? await startReferee() : await startKevy(setup, ["--enable-debug-command", "yes"]);
      });
      after(() => kevy?.stop());

      for (const protocol of PROTOCOLS) {
        for (const [family, cases] of Object.entries(FAMILIES)) {
          if (protocol === 3 && !SPEAKS_DIFFERENTLY.includes(family)) continue;
          test(`${family}, RESP${protocol}`, async () => {
            expectNone(await runCases(kevy.port, referee.port, cases, protocol));
          });
        }

        test(`all in one write, RESP${protocol}`, async () => {
          await using pair = await Pair.connect(kevy.port, referee.port, protocol);
          expectNone(await pair.pipeline(together()));
        });
      }
    });
  }
});
