/**
 * Tests of commands on whole keyspaces: SCAN's guarantee while keys come and go, KEYS against regular expressions,
 * RANDOMKEY's chances, flushes of little and of much; over one, two and four shards.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../base/random.ts";
import { encodeRequest } from "../resp/fixture.ts";
import { Cluster, type SimClient } from "../runtime/shard.fixture.ts";
import { createCommands } from "./table.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";
const ONLY = process.env["KEVY_TEST_SEED"] ?? "";
const SHARDS = [1, 2, 4];

function makeCluster(shards: number): Cluster {
  return new Cluster({ shards, commands: createCommands });
}

/** Elements of an array of bulk strings, or of [bulk, array of bulk strings] one after the other. */
function bulks(reply: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < reply.length; ) {
    const end = reply.indexOf("\r\n", at);
    const head = Number(reply.slice(at + 1, end));
    const type = reply[at];
    at = end + 2;
    if (type !== "$") continue;
    found.push(reply.slice(at, at + head));
    at += head + 2;
  }
  return found;
}

function setAll(cluster: Cluster, client: SimClient, keys: readonly string[]): void {
  for (const key of keys) client.write(encodeRequest(["SET", key, "v"]));
  assert.ok(cluster.replies(client).every((reply) => reply === "+OK\r\n"));
}

function scanSeed(seed: number): void {
  const random = new Random(seed);
  const shards = SHARDS[seed % 3];
  const cluster = makeCluster(shards);
  const scanner = cluster.connect(random.below(shards));
  const writer = cluster.connect(random.below(shards));
  const stable = Array.from({ length: random.below(1500) }, (_, i) => `stable:${i}`);
  const ever = new Set(stable);
  setAll(cluster, writer, stable);
  let coming = 0;
  let going = 0;
  const seen = new Map<string, number>();
  let cursor = "0";
  const count = ["1", "7", "100"][random.below(3)];
  for (let calls = 0; ; calls++) {
    assert.ok(calls < 20_000, "a scan ends");
    const reply = bulks(cluster.ask(scanner, "SCAN", cursor, "COUNT", count));
    cursor = reply[0];
    for (const key of reply.slice(1)) seen.set(key, (seen.get(key) ?? 0) + 1);
    if (cursor === "0") break;
    if (random.below(3) > 0) continue;
    // Others come in crowds, so that tables grow and split, and go again, so that they shrink.
    const crowd = random.below(200);
    if (random.below(2) === 0) {
      const keys = Array.from({ length: crowd }, () => `other:${coming++}`);
      for (const key of keys) ever.add(key);
      setAll(cluster, writer, keys);
    } else {
      for (; going < coming - 50; going++) writer.write(encodeRequest(["DEL", `other:${going}`]));
      cluster.replies(writer);
    }
  }
  for (const key of stable) assert.equal(seen.get(key), 1, `${key} is seen once`);
  for (const key of seen.keys()) assert.ok(ever.has(key), `${key} was there`);
}

test("SCAN shows every key that stays, once, while others come and go", () => {
  const seeds = ONLY === "" ? Array.from({ length: FULL ? 150 : 12 }, (_, i) => i + 1) : [Number(ONLY)];
  for (const seed of seeds) {
    try {
      scanSeed(seed);
    } catch (error) {
      const repeat = `KEVY_TEST_SEED=${seed} node --test src/commands/keys.test.ts`;
      throw new Error(`seed ${seed}: ${(error as Error).message}\n  repeat with: ${repeat}`, { cause: error });
    }
  }
});

test("SCAN with MATCH and TYPE filters, skips what has expired, and refuses what is no cursor", () => {
  for (const shards of SHARDS) {
    const cluster = makeCluster(shards);
    const client = cluster.connect(shards - 1);
    setAll(cluster, client, ["a1", "a2", "b1", "b2"]);
    cluster.ask(client, "SET", "a3", "v", "PX", "10");
    cluster.nowMs += 10;
    const all = (...options: string[]): string[] => {
      const keys: string[] = [];
      let cursor = "0";
      do {
        const reply = bulks(cluster.ask(client, "SCAN", cursor, ...options));
        cursor = reply[0];
        keys.push(...reply.slice(1));
      } while (cursor !== "0");
      return keys.sort();
    };
    assert.deepEqual(all(), ["a1", "a2", "b1", "b2"]);
    assert.deepEqual(all("MATCH", "a*"), ["a1", "a2"]);
    assert.deepEqual(all("TYPE", "STRING", "match", "?1"), ["a1", "b1"]);
    assert.deepEqual(all("TYPE", "hash"), []);
    assert.equal(cluster.ask(client, "DBSIZE"), ":4\r\n");
    assert.equal(cluster.ask(client, "SCAN", "x"), "-ERR invalid cursor\r\n");
    assert.equal(cluster.ask(client, "SCAN", "0", "COUNT", "0"), "-ERR syntax error\r\n");
    assert.deepEqual(bulks(cluster.ask(client, "SCAN", String(2n ** 63n))), ["0"], "a cursor from elsewhere ends");
  }
});

