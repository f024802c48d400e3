/** Tests of LATENCY: what the shards know, put together; the graph and the doctor's advice. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { graph } from "./latency-graph.ts";
import { FakeServer } from "./session.fixture.ts";
import { rows } from "./table.ts";

function eventful(): FakeServer {
  const server = new FakeServer(rows, 2);
  for (const shard of server.shards) {
    shard.latency.setThresholdMs(1);
    shard.config.set([["latency-monitor-threshold", "1"]], true);
  }
  server.shards[0].latency.note("gc", 7_000, 3_000);
  server.shards[0].latency.note("command", 30_000, 1_000);
  server.shards[1].latency.note("command", 50_000, 1_000);
  server.shards[0].latency.note("command", 20_000, 2_000);
  server.shards[1].latency.note("command", 10_000, 3_000);
  return server;
}

test("events of all shards are one history: of each second the worst", () => {
  const client = eventful().connect();
  assert.equal(
    client.text("LATENCY", "HISTORY", "command"),
    "*3\r\n*2\r\n:1\r\n:50\r\n*2\r\n:2\r\n:20\r\n*2\r\n:3\r\n:10\r\n",
  );
  assert.equal(
    client.text("LATENCY", "LATEST"),
    "*2\r\n*4\r\n$7\r\ncommand\r\n:3\r\n:10\r\n:50\r\n*4\r\n$2\r\ngc\r\n:3\r\n:7\r\n:7\r\n",
  );
  assert.equal(client.text("LATENCY", "HISTORY", "nosuch"), "*0\r\n");
});

test("RESET counts an event once, on however many shards it was", () => {
  const client = eventful().connect();
  assert.equal(client.text("LATENCY", "RESET", "command", "nosuch"), ":1\r\n");
  assert.equal(client.text("LATENCY", "RESET"), ":1\r\n");
  assert.equal(client.text("LATENCY", "LATEST"), "*0\r\n");
});

test("the doctor names each event and gives each advice once", () => {
  const text = eventful().connect().text("LATENCY", "DOCTOR");
  assert.match(text, /1\. command: 3 latency spikes \(average 27ms, mean deviation 16ms, period 0\.67 sec\)/);
  assert.match(text, /2\. gc: 1 latency spike .* Worst all time event 7ms\./);
  assert.match(text, /slowlog-log-slower-than 1000 makes/);
  assert.equal(text.split("\n- ").length - 1, 4);
  assert.match(new FakeServer(rows).connect().text("LATENCY", "DOCTOR"), /monitor is off/);
});

test("a column of the graph is as high as its sample took, with its age below", () => {
  const picture = graph(
    "command",
    {
      samples: [
        [100, 20],
        [3700, 50],
        [3735, 35],
      ],
      max: 60,
    },
    3740,
  );
  assert.deepEqual(picture.split("\n").slice(0, 2), [
    "command - high 50 ms, low 20 ms (all time high 60 ms)",
    "-".repeat(80),
  ]);
  assert.deepEqual(picture.split("\n").slice(2), [" # ", " |_", " ||", "_||", "   ", "145", "h0s", " s ", ""]);
});

test("histograms are cumulative, and those of shards are added", () => {
  const server = new FakeServer(rows, 2);
  const { table } = server.shards[0];
  const id = table.rows.findIndex((row) => row.name === "config|get");
  for (const [shard, us] of [
    [0, 1],
    [0, 3],
    [1, 3],
  ]) {
    server.shards[shard].stats.counted(id as never, us);
  }
  const expected =
    "*2\r\n$10\r\nconfig|get\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n*4\r\n:1\r\n:1\r\n:4\r\n:3\r\n";
  const client = server.connect();
  assert.equal(client.text("LATENCY", "HISTOGRAM"), expected);
  assert.equal(client.text("LATENCY", "HISTOGRAM", "CONFIG", "nosuch"), expected);
  assert.equal(client.text("LATENCY", "HISTOGRAM", "get"), "*0\r\n");
});
