/**
 * Tests of databases and the store against a model: a Map of values and expiries, and a clock that the test moves.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { viewOf } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { KeyHasher } from "../memory/hash.ts";
import { type Database, KEEP_EXPIRY, NO_EXPIRY } from "./database.ts";
import { STRING_RAW, stringEncodingOf, TYPE_STRING } from "./encoding.ts";
import { type RemovalObserver, Store } from "./store.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";
const START_MS = 1_700_000_000_000;
const MiB = 1024 * 1024;

/** A clock that stands still unless it is moved; each look at the monotonic one may cost `stepUs`. */
class TestClock implements Clock {
  ms = START_MS;
  us = 0;
  stepUs = 0;
  wallMs(): number {
    return this.ms;
  }
  monotonicUs(): number {
    this.us += this.stepUs;
    return this.us;
  }
}

class Removals implements RemovalObserver {
  readonly list: string[] = [];
  removed(database: number, event: string, bytes: Uint8Array, start: number, end: number): void {
    this.list.push(`${database} ${event} ${Buffer.from(bytes.slice(start, end)).toString("latin1")}`);
  }
}

interface Rig {
  readonly store: Store;
  readonly clock: TestClock;
  readonly removals: Removals;
  readonly counters: Float64Array;
}

function makeRig(databases = 4): Rig {
  const clock = new TestClock();
  const store = new Store(databases, new KeyHasher(17, 4), clock, new Random(5));
  const removals = new Removals();
  const counters = new Float64Array(4);
  store.attach(removals, counters, { hits: 0, misses: 1, expired: 2, evicted: 3 });
  return { store, clock, removals, counters };
}

/** `length` bytes that depend on `seed`. */
function makeValue(seed: number, length: number): Buffer {
  const value = Buffer.alloc(length);
  const random = new Random(seed);
  const period = Math.min(length, 997);
  for (let i = 0; i < period; i++) value[i] = random.below(256);
  for (let at = period; at < length; at += period) value.copy(value, at, 0, Math.min(period, length - at));
  return value;
}

/** Looks the key up where it stands between other bytes, so that offsets matter. */
function find(db: Database, key: Buffer): boolean {
  const padded = Buffer.concat([Buffer.from("<<<"), key, Buffer.from(">>>")]);
  return db.find(viewOf(padded), 3, 3 + key.length);
}

function set(db: Database, key: Buffer, value: Buffer, expiryMs: number): boolean {
  const padded = Buffer.concat([Buffer.from("("), key, Buffer.from("!"), value, Buffer.from(")")]);
  const view = viewOf(padded);
  const at = key.length + 2;
  db.find(view, 1, 1 + key.length);
  return db.setString(view, 1, 1 + key.length, view, at, at + value.length, encodingOf(value), expiryMs);
}

function encodingOf(value: Buffer): number {
  return stringEncodingOf(value, 0, value.length);
}

function valueFound(db: Database): Buffer {
  return Buffer.from(db.bytes.slice(db.valueStart, db.valueEnd));
}

interface Held {
  readonly key: Buffer;
  value: Buffer;
  expiryMs: number;
  encoding: number;
}

const KEYS = [
  Buffer.alloc(0),
  Buffer.from("a"),
  Buffer.from("ab"),
  Buffer.from("abcd"),
  Buffer.from([0, 255, 13, 10, 0]),
  Buffer.from("user:1000"),
  Buffer.from("user:1001"),
  Buffer.alloc(300, "k"),
  Buffer.alloc(9000, "K"),
];

const lengthArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 80 }) },
  { weight: 4, arbitrary: fc.integer({ min: 80, max: 5000 }) },
  { weight: 2, arbitrary: fc.constantFrom(8170, 8192, 8193, 12_288, 65_535, 65_536, 65_537, 70_000) },
  { weight: 1, arbitrary: fc.constant(MiB) },
);

