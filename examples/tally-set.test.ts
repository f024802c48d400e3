/** Runs the example's command set in a server, on one shard and on several. */

import { deepEqual, equal, match } from "node:assert/strict";
import { describe, it } from "node:test";
import { startServer } from "../src/index.ts";
import { ReplyError, RespClient } from "../tests/support/resp-client.ts";

const KEYS = 100;

describe("the tally command set", () => {
  for (const shards of [1, 3]) {
    it(`counts on ${shards} shard${shards === 1 ? "" : "s"}`, async () => {
      const server = await startServer({ shards, commands: new URL("./tally-set.ts", import.meta.url) });
      try {
        const client = await RespClient.connect(server.port);
        equal(await client.value("TALLY.GET", "none"), 0);
        equal(await client.value("TALLY.ADD", "visits", "5"), 5);
        equal(await client.value("tally.add", "visits", "-7"), -2);
        equal(await client.value("TALLY.GET", "visits"), -2);
        const names = Array.from({ length: KEYS }, (_, i) => `key:${i}`);
        await client.pipeline(names.map((name, i) => ["TALLY.ADD", name, i]));
        const replies = await client.pipeline(names.map((name) => ["TALLY.GET", name]));
        deepEqual(
          replies.map(String),
          names.map((_, i) => `:${i}\r\n`),
        );
        const refused = await client.value("TALLY.ADD", "visits", "many");
        equal(refused instanceof ReplyError && refused.message, "ERR a tally is a whole number below 2^53");
        match(String(await client.command("TALLY.ADD", "visits")), /^-ERR wrong number of arguments for 'tally.add'/);
        match(String(await client.command("GET", "visits")), /^-ERR unknown command 'GET'/);
        equal(await client.value("TALLY.GET", "visits"), -2);
        await client.close();
      } finally {
        await server.stop();
      }
    });
  }
});
