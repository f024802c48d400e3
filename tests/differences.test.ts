/**
 * docs/differences.md: every departure from Redis that the page names has its test here, by the name in brackets, or is
 * said here to be tested elsewhere; and there is nothing here that the page does not name.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createCommands, rows } from "../src/commands/table.ts";
import { KEVY_VERSION, REDIS_VERSION } from "../src/commands/version.ts";
import { Config } from "../src/config/config.ts";
import { Cluster, type SimClient } from "../src/runtime/shard.fixture.ts";
import { shardOfSlot, slotOf } from "../src/runtime/slots.ts";
import { KevyServer } from "./support/kevy-server.ts";
import { RespClient } from "./support/resp-client.ts";

const ROOT = new URL("../", import.meta.url);
const TIMEOUT_MS = 60_000;

interface Elsewhere {
  readonly file: string;
  /** Stands in the line in which the test begins. */
  readonly title: string;
}

type Proof = Elsewhere | (() => void | Promise<void>);
const elsewhere = (file: string, title: string): Elsewhere => ({ file, title });

const cluster = (shards = 2): Cluster => new Cluster({ shards, commands: createCommands });

/** Names of keys that the shard owns. */
function keysOn(shard: number, howMany: number, shards = 2): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < howMany; i++) {
    const key = `k${i}`;
    if (shardOfSlot(slotOf(Buffer.from(key), 0, key.length), shards) === shard) keys.push(key);
  }
  return keys;
}

