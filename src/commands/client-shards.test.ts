/**
 * Clients on whole shards with a simulated network: who is paused, muted, killed, timed out, over a limit.
 *
 * KEVY_TEST_SEED=<n> runs the random tests with that seed alone.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OUTPUT_BLOCK_BYTES } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import { Counter } from "../runtime/counters.ts";
import { Cluster, type ClusterOptions, type SimClient } from "../runtime/shard.fixture.ts";
import { shardOfSlot, slotOf } from "../runtime/slots.ts";
import { NO_EXPIRY } from "../store/database.ts";
import { STRING_RAW } from "../store/encoding.ts";
import { rows } from "./table.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";
const SEED = process.env["KEVY_TEST_SEED"];
const NOTHING_LEFT = { blocks: 0, inputBytes: 0, clients: 0, admitted: 0 };

/** Says whether look-ups count as uses of keys where its key is. */
const TOUCHING: CommandRow = {
  name: "touching",
  arity: 2,
  flags: CommandFlag.READONLY,
  keys: { first: 1, last: 1, step: 1 },
  place: "keys",
  reduce: null,
  run: (x) => x.reply.integer(x.shard.store.touching ? 1 : 0),
};
const EVERYWHERE: CommandRow = { ...TOUCHING, name: "touchings", arity: 1, keys: null, place: "all", reduce: "sum" };

/** Sets its key, and says the value. */
const TELL: CommandRow = {
  ...TOUCHING,
  name: "tell",
  arity: 3,
  flags: CommandFlag.WRITE,
  run: (x, argv) => {
    const { view, starts, ends } = argv;
    x.db.lookup(view, starts[1], ends[1]);
    assert.ok(x.db.setString(view, starts[1], ends[1], view, starts[2], ends[2], STRING_RAW, NO_EXPIRY));
    x.reply.bulk(argv.bytes, starts[2], ends[2]);
  },
};

function cluster(shards: number, options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ shards, commands: () => ({ rows: [...rows, TOUCHING, EVERYWHERE, TELL] }), ...options });
}