type KeyOp =
  | { readonly op: "set"; readonly key: number; readonly seed: number; readonly length: number; readonly ttl: number }
  | { readonly op: "resize"; readonly key: number; readonly length: number }
  | { readonly op: "expire"; readonly key: number; readonly ttl: number }
  | { readonly op: "remove" | "find"; readonly key: number };

type Op =
  | KeyOp
  | { readonly op: "pass"; readonly ms: number }
  | { readonly op: "slice" | "free" | "clear" | "clearAll" };

const keyArbitrary = fc.nat(KEYS.length * 2 - 1);
const ttlArbitrary = fc.constantFrom(NO_EXPIRY, KEEP_EXPIRY, 0, 1, 50, 5000, 2 ** 40);
const opArbitrary: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant("set" as const),
      key: keyArbitrary,
      seed: fc.nat(1000),
      length: lengthArbitrary,
      ttl: ttlArbitrary,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant("resize" as const), key: keyArbitrary, length: lengthArbitrary }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant("expire" as const),
      key: keyArbitrary,
      ttl: fc.constantFrom(NO_EXPIRY, 0, 1, 50, 5000, 2 ** 40),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constantFrom("remove" as const, "find" as const), key: keyArbitrary }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("pass" as const), ms: fc.constantFrom(1, 30, 4000) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("slice" as const, "free" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("clear" as const, "clearAll" as const) }) },
);

/** Two databases and what they should hold, those keys included whose time has come but which nobody has met. */
class Checked {
  readonly rig: Rig = makeRig();
  readonly models: Map<string, Held>[] = [new Map(), new Map()];

  db(index: number): Database {
    return this.rig.store.database(index);
  }

  due(held: Held): boolean {
    return held.expiryMs >= 0 && held.expiryMs <= this.rig.clock.ms;
  }

  /** Does a fresh look find what the model holds? A key whose time has come goes with the look. */
  checkKey(index: number, key: Buffer): Held | null {
    const db = this.db(index);
    const model = this.models[index];
    const name = key.toString("latin1");
    const held = model.get(name);
    const there = held !== undefined && !this.due(held);
    if (held !== undefined && !there) model.delete(name);
    assert.equal(find(db, key), there);
    if (held === undefined || !there) return null;
    assert.ok(db.holdsKey(key, 0, key.length));
    assert.ok(key.equals(Buffer.from(db.bytes.slice(db.keyStart, db.keyEnd))));
    assert.ok(held.value.equals(valueFound(db)), `value of ${name.slice(0, 20)}`);
    assert.equal(db.valueLength, held.value.length);
    assert.equal(db.expiryMs, held.expiryMs);
    assert.deepEqual([db.type, db.encoding], [TYPE_STRING, held.encoding]);
    // The three views and the index all look at one place.
    assert.equal(db.words.buffer, db.bytes.buffer);
    assert.equal(db.view.buffer, db.bytes.buffer);
    assert.equal(db.words[db.at], key.length);
    return held;
  }

  checkCounts(): void {
    this.models.forEach((model, index) => {
      const db = this.db(index);
      assert.equal(db.size, model.size);
      assert.equal(db.expires, [...model.values()].filter((held) => held.expiryMs >= 0).length);
    });
  }

  checkAll(): void {
    for (let index = 0; index < 2; index++) for (const key of KEYS) this.checkKey(index, key);
    this.checkCounts();
  }

  run(op: Op): void {
    const { store, clock } = this.rig;
    if (op.op === "pass") {
      clock.ms += op.ms;
      store.nowMs = clock.ms;
    } else if (op.op === "slice") {
      store.expireSlice();
      for (const model of this.models) for (const [name, held] of model) if (this.due(held)) model.delete(name);
    } else if (op.op === "free") store.freeSlice();
    else if (op.op === "clear") {
      assert.equal(this.db(0).clear(), this.models[0].size);
      this.models[0].clear();
    } else if (op.op === "clearAll") {
      assert.equal(store.clearAll(), this.models[0].size + this.models[1].size);
      for (const model of this.models) model.clear();
      assert.ok(!store.hasDiscarded);
    } else if ("key" in op) this.#runOnKey(op, op.key % 2, KEYS[op.key >> 1]);
    this.checkCounts();
  }

