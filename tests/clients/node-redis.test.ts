/** node-redis doing real work against kevy, in RESP3 and RESP2: HELLO, CLIENT SETINFO, strings, scans, restarts. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient, RESP_TYPES } from "redis";
import { KevyServer } from "../support/kevy-server.ts";
import { freePort } from "../support/ports.ts";
import { keysOf, LIBRARY_SETUPS, next, start, TEST_MS_MAX, within } from "./rig.ts";

const BIG_BYTES = 5 * 1024 * 1024;
const CONCURRENT = 1000;
const READY_MS_MAX = 10_000;

/** HELLO 3 and CLIENT SETINFO are sent by the library as it connects. */
function make(port: number, RESP: 2 | 3) {
  return createClient({ url: `redis://127.0.0.1:${port}`, RESP });
}

for (const setup of LIBRARY_SETUPS) {
  for (const protocol of [3, 2] as const) {
    describe(`node-redis in RESP${protocol}, ${setup.name}`, { timeout: TEST_MS_MAX }, () => {
      let server: KevyServer;
      let client: ReturnType<typeof make>;
      before(async () => {
        server = await start(setup);
        client = make(server.port, protocol);
        let failure = "";
        client.on("error", (error: Error) => {
          failure = error.message;
        });
        try {
          await within("connect", READY_MS_MAX, client.connect());
        } catch (error) {
          client.destroy();
          throw new Error(`node-redis is not ready: ${failure}`, { cause: error });
        }
      });
      after(async () => {
        if (client?.isOpen) client.destroy();
        await server?.stop();
      });

      test("default options of the library", async () => {
        const plain = createClient({ url: `redis://127.0.0.1:${server.port}`, socket: { reconnectStrategy: false } });
        await plain.connect();
        assert.equal(await plain.ping(), "PONG");
        assert.equal(await plain.set("default", "1"), "OK");
        assert.equal(await plain.get("default"), "1");
        await plain.close();
      });

      test("strings, counters and times to live", async () => {
        assert.equal(await client.set("s", "v"), "OK");
        assert.equal(await client.get("s"), "v");
        assert.equal(await client.get("none"), null);
        assert.equal(
          await client.set("s", "w", { expiration: { type: "EX", value: 100 }, condition: "XX", GET: true }),
          "v",
        );
        const left = await client.ttl("s");
        assert.ok(left > 90 && left <= 100, `${left}`);
        assert.equal(await client.incrBy("n", 42), 42);
        assert.equal(await client.incrByFloat("n", 0.5), "42.5");
        assert.equal(await client.getDel("n"), "42.5");
        assert.equal(await client.persist("s"), 1);
        await assert.rejects(client.incr("s"), /ERR value is not an integer or out of range/);
        await assert.rejects(client.sendCommand(["NOSUCH"]), /unknown command 'NOSUCH'/);
      });

      test("several keys at once, and a scan", async () => {
        const keys = keysOf("scan:", 1200);
        await client.mSet(Object.fromEntries(keys.map((key, i) => [key, `${i}`])));
        assert.deepEqual(
          await client.mGet(keys),
          keys.map((_, i) => `${i}`),
        );
        const found = new Set<string>();
        for await (const batch of client.scanIterator({ MATCH: "scan:*", COUNT: 50 }))
          for (const key of batch) found.add(key);
        assert.deepEqual([...found].sort(), [...keys].sort());
        assert.equal(await client.del(keys), 1200);
      });

      test(`${CONCURRENT} promises at once`, async () => {
        const keys = keysOf("many:", CONCURRENT);
        await Promise.all(keys.map((key) => client.set(key, key)));
        assert.deepEqual(await Promise.all(keys.map((key) => client.get(key))), keys);
      });

      test("big and binary values", async () => {
        const big = Buffer.alloc(BIG_BYTES, "0123456789abcdef\r\n");
        const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
        await client.set("big", big);
        const got = await bytes.get("big");
        assert.ok(Buffer.isBuffer(got) && got.equals(big));
        const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        await client.set(all, all);
        const back = await bytes.get(all);
        assert.ok(Buffer.isBuffer(back) && back.equals(all));
      });

      test("it connects again after the server was restarted", async () => {
        const port = await freePort();
        const options = { shards: setup.shards, reactor: setup.reactor, port };
        const first = await KevyServer.start(options);
        const other = make(port, protocol);
        other.on("error", () => {});
        await within("connect", READY_MS_MAX, other.connect());
        await other.set("before", "1");
        const lost = next(other, "reconnecting");
        await first.stop();
        await within("the client notices", READY_MS_MAX, lost);
        const ready = next(other, "ready");
        const second = await KevyServer.start(options);
        await within("the client is back", READY_MS_MAX, ready);
        assert.equal(await other.get("before"), null);
        assert.equal(await other.set("again", "1"), "OK");
        await other.close();
        await second.stop();
      });
    });
  }
}
