/** Tests of MEMORY and of maxmemory on whole shards without threads: who is asked, who evicts, what INFO says. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, type SimClient } from "../runtime/shard.fixture.ts";
import { slotOf } from "../runtime/slots.ts";
import { createCommands } from "./table.ts";

const MiB = 1024 * 1024;
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

function cluster(shards: number, config: Readonly<Record<string, string>> = {}): [Cluster, SimClient] {
  const server = new Cluster({ shards, commands: createCommands, config });
  return [server, server.connect(0)];
}

function used(server: Cluster): number {
  return server.shards.reduce((sum, shard) => sum + shard.store.budget.usedBytes, 0);
}

/** A hash tag whose keys are on that shard. */
function tagOf(shard: number, shards: number): string {
  for (let n = 0; ; n++) {
    const key = Buffer.from(`{${n}}`);
    if (Math.floor((slotOf(key, 0, key.length) * shards) / 16_384) === shard) return `{${n}}`;
  }
}

/** Writes so many values of 1000 bytes in pipelines; returns the replies. */
function load(server: Cluster, client: SimClient, prefix: string, count: number): string[] {
  const replies: string[] = [];
  const value = "x".repeat(1000);
  for (let i = 0; i < count; ) {
    for (const end = Math.min(count, i + 50); i < end; i++) client.call("SET", prefix + i, value);
    replies.push(...server.replies(client));
  }
  return replies;
}

function field(server: Cluster, client: SimClient, name: string): number {
  const found = new RegExp(`^${name}:(\\d+)`, "m").exec(server.ask(client, "INFO"));
  assert.ok(found !== null, name);
  return Number(found[1]);
}

