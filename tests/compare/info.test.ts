/**
 * INFO against redis-server: each of its sections and fields is there, in its order, or stands here with a reason.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { skipReason, startKevy, startReferee } from "./pair.ts";

/** Fields of redis-server that kevy does not print, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  atomicvar_api: "of a program in C",
  gcc_version: "of a program in C",
};

type Sections = Map<string, string[]>;

async function sections(port: number, asked: string): Promise<Sections> {
  const client = await RespClient.connect(port);
  await client.command("SET", "key", "value");
  await client.command("NOSUCH");
  const text = String(await client.value("INFO", asked));
  await client.close();
  const result: Sections = new Map();
  let fields: string[] = [];
  for (const line of text.split("\r\n")) {
    if (line.startsWith("# ")) {
      fields = [];
      result.set(line.slice(2), fields);
    } else if (line !== "") fields.push(line.slice(0, line.indexOf(":")));
  }
  return result;
}

describe("INFO compared with redis-server", { skip: skipReason() }, () => {
  let referee: RedisServer;
  let kevy: KevyServer;
  before(async () => {
    referee = await startReferee();
    kevy = await startKevy({ shards: 2, reactor: "auto", order: "strict" });
  });
  after(() => Promise.all([referee?.stop(), kevy?.stop()]));

  for (const asked of ["default", "all", "everything"]) {
    test(`sections and fields of INFO ${asked}`, async () => {
      const ours = await sections(kevy.port, asked);
      const theirs = await sections(referee.port, asked);
      const shared = [...ours.keys()].filter((title) => theirs.has(title));
      assert.deepEqual(shared, [...theirs.keys()]);
      for (const [title, fields] of theirs) {
        if (title === "Commandstats" || title === "Latencystats") continue;
        const wanted = fields.filter((field) => LEFT_OUT[field] === undefined);
        const found = (ours.get(title) ?? []).filter((field) => wanted.includes(field));
        assert.deepEqual(found, wanted, title);
      }
    });
  }

  test("what is left out is what redis-server has and kevy has not", async () => {
    const ours = [...(await sections(kevy.port, "everything")).values()].flat();
    const theirs = [...(await sections(referee.port, "everything")).values()].flat();
    for (const field of Object.keys(LEFT_OUT)) {
      assert.ok(theirs.includes(field) && !ours.includes(field), field);
    }
  });
});
