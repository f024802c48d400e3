/** One short line-up of redis-server against itself: start, load, measure, stop. Needs redis-server, redis-tools and taskset. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, infoNumber, loadKeys } from "./load.ts";
import { allowedCpus } from "./measure.ts";
import { freePort, reactorOf, redisPlan, startServer, toolVersion } from "./servers.ts";
import { measureThroughput } from "./throughput.ts";

function missing(): string | false {
  try {
    for (const tool of ["redis-server", "redis-benchmark", "taskset"] as const) toolVersion(tool);
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

test("redis-server against itself", { skip: missing(), timeout: 60_000 }, async () => {
  const core = String(allowedCpus()[0]);
  const server = await startServer(redisPlan(await freePort(20_480), core));
  try {
    assert.ok(server.pongMs > 0 && server.readyMs > 0);
    assert.equal(await reactorOf(server), "epoll");
    await loadKeys(server.port, 0, 1_000, 32);
    assert.equal(await ask(server.port, "DBSIZE"), ":1000\r\n");
    const contenders = [
      { label: "redis-server a", server },
      { label: "redis-server b", server },
    ];
    const notes: string[] = [];
    const pace = { rounds: 2, secondsPerRun: 0.1, pipelines: [16] };
    const add = (text: string): void => {
      notes.push(text);
    };
    const cells = await measureThroughput(contenders, core, pace, () => {}, add);
    assert.deepEqual(
      cells.map((cell) => `${cell.verb} ${cell.pipeline}`),
      ["SET 16", "GET 16"],
    );
    for (const cell of cells) {
      for (const figure of cell.figures) {
        assert.ok(figure.cpuUs > 0.05 && figure.cpuUs < 100, `${figure.cpuUs} µs`);
        assert.ok(figure.requestsPerSecond > 0 && figure.p99Ms >= figure.p50Ms);
      }
      assert.equal(cell.figures[1].ratio, 1);
    }
    assert.deepEqual(notes, []);
    // GET must find what SET wrote: misses would flatter every figure.
    assert.equal(await infoNumber(server.port, "stats", "keyspace_misses"), 0);
  } finally {
    await server.stop();
  }
  await assert.rejects(ask(server.port, "PING"), "the server must be gone");
});

test("a server that cannot start is an error with its last words", { skip: missing() }, async () => {
  const port = await freePort(20_490);
  const plan = {
    ...redisPlan(port, "0"),
    command: ["redis-server", "--port", String(port), "--no-such-directive", "1"],
  };
  await assert.rejects(startServer({ ...plan, cores: String(allowedCpus()[0]) }), /ended before it served: exit 1\n/);
});