for (const shards of [1, 4]) {
  test(`${shards} shards: a cache takes ten times its limit, and answers`, () => {
    const limit = 2 * MiB;
    const [server, client] = cluster(shards, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
    const replies = load(server, client, "key", 20_000);
    assert.ok(replies.every((reply) => reply === "+OK\r\n"));
    assert.ok(used(server) <= limit && used(server) > limit * 0.7, `${used(server)} of ${limit}`);
    assert.ok(field(server, client, "used_memory") <= limit + 64 * 1024);
    const keys = Number(server.ask(client, "DBSIZE").slice(1));
    assert.equal(field(server, client, "evicted_keys"), 20_000 - keys);
    assert.equal(server.ask(client, "GET", "key19999").length, 1000 + 9);
    // What was evicted is gone, what is left is whole.
    let left = 0;
    for (let i = 0; i < 20_000; i += 50) {
      for (let j = i; j < i + 50; j++) client.call("GET", "key" + j);
      for (const reply of server.replies(client)) if (reply !== "$-1\r\n") left++;
    }
    assert.equal(left, keys);
  });
}

test("keys that a hash tag binds to one shard may take what the others do not, and none is starved", () => {
  const shards = 4;
  const limit = 8 * MiB;
  const [server, client] = cluster(shards, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  const busy = tagOf(2, shards);
  const late = tagOf(1, shards);
  assert.ok(load(server, client, busy, 20_000).every((reply) => reply === "+OK\r\n"));
  assert.ok(server.shards[2].store.budget.usedBytes > limit * 0.8);
  assert.ok(load(server, client, late, 1000).every((reply) => reply === "+OK\r\n"));
  assert.equal(server.shards[1].store.database(0).size, 1000, "the late shard keeps all of its keys");
  server.settle();
  assert.ok(used(server) <= limit);
});

test("noeviction refuses what grows, once, and serves everything else", () => {
  const [server, client] = cluster(2, { maxmemory: String(2 * MiB) });
  const replies = load(server, client, "key", 3000);
  const refused = replies.filter((reply) => reply === OOM).length;
  assert.ok(refused > 500 && refused < 2000, `${refused}`);
  assert.equal(replies.filter((reply) => reply === "+OK\r\n").length, 3000 - refused);
  assert.equal(server.ask(client, "MSET", "a", "x".repeat(60_000), "b", "x".repeat(60_000)), OOM);
  assert.equal(server.ask(client, "GET", "key0").length, 1009);
  assert.equal(server.ask(client, "EXPIRE", "key0", "100"), ":1\r\n");
  assert.equal(field(server, client, "evicted_keys"), 0);
  for (let i = 0; i < 3000; i++) client.call("DEL", "key" + i);
  server.replies(client);
  assert.equal(server.ask(client, "SET", "a", "x".repeat(60_000)), "+OK\r\n");
});

test("CONFIG SET maxmemory below what is used warns, and is there soon", () => {
  const [server, client] = cluster(2, { "maxmemory-policy": "allkeys-random" });
  load(server, client, "key", 8000);
  server.advance(200);
  server.settle();
  assert.equal(server.ask(client, "CONFIG", "SET", "maxmemory", "2mb"), "+OK\r\n");
  assert.match(server.logged.join("\n"), /^warning: WARNING: the new maxmemory value set via CONFIG SET \(2097152\)/m);
  for (let ms = 0; ms < 2000 && used(server) > 2 * MiB; ms += 10) {
    server.advance(10);
    server.settle();
  }
  assert.ok(used(server) <= 2 * MiB);
  assert.equal(server.ask(client, "SET", "a", "b"), "+OK\r\n");
  const warnings = server.logged.length;
  assert.equal(server.ask(client, "CONFIG", "SET", "maxmemory", "1gb"), "+OK\r\n");
  assert.equal(server.logged.length, warnings);
});

test("a request under way counts: while one shard collects a large value, keys give way", () => {
  const [server, client] = cluster(1, { maxmemory: String(4 * MiB), "maxmemory-policy": "allkeys-lru" });
  load(server, client, "key", 6000);
  const before = server.shards[0].store.usedBytes;
  client.write(`*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$${2 * MiB}\r\n`);
  client.write(new Uint8Array(1.5 * MiB));
  for (let i = 0; i < 40; i++) {
    server.settle();
    server.advance(2);
  }
  assert.ok(server.shards[0].store.usedBytes < before - MiB);
  assert.ok(used(server) <= 4 * MiB);
  client.reset();
  server.settle();
});

test("an eviction is an effect: an event, and a record that repeats it", () => {
  const [server, client] = cluster(1, { maxmemory: String(MiB), "maxmemory-policy": "allkeys-lru" });
  const events: string[] = [];
  const records: string[] = [];
  server.shards[0].effects.observer = {
    onChange: (database, event, bytes, start, end) =>
      events.push(`${database} ${event} ${Buffer.from(bytes.slice(start, end)).toString("latin1")}`),
    onRecord: (_, record) => records.push(`${record.text(0)} ${record.text(1)}`),
  };
  load(server, client, "key", 1200);
  const evicted = events.filter((event) => event.startsWith("0 evicted key"));
  assert.ok(evicted.length > 200 && new Set(evicted).size === evicted.length);
  assert.equal(records.filter((record) => record.startsWith("DEL ")).length, evicted.length);
  // Repeated in their order, the records give what is there.
  const keys = new Set<string>();
  for (const record of records) {
    const [verb, key] = record.split(" ");
    if (verb === "SET") keys.add(key);
    else keys.delete(key);
  }
  assert.equal(keys.size, Number(server.ask(client, "DBSIZE").slice(1)));
});

const STATS_FIELDS = [
  "peak.allocated total.allocated startup.allocated replication.backlog clients.slaves clients.normal cluster.links",
  "aof.buffer lua.caches functions.caches db.0 db.3 overhead.total keys.count keys.bytes-per-key dataset.bytes",
  "dataset.percentage peak.percentage allocator.allocated allocator.active allocator.resident",
  "allocator-fragmentation.ratio allocator-fragmentation.bytes allocator-rss.ratio allocator-rss.bytes",
  "rss-overhead.ratio rss-overhead.bytes fragmentation fragmentation.bytes",
];

test("MEMORY STATS has the fields of Redis 7.0, added up over the shards", () => {
  const [server, client] = cluster(2);
  load(server, client, "key", 1000);
  server.ask(client, "SELECT", "3");
  load(server, client, "other", 10);
  server.ask(client, "HELLO", "3");
  const reply = server.ask(client, "MEMORY", "STATS");
  const names = [...reply.matchAll(/^\$\d+\r\n(.*)\r\n/gm)].map((match) => match[1]);
  const inner = /^overhead\.hashtable/;
  assert.deepEqual(
    names.filter((name) => !inner.test(name)),
    STATS_FIELDS.join(" ").split(" "),
  );
  assert.equal(names.filter((name) => inner.test(name)).length, 6);
  const value = (name: string): number =>
    Number(new RegExp(`\\r\\n${name.replaceAll(".", "\\.")}\\r\\n[:,](-?[\\d.e]+)\\r\\n`).exec(reply)?.[1]);
  assert.equal(value("keys.count"), 1010);
  const data = server.shards.reduce((sum, shard) => sum + shard.store.usedBytes, 0);
  const clients = value("total.allocated") - data;
  assert.ok(clients === value("clients.normal") && clients >= 0 && clients <= 64 * 1024, `${clients}`);
  assert.ok(value("dataset.bytes") > 1_010_000 && value("dataset.bytes") < value("total.allocated"));
  assert.ok(value("dataset.percentage") > 80 && value("dataset.percentage") < 100);
  assert.ok(value("peak.allocated") >= value("total.allocated"));
  assert.ok(value("allocator.active") >= value("allocator.allocated"));
  assert.ok(value("allocator.resident") >= value("allocator.active"));
});

test("MEMORY USAGE tells what a key takes, and is no access", () => {
  const [server, client] = cluster(2);
  server.ask(client, "SET", "k", "x".repeat(1000));
  server.advance(5000);
  const bytes = Number(server.ask(client, "MEMORY", "USAGE", "k").slice(1));
  assert.ok(bytes > 1000 && bytes < 1200, `${bytes}`);
  assert.equal(server.ask(client, "OBJECT", "IDLETIME", "k"), ":5\r\n");
  server.ask(client, "GET", "k");
  assert.equal(server.ask(client, "OBJECT", "IDLETIME", "k"), ":0\r\n");
});

test("MEMORY DOCTOR, PURGE and MALLOC-STATS answer of all shards", () => {
  const [server, client] = cluster(2);
  assert.match(server.ask(client, "MEMORY", "DOCTOR"), /too little data to judge by/);
  load(server, client, "key", 8000);
  assert.match(server.ask(client, "MEMORY", "DOCTOR"), /No memory issue was found|what may help/);
  assert.equal(server.ask(client, "MEMORY", "PURGE"), "+OK\r\n");
  assert.match(server.ask(client, "MEMORY", "MALLOC-STATS"), /\n0 +\d+ +\d+ +\d+\n1 +\d+ +\d+ +\d+\n/);
});
