/**
 * A wall clock that somebody sets: the server goes on, keys live by the new time, and nothing counts as slow for it.
 */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { KevyServer } from "../support/kevy-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const PRELOAD = fileURLToPath(new URL("stepping-clock.ts", import.meta.url));
const HOUR_MS = 3_600_000;
const NOTICED_MS_MAX = 5_000;

for (const reactor of ["auto", "net"]) {
  test(`a clock that steps forwards and back, ${reactor}`, async () => {
    using dir = tempDir("clock");
    const file = join(dir.path, "offset");
    const step = (ms: number): void => writeFileSync(file, String(ms));
    step(0);
    await using server = await KevyServer.start({
      shards: 2,
      reactor,
      entry: "src/main.ts",
      nodeArgs: ["--import", PRELOAD],
      args: ["--slowlog-log-slower-than", "500000", "--latency-monitor-threshold", "500"],
      env: { KEVY_TEST_CLOCK: file },
    });
    const client = await RespClient.connect(server.port);
    /** A shard looks at the wall clock ten times a second. */
    const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const startedMs = performance.now();
      while (!(await holds())) {
        assert.ok(performance.now() - startedMs < NOTICED_MS_MAX, what);
        await pause(10);
      }
    };
    const keys = Array.from({ length: 20 }, (_, i) => `key:${i}`);
    const set = async (seconds: number): Promise<void> => {
      for (const key of keys) assert.equal(String(await client.command("SET", key, "v", "EX", seconds)), "+OK\r\n");
    };
    const each = async (holds: (ttl: number) => boolean): Promise<boolean> => {
      for (const key of keys) if (!holds(Number(await client.value("TTL", key)))) return false;
      return true;
    };

    await set(7200);
    step(HOUR_MS);
    await until("keys are an hour older", () => each((ttl) => ttl > 3500 && ttl <= 3600));
    step(-HOUR_MS);
    await until("the time to live is longer again", () => each((ttl) => ttl > 10_700 && ttl <= 10_800));
    await set(100);
    assert.ok(await each((ttl) => ttl > 90 && ttl <= 100));
    step(0);
    await until("what was to live for less than the step is gone", () => each((ttl) => ttl === -2));
    await until("and is removed", async () => (await client.value("DBSIZE")) === 0);
    await set(1);
    await until("time passes as ever", () => each((ttl) => ttl === -2));
    assert.equal(await client.value("SLOWLOG", "LEN"), 0);
    assert.deepEqual(await client.value("LATENCY", "LATEST"), []);
    await client.close();
  });
}
