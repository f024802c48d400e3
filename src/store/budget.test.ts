/** Tests of the budget: several stores on one ledger, none of them a shard. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ShardId } from "../base/brands.ts";
import { viewOf } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { LEDGER_GRANULE_BYTES, LEDGER_OVERDRAFT_BYTES_MAX, LEDGER_PAUSES_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { SharedWords } from "../base/shared.ts";
import { Config } from "../config/config.ts";
import { KeyHasher } from "../memory/hash.ts";
import { NO_EXPIRY } from "./database.ts";
import { STRING_RAW } from "./encoding.ts";
import { Store } from "./store.ts";

const MiB = 1024 * 1024;
const START_MS = 1_700_000_000_000;
/** What one command may take that its arguments do not tell: a leaf of the table that splits in two. */
const COMMAND_SLACK = 128 * 1024;

class Server {
  readonly stores: Store[] = [];
  readonly configs: Config[] = [];
  readonly woken: number[] = [];
  /** What other shards do while a command waits for them. */
  onPause: () => void = () => undefined;
  readonly shared = new SharedWords();
  us = 0;
  /** What clients' buffers take at each of the shards. */
  clientBytes = 0;
  /** What each look at the clock costs. */
  stepUs = 0;

  constructor(shards: number, options: Readonly<Record<string, string>>) {
    const clock: Clock = { wallMs: () => START_MS, monotonicUs: () => (this.us += this.stepUs) };
    for (let id = 0; id < shards; id++) {
      const store = new Store(4, new KeyHasher(id, 8), clock, new Random(id + 1));
      store.budget.join(this.shared, id as ShardId, shards, {
        wake: (target) => this.woken.push(target),
        pause: () => this.onPause(),
      });
      this.stores.push(store);
      this.configs.push(new Config("/"));
    }
    this.configure(options);
  }

  configure(options: Readonly<Record<string, string>>): void {
    for (const [id, store] of this.stores.entries()) {
      assert.ok("changed" in this.configs[id].set(Object.entries(options), true));
      store.applyConfig(this.configs[id]);
    }
  }

  get usedBytes(): number {
    return this.stores.reduce((sum, store) => sum + store.budget.usedBytes, 0);
  }

  keys(shard: number): number {
    return this.stores[shard].usedDatabases.reduce((sum, db) => sum + db.size, 0);
  }

  /** As a shard does it: asks first. False: OOM. */
  set(shard: number, key: string, length: number, expiryMs = NO_EXPIRY): boolean {
    const store = this.stores[shard];
    const bytes = viewOf(Buffer.from(key));
    const bytesMore = key.length + length;
    const { budget } = store;
    if (budget.watched && !budget.admits(bytesMore) && !budget.makeRoom(bytesMore, this.clientBytes)) return false;
    const db = store.database(0);
    db.find(bytes, 0, key.length);
    return db.setString(bytes, 0, key.length, viewOf(new Uint8Array(length)), 0, length, STRING_RAW, expiryMs);
  }

  /** What a shard does at the end of its turn. */
  turn(shard: number): void {
    const { budget } = this.stores[shard];
    budget.settle(this.clientBytes);
    if (budget.pressed) budget.evictSlice();
  }

  turns(): void {
    for (let shard = 0; shard < this.stores.length; shard++) this.turn(shard);
  }
}

