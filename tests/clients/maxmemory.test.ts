/** Servers that are given far more than they may hold: they answer all the while, stay below their limit, and come back. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { depth } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { missing, RedisServer } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { TEST_MS_MAX } from "./rig.ts";

const MiB = 1024 * 1024;
const LIMIT = 8 * MiB;
/** What commands under way may take beyond their arguments, and clients' buffers since the last turn. */
const SLACK = 1 * MiB;
const PIPELINE = 100;
const VALUE = "v".repeat(2000);
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const PING_MS_MAX = 1000;

async function info(client: RespClient, name: string): Promise<number> {
  const found = new RegExp(`^${name}:(\\d+)`, "m").exec((await client.command("INFO")).toString("latin1"));
  assert.ok(found !== null, name);
  return Number(found[1]);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Sets `count` keys; returns how many replies were OK, and how many OOM. */
async function load(client: RespClient, prefix: string, count: number): Promise<{ ok: number; oom: number }> {
  const seen = { ok: 0, oom: 0 };
  for (let i = 0; i < count; i += PIPELINE) {
    const commands = Array.from({ length: PIPELINE }, (_, j) => ["SET", `${prefix}${i + j}`, VALUE]);
    for (const reply of await client.pipeline(commands)) {
      const text = reply.toString("latin1");
      if (text === "+OK\r\n") seen.ok++;
      else if (text === OOM) seen.oom++;
      else assert.fail(text);
    }
  }
  return seen;
}

/** Pings until told to stop; answers the longest round trip in ms. */
async function pingUntil(client: RespClient, done: () => boolean): Promise<number> {
  let longest = 0;
  while (!done()) {
    const started = performance.now();
    assert.equal((await client.command("PING")).toString(), "+PONG\r\n");
    longest = Math.max(longest, performance.now() - started);
  }
  return longest;
}

const COUNT = depth(42_000, 400_000);

describe("maxmemory", { timeout: TEST_MS_MAX }, () => {
  for (const shards of [1, 2]) {
    test(`${shards} shard${shards === 1 ? "" : "s"}: a cache far over its limit answers and stays below it`, async () => {
      const args = ["--maxmemory", String(LIMIT), "--maxmemory-policy", "allkeys-lru"];
      await using server = await KevyServer.start({ shards, args });
      const clients = await Promise.all(Array.from({ length: 3 }, () => RespClient.connect(server.port)));
      const observer = await RespClient.connect(server.port);
      let loaded = false;
      const longest = pingUntil(observer, () => loaded);
      const share = COUNT / 2;
      const seen = await Promise.all([load(clients[0], "a", share), load(clients[1], "b", share)]);
      loaded = true;
      assert.deepEqual(seen, [
        { ok: share, oom: 0 },
        { ok: share, oom: 0 },
      ]);
      assert.ok((await longest) < PING_MS_MAX, `a PING took ${await longest} ms`);
      const used = await info(observer, "used_memory");
      assert.ok(used <= LIMIT + SLACK && used > LIMIT / 2, `${used} of ${LIMIT}`);
      const keys = Number((await observer.command("DBSIZE")).toString().slice(1));
      assert.equal((await info(observer, "evicted_keys")) + keys, COUNT);
      // Keys of one second are equally old: only what nobody has written behind is certain to be there.
      assert.equal((await observer.command("SET", "last", VALUE)).toString(), "+OK\r\n");
      assert.equal((await observer.command("GET", "last")).length, VALUE.length + 9);
      for (const client of [...clients, observer]) await client.close();
    });
  }

  test("without eviction it refuses, goes on, and comes back to its memory", async () => {
    await using server = await KevyServer.start({ shards: 2, args: ["--maxmemory", String(LIMIT)] });
    const client = await RespClient.connect(server.port);
    // Each round sends 30 MB: what piled up would show beside the heaps, which take some MB more or less by chance.
    const resident: number[] = [];
    for (let round = 0; round < 5; round++) {
      const { ok, oom } = await load(client, "k", 15_000);
      assert.ok(ok > 2500 && oom > 8000, `${ok} were taken, ${oom} refused`);
      const used = await info(client, "used_memory");
      assert.ok(used <= LIMIT + SLACK, `${used} of ${LIMIT}`);
      assert.equal((await client.command("FLUSHALL")).toString(), "+OK\r\n");
      assert.ok((await info(client, "used_memory")) < MiB);
      if (process.platform === "linux") resident.push(residentBytes(server.pid));
    }
    const [first, last] = [resident[0], resident[resident.length - 1]];
    if (process.platform === "linux") assert.ok(last < first + 90 * MiB, `${resident.join(", ")} bytes are resident`);
    await client.close();
  });

  test("values of a quarter of the limit, and one that can never fit", async () => {
    const args = ["--maxmemory", String(4 * LIMIT), "--maxmemory-policy", "allkeys-lru"];
    await using server = await KevyServer.start({ shards: 2, args });
    const client = await RespClient.connect(server.port);
    await load(client, "small", 20_000);
    const large = "x".repeat(LIMIT);
    for (let i = 0; i < 6; i++) {
      assert.equal((await client.command("SET", `large${i}`, large)).toString(), "+OK\r\n");
      assert.equal((await client.command("STRLEN", `large${i}`)).toString(), `:${LIMIT}\r\n`);
    }
    assert.equal((await client.command("SET", "never", "x".repeat(5 * LIMIT))).toString("latin1"), OOM);
    assert.equal((await client.command("SET", "small", "again")).toString(), "+OK\r\n");
    assert.ok((await info(client, "used_memory")) <= 4 * LIMIT + SLACK);
    await client.close();
  });

  test("MEMORY STATS has the fields of the referee", { skip: missing() }, async () => {
    await using server = await KevyServer.start({ shards: 2 });
    await using referee = await RedisServer.start();
    const names: string[][] = [];
    for (const port of [server.port, referee.port]) {
      const client = await RespClient.connect(port);
      await client.command("SET", "a", "b");
      const value = await client.value("MEMORY", "STATS");
      assert.ok(Array.isArray(value));
      names.push(value.filter((_, i) => i % 2 === 0).map(String));
      await client.close();
    }
    assert.deepEqual(names[0], names[1]);
  });
});
