/**
 * Tests of the effects of commands on strings, keys and expiry: which events a write has, that its records repeat it on
 * another store, and that what changed nothing has none.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "../base/brands.ts";
import { Random } from "../base/random.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { EffectsObserver } from "../runtime/effects.ts";
import { Cluster, type SimClient } from "../runtime/shard.fixture.ts";
import { createCommands } from "./table.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";
const ONLY = process.env["KEVY_TEST_SEED"] ?? "";
const START_MS = 1_700_000_000_000;

type Args = readonly string[];

class Recorder implements EffectsObserver {
  events: string[] = [];
  records: { readonly database: number; readonly args: string[] }[] = [];

  onChange(database: number, event: string, bytes: Uint8Array, start: number, end: number): void {
    this.events.push(`${database} ${event} ${Buffer.from(bytes.slice(start, end)).toString("latin1")}`.trimEnd());
  }

  onRecord(database: number, record: ArgvView): void {
    const args: string[] = [];
    for (let i = 0; i < record.count; i++) args.push(record.text(i));
    this.records.push({ database, args });
  }

  clear(): void {
    this.events = [];
    this.records = [];
  }
}

/** One shard and one client of it. */
class Server {
  readonly cluster = new Cluster({ shards: 1, commands: createCommands });
  readonly client: SimClient = this.cluster.connect(0);
  #database = 0;

  call(args: Args, database = 0): string {
    if (database !== this.#database) {
      this.#database = database;
      assert.equal(this.cluster.ask(this.client, "SELECT", String(database)), "+OK\r\n");
    }
    return this.cluster.ask(this.client, ...args.map((arg) => Buffer.from(arg, "latin1")));
  }

  /** All live keys with values and expiries. */
  dump(): string {
    const lines: string[] = [];
    const { store } = this.cluster.shards[0];
    for (let index = 0; index < store.databaseCount; index++) {
      const db = store.usedDatabase(index);
      if (db === null) continue;
      const visit = (address: Address): void => {
        if (!db.visit(address)) return;
        const text = (start: number, end: number): string => Buffer.from(db.bytes.slice(start, end)).toString("latin1");
        lines.push(
          JSON.stringify([index, text(db.keyStart, db.keyEnd), text(db.valueStart, db.valueEnd), db.expiryMs]),
        );
      };
      assert.equal(db.scan(0, Number.POSITIVE_INFINITY, { visit }), 2 ** 32);
    }
    return lines.sort().join("\n");
  }
}

const FAR = String(START_MS + 5000);

