/** Tests of eviction: what each policy removes, how well it chooses, and that it finds what is rare. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { KeyHasher } from "../memory/hash.ts";
import { NO_EXPIRY } from "./database.ts";
import { STRING_RAW } from "./encoding.ts";
import { policyNamed } from "./policy.ts";
import { Store } from "./store.ts";

const START_MS = 1_700_000_000_000;
const VALUE = viewOf(Buffer.alloc(20));

class Rig {
  nowMs = START_MS;
  readonly events: string[] = [];
  readonly counters = new Float64Array(4);
  readonly store: Store;

  constructor(policy: string, samples = 5) {
    const clock: Clock = { wallMs: () => this.nowMs, monotonicUs: () => 0 };
    this.store = new Store(16, new KeyHasher(9, 8), clock, new Random(11));
    this.store.attach(
      { removed: (database, event, bytes, start, end) => this.#note(database, event, bytes.slice(start, end)) },
      this.counters,
      { hits: 0, misses: 1, expired: 2, evicted: 3 },
    );
    this.store.evictor.policy = policyNamed(policy);
    this.store.evictor.samples = samples;
    this.store.access.frequent = policy.endsWith("lfu");
    this.pass(0);
  }

  #note(database: number, event: string, key: Uint8Array): void {
    this.events.push(`${database} ${event} ${Buffer.from(key).toString("latin1")}`);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.store.nowMs = this.nowMs;
  }

  set(key: string, expiryMs = NO_EXPIRY, database = 0): void {
    const bytes = viewOf(Buffer.from(key));
    const db = this.store.database(database);
    db.find(bytes, 0, key.length);
    assert.ok(db.setString(bytes, 0, key.length, VALUE, 0, 20, STRING_RAW, expiryMs));
  }

  get(key: string, database = 0): boolean {
    return this.store.database(database).lookup(viewOf(Buffer.from(key)), 0, key.length);
  }

  has(key: string, database = 0): boolean {
    return this.store.database(database).peek(viewOf(Buffer.from(key)), 0, key.length);
  }

  evict(count: number): void {
    for (let i = 0; i < count; i++) assert.ok(this.store.evictor.evict());
  }

  /** How many of so many keys of that name are left. */
  left(name: string, count: number): number {
    let left = 0;
    for (let i = 0; i < count; i++) if (this.has(name + i)) left++;
    return left;
  }
}

const COUNT = 4000;

/** Half of the keys are used, then half as many keys are evicted as are not: which share of the used ones is left? */
function keptOfUsed(policy: string, samples = 5, passMs = 1000): number {
  const rig = new Rig(policy, samples);
  const expires = policy.startsWith("volatile") ? START_MS * 2 : NO_EXPIRY;
  for (let i = 0; i < COUNT; i++) {
    rig.set("old" + i, expires);
    rig.set("used" + i, expires);
  }
  for (let round = 0; round < 60; round++) {
    rig.pass(passMs);
    for (let i = 0; i < COUNT; i++) assert.ok(rig.get("used" + i));
  }
  rig.evict(COUNT / 2);
  assert.equal(rig.left("old", COUNT) + rig.left("used", COUNT), COUNT * 1.5);
  assert.equal(rig.counters[3], COUNT / 2);
  return rig.left("used", COUNT) / COUNT;
}

for (const keys of ["allkeys", "volatile"]) {
  test(`${keys}: least recently and least frequently used keys go first, measurably better than by chance`, () => {
    const random = keptOfUsed(keys + "-random");
    const lru = keptOfUsed(keys + "-lru");
    const lfu = keptOfUsed(keys + "-lfu");
    assert.ok(random > 0.7 && random < 0.8, `${random} of the used keys are left by chance`);
    // What is lost are candidates of the first samples, when the pool was filling.
    assert.ok(lru > 0.99, `${lru} of the used keys are left by recency`);
    assert.ok(lfu > 0.99, `${lfu} of the used keys are left by frequency`);
    assert.ok(keptOfUsed(keys + "-lru", 2) > random + 0.1, "two samples and the pool are better than chance");
  });
}

test("frequency is not recency: a key that was used often outlives one that was used last", () => {
  const rig = new Rig("allkeys-lfu", 10);
  for (let i = 0; i < 500; i++) rig.set("often" + i);
  for (let round = 0; round < 100; round++) for (let i = 0; i < 500; i++) rig.get("often" + i);
  rig.pass(1000);
  for (let i = 0; i < 500; i++) rig.set("last" + i);
  rig.evict(300);
  assert.ok(rig.left("often", 500) > 495, `${rig.left("often", 500)} of 500 are left`);
});

