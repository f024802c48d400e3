/** ioredis doing real work against kevy: default options, strings, pipelines, scans, big and binary values, restarts. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { KevyServer } from "../support/kevy-server.ts";
import { freePort } from "../support/ports.ts";
import { keysOf, LIBRARY_SETUPS, next, start, TEST_MS_MAX, within } from "./rig.ts";

const BIG_BYTES = 5 * 1024 * 1024;
const CONCURRENT = 1000;
const READY_MS_MAX = 10_000;

/** A client with the library's own options; its ready check reads INFO. */
async function connect(port: number): Promise<Redis> {
  const redis = new Redis(port, "127.0.0.1");
  let failure = "";
  redis.on("error", (error) => {
    failure = error.message;
  });
  try {
    await within("ready", READY_MS_MAX, next(redis, "ready"));
  } catch (error) {
    redis.disconnect();
    throw new Error(`ioredis is not ready: ${failure}`, { cause: error });
  }
  return redis;
}

for (const setup of LIBRARY_SETUPS) {
  describe(`ioredis, ${setup.name}`, { timeout: TEST_MS_MAX }, () => {
    let server: KevyServer;
    let redis: Redis;
    before(async () => {
      server = await start(setup);
      redis = await connect(server.port);
    });
    after(async () => {
      redis?.disconnect();
      await server?.stop();
    });

    test("strings, counters and times to live", async () => {
      assert.equal(await redis.set("s", "v"), "OK");
      assert.equal(await redis.get("s"), "v");
      assert.equal(await redis.get("none"), null);
      assert.equal(await redis.set("s", "w", "EX", 100, "NX"), null);
      assert.equal(await redis.set("s", "w", "PX", 100_000, "XX"), "OK");
      const left = await redis.ttl("s");
      assert.ok(left > 90 && left <= 100, `${left}`);
      assert.equal(await redis.incr("n"), 1);
      assert.equal(await redis.incrby("n", 41), 42);
      assert.equal(await redis.incrbyfloat("n", 0.5), "42.5");
      assert.equal(await redis.append("s", "!"), 2);
      assert.equal(await redis.getrange("s", 0, 0), "w");
      assert.equal(await redis.type("s"), "string");
      await assert.rejects(redis.incr("s"), /ERR value is not an integer or out of range/);
      await assert.rejects(redis.call("NOSUCH", "a"), /unknown command 'NOSUCH'/);
    });

    test("several keys at once, over both shards", async () => {
      const keys = keysOf("multi:", 200);
      assert.equal(await redis.mset(Object.fromEntries(keys.map((key, i) => [key, `${i}`]))), "OK");
      const values = await redis.mget(keys);
      assert.deepEqual(
        values,
        keys.map((_, i) => `${i}`),
      );
      assert.equal(await redis.exists(...keys, "none"), 200);
      assert.equal(await redis.del(...keys.slice(0, 50)), 50);
      assert.equal(await redis.unlink(...keys), 150);
    });

    test("a pipeline answers in order, errors in their place", async () => {
      const pipeline = redis.pipeline();
      const keys = keysOf("pipe:", 300);
      for (const key of keys) pipeline.set(key, key).get(key).incr(key);
      const results = (await pipeline.exec()) ?? [];
      assert.equal(results.length, 900);
      for (let i = 0; i < keys.length; i++) {
        assert.deepEqual(results[3 * i], [null, "OK"]);
        assert.deepEqual(results[3 * i + 1], [null, keys[i]]);
        assert.match(String(results[3 * i + 2][0]), /not an integer/);
      }
    });

    test("a scan stream finds every key", async () => {
      const keys = keysOf("scan:", 1500);
      await redis.mset(...keys.flatMap((key) => [key, "v"]));
      const found = new Set<string>();
      for await (const batch of redis.scanStream({ match: "scan:*", count: 100 })) {
        for (const key of batch as string[]) found.add(key);
      }
      assert.deepEqual([...found].sort(), [...keys].sort());
      assert.equal((await redis.keys("scan:1*")).length, keys.filter((key) => key.startsWith("scan:1")).length);
    });

    test(`${CONCURRENT} promises at once`, async () => {
      const keys = keysOf("many:", CONCURRENT);
      await Promise.all(keys.map((key) => redis.set(key, key)));
      const values = await Promise.all(keys.map((key) => redis.get(key)));
      assert.deepEqual(values, keys);
      const counts = await Promise.all(keys.map(() => redis.incr("shared-counter")));
      assert.deepEqual(
        counts,
        keys.map((_, i) => i + 1),
      );
    });

    test("big and binary values", async () => {
      const big = Buffer.alloc(BIG_BYTES, "0123456789abcdef\r\n");
      const keys = keysOf("big:", 4);
      await Promise.all(keys.map((key) => redis.set(key, big)));
      for (const value of await Promise.all(keys.map((key) => redis.getBuffer(key)))) assert.ok(value?.equals(big));
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      await redis.set(bytes, bytes);
      assert.ok((await redis.getBuffer(bytes))?.equals(bytes));
      assert.equal(await redis.strlen(bytes), 256);
    });

    test("several databases", async () => {
      const other = new Redis({ port: server.port, db: 3 });
      await other.set("where", "three");
      await redis.set("where", "zero");
      assert.equal(await other.get("where"), "three");
      assert.equal(await redis.get("where"), "zero");
      assert.equal(await other.quit(), "OK");
    });

    test("it connects again after the server was restarted", async () => {
      const port = await freePort();
      const options = { shards: setup.shards, reactor: setup.reactor, port };
      const first = await KevyServer.start(options);
      const client = await connect(port);
      await client.set("before", "1");
      const closed = next(client, "close");
      await first.stop();
      await within("the client notices", READY_MS_MAX, closed);
      const ready = next(client, "ready");
      const second = await KevyServer.start(options);
      await within("the client is back", READY_MS_MAX, ready);
      assert.equal(await client.get("before"), null);
      assert.equal(await client.set("again", "1"), "OK");
      assert.equal(await client.quit(), "OK");
      await second.stop();
    });
  });
}