/** Commands before, the command, its events, its records. */
const CASES: readonly (readonly [Args, string, Args, Args])[] = [
  [[], "SET k v", ["set k"], ["SET k v"]],
  [[], "SET k v EX 5", ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [[], "SET k v PX 5000", ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [[], `SET k v PXAT ${FAR} NX`, ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [[], "SET k v EXAT 1700000005 GET", ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [["SET k 1 EX 5"], "SET k v KEEPTTL XX", ["set k"], ["SET k v KEEPTTL"]],
  [["SET k 1 EX 5"], "SET k v XX GET", ["set k"], ["SET k v"]],
  [[], "SET k v NX", ["set k"], ["SET k v"]],
  [["SET k 1"], "SET k v NX", [], []],
  [["SET k 1"], "SET k v NX GET", [], []],
  [[], "SET k v XX", [], []],
  [[], "SET k v XX GET", [], []],
  [[], "SET k v EX 0", [], []],
  [[], "SETNX k v", ["set k"], ["SETNX k v"]],
  [["SET k 1"], "SETNX k v", [], []],
  [[], "SETEX k 5 v", ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [[], "PSETEX k 5000 v", ["set k", "expire k"], [`SET k v PXAT ${FAR}`]],
  [[], "GETSET k v", ["set k"], ["SET k v"]],
  [["SET k 1 EX 5"], "GETSET k v", ["set k"], ["SET k v"]],
  [[], "MSET a 1 b 2 a 3", ["set a", "set b", "set a"], ["MSET a 1 b 2 a 3"]],
  [["SET k 1"], "GETDEL k", ["del k"], ["DEL k"]],
  [[], "GETDEL k", [], []],
  [["SET k 1"], "GETEX k", [], []],
  [["SET k 1"], "GETEX k EX 5", ["expire k"], [`PEXPIREAT k ${FAR}`]],
  [["SET k 1"], "GETEX k PXAT 1", ["del k"], ["DEL k"]],
  [["SET k 1"], "GETEX k PERSIST", [], []],
  [["SET k 1 EX 5"], "GETEX k PERSIST", ["persist k"], ["PERSIST k"]],
  [[], "APPEND k v", ["append k"], ["APPEND k v"]],
  [["SET k 1"], "APPEND k v", ["append k"], ["APPEND k v"]],
  [[], "SETRANGE k 2 v", ["setrange k"], ["SETRANGE k 2 v"]],
  [["SET k 1"], "SETRANGE k 2 ", [], []],
  [[], "INCR k", ["incrby k"], ["INCR k"]],
  [["SET k 9"], "DECR k", ["incrby k"], ["DECR k"]],
  [["SET k 9223372036854775806"], "INCRBY k 1", ["incrby k"], ["INCRBY k 1"]],
  [["SET k 9223372036854775807"], "INCRBY k 1", [], []],
  [["SET k x"], "DECRBY k 1", [], []],
  [["SET k 1 EX 5"], "INCRBYFLOAT k 0.5", ["incrbyfloat k"], ["SET k 1.5 KEEPTTL"]],
  [["SET k 1"], "INCRBYFLOAT k x", [], []],
  [["MSET a 1 b 2"], "DEL a x b a", ["del a", "del b"], ["DEL a x b a"]],
  [["SET a 1"], "UNLINK a b", ["del a"], ["UNLINK a b"]],
  [[], "DEL a b", [], []],
  [["SET k 1"], "EXPIRE k 5", ["expire k"], [`PEXPIREAT k ${FAR}`]],
  [["SET k 1"], "PEXPIRE k 5000 NX", ["expire k"], [`PEXPIREAT k ${FAR}`]],
  [["SET k 1"], "PEXPIREAT k 9223372036854775807", ["expire k"], ["PEXPIREAT k 9223372036854775000"]],
  [["SET k 1"], "EXPIRE k 0", ["del k"], ["DEL k"]],
  [["SET k 1"], "PEXPIREAT k -5", ["del k"], ["DEL k"]],
  [["SET k 1"], "EXPIRE k 5 XX", [], []],
  [["SET k 1 EX 5"], "EXPIRE k 5 GT", [], []],
  [["SET k 1 EX 5"], "EXPIRE k 0 GT", [], []],
  [["SET k 1 EX 5"], "EXPIRE k -1 LT", ["del k"], ["DEL k"]],
  [["SET k 1 EX 5"], "PERSIST k", ["persist k"], ["PERSIST k"]],
  [["SET k 1"], "PERSIST k", [], []],
  [["SET k 1"], "FLUSHDB", ["flushdb"], ["FLUSHDB"]],
  [["SET k 1"], "FLUSHALL ASYNC", ["flushall"], ["FLUSHALL ASYNC"]],
  [[], "FLUSHALL", [], []],
  [["SET k 1"], "FLUSHALL MAYBE", [], []],
  [["SET k 1"], "GET k", [], []],
];

test("each write has Redis's events, and records that do not depend on time or state", () => {
  for (const [before, command, events, records] of CASES) {
    const server = new Server();
    const recorder = new Recorder();
    for (const line of before) assert.match(server.call(line.split(" ")), /^[+:$]/);
    server.cluster.shards[0].effects.observer = recorder;
    const changes = server.cluster.shards[0].effects.changes;
    server.call(command.split(" "));
    const expected = events.map((event) => `0 ${event}`);
    assert.deepEqual(recorder.events, expected, command);
    assert.deepEqual(
      recorder.records.map(({ args }) => args.join(" ")),
      records,
      command,
    );
    assert.equal(server.cluster.shards[0].effects.changes - changes, events.length, command);
  }
});

test("a key whose time has come goes with an event of its own and a DEL, before what the command does", () => {
  const server = new Server();
  const recorder = new Recorder();
  server.call(["SET", "k", "v", "PX", "10"]);
  server.call(["SET", "other", "v", "PX", "10"], 3);
  server.cluster.nowMs += 10;
  server.cluster.shards[0].effects.observer = recorder;
  assert.equal(server.call(["SET", "k", "w", "KEEPTTL"]), "+OK\r\n");
  assert.deepEqual(recorder.events, ["0 expired k", "0 set k"]);
  const lines = (): string[] => recorder.records.map(({ database, args }) => `${database} ${args.join(" ")}`);
  assert.deepEqual(lines(), ["0 DEL k", "0 SET k w KEEPTTL"]);
  recorder.clear();
  // Nobody asks for the other one: the tick removes it.
  server.cluster.advance(100);
  server.cluster.settle();
  assert.deepEqual(recorder.events, ["3 expired other"]);
  assert.deepEqual(lines(), ["3 DEL other"]);
});

const KEYS = ["", "a", "b", "key:1", "key:2", "\x00\xff\r\n"];
const NUMBERS = [
  "0",
  "1",
  "-1",
  "17",
  "9007199254740993",
  "-9223372036854775808",
  "9223372036854775807",
  "1.5",
  "x",
  "",
];

function pick(random: Random, list: readonly string[]): string {
  return list[random.below(list.length)];
}

function randomTime(random: Random, verb: string): string {
  const inSeconds = /^(EX|EXAT|EXPIRE|EXPIREAT|SETEX)$/.test(verb);
  const isAbsolute = /AT$/.test(verb);
  const relativeMs = [1, 500, 1000, 3000, 10 ** 7, -1000, 0][random.below(7)];
  const ms = (isAbsolute ? START_MS : 0) + relativeMs;
  if (random.below(12) === 0) return pick(random, NUMBERS);
  return String(inSeconds ? Math.floor(ms / 1000) : ms);
}

function randomCase(random: Random, word: string): string {
  return random.below(4) === 0 ? word.toLowerCase() : word;
}

function timeOptions(random: Random, more: readonly string[]): string[] {
  const options: string[] = [];
  for (let n = random.below(4); n > 0; n--) {
    const option = pick(random, ["EX", "PX", "EXAT", "PXAT", ...more]);
    options.push(randomCase(random, option));
    if (/^P?X(AT)?$|^EX(AT)?$/.test(option)) options.push(randomTime(random, option));
  }
  return options;
}

// tidy: long function, one case per family of commands
function randomCommand(random: Random): string[] {
  const key = (): string => pick(random, KEYS);
  const value = (): string => (random.below(2) === 0 ? pick(random, NUMBERS) : "v".repeat(random.below(100)));
  switch (random.below(22)) {
    case 0:
    case 1:
      return ["SET", key(), value()];
    case 2:
    case 3:
    case 4:
      return ["SET", key(), value(), ...timeOptions(random, ["NX", "XX", "GET", "KEEPTTL"])];
    case 5:
      return ["SETNX", key(), value()];
    case 6: {
      const verb = pick(random, ["SETEX", "PSETEX"]);
      return [verb, key(), randomTime(random, verb), value()];
    }
    case 7:
      return ["GETSET", key(), value()];
    case 8:
      return ["GETDEL", key()];
    case 9:
    case 10:
      return ["GETEX", key(), ...timeOptions(random, ["PERSIST"]).slice(0, 2)];
    case 11:
      return ["APPEND", key(), value()];
    case 12:
      return ["SETRANGE", key(), pick(random, ["0", "3", "200", "-1", "x"]), value()];
    case 13:
      return [pick(random, ["INCR", "DECR"]), key()];
    case 14:
      return [pick(random, ["INCRBY", "DECRBY"]), key(), pick(random, NUMBERS)];
    case 15:
      return ["INCRBYFLOAT", key(), pick(random, [...NUMBERS, "0.1", "3e5", "-2.5e-3"])];
    case 16:
      return ["MSET", key(), value(), key(), value()];
    case 17:
      return [pick(random, ["DEL", "UNLINK"]), key(), key()];
    case 18:
    case 19: {
      const verb = pick(random, ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]);
      const conditions = random.below(2) === 0 ? [] : [pick(random, ["NX", "XX", "GT", "LT"])];
      return [verb, key(), randomTime(random, verb), ...conditions];
    }
    case 20:
      return ["PERSIST", key()];
    default:
      return random.below(10) === 0
        ? [pick(random, ["FLUSHDB", "FLUSHALL"])]
        : [pick(random, ["GET", "TTL", "STRLEN", "EXISTS", "TYPE", "PEXPIRETIME"]), key()];
  }
}

function replaySeed(seed: number): void {
  const random = new Random(seed);
  const origin = new Server();
  const copy = new Server();
  const recorder = new Recorder();
  origin.cluster.shards[0].effects.observer = recorder;
  for (let n = 0; n < 150; n++) {
    if (random.below(10) === 0) {
      const ms = [1, 499, 1000, 2500][random.below(4)];
      origin.cluster.advance(ms);
      copy.cluster.nowMs = origin.cluster.nowMs;
    }
    const args = randomCommand(random);
    const database = random.below(5) === 0 ? 1 : 0;
    const what = `${JSON.stringify(args)} in ${database}, command ${n}`;
    origin.call(["PING"], database);
    // What is due goes before the command, so that it does not count as the command's change.
    const before = origin.dump();
    recorder.clear();
    const changes = origin.cluster.shards[0].effects.changes;
    const reply = origin.call(args, database);
    const after = origin.dump();
    if (reply.startsWith("-")) assert.equal(after, before, `an error changes nothing: ${what}`);
    if (after !== before) assert.ok(recorder.records.length > 0, `a change has a record: ${what}`);
    const expired = recorder.events.filter((event) => /^\d expired\b/.test(event)).length;
    const changed = recorder.events.length > expired;
    assert.equal(origin.cluster.shards[0].effects.changes > changes, changed, what);
    assert.equal(recorder.records.length > expired, changed, `records and changes come together: ${what}`);
    for (const record of recorder.records) {
      if (/^set$/i.test(record.args[0]))
        assert.ok(!record.args.slice(3).some((arg) => /^(nx|xx|get)$/i.test(arg)), what);
      const answer = copy.call(record.args, record.database);
      assert.ok(!answer.startsWith("-"), `${JSON.stringify(record.args)} answers ${answer} after ${what}`);
    }
    // It looks at its clock too.
    copy.call(["PING"]);
    assert.equal(copy.dump(), after, what);
  }
}

test("records of random commands, repeated on another store, make the same data set", () => {
  const seeds = ONLY === "" ? Array.from({ length: FULL ? 400 : 30 }, (_, i) => i + 1) : [Number(ONLY)];
  for (const seed of seeds) {
    try {
      replaySeed(seed);
    } catch (error) {
      const repeat = `KEVY_TEST_SEED=${seed} node --test src/commands/effects.test.ts`;
      throw new Error(`seed ${seed}: ${(error as Error).message}\n  repeat with: ${repeat}`, { cause: error });
    }
  }
});