  #runOnKey(op: KeyOp, index: number, key: Buffer): void {
    const db = this.db(index);
    const model = this.models[index];
    const name = key.toString("latin1");
    const nowMs = this.rig.clock.ms;
    const held = this.checkKey(index, key);
    if (op.op === "set") {
      const value = makeValue(op.seed, op.length);
      const asked = op.ttl < 0 ? op.ttl : nowMs + op.ttl;
      assert.ok(set(db, key, value, asked));
      assert.ok(value.equals(valueFound(db)), "the entry stays found");
      const expiryMs = asked === KEEP_EXPIRY ? (held?.expiryMs ?? NO_EXPIRY) : asked;
      model.set(name, { key, value, expiryMs, encoding: encodingOf(value) });
    } else if (held !== null) {
      find(db, key);
      if (op.op === "remove") {
        db.remove();
        model.delete(name);
      } else if (op.op === "expire") {
        assert.ok(db.setExpiry(op.ttl < 0 ? NO_EXPIRY : nowMs + op.ttl));
        held.expiryMs = op.ttl < 0 ? NO_EXPIRY : nowMs + op.ttl;
      } else if (op.op === "resize") {
        assert.ok(db.resizeString(op.length));
        const grown = Buffer.alloc(op.length);
        held.value.copy(grown);
        held.value = grown;
        held.encoding = STRING_RAW;
      }
    }
    this.checkKey(index, key);
  }
}

test("a database is a map: random changes, expiry by the clock, values of all sizes", () => {
  const property = fc.property(fc.array(opArbitrary, { minLength: 60, maxLength: 200, size: "max" }), (ops) => {
    const checked = new Checked();
    const { store } = checked.rig;
    const startBytes = store.usedBytes;
    for (const op of ops) checked.run(op);
    checked.checkAll();
    for (let index = 0; index < 2; index++) {
      for (const held of [...checked.models[index].values()]) {
        assert.ok(find(checked.db(index), held.key));
        checked.db(index).remove();
      }
      assert.equal(checked.db(index).size, 0);
      assert.equal(checked.db(index).expires, 0);
      checked.db(index).clear();
    }
    store.freeAll();
    const tables = checked.db(0).tableBytes + checked.db(1).tableBytes;
    assert.ok(store.usedBytes - startBytes <= tables, `${store.usedBytes} bytes are left, tables take ${tables}`);
  });
  fc.assert(property, { numRuns: FULL ? 400 : 40 });
});

test("a value of more than half a segment, and its way there and back", () => {
  const { store } = makeRig();
  const db = store.database(0);
  const key = Buffer.from("big");
  assert.ok(set(db, key, Buffer.from("head"), START_MS + 1000));
  const before = store.usedBytes;
  for (const length of [63 * 1024, 65 * 1024, 33 * MiB, 65 * MiB, 100, 4]) {
    assert.ok(find(db, key));
    assert.ok(db.resizeString(length));
    assert.ok(find(db, key));
    assert.equal(db.valueLength, length);
    assert.equal(valueFound(db).subarray(0, 4).toString(), "head");
    assert.equal(db.bytes[db.valueEnd - 1], length === 4 ? 100 : 0);
    assert.equal(db.expiryMs, START_MS + 1000);
  }
  assert.equal(store.usedBytes, before);
  assert.ok(set(db, key, makeValue(3, 40 * MiB), KEEP_EXPIRY));
  assert.ok(find(db, key));
  assert.ok(db.setExpiry(NO_EXPIRY));
  assert.ok(find(db, key));
  assert.ok(valueFound(db).equals(makeValue(3, 40 * MiB)));
  db.remove();
  assert.equal(db.bytes.length, 0, "no view holds the memory of what is gone");
  assert.ok(!find(db, key));
});

