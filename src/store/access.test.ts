/** Tests of access clocks: recency, frequency, their wrap-arounds, and what a database does to them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { KeyHasher } from "../memory/hash.ts";
import { AccessClock } from "./access.ts";
import { NO_EXPIRY } from "./database.ts";
import { STRING_RAW } from "./encoding.ts";
import { Store } from "./store.ts";

const MINUTE = 60_000;
const START_MS = 1_700_000_000_000;

function frequencyClock(): AccessClock {
  const access = new AccessClock(new Random(3));
  access.frequent = true;
  access.setTime(START_MS);
  return access;
}

test("recency counts seconds and wraps at 24 bits", () => {
  const access = new AccessClock(new Random(1));
  access.setTime(5_000);
  const clock = access.touched(0);
  assert.equal(clock, 5);
  access.setTime(65_999);
  assert.equal(access.idleSeconds(clock), 60);
  access.setTime((2 ** 24 - 1) * 1000);
  const last = access.current;
  access.setTime((2 ** 24 + 9) * 1000);
  assert.deepEqual([access.current, access.idleSeconds(last)], [9, 10]);
});

test("a wall clock that is set back makes no key look idle", () => {
  const access = new AccessClock(new Random(1));
  access.setTime(START_MS);
  const clock = access.current;
  access.setTime(START_MS - 3_000_000);
  assert.equal(access.idleSeconds(clock), 0);
  access.frequent = true;
  access.setTime(START_MS);
  const often = access.current;
  access.setTime(START_MS - 30 * MINUTE);
  assert.equal(access.frequencyOf(often), 5);
});

test("the counter starts at 5, and grows as the logarithm of accesses", () => {
  const access = frequencyClock();
  assert.equal(access.frequencyOf(access.current), 5);
  const after = (accesses: number): number => {
    let clock = access.current;
    for (let i = 0; i < accesses; i++) clock = access.touched(clock);
    return access.frequencyOf(clock);
  };
  // The figures of redis.conf for a factor of 10, with room for chance: 100 hits 10, 1000 hits 18, 100 K hits 142.
  assert.ok(Math.abs(after(100) - 10) <= 3, `${after(100)}`);
  assert.ok(Math.abs(after(1000) - 18) <= 4, `${after(1000)}`);
  assert.ok(Math.abs(after(100_000) - 142) <= 15, `${after(100_000)}`);
  access.logFactor = 0;
  assert.equal(after(1000), 255);
});

test("the counter falls by one for every lfu-decay-time minutes", () => {
  const access = frequencyClock();
  const clock = (access.current & ~0xff) | 100;
  access.setTime(START_MS + 30 * MINUTE);
  assert.equal(access.frequencyOf(clock), 70);
  access.decayMinutes = 10;
  assert.equal(access.frequencyOf(clock), 97);
  access.decayMinutes = 0;
  assert.equal(access.frequencyOf(clock), 100);
  access.decayMinutes = 1;
  access.setTime(START_MS + 101 * MINUTE);
  assert.equal(access.frequencyOf(clock), 0);
  // Minutes wrap after 45 days.
  const late = 0xfff0 << 8;
  access.setTime((0x10000 + 4) * MINUTE);
  assert.equal(access.frequencyOf(late | 30), 10);
});

test("look-ups touch, looks that leave no trace do not, and values inherit what their key had", () => {
  let nowMs = START_MS;
  const clock: Clock = { wallMs: () => nowMs, monotonicUs: () => 0 };
  const store = new Store(1, new KeyHasher(1, 2), clock, new Random(1));
  const db = store.database(0);
  const key = viewOf(Buffer.from("key"));
  const pass = (seconds: number): void => {
    nowMs += seconds * 1000;
    store.nowMs = nowMs;
  };
  const idle = (): number => {
    assert.ok(db.peek(key, 0, 3));
    return store.access.idleSeconds(db.clock);
  };
  const set = (length: number): void => {
    db.find(key, 0, 3);
    assert.ok(db.setString(key, 0, 3, viewOf(Buffer.alloc(length)), 0, length, STRING_RAW, NO_EXPIRY));
  };
  set(10);
  pass(7);
  assert.equal(idle(), 7);
  db.inspect(key, 0, 3);
  assert.equal(idle(), 7);
  store.touching = false;
  db.lookup(key, 0, 3);
  set(10);
  set(100);
  assert.equal(idle(), 7, "a client that leaves no trace");
  store.touching = true;
  db.lookup(key, 0, 3);
  assert.equal(idle(), 0);
  pass(3);
  db.find(key, 0, 3);
  assert.equal(idle(), 0, "writes are accesses");
  store.access.frequent = true;
  store.access.setTime(nowMs);
  db.find(key, 0, 3);
  for (let i = 0; i < 50; i++) db.lookup(key, 0, 3);
  const often = store.access.frequencyOf(db.clock);
  set(300);
  assert.ok(store.access.frequencyOf(db.clock) >= often, "a new value does not forget how often its key is used");
});