test("volatile-ttl removes what expires soonest, and nothing without an expiry", () => {
  const rig = new Rig("volatile-ttl");
  for (let i = 0; i < 1000; i++) {
    rig.set("soon" + i, START_MS + 1_000_000 + i);
    rig.set("late" + i, START_MS + 9_000_000 + i);
    rig.set("never" + i);
  }
  rig.evict(700);
  assert.ok(rig.left("late", 1000) > 985, `${rig.left("late", 1000)} of 1000 are left`);
  rig.evict(1300);
  assert.equal(rig.left("never", 1000), 1000);
  assert.ok(!rig.store.evictor.evict(), "nothing is left that may go");
});

test("with few keys the best one goes", () => {
  const rig = new Rig("volatile-ttl", 16);
  for (let i = 0; i < 10; i++) rig.set("key" + i, START_MS + 1_000_000 - i * 1000);
  rig.evict(3);
  assert.deepEqual(rig.events, ["0 evicted key9", "0 evicted key8", "0 evicted key7"]);
});

test("a candidate that is used, gone or another key meanwhile is not removed for it", () => {
  const rig = new Rig("allkeys-lru", 64);
  for (let i = 0; i < 12; i++) rig.set("key" + i);
  rig.pass(10_000);
  rig.evict(1);
  // All others stand in the pool, as idle for ten seconds.
  for (let i = 0; i < 12; i++) if (rig.has("key" + i) && i !== 5) rig.get("key" + i);
  rig.evict(1);
  const gone = rig.events[0].endsWith("key5") ? 10 : 11;
  assert.ok(gone === 10 || !rig.has("key5"), "the only idle one goes");
  rig.store.clearAll();
  rig.set("fresh");
  rig.evict(1);
  assert.equal(rig.events.at(-1), "0 evicted fresh");
});

test("rare keys are found among many, in every database", () => {
  for (const policy of ["volatile-lru", "volatile-random", "volatile-ttl", "volatile-lfu"]) {
    const rig = new Rig(policy);
    for (let i = 0; i < 60_000; i++) rig.set("plain" + i);
    for (const database of [0, 3, 7]) for (let i = 0; i < 2; i++) rig.set("rare" + i, START_MS * 2, database);
    rig.set("plain", NO_EXPIRY, 7);
    rig.evict(6);
    assert.ok(!rig.store.evictor.evict());
    assert.deepEqual([...rig.events].sort(), [
      "0 evicted rare0",
      "0 evicted rare1",
      "3 evicted rare0",
      "3 evicted rare1",
      "7 evicted rare0",
      "7 evicted rare1",
    ]);
  }
});

test("every key goes at last, by every policy", () => {
  for (const policy of ["allkeys-lru", "allkeys-lfu", "allkeys-random"]) {
    const rig = new Rig(policy);
    for (let i = 0; i < 3000; i++) rig.set("key" + i, i % 2 === 0 ? START_MS * 2 : NO_EXPIRY, i % 3);
    rig.evict(3000);
    assert.ok(!rig.store.evictor.evict());
    assert.equal(new Set(rig.events).size, 3000);
    assert.equal(rig.store.usedBytes, 0);
  }
});

test("a key whose time has come goes first, and as an expired one", () => {
  const rig = new Rig("allkeys-lru", 16);
  for (let i = 0; i < 8; i++) rig.set("key" + i);
  rig.set("due", START_MS + 5000);
  rig.pass(4000);
  rig.get("due");
  rig.pass(1000);
  rig.evict(1);
  assert.deepEqual(rig.events, ["0 expired due"]);
  assert.deepEqual([...rig.counters.subarray(2)], [1, 0]);
});

test("chance favours no key: after many evictions and writes none is left from the beginning", () => {
  const rig = new Rig("allkeys-random");
  for (let i = 0; i < 1000; i++) rig.set("first" + i);
  for (let i = 0; i < 10_000; i++) {
    rig.evict(1);
    rig.set("later" + i);
  }
  // By pure chance each is left with a probability of e^-10.
  assert.ok(rig.left("first", 1000) <= 3, `${rig.left("first", 1000)} are left`);
});

test("noeviction removes nothing", () => {
  const rig = new Rig("noeviction");
  rig.set("key", START_MS * 2);
  assert.ok(!rig.store.evictor.evict() && rig.has("key"));
});