test("what no arena holds is refused, and nothing has changed", () => {
  const { store } = makeRig();
  const db = store.database(0);
  const key = Buffer.from("k");
  assert.ok(set(db, key, Buffer.from("old"), START_MS + 5));
  const before = store.usedBytes;
  assert.ok(find(db, key));
  assert.ok(!db.resizeString(2 ** 31 - 1));
  assert.ok(find(db, key));
  assert.equal(valueFound(db).toString(), "old");
  assert.equal(db.expiryMs, START_MS + 5);
  assert.equal(store.usedBytes, before);
});

function fill(db: Database, count: number, prefix: string, expiryMs: (i: number) => number): void {
  for (let i = 0; i < count; i++) {
    assert.ok(set(db, Buffer.from(prefix + i), Buffer.from(`value ${i}`), expiryMs(i)));
  }
}

test("memory comes back: by deletion, by clear and slices, by clearing everything at once", () => {
  const { store, clock } = makeRig();
  const db = store.database(2);
  for (let round = 0; round < 3; round++) {
    fill(db, 20_000, "x", (i) => (i % 2 === 0 ? NO_EXPIRY : START_MS + 10 ** 9));
    if (round === 0) {
      for (let i = 0; i < 20_000; i++) {
        assert.ok(find(db, Buffer.from(`x${i}`)));
        db.remove();
      }
    } else if (round === 1) {
      assert.equal(db.clear(), 20_000);
      assert.equal(db.size, 0);
      clock.stepUs = 100;
      let slices = 0;
      while (store.hasDiscarded) {
        store.freeSlice();
        slices++;
      }
      assert.ok(slices > 1, "a slice ends by the clock");
    } else assert.equal(store.clearAll(), 20_000);
    assert.deepEqual([db.size, db.expires], [0, 0]);
    assert.ok(store.usedBytes <= 4096, `${store.usedBytes} bytes are left in round ${round}`);
  }
  // A table that is being freed does not stand in the way of the one that took its place.
  fill(db, 6000, "y", () => NO_EXPIRY);
  db.clear();
  fill(db, 100, "y", () => NO_EXPIRY);
  store.freeSlice();
  for (let i = 0; i < 100; i++) assert.ok(find(db, Buffer.from(`y${i}`)));
  assert.ok(!find(db, Buffer.from("y100")));
  db.clear();
  fill(db, 100, "y", () => NO_EXPIRY);
  const arena = store.arena;
  assert.equal(store.clearAll(), 100);
  assert.equal(store.arena, arena, "few keys are freed one by one");
  assert.ok(!store.hasDiscarded);
  assert.ok(!find(db, Buffer.from("y1")));
  // Many discarded entries are not: the arena goes with them, and no view of it is left.
  fill(db, 6000, "y", () => NO_EXPIRY);
  db.clear();
  fill(db, 10, "y", () => NO_EXPIRY);
  assert.equal(store.clearAll(), 10);
  assert.notEqual(store.arena, arena);
  assert.deepEqual([store.hasDiscarded, store.usedBytes, db.bytes.length, db.size], [false, 0, 0, 0]);
  fill(db, 10, "y", () => NO_EXPIRY);
  assert.ok(find(db, Buffer.from("y9")));
});