test("KEYS selects as regular expressions do", () => {
  const random = new Random(11);
  const keys = new Set<string>();
  for (let i = 0; i < 400; i++) {
    let key = "";
    for (let n = random.below(6); n > 0; n--) key += "abc:*"[random.below(5)];
    keys.add(key);
  }
  const patterns: readonly (readonly [string, RegExp])[] = [
    ["*", /^.*$/],
    ["a*", /^a.*$/],
    ["*a", /^.*a$/],
    ["??", /^..$/],
    ["a?c*", /^a.c.*$/],
    ["[ab]*", /^[ab].*$/],
    ["[^ab]?", /^[^ab].$/],
    ["[a-b]:*", /^[a-b]:.*$/],
    ["*\\**", /^.*\*.*$/],
    ["abc", /^abc$/],
    ["*a*b*", /^.*a.*b.*$/],
  ];
  for (const shards of SHARDS) {
    const cluster = makeCluster(shards);
    const client = cluster.connect(0);
    setAll(cluster, client, [...keys]);
    for (const [pattern, expression] of patterns) {
      const expected = [...keys].filter((key) => expression.test(key)).sort();
      assert.deepEqual(bulks(cluster.ask(client, "KEYS", pattern)).sort(), expected, pattern);
    }
    assert.equal(cluster.ask(client, "DBSIZE"), `:${keys.size}\r\n`);
  }
});

test("RANDOMKEY gives every key the same chance, whichever shard it is on", () => {
  for (const shards of SHARDS) {
    const cluster = makeCluster(shards);
    const client = cluster.connect(0);
    // A hash tag puts half of the keys on one shard, so that shards hold differently many.
    const keys = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `{one}${i}` : `k${i}`));
    setAll(cluster, client, keys);
    const draws = FULL ? 40_000 : 8000;
    const times = new Map(keys.map((key) => [key, 0]));
    for (let i = 0; i < draws; i++) client.write("RANDOMKEY\r\n");
    for (const reply of cluster.replies(client)) {
      const key = bulks(reply)[0];
      assert.ok(times.has(key));
      times.set(key, (times.get(key) ?? 0) + 1);
    }
    const expected = draws / keys.length;
    let chiSquare = 0;
    for (const count of times.values()) chiSquare += (count - expected) ** 2 / expected;
    // 39 degrees of freedom: 95 is passed once in a million times.
    assert.ok(chiSquare < 95, `chi-square is ${chiSquare}`);
  }
});

test("RANDOMKEY finds the one key that lives among many whose time has come", () => {
  for (const shards of SHARDS) {
    const cluster = makeCluster(shards);
    const client = cluster.connect(0);
    for (let i = 0; i < 2000; i++) client.write(encodeRequest(["SET", `{t}${i}`, "v", "PX", "5"]));
    client.write(encodeRequest(["SET", "{t}alive", "v"]));
    cluster.replies(client);
    cluster.nowMs += 5;
    assert.equal(cluster.ask(client, "RANDOMKEY"), "$8\r\n{t}alive\r\n");
    cluster.ask(client, "DEL", "{t}alive");
    assert.equal(cluster.ask(client, "RANDOMKEY"), "$-1\r\n");
    assert.equal(cluster.ask(client, "DBSIZE"), ":0\r\n");
  }
});

function usedBytes(cluster: Cluster): number {
  return cluster.shards.reduce((sum, shard) => sum + shard.store.usedBytes, 0);
}

test("flushes empty what they should, of little and of much, and give the memory back", () => {
  for (const shards of SHARDS) {
    const cluster = makeCluster(shards);
    const client = cluster.connect(0);
    for (const size of [3, 30_000]) {
      const keys = Array.from({ length: size }, (_, i) => `k${i}`);
      for (const flush of [["FLUSHALL"], ["FLUSHALL", "ASYNC"], ["FLUSHDB", "SYNC"], ["FLUSHDB", "ASYNC"]]) {
        setAll(cluster, client, keys);
        cluster.ask(client, "SELECT", "1");
        setAll(cluster, client, ["kept"]);
        cluster.ask(client, "SELECT", "0");
        const before = usedBytes(cluster);
        // What comes behind it in the pipeline sees the empty keyspace, and works.
        client.write(encodeRequest(flush));
        for (const args of [
          ["DBSIZE"],
          ["SET", "k1", "new"],
          ["GET", "k1"],
          ["GET", "k2"],
          ["DEL", "k1"],
          ["DBSIZE"],
        ]) {
          client.write(encodeRequest(args));
        }
        const replies = cluster.replies(client);
        assert.deepEqual(replies, ["+OK\r\n", ":0\r\n", "+OK\r\n", "$3\r\nnew\r\n", "$-1\r\n", ":1\r\n", ":0\r\n"]);
        cluster.advance(200);
        cluster.settle();
        assert.ok(cluster.shards.every((shard) => !shard.store.hasDiscarded));
        if (size > 3) assert.ok(usedBytes(cluster) < before / 100, `${usedBytes(cluster)} of ${before} bytes are left`);
        cluster.ask(client, "SELECT", "1");
        assert.equal(cluster.ask(client, "DBSIZE"), flush[0] === "FLUSHDB" ? ":1\r\n" : ":0\r\n");
        cluster.ask(client, "SELECT", "0");
      }
    }
    assert.equal(cluster.ask(client, "FLUSHALL", "MAYBE"), "-ERR syntax error\r\n");
    assert.equal(cluster.ask(client, "FLUSHDB", "SYNC", "ASYNC"), "-ERR syntax error\r\n");
  }
});
