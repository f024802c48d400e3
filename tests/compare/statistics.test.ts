/**
 * Statistics against redis-server: after the same commands, the same calls, refusals and failures stand in INFO, the same
 * errors by kind, and the same commands in SLOWLOG when every command is slow. Times differ, and which numbers entries have.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { type ReplyValue, RespClient } from "../support/resp-client.ts";
import { words } from "./case.ts";
import { setupName, setups, skipReason, startKevy, startReferee } from "./pair.ts";

const COMMANDS = [
  "SET a 1",
  "SET b x",
  "GET a",
  "GET nosuch",
  "get a",
  "INCR a",
  "INCR b",
  "INCRBY a zzz",
  "MSET c 1 d 2 e 3 f 4",
  "MGET a b c d e f g",
  "DEL c d nosuch",
  "EXISTS a b c",
  "GET",
  "SET a",
  "NOSUCH a b",
  "CONFIG NOSUCH",
  "CONFIG GET maxclients",
  "CONFIG SET maxclients zzz",
  "DBSIZE",
  "EXPIRE a 100",
  "EXPIRE a zzz",
  "TTL a",
  "SETRANGE b 100 y",
  "APPEND b zz",
  "SCAN 0 COUNT 1000",
  "SELECT 1",
  "SELECT 99",
  "SELECT 0",
  "PING",
  "ECHO hallo",
  "TYPE a",
  "STRLEN b",
  "FLUSHALL",
];

const asText = (value: ReplyValue): string => (Buffer.isBuffer(value) ? value.toString("latin1") : String(value));

async function infoLines(client: RespClient, section: string): Promise<string[]> {
  return asText(await client.value("INFO", section))
    .split("\r\n")
    .filter((line) => line.includes(":"))
    .sort();
}

/** Name, calls, refusals and failures of each command that was called, this one's apart. */
async function commandLines(client: RespClient): Promise<string[]> {
  const lines = await infoLines(client, "commandstats");
  return lines
    .filter((line) => !line.startsWith("cmdstat_info:"))
    .map((line) => line.replace(/usec=.*?,usec_per_call=.*?,/, ""));
}

/** Arguments, and name of the client, of each slow command. */
async function slowCommands(client: RespClient): Promise<string[]> {
  const entries = (await client.value("SLOWLOG", "GET", "-1")) as ReplyValue[][];
  return entries.map((entry) => {
    assert.equal(typeof entry[0], "number");
    assert.ok(Math.abs(Number(entry[1]) - Date.now() / 1000) < 100);
    assert.ok(Number(entry[2]) >= 0 && Number(entry[2]) < 10_000_000);
    assert.match(asText(entry[4]), /^127\.0\.0\.1:\d+$/);
    return `${(entry[3] as ReplyValue[]).map(asText).join(" ")} [${asText(entry[5])}]`;
  });
}

describe("statistics compared with redis-server", { skip: skipReason() }, () => {
  let referee: RedisServer;
  before(async () => {
    referee = await startReferee();
  });
  after(() => referee?.stop());

  for (const setup of setups()) {
    describe(setupName(setup), () => {
      let kevy: KevyServer;
      before(async () => {
        kevy = await startKevy(setup);
      });
      after(() => kevy?.stop());

      test("calls, refusals, failures and errors", async () => {
        const seen = await Promise.all(
          [kevy, referee].map(async ({ port }) => {
            const client = await RespClient.connect(port);
            await client.command("FLUSHALL");
            await client.command("CONFIG", "RESETSTAT");
            for (const line of COMMANDS) await client.command(...words(line));
            const result = {
              commands: await commandLines(client),
              errors: await infoLines(client, "errorstats"),
              total: (await infoLines(client, "stats")).filter((line) => /total_error_replies/.test(line)),
            };
            await client.command("CONFIG", "RESETSTAT");
            const empty = [...(await commandLines(client)), ...(await infoLines(client, "errorstats"))];
            assert.deepEqual(empty, ["cmdstat_config|resetstat:calls=1,rejected_calls=0,failed_calls=0"]);
            await client.close();
            return result;
          }),
        );
        assert.deepEqual(seen[0], seen[1]);
        assert.ok(seen[0].commands.length > 15);
      });

      test("slow commands, with what is cut from them and the name of their client", async () => {
        const seen = await Promise.all(
          [kevy, referee].map(async ({ port }) => {
            const client = await RespClient.connect(port);
            await client.command("CLIENT", "SETNAME", "tester");
            await client.command("CONFIG", "SET", "slowlog-log-slower-than", "-1");
            await client.command("SLOWLOG", "RESET");
            await client.command("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "100");
            for (const line of COMMANDS) await client.command(...words(line));
            await client.command("SET", "k".repeat(200), "v".repeat(100_000));
            await client.command("GET", "k".repeat(200));
            await client.command("DEL", ...Array.from({ length: 50 }, (_, i) => `key:${i}`));
            await client.command("AUTH", "secret");
            await client.command("AUTH", "user", "secret");
            await client.command("CONFIG", "SET", "requirepass", "secret");
            await client.command("CONFIG", "SET", "requirepass", "");
            await client.command("CONFIG", "SET", "slowlog-log-slower-than", "-1");
            const slow = await slowCommands(client);
            assert.equal(await client.value("SLOWLOG", "LEN"), slow.length);
            await client.command("CONFIG", "SET", "slowlog-max-len", "5", "slowlog-log-slower-than", "0");
            await client.command("PING");
            await client.command("CONFIG", "SET", "slowlog-log-slower-than", "-1");
            const cut = await slowCommands(client);
            await client.command("SLOWLOG", "RESET");
            assert.equal(await client.value("SLOWLOG", "LEN"), 0);
            await client.command("CONFIG", "SET", "slowlog-max-len", "128", "slowlog-log-slower-than", "10000");
            await client.close();
            return { slow, cut };
          }),
        );
        assert.deepEqual(seen[0], seen[1]);
        assert.equal(seen[0].cut.length, 5);
      });
    });
  }
});