test("expireSlice removes all that is due and nothing else, in bounded steps, over several databases", () => {
  const { store, clock, removals, counters } = makeRig(16);
  const due = new Set<string>();
  for (const index of [0, 3, 15]) {
    fill(store.database(index), 3000, `d${index}:`, (i) =>
      i % 3 === 0 ? START_MS + 100 : i % 3 === 1 ? 10 ** 15 : -1,
    );
    for (let i = 0; i < 3000; i += 3) due.add(`${index} expired d${index}:${i}`);
  }
  store.nowMs = START_MS + 99;
  assert.equal(store.expireSlice(), false, "nothing is due");
  assert.equal(removals.list.length, 0);
  store.nowMs = START_MS + 100;
  // Each look at the clock takes 0.4 ms, so that a slice ends after three looks at the keys.
  clock.stepUs = 400;
  let slices = 0;
  for (; removals.list.length < due.size; slices++) {
    const before: number = removals.list.length;
    const hungry = store.expireSlice();
    assert.ok(removals.list.length - before <= 3 * 128, "at most three looks in a slice");
    assert.ok(slices < 1000, "slices get on");
    if (before < 1000) assert.ok(hungry || removals.list.length === due.size || before === 0);
  }
  assert.ok(slices > 5);
  assert.deepEqual(new Set(removals.list), due);
  assert.equal(removals.list.length, due.size);
  assert.equal(counters[2], due.size);
  clock.stepUs = 0;
  assert.equal(store.expireSlice(), false);
  for (const index of [0, 3, 15]) {
    const db = store.database(index);
    assert.deepEqual([db.size, db.expires], [2000, 1000]);
    for (let i = 0; i < 3000; i++) assert.equal(find(db, Buffer.from(`d${index}:${i}`)), i % 3 !== 0);
  }
});

test("a slice with time enough removes all that is due, however dense it stands", () => {
  const { store, removals } = makeRig(1);
  fill(store.database(0), 5000, "dense", () => START_MS + 1);
  store.nowMs = START_MS + 1;
  assert.equal(store.expireSlice(), true);
  assert.equal(removals.list.length, 5000);
  assert.deepEqual([store.database(0).size, store.database(0).expires], [0, 0]);
});

test("prefetch and hint change nothing about what is found", () => {
  const { store } = makeRig();
  const db = store.database(0);
  fill(db, 5000, "p", (i) => (i % 5 === 0 ? START_MS - 1 : NO_EXPIRY));
  const keys = Array.from({ length: 64 }, (_, i) => Buffer.from(`p${i * 97}`));
  const hashes = new Int32Array(64);
  keys.forEach((key, i) => {
    hashes[i] = store.hasher.hash(viewOf(key), 0, key.length);
  });
  const before = [db.size, db.expires, store.usedBytes];
  db.prefetch(hashes, 64);
  assert.deepEqual([db.size, db.expires, store.usedBytes], before, "asking for memory changes nothing");
  keys.forEach((key, i) => {
    const view = viewOf(key);
    store.hint(view, 0, key.length, hashes[i]);
    const number = i * 97;
    assert.equal(db.find(view, 0, key.length), number < 5000 && number % 5 !== 0);
    if (number < 5000 && number % 5 !== 0) assert.equal(valueFound(db).toString(), `value ${number}`);
    // Another key than the one hinted at is hashed itself.
    const other = Buffer.from("p1");
    assert.ok(db.find(viewOf(other), 0, 2));
    if (key.length > 1) assert.equal(db.find(view, 0, 1), false);
    store.hintStart = -1;
  });
  store.database(1).prefetch(hashes, 64);
  assert.equal(store.database(1).size, 0);
});

test("look-ups are counted, looks for writes are not", () => {
  const { store, counters } = makeRig();
  const db = store.database(0);
  const key = Buffer.from("k");
  set(db, key, Buffer.from("v"), START_MS + 1);
  const view = viewOf(key);
  assert.ok(db.lookup(view, 0, 1));
  assert.ok(db.find(view, 0, 1));
  store.nowMs = START_MS + 1;
  assert.ok(!db.lookup(view, 0, 1));
  assert.ok(!db.find(view, 0, 1));
  store.settle();
  store.settle();
  assert.deepEqual([...counters], [1, 1, 1, 0]);
});