/** The field of an INFO text, or undefined. */
function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)\\r$`, "m").exec(info)?.[1];
}

const NIL = "$-1\r\n";
const OK = "+OK\r\n";

/** Steps that shard until the client has a reply, and gives it. */
function stepTo(on: Cluster, shard: number, client: SimClient): string {
  for (let turn = 0; turn < 100; turn++) {
    on.step(shard);
    const [reply] = client.takeReplies();
    if (reply !== undefined) return reply;
  }
  throw new Error("no reply");
}

function partsAreNotAtomic(): void {
  const on = cluster();
  const [here, there] = [keysOn(0, 1)[0], keysOn(1, 1)[0]];
  const [writer, reader0, reader1] = [on.connect(0), on.connect(0), on.connect(1)];
  on.settle();
  writer.call("MSET", here, "new", there, "new");
  on.step(0);
  reader0.call("GET", here);
  assert.equal(stepTo(on, 0, reader0), "$3\r\nnew\r\n");
  assert.deepEqual(writer.takeReplies(), []);
  // A shard reads its clients' requests before those of other shards.
  reader1.call("GET", there);
  assert.equal(stepTo(on, 1, reader1), NIL);
  assert.deepEqual(on.replies(writer), [OK]);
  assert.equal(on.ask(reader1, "GET", there), "$3\r\nnew\r\n");
}

function shardsAreVisitedOneByOne(): void {
  const on = cluster();
  const [here, there] = [keysOn(0, 1)[0], keysOn(1, 1)[0]];
  const [flusher, writer] = [on.connect(0), on.connect(0)];
  on.ask(writer, "MSET", here, "1", there, "1");
  flusher.call("FLUSHALL");
  on.step(0);
  writer.call("SET", here, "2");
  assert.equal(stepTo(on, 0, writer), OK);
  assert.deepEqual(flusher.takeReplies(), []);
  assert.deepEqual(on.replies(flusher), [OK]);
  assert.equal(on.ask(writer, "MGET", here, there), `*2\r\n$1\r\n2\r\n${NIL}`);
}

function keysComeByShard(): void {
  const on = cluster(4);
  const client = on.connect(2);
  const keys = [3, 1, 0, 2].flatMap((shard) => keysOn(shard, 20, 4));
  on.ask(client, "MSET", ...keys.flatMap((key) => [key, "v"]));
  const listed = on
    .ask(client, "KEYS", "*")
    .split("\r\n")
    .filter((line) => /^k\d+$/.test(line));
  assert.equal(listed.length, keys.length);
  const owners = listed.map((key) => shardOfSlot(slotOf(Buffer.from(key), 0, key.length), 4));
  assert.deepEqual(owners, [...owners].sort());
}

/** With sixteen connections both of two shards have some; those of the other one are answered while one sleeps. */
async function sleepStopsOneShard(): Promise<void> {
  await using server = await KevyServer.start({ shards: 2, args: ["--enable-debug-command", "yes"] });
  const clients = await Promise.all(Array.from({ length: 16 }, () => RespClient.connect(server.port)));
  for (const client of clients) await client.command("PING");
  const [sleeper, ...others] = clients;
  let isAsleep = true;
  const slept = sleeper.command("DEBUG", "SLEEP", "0.5").then(() => {
    isAsleep = false;
  });
  const meanwhile = await Promise.all(others.map((client) => client.command("PING").then(() => isAsleep)));
  await slept;
  assert.ok(meanwhile.includes(true), "nobody was answered");
  await Promise.all(clients.map((client) => client.close()));
}

function cursorsAreLarge(): void {
  const on = cluster();
  const client = on.connect();
  on.ask(client, "MSET", keysOn(0, 1)[0], "v", keysOn(1, 1)[0], "v");
  assert.match(on.ask(client, "SCAN", "0", "COUNT", "1000"), /^\*2\r\n\$10\r\n4294967296\r\n\*1\r\n/);
  assert.match(on.ask(client, "SCAN", "4294967296", "COUNT", "1000"), /^\*2\r\n\$1\r\n0\r\n\*1\r\n/);
  assert.equal(on.ask(client, "SCAN", `${5 * 2 ** 32}`), "*2\r\n$1\r\n0\r\n*0\r\n");
}

function farTimesAreRounded(): void {
  const on = cluster(1);
  const client = on.connect();
  on.ask(client, "SET", "k", "v");
  assert.equal(on.ask(client, "PEXPIREAT", "k", "9007199254740993"), ":1\r\n");
  assert.equal(on.ask(client, "PEXPIRETIME", "k"), ":9007199254740992\r\n");
}

function unlinkIsDel(): void {
  const named = (name: string) => rows.find((row) => row.name === name)?.run;
  assert.equal(named("unlink"), named("del"));
  for (const how of [[], ["SYNC"], ["ASYNC"]]) {
    const on = cluster(1);
    const client = on.connect();
    on.ask(client, "SET", "k", "x".repeat(1_000_000));
    const before = on.shards[0].store.usedBytes;
    assert.equal(on.ask(client, "FLUSHALL", ...how), OK);
    assert.ok(on.shards[0].store.usedBytes < before - 900_000, how.join());
  }
}

function stringsEndAt512Mb(): void {
  const on = cluster(1);
  const client = on.connect();
  assert.equal(on.ask(client, "CONFIG", "SET", "proto-max-bulk-len", "1gb"), OK);
  assert.match(on.ask(client, "SETRANGE", "k", `${2 ** 29}`, "x"), /^-ERR string exceeds maximum allowed size/);
  assert.equal(on.ask(client, "EXISTS", "k"), ":0\r\n");
}

/** Redis goes on reading from a client that is muted, and closes it when it hangs up. */
function mutedClientsCanQuit(): void {
  const on = cluster(1);
  const client = on.connect();
  client.call("CLIENT", "REPLY", "OFF");
  client.call("QUIT");
  on.settle();
  assert.ok(client.closed);
  assert.deepEqual(client.takeReplies(), []);
}

function buffersComeAndGoWithBytes(): void {
  const on = cluster(1);
  const [client, watcher] = [on.connect(0), on.connect(0)];
  on.ask(client, "CLIENT", "SETNAME", "watched");
  const figures = (): number[] => {
    const line = on
      .ask(watcher, "CLIENT", "LIST")
      .split("\n")
      .find((each) => each.includes(" name=watched "));
    return ["qbuf", "qbuf-free", "rbs"].map((name) => Number(new RegExp(` ${name}=(\\d+)`).exec(line ?? "")?.[1]));
  };
  assert.deepEqual(figures(), [0, 0, 0]);
  const start = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nvv";
  client.write(start);
  on.settle();
  const [used, free] = figures();
  assert.equal(used, start.length);
  assert.equal(used + free, 16_384);
  client.write("v".repeat(99_998) + "\r\n");
  assert.deepEqual(on.replies(client), [OK]);
  assert.deepEqual(figures(), [0, 0, 0]);
}

function someClientWordsAreAbsent(): void {
  const on = cluster(1);
  const client = on.connect();
  for (const word of ["TRACKING", "CACHING"]) {
    assert.match(on.ask(client, "CLIENT", word, "ON"), /^-ERR unknown subcommand/);
  }
  assert.match(on.ask(client, "MONITOR"), /^-ERR unknown command/);
  assert.equal(on.ask(client, "CLIENT", "KILL", "MAXAGE", "100"), ":0\r\n");
}

function listenersStay(): void {
  const on = cluster(1);
  const client = on.connect();
  for (const [name, value] of [
    ["port", "1234"],
    ["bind", "127.0.0.1"],
  ]) {
    assert.match(on.ask(client, "CONFIG", "SET", name, value), /can't set immutable config/);
  }
}

function nothingIsSavedByDefault(): void {
  const on = cluster(1);
  assert.equal(on.ask(on.connect(), "CONFIG", "GET", "save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
}

function aclLogIsEmpty(): void {
  const on = cluster(1);
  const client = on.connect();
  assert.equal(on.ask(client, "CONFIG", "SET", "requirepass", "secret"), OK);
  assert.match(on.ask(client, "AUTH", "wrong"), /^-WRONGPASS /);
  assert.equal(on.ask(client, "ACL", "LOG"), "*0\r\n");
}

function speaksAsRedis(): void {
  const on = cluster(1);
  const client = on.connect();
  assert.ok(on.ask(client, "HELLO").includes(`version\r\n$5\r\n${REDIS_VERSION}\r\n`));
  const info = on.ask(client, "INFO", "server");
  assert.equal(field(info, "redis_version"), REDIS_VERSION);
  assert.notEqual(field(info, "kevy_version"), undefined);
  assert.notEqual(KEVY_VERSION, REDIS_VERSION);
}

function usedMemoryIsWhatIsCounted(): void {
  const on = cluster(1);
  const client = on.connect();
  const used = (): number => Number(field(on.ask(client, "INFO", "memory"), "used_memory"));
  const empty = used();
  assert.ok(empty < process.memoryUsage().heapUsed, "the heap is not in it");
  on.ask(client, "SET", "k", "x".repeat(1_000_000));
  assert.ok(used() - empty >= 1_000_000);
}

function mostOfDebugIsAbsent(): void {
  const debugging = new Cluster({ shards: 1, commands: createCommands, config: { "enable-debug-command": "yes" } });
  const friend = debugging.connect();
  for (const word of ["RELOAD", "SEGFAULT", "JMAP"]) {
    assert.match(debugging.ask(friend, "DEBUG", word), /^-ERR unknown subcommand/);
  }
}

function shutdownDoesNotSave(): void {
  const on = cluster(1);
  const client = on.connect();
  assert.match(on.ask(client, "SHUTDOWN", "SAVE"), /^-ERR Errors trying to SHUTDOWN/);
  assert.deepEqual(on.shutdowns, []);
  client.call("SHUTDOWN", "SAVE", "FORCE");
  on.settle();
  assert.equal(on.shutdowns.length, 1);
}

function daemonizeWarns(): void {
  const config = new Config("/");
  assert.equal(config.assign("daemonize", ["yes"], "f:1"), null);
  const findings = config.check();
  assert.deepEqual(findings.errors, []);
  assert.match(findings.warnings.join(), /daemonize/);
}

const PROOFS: Readonly<Record<string, Proof>> = {
  parts: partsAreNotAtomic,
  "part-error": elsewhere("src/runtime/reduce.test.ts", "the first error is the reply, for every reduction"),
  visits: shardsAreVisitedOneByOne,
  "key-order": keysComeByShard,
  "relaxed-order": elsewhere("src/runtime/shard.test.ts", "in relaxed order somebody may: the test above can tell"),
  "config-order": elsewhere("src/runtime/config-agreement.test.ts", "comes about whatever the order of sets"),
  "debug-sleep": sleepStopsOneShard,
  "protected-configs": elsewhere("src/commands/config.test.ts", "protected options need a local client, and one shard"),
  "far-expiry": farTimesAreRounded,
  "scan-cursor": cursorsAreLarge,
  "scan-once": elsewhere(
    "src/commands/keys.test.ts",
    "SCAN shows every key that stays, once, while others come and go",
  ),
  unlink: unlinkIsDel,
  incrbyfloat: elsewhere("src/commands/long-double.test.ts", "give the recorded answers"),
  "string-length": stringsEndAt512Mb,
  "output-limit": elsewhere("src/commands/client-shards.test.ts", "a soft limit closes who was over it for too long"),
  "client-buffers": buffersComeAndGoWithBytes,
  "query-limit": elsewhere("src/commands/client-shards.test.ts", "client-query-buffer-limit: closed, counted"),
  "client-eviction": elsewhere("src/commands/client-shards.test.ts", "the largest clients go first, whichever shard"),
  "pause-end": elsewhere("src/commands/client-shards.test.ts", "who hangs up while it is held has asked for nothing"),
  "reply-off": mutedClientsCanQuit,
  "client-words": someClientWordsAreAbsent,
  "one-user": elsewhere("src/commands/acl.test.ts", "SETUSER is refused and changes nothing"),
  "acl-log": aclLogIsEmpty,
  listeners: listenersStay,
  "config-rewrite": elsewhere("src/config/rewrite.compare.test.ts", "comments, doubles, old names, lines added"),
  "save-default": nothingIsSavedByDefault,
  "own-directives": elsewhere("src/config/rewrite.compare.test.ts", "a line for each option, at its default"),
  version: speaksAsRedis,
  "info-fields": elsewhere("tests/compare/info.test.ts", "what is left out is what redis-server has and kevy has not"),
  "used-memory": usedMemoryIsWhatIsCounted,
  "maxmemory-when": elsewhere(
    "src/commands/memory.test.ts",
    "noeviction refuses what grows, once, and serves everything",
  ),
  "maxmemory-shards": elsewhere("src/store/budget.test.ts", "one shard has all the keys: it may use what the others"),
  "clock-back": elsewhere("src/store/access.test.ts", "a wall clock that is set back makes no key look idle"),
  "evicted-expired": elsewhere("src/store/evictor.test.ts", "a key whose time has come goes first, and as an expired"),
  "memory-usage": elsewhere("src/commands/memory.test.ts", "MEMORY USAGE tells what a key takes, and is no access"),
  "command-docs": elsewhere("src/commands/command-docs.test.ts", "of every command, RESP"),
  absent: mostOfDebugIsAbsent,
  "shutdown-save": shutdownDoesNotSave,
  replication: elsewhere("src/commands/acl.test.ts", "follows nobody"),
  modules: elsewhere("src/commands/acl.test.ts", "loads nothing, also where it may be called"),
  doctors: elsewhere("src/commands/latency.test.ts", "the doctor names each event and gives each advice once"),
  lolwut: elsewhere("src/commands/acl.test.ts", "draws, and ends with the version"),
  "dead-shard": elsewhere("tests/crash/dead-shard.test.ts", "ends the process with code 70 and the reason"),
  "conf-lines": elsewhere(
    "src/config/redis-conf.test.ts",
    "every problem is one line with file and line, and no value",
  ),
  daemonize: daemonizeWarns,
  "refused-directives": elsewhere(
    "src/config/config.test.ts",
    "refuses what it cannot keep, warns of what has no effect, shows no secret",
  ),
};

/** The page's list items, each in one line. */
function items(page: string): string[] {
  const found: string[] = [];
  for (const line of page.split("\n")) {
    if (line.startsWith("- ")) found.push(line);
    else if (line.startsWith("  ")) found.push(`${found.pop()} ${line.trim()}`);
  }
  return found;
}

describe("differences from Redis", { timeout: TIMEOUT_MS }, () => {
  const text = (file: string): string => readFileSync(fileURLToPath(new URL(file, ROOT)), "utf8");

  test("each line of the page names one test, and each test has one line", () => {
    const names = items(text("docs/differences.md")).map((item) => {
      const name = / \[([a-z0-9-]+)\]$/.exec(item)?.[1];
      assert.ok(name !== undefined, `a line of docs/differences.md ends without the name of its test: ${item}`);
      return name;
    });
    assert.deepEqual(names, Object.keys(PROOFS));
  });

  for (const [name, proof] of Object.entries(PROOFS)) {
    if (typeof proof === "function") test(name, proof);
    else {
      test(`${name}: tested in ${proof.file}`, () => {
        const titles = text(proof.file)
          .split("\n")
          .filter((line) => /\b(test|it)\(/.test(line));
        assert.ok(
          titles.some((line) => line.includes(proof.title)),
          `no test of that title: ${proof.title}`,
        );
      });
    }
  }
});