for (const shards of [1, 2, 4]) {
  test(`${shards} shards: ten times the limit goes in, and what is used stays below it`, () => {
    const limit = 4 * MiB;
    const server = new Server(shards, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
    const random = new Random(5);
    let most = 0;
    for (let i = 0; i < 50_000; i++) {
      assert.ok(server.set(random.below(shards), "key" + i, 700 + random.below(200)));
      most = Math.max(most, server.usedBytes);
      if (i % 50 === 0) server.turns();
    }
    assert.ok(most <= limit + shards * COMMAND_SLACK, `${most} bytes were used, the limit is ${limit}`);
    server.turns();
    assert.ok(server.usedBytes <= limit && server.usedBytes > limit * 0.85, `${server.usedBytes} of ${limit}`);
    const counts = server.stores.map((_, shard) => server.keys(shard));
    assert.ok(Math.min(...counts) > Math.max(...counts) * 0.7, `the shards hold ${counts}`);
  });
}

test("one shard has all the keys: it may use what the others leave, and gives way when they need it", () => {
  const limit = 16 * MiB;
  const server = new Server(4, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  for (let i = 0; i < 40_000; i++) {
    assert.ok(server.set(0, "skewed" + i, 1000));
    if (i % 100 === 0) server.turns();
  }
  assert.ok(server.stores[0].budget.usedBytes > limit * 0.85, "a single busy shard has nearly all of it");
  const before = server.keys(0);
  for (let i = 0; i < 2000; i++) {
    assert.ok(server.set(1, "late" + i, 1000));
    if (i % 20 === 0) server.turns();
  }
  assert.equal(server.keys(1), 2000, "the late one loses nothing: it holds less than its share");
  assert.ok(server.keys(0) < before - 1500);
  assert.ok(server.woken.includes(0), "the one that holds most is woken");
  assert.ok(server.usedBytes <= limit);
});

test("without turns of the shard that should evict, the others go on, within a bound", () => {
  const limit = 16 * MiB;
  const server = new Server(2, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  for (let i = 0; i < 40_000; i++) assert.ok(server.set(0, "skewed" + i, 1000));
  server.turn(0);
  for (let i = 0; i < 40_000; i++) {
    assert.ok(server.set(1, "late" + i, 1000));
    assert.ok(server.usedBytes <= limit + LEDGER_OVERDRAFT_BYTES_MAX + 2 * COMMAND_SLACK);
  }
});

test("a value larger than the reserve finds its place on a shard that has little", () => {
  const limit = 64 * MiB;
  const server = new Server(2, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  for (let i = 0; i < 100_000; i++) assert.ok(server.set(0, "small" + i, 1000));
  server.turn(0);
  assert.ok(server.set(1, "few", 100));
  assert.ok(server.set(1, "large", 10 * MiB));
  assert.equal(server.keys(1), 2, "few keys are not given up for it");
  while (server.usedBytes > limit) server.turns();
  assert.equal(server.keys(1), 2);
  assert.ok(!server.set(1, "too large", 65 * MiB), "what can never fit is refused");
});

test("a command that would be refused waits while another shard evicts for it, and once in a turn", () => {
  const limit = 32 * MiB;
  const server = new Server(2, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  let pauses = 0;
  server.onPause = () => pauses++;
  const large = 8 * MiB;
  /** Sets large values on a shard whose client's input takes as much again, until one is refused. */
  const setsUntilRefused = (): number => {
    for (let i = 0; i < 5; i++) if (!server.set(1, "large", large)) return i;
    return 5;
  };
  for (let i = 0; i < 40_000; i++) assert.ok(server.set(0, "small" + i, 1000));
  server.turn(0);
  server.clientBytes = large;
  server.stores[1].budget.settle(large);
  assert.ok(setsUntilRefused() < 5, "the other shard does not take its turns");
  assert.equal(pauses, LEDGER_PAUSES_MAX);
  assert.ok(!server.set(1, "large", large));
  assert.equal(pauses, LEDGER_PAUSES_MAX, "it has waited in this turn");

  server.stores[1].budget.settle(large);
  server.onPause = () => {
    const { budget } = server.stores[0];
    budget.settle(0);
    if (budget.pressed) budget.evictSlice();
  };
  for (let i = 0; i < 5; i++) {
    assert.ok(server.set(1, "large", large));
    server.stores[1].budget.settle(large);
  }
  assert.ok(server.usedBytes <= limit, String(server.usedBytes));
});

test("noeviction: OOM at the limit, room again when keys go, and what one shard leaves another one takes", () => {
  const limit = 8 * MiB;
  const server = new Server(2, { maxmemory: String(limit) });
  const fill = (shard: number, name: string): number => {
    for (let i = 0; ; i++) {
      if (!server.set(shard, name + i, 1000)) return i;
      if (i % 100 === 0) server.turns();
    }
  };
  const filled = fill(0, "a");
  assert.ok(server.usedBytes <= limit && server.usedBytes > limit * 0.95, `${server.usedBytes}`);
  assert.ok(fill(1, "b") < 100, "the other one finds nothing left");
  server.stores[0].clearAll();
  server.turns();
  assert.ok(fill(1, "c") > filled * 0.9);
  assert.ok(server.usedBytes <= limit);
});

test("a limit of one byte refuses everything, 0 allows everything", () => {
  const server = new Server(2, { maxmemory: "1" });
  assert.ok(!server.set(0, "a", 1));
  server.configure({ maxmemory: "0" });
  assert.ok(server.stores.every((store) => !store.budget.watched));
  assert.ok(server.shared.claimedInAll() === 0, "nothing is claimed without a limit");
  assert.ok(server.set(0, "b", 1));
  server.configure({ maxmemory: "1" });
  assert.ok(!server.set(0, "a", 1), "also where a granule has room");
  assert.ok(!server.set(1, "a", 1));
});

test("a limit below what is used: evicted in slices, commands meanwhile pay for themselves", () => {
  const server = new Server(1, { maxmemory: String(64 * MiB), "maxmemory-policy": "allkeys-random" });
  for (let i = 0; i < 40_000; i++) assert.ok(server.set(0, "key" + i, 1000));
  server.stepUs = 200;
  server.configure({ maxmemory: String(16 * MiB) });
  const { budget } = server.stores[0];
  let used = server.usedBytes;
  assert.ok(budget.pressed && used > 32 * MiB && budget.exceededNowUs > 0);
  for (let i = 0; i < 100; i++) {
    assert.ok(server.set(0, "more" + i, 1000));
    assert.ok(server.usedBytes <= used + LEDGER_GRANULE_BYTES, "nothing grows");
    used = server.usedBytes;
  }
  let slices = 0;
  while (budget.pressed) {
    const before = server.us;
    server.turn(0);
    assert.ok(server.us - before <= 3000, "a slice is short");
    assert.ok(slices++ < 10_000);
  }
  assert.ok(slices > 10 && server.usedBytes <= 16 * MiB && server.usedBytes > 15 * MiB);
  assert.ok(budget.exceededNowUs === 0 && budget.exceededUs > 0);
});

test("clients' buffers count: what they take, keys give up", () => {
  const limit = 16 * MiB;
  const server = new Server(1, { maxmemory: String(limit), "maxmemory-policy": "allkeys-lru" });
  for (let i = 0; i < 20_000; i++) assert.ok(server.set(0, "key" + i, 1000));
  const { budget } = server.stores[0];
  for (let i = 0; i < 100; i++) {
    budget.settle(6 * MiB);
    if (budget.pressed) budget.evictSlice();
  }
  assert.ok(budget.usedBytes <= limit && server.stores[0].usedBytes <= 10 * MiB);
  budget.settle(0);
  for (let i = 0; i < 20_000; i++) assert.ok(server.set(0, "again" + i, 1000));
  assert.ok(server.stores[0].usedBytes > 14 * MiB);
});

test("replies that have left since the last turn take no room from a command", () => {
  for (const policy of ["noeviction", "allkeys-lru"]) {
    const server = new Server(1, { maxmemory: String(4 * MiB), "maxmemory-policy": policy });
    server.clientBytes = 256 * 1024;
    server.turn(0);
    const full = (): boolean => server.usedBytes + 2000 > 4 * MiB;
    let keys = 0;
    for (; !full(); keys++) assert.ok(server.set(0, "key" + keys, 1000));
    if (policy === "noeviction") assert.ok(!server.set(0, "refused", 3000));
    server.turn(0);
    server.clientBytes = 0;
    const before = keys;
    for (; keys < before + 200; keys++) assert.ok(server.set(0, "key" + keys, 1000));
    assert.equal(server.keys(0), keys, "nothing was evicted for them");
    assert.ok(server.usedBytes <= 4 * MiB);
    assert.ok(server.shared.claimedInAll() * LEDGER_GRANULE_BYTES >= server.usedBytes);
    // More than before counts when the turn has ended.
    server.clientBytes = MiB;
    assert.ok(server.set(0, "more", 100));
    server.turn(0);
    assert.equal(server.set(0, "too much", 100), policy !== "noeviction");
  }
});

test("volatile policies: OOM when no shard has a key left that may go", () => {
  const server = new Server(2, { maxmemory: String(4 * MiB), "maxmemory-policy": "volatile-lru" });
  for (let i = 0; i < 1500; i++) assert.ok(server.set(0, "goes" + i, 1000, START_MS * 2));
  let stays = 0;
  for (; server.set(1, "stays" + stays, 1000); stays++) if (stays % 20 === 0) server.turns();
  assert.ok(stays > 3000, `${stays} took the place of all that may go`);
  assert.equal(server.keys(0), 0);
  assert.ok(server.usedBytes <= 4 * MiB + COMMAND_SLACK);
  assert.ok(!server.set(0, "more", 1000, START_MS * 2));
});

test("the ledger balances: what all have claimed is the sum of what each has", () => {
  const server = new Server(4, { maxmemory: String(8 * MiB), "maxmemory-policy": "allkeys-lfu" });
  const random = new Random(9);
  for (let i = 0; i < 15_000; i++) {
    const shard = random.below(4);
    server.set(shard, "key" + random.below(30_000), random.below(2000));
    if (i % 1000 === 0) server.stores[shard].clearAll();
    if (random.below(10) === 0) server.turn(shard);
    if (i % 500 !== 0) continue;
    server.turns();
    let sum = 0;
    for (let id = 0; id < 4; id++) {
      const claimed = server.shared.claimedBy(id);
      assert.ok(claimed * LEDGER_GRANULE_BYTES >= server.stores[id].budget.usedBytes, "claims cover what is used");
      sum += claimed;
    }
    assert.equal(server.shared.claimedInAll(), sum);
  }
});

test("the peak of the server is what all shards used at once", () => {
  const server = new Server(2, {});
  server.set(0, "a", 5 * MiB);
  server.stores[0].budget.note(1 * MiB);
  server.set(1, "b", 2 * MiB);
  server.stores[1].budget.note(0);
  const { budget } = server.stores[1];
  assert.ok(Math.abs(budget.serverUsedBytes - 8 * MiB) < 64 * 1024);
  server.stores[0].clearAll();
  server.stores[0].budget.note(0);
  assert.ok(Math.abs(budget.serverPeakBytes - 8 * MiB) < 64 * 1024 && budget.serverUsedBytes < 3 * MiB);
});