function forSeeds(normal: number, full: number, body: (seed: number) => void): void {
  const seeds = SEED === undefined ? Array.from({ length: FULL ? full : normal }, (_, i) => i + 1) : [Number(SEED)];
  for (const seed of seeds) {
    try {
      body(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** A key of that shard. */
function keyOn(shard: number, shards: number, prefix = "k"): string {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`${prefix}${i}`);
    if (shardOfSlot(slotOf(key, 0, key.length), shards) === shard) return key.toString();
  }
}

function count(all: Cluster, counter: number): number {
  return all.shards.reduce((sum, shard) => sum + shard.counters.get(counter), 0);
}

const idOf = (all: Cluster, client: SimClient): string => all.ask(client, "client", "id").slice(1, -2);

describe("CLIENT REPLY", () => {
  /** The replies that a client gets to these commands. */
  function expected(commands: readonly string[]): string[] {
    const replies: string[] = [];
    let muted = false;
    let skip = false;
    for (const [i, command] of commands.entries()) {
      const skipped = skip;
      skip = false;
      if (command === "on") {
        muted = false;
        replies.push("+OK\r\n");
      } else if (command === "off") muted = true;
      else if (command === "skip") skip = !muted;
      else if (command === "reset") {
        muted = false;
        if (!skipped) replies.push("+RESET\r\n");
      } else if (muted || skipped) continue;
      else if (command === "bad") replies.push("-ERR wrong number of arguments for 'get' command\r\n");
      else if (command === "mset") replies.push("+OK\r\n");
      else replies.push(`$${String(i).length}\r\n${i}\r\n`);
    }
    return replies;
  }

  function send(client: SimClient, command: string, i: number): void {
    if (command === "on" || command === "off" || command === "skip") client.call("client", "reply", command);
    else if (command === "reset") client.call("reset");
    else if (command === "bad") client.call("get");
    else if (command === "echo") client.call("echo", String(i));
    else if (command === "mset") client.call("mset", `k${i}`, "x", `other${i}`, "x");
    else client.call("tell", `k${i}`, String(i));
  }

  test("whatever is pipelined, wherever it runs, the right replies come in order", () => {
    const words = ["on", "off", "skip", "skip", "reset", "bad", "mset", "echo", "tell", "tell", "tell", "tell"];
    forSeeds(20, 400, (seed) => {
      const random = new Random(seed);
      const shards = 1 + random.below(3);
      const order = random.below(2) === 0 ? "strict" : "relaxed";
      const all = cluster(shards, { seed, config: { "pipeline-order": order } });
      const client = all.connect(random.below(shards));
      const commands = Array.from({ length: 120 }, () => words[random.below(words.length)]);
      for (const [i, command] of commands.entries()) send(client, command, i);
      assert.deepEqual(all.replies(client), expected(commands));
      const done = commands.filter((command) => command === "mset").length * 2;
      const tells = commands.filter((command) => command === "tell").length;
      assert.equal(all.ask(all.connect(0), "dbsize"), `:${done + tells}\r\n`, "all of it was done");
    });
  });

  test("a large reply that nobody wants takes no memory, and errors of the protocol are not said", () => {
    const all = cluster(2);
    const client = all.connect(0);
    all.ask(client, "set", keyOn(0, 2), "x".repeat(300_000));
    all.ask(client, "set", keyOn(1, 2), "x".repeat(300_000));
    client.stopped = true;
    client.call("client", "reply", "off");
    for (const shard of [0, 1]) for (let i = 0; i < 20; i++) client.call("get", keyOn(shard, 2));
    client.call("ping", "x".repeat(5000));
    all.settle();
    assert.equal(all.leftovers().blocks, 0);
    client.write("*1\r\nfoo\r\n");
    client.stopped = false;
    assert.deepEqual(all.replies(client), []);
    assert.ok(client.closed);
    assert.deepEqual(all.leftovers(), NOTHING_LEFT);
  });
});

describe("CLIENT PAUSE", () => {
  test("WRITE holds writes back in their order and nothing else, until the time is over", () => {
    for (const shards of [1, 2]) {
      const all = cluster(shards);
      const [chief, writer, reader] = [0, shards - 1, 0].map((shard) => all.connect(shard));
      const keys = [keyOn(0, shards), keyOn(shards - 1, shards, "other")];
      assert.equal(all.ask(chief, "client", "pause", "1000", "WRITE"), "+OK\r\n");
      for (const key of keys) assert.equal(all.ask(reader, "get", key), "$-1\r\n");
      writer.call("get", keys[0]);
      writer.call("set", keys[0], "1");
      writer.call("get", keys[0]);
      writer.call("incr", keys[1]);
      assert.deepEqual(all.replies(writer), ["$-1\r\n"]);
      assert.match(all.ask(chief, "client", "list"), /flags=b/);
      assert.equal(all.shards[shards - 1].pause.held, 1);
      assert.match(all.ask(reader, "set", keys[0]), /^-ERR wrong number/, "a refusal is no write");
      all.advance(999);
      assert.deepEqual(all.replies(writer), []);
      all.advance(1);
      assert.deepEqual(all.replies(writer), ["+OK\r\n", "$1\r\n1\r\n", ":1\r\n"]);
      assert.equal(all.ask(chief, "set", keys[0], "2"), "+OK\r\n");
    }
  });

  test("ALL holds everything, its own client and UNPAUSE included; UNPAUSE of writes is at once", () => {
    const all = cluster(2);
    const [chief, other] = [all.connect(0), all.connect(1)];
    chief.call("client", "pause", "500");
    chief.call("client", "unpause");
    other.call("ping");
    assert.deepEqual(all.replies(chief), ["+OK\r\n"]);
    other.call("get", "x");
    assert.ok(all.replies(other).length <= 1);
    all.advance(500);
    all.settle();
    assert.deepEqual(all.replies(chief), ["+OK\r\n"]);
    all.replies(other);
    all.ask(chief, "client", "pause", "100000", "write");
    other.call("set", "a", "1");
    assert.deepEqual(all.replies(other), []);
    assert.equal(all.ask(chief, "client", "unpause"), "+OK\r\n");
    assert.deepEqual(all.replies(other), ["+OK\r\n"]);
  });

  test("once it is answered nothing is written any more, whatever was under way", () => {
    forSeeds(15, 300, (seed) => {
      const random = new Random(seed);
      const shards = 2 + random.below(3);
      const all = cluster(shards, {
        seed,
        ringBytes: 4096,
        config: { "pipeline-order": seed % 2 === 0 ? "strict" : "relaxed" },
      });
      const writers = Array.from({ length: 6 }, (_, i) => all.connect(i % shards));
      const chiefs = [all.connect(0), all.connect(shards - 1)];
      all.settle();
      for (const writer of writers) {
        for (let i = 0; i < 60; i++) {
          const kind = random.below(8);
          if (kind === 0) writer.call("mset", `a${random.below(50)}`, "x", `b${random.below(50)}`, "y");
          else if (kind === 1) writer.call("set", `c${random.below(50)}`, "z".repeat(6000));
          else writer.call("incr", `n${random.below(50)}`);
        }
      }
      all.run(random.below(60));
      // Some are gone with requests under way, and two pause at once.
      if (random.below(2) === 0) writers[0].reset();
      for (const chief of chiefs) chief.call("client", "pause", "1000", "write");
      const changes = (): number => all.shards.reduce((sum, shard) => sum + shard.effects.changes, 0);
      let turns = 0;
      while (chiefs.every((chief) => chief.received.length === 0)) {
        all.run(1);
        assert.ok(turns++ < 100_000, "PAUSE is answered");
      }
      const before = changes();
      all.settle();
      assert.equal(changes(), before);
      for (const chief of chiefs) assert.deepEqual(chief.takeReplies(), ["+OK\r\n"]);
      all.advance(1000);
      all.settle();
      for (const [i, writer] of writers.entries()) if (i > 0) assert.equal(writer.takeReplies().length, 60);
    });
  });

  test("who hangs up while it is held has asked for nothing; a server that stops does not wait", () => {
    const all = cluster(2);
    const [chief, a, b, c] = [0, 1, 0, 1].map((shard) => all.connect(shard));
    all.ask(chief, "client", "pause", "1000", "write");
    a.call("set", "x", "1");
    a.end();
    b.call("set", "y", "1");
    c.call("set", "z", "1");
    all.settle();
    b.reset();
    all.settle();
    assert.ok(a.closed && b.closed && !c.closed);
    let drained = 0;
    for (const [id, shard] of all.shards.entries()) {
      shard.drain(() => drained++);
      all.nudge(id);
    }
    all.settle();
    assert.equal(drained, 2);
    assert.equal(
      all.shards.reduce((sum, shard) => sum + shard.effects.changes, 0),
      0,
    );
    assert.deepEqual(all.leftovers(), NOTHING_LEFT);
  });

  test("keys do not expire meanwhile", () => {
    const all = cluster(1);
    const client = all.connect(0);
    all.ask(client, "set", "k", "v", "px", "50");
    all.ask(client, "client", "pause", "1000", "write");
    all.advance(500);
    all.settle();
    assert.equal(all.ask(client, "dbsize"), ":1\r\n");
    all.advance(500);
    all.settle();
    all.advance(200);
    all.settle();
    assert.equal(all.ask(client, "dbsize"), ":0\r\n");
  });
});

test("CLIENT KILL closes clients of all shards, and oneself behind the reply", () => {
  const all = cluster(3);
  const clients = [0, 1, 2, 0, 1].map((shard) => all.connect(shard));
  const ids = clients.map((client) => idOf(all, client));
  assert.equal(all.ask(clients[0], "client", "kill", "id", ids[1]), ":1\r\n");
  assert.ok(clients[1].closed);
  assert.equal(all.ask(clients[2], "client", "kill", "addr", "127.0.0.1:10000"), ":1\r\n", "oneself is spared");
  assert.deepEqual(
    clients.map((client) => client.closed),
    [true, true, false, false, false],
  );
  clients[2].call("client", "kill", "id", ids[2], "skipme", "no");
  clients[2].call("ping");
  assert.deepEqual(all.replies(clients[2]), [":1\r\n"]);
  assert.ok(clients[2].closed);
  clients[3].call("client", "kill", "127.0.0.1:10001");
  assert.deepEqual(all.replies(clients[3]), ["+OK\r\n"]);
  assert.ok(clients[3].closed);
  assert.deepEqual(all.leftovers(), NOTHING_LEFT);
});

test("CLIENT NO-TOUCH holds wherever the command runs, for that client alone", () => {
  const all = cluster(3);
  const [client, other] = [all.connect(0), all.connect(0)];
  all.ask(client, "client", "no-touch", "on");
  for (const shard of [0, 1, 2]) {
    assert.equal(all.ask(client, "touching", keyOn(shard, 3)), ":0\r\n");
    assert.equal(all.ask(other, "touching", keyOn(shard, 3)), ":1\r\n");
  }
  assert.equal(all.ask(client, "touchings"), ":0\r\n");
  assert.equal(all.ask(other, "touchings"), ":3\r\n");
  all.ask(client, "client", "no-touch", "off");
  assert.equal(all.ask(client, "touching", keyOn(1, 3)), ":1\r\n");
});

test("timeout: idle clients are closed, who waits or reads is not", () => {
  const all = cluster(2, { config: { timeout: "10" } });
  const idle = Array.from({ length: 50 }, (_, i) => all.connect(i % 2));
  const [busy, held] = [all.connect(0), all.connect(1)];
  all.ask(busy, "client", "pause", "60000", "write");
  held.call("set", "a", "1");
  for (let second = 0; second < 12; second++) {
    all.ask(busy, "ping");
    for (let tick = 0; tick < 10; tick++) {
      all.advance(100);
      all.settle();
    }
    const open = idle.filter((client) => !client.closed).length;
    if (second < 10) assert.equal(open, 50, `after ${second + 1} s`);
  }
  assert.ok(idle.every((client) => client.closed));
  assert.ok(!busy.closed && !held.closed);
  assert.equal(count(all, Counter.TIMED_OUT_CLIENTS), 50);
  all.ask(busy, "config", "set", "timeout", "0");
  all.advance(100_000);
  all.settle();
  assert.ok(!busy.closed);
});

describe("client-output-buffer-limit", () => {
  const LIMIT = 20 * OUTPUT_BLOCK_BYTES;

  test("a hard limit closes who is over it, and memory never is", () => {
    for (const shards of [1, 2]) {
      const all = cluster(shards);
      const [chief, client, other] = [all.connect(0), all.connect(0), all.connect(0)];
      const keys = Array.from({ length: shards }, (_, shard) => keyOn(shard, shards));
      for (const key of keys) all.ask(chief, "set", key, "v".repeat(LIMIT / 2));
      all.ask(chief, "config", "set", "client-output-buffer-limit", `normal ${LIMIT} 0 0`);
      client.stopped = true;
      other.stopped = true;
      other.call("get", keys[0]);
      client.call("get", keys[0]);
      all.settle();
      assert.ok(!client.closed);
      for (const key of keys) client.call("get", key);
      client.call("get", keys[0]);
      all.settle();
      assert.ok(client.closed && !other.closed);
      assert.ok(all.reactors[0].blocks.bytesMapped <= 2 * LIMIT + 64 * OUTPUT_BLOCK_BYTES);
      assert.equal(count(all, Counter.OUTPUT_LIMIT_CLOSES), 1);
      assert.match(
        all.logged.at(-1) ?? "",
        /^warning: Client id=2 .* scheduled to be closed ASAP for overcoming of output buffer limits\.$/,
      );
      other.stopped = false;
      assert.equal(all.replies(other).length, 1);
      // One reply that is larger than the limit: its client reads, and is closed all the same.
      const third = all.connect(0);
      all.ask(chief, "append", keys[0], "v".repeat(LIMIT));
      third.call("get", keys[0]);
      all.settle();
      assert.ok(third.closed);
      for (const each of [chief, other]) each.end();
      all.settle();
      assert.deepEqual(all.leftovers(), NOTHING_LEFT);
    }
  });

  test("a soft limit closes who was over it for too long without a break", () => {
    const all = cluster(1);
    const [chief, client] = [all.connect(0), all.connect(0)];
    all.ask(chief, "set", "k", "v".repeat(LIMIT));
    all.ask(chief, "config", "set", "client-output-buffer-limit", `normal 0 ${LIMIT / 2} 5`);
    const wait = (seconds: number): void => {
      for (let tick = 0; tick < seconds * 10; tick++) {
        all.advance(100);
        all.settle();
      }
    };
    client.stopped = true;
    client.call("get", "k");
    wait(4);
    client.stopped = false;
    wait(3);
    client.stopped = true;
    client.call("get", "k");
    wait(4);
    assert.ok(!client.closed);
    wait(3);
    assert.ok(client.closed);
    assert.equal(count(all, Counter.OUTPUT_LIMIT_CLOSES), 1);
  });

  test("a limit that comes later holds for output that is there", () => {
    const all = cluster(1);
    const [chief, client] = [all.connect(0), all.connect(0)];
    all.ask(chief, "set", "k", "v".repeat(LIMIT));
    client.stopped = true;
    client.call("get", "k");
    all.settle();
    all.ask(chief, "config", "set", "client-output-buffer-limit", `normal ${LIMIT / 2} 0 0`);
    for (let tick = 0; tick < 12; tick++) {
      all.advance(100);
      all.settle();
    }
    assert.ok(client.closed);
  });
});

test("client-query-buffer-limit: closed, counted, and the log shows how the request begins", () => {
  const all = cluster(1, { config: { "client-query-buffer-limit": String(1024 * 1024) } });
  const client = all.connect(0);
  client.write(`*2\r\n$4\r\nECHO\r\n$2000000\r\n"\\\t\x01${"x".repeat(1_200_000)}`);
  all.settle();
  assert.ok(client.closed);
  assert.equal(count(all, Counter.QUERY_LIMIT_CLOSES), 1);
  const start = '"*2\\r\\n$4\\r\\nECHO\\r\\n$2000000\\r\\n\\"\\\\\\t\\x01';
  assert.ok(all.logged.at(-1)?.startsWith("warning: Closing client that reached max query buffer length: id=1 "));
  assert.ok(all.logged.at(-1)?.includes(` (qbuf initial bytes: ${start}x`));
  assert.ok(all.logged.at(-1)?.endsWith('x")'));
  assert.deepEqual(all.leftovers(), NOTHING_LEFT);
});

describe("maxmemory-clients", () => {
  const KIB = 1024;

  /** Gives a client so many KiB of unfinished request. */
  function fill(all: Cluster, client: SimClient, kib: number): void {
    client.write(`*2\r\n$4\r\nECHO\r\n$${100 * KIB * KIB}\r\n${"x".repeat(kib * KIB - 64)}`);
    all.settle();
  }

  function tick(all: Cluster): void {
    for (let i = 0; i < 3; i++) {
      all.advance(100);
      all.settle();
    }
  }

  test("the largest clients go first, whichever shard they are on, and no more than must", () => {
    for (const shards of [1, 3]) {
      const all = cluster(shards, { config: { "maxmemory-clients": String(7 * KIB * KIB) } });
      const sizes = [1024, 2048, 512, 1024, 1024, 512];
      const clients = sizes.map((_, i) => all.connect(i % shards));
      for (const [i, client] of clients.entries()) {
        fill(all, client, sizes[i]);
        tick(all);
      }
      assert.equal(count(all, Counter.EVICTED_CLIENTS), 0);
      const last = all.connect(0);
      fill(all, last, 1024);
      tick(all);
      assert.deepEqual(
        clients.map((client) => client.closed),
        [false, true, false, false, false, false],
      );
      assert.ok(!last.closed);
      assert.equal(count(all, Counter.EVICTED_CLIENTS), 1);
      assert.match(all.logged.at(-1) ?? "", /^notice: Evicting client: .* qbuf=209\d{4} /);
    }
  });

  test("many small clients on one shard do not go before a large one on another", () => {
    const all = cluster(2, { config: { "maxmemory-clients": String(4 * KIB * KIB) } });
    const small = Array.from({ length: 90 }, () => all.connect(0));
    for (const client of small) fill(all, client, 32);
    const large = all.connect(1);
    fill(all, large, 2000);
    tick(all);
    assert.ok(large.closed);
    assert.ok(small.every((client) => !client.closed));
  });

  test("a client that grew behind the back of the round is still the largest", () => {
    // A round takes ten ticks.
    for (let phase = 0; phase < 11; phase++) {
      const all = cluster(2, { config: { "maxmemory-clients": String(3584 * KIB) } });
      const crowd = Array.from({ length: 61 }, () => all.connect(0));
      // In the middle, where it is looked at some ticks after a round began.
      const [small, large] = [all.connect(1), crowd[30]];
      for (let ticks = 0; ticks < 12 + phase; ticks++) {
        all.advance(100);
        all.settle();
      }
      fill(all, large, 2000);
      tick(all);
      fill(all, small, 900);
      assert.ok(!large.closed && !small.closed);
      fill(all, crowd[0], 500);
      tick(all);
      assert.ok(large.closed && !small.closed && !crowd[0].closed, `phase ${phase}`);
    }
  });

  test("who said NO-EVICT stays; replies count, too", () => {
    const all = cluster(2, { config: { "maxmemory-clients": String(2 * KIB * KIB) } });
    const [spared, victim] = [all.connect(0), all.connect(1)];
    all.ask(spared, "client", "no-evict", "on");
    all.ask(victim, "set", "k", "x".repeat(300 * KIB));
    fill(all, spared, 1100);
    victim.stopped = true;
    for (let i = 0; i < 5; i++) {
      victim.call("get", "k");
      all.settle();
    }
    tick(all);
    assert.ok(victim.closed && !spared.closed);
    fill(all, all.connect(0), 1100);
    tick(all);
    assert.equal(count(all, Counter.EVICTED_CLIENTS), 2);
    assert.ok(!spared.closed);
  });

  test("a share of maxmemory, and 128 KiB at least; none without a limit", () => {
    const all = cluster(1, { config: { "maxmemory-clients": "5%" } });
    const client = all.connect(0);
    fill(all, client, 1024);
    tick(all);
    assert.ok(!client.closed, "there is no maxmemory");
    const small = cluster(1, { config: { "maxmemory-clients": "1" } });
    const [a, b] = [small.connect(0), small.connect(0)];
    fill(small, a, 32);
    tick(small);
    assert.ok(!a.closed);
    fill(small, b, 128);
    tick(small);
    assert.ok(b.closed && !a.closed);
  });

  test("the largest buffers of the last seconds are known", () => {
    const all = cluster(1);
    const client = all.connect(0);
    fill(all, client, 500);
    for (let i = 0; i < 5; i++) tick(all);
    assert.equal(all.shards[0].clientPeaks().input, 512 * KIB);
    client.end();
    all.settle();
    for (let i = 0; i < 40; i++) tick(all);
    assert.deepEqual(all.shards[0].clientPeaks(), { input: 0, output: 0 });
  });
});
