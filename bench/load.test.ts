import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { argumentsOf, parseCsv, requestsFor } from "./generator.ts";
import { ask, frame, infoNumber, KEY_BYTES, loadKeys, replyLength, SetBatch } from "./load.ts";
import { PingSamples } from "./pinger.ts";

/** A server on a free port whose connections are handled by `serve`, for the length of `use`. */
async function withServer(serve: (socket: Socket) => void, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

test("a command is framed by its bytes", () => {
  assert.equal(frame("GET", "é"), "*2\r\n$3\r\nGET\r\n$2\r\né\r\n");
});

test("a batch of SETs has consecutive 16-byte keys, and is filled anew", () => {
  const batch = new SetBatch(3, 4);
  batch.fill(0, 4);
  const expected = [999_998, 999_999, 1_000_000].map((n) => frame("SET", `key:${String(n).padStart(12, "0")}`, "vvv"));
  assert.equal(batch.fill(999_998, 3).toString(), expected.join(""));
  assert.equal("key:000000999998".length, KEY_BYTES);
});

test("a reply is whole or not", () => {
  assert.equal(replyLength("+PONG\r"), 0);
  assert.equal(replyLength("+PONG\r\n+"), 7);
  assert.equal(replyLength("$3\r\nab"), 0);
  assert.equal(replyLength("$3\r\nabc\r\n"), 9);
  assert.equal(replyLength("$-1\r\n"), 5);
});

test("ask joins a reply that comes in pieces; INFO's numbers are found or NaN", async () => {
  const text = "# Stats\r\ntotal_commands_processed:42\r\n";
  const serve = (socket: Socket): void => {
    socket.once("data", () => {
      socket.write(`$${text.length}\r\n`);
      setImmediate(() => socket.write(`${text}\r\n`));
    });
  };
  await withServer(serve, async (port) => {
    assert.equal(await ask(port, "INFO", "stats"), `$${text.length}\r\n${text}\r\n`);
    assert.equal(await infoNumber(port, "stats", "total_commands_processed"), 42);
    assert.ok(Number.isNaN(await infoNumber(port, "stats", "commands_processed")));
  });
});

test("ask fails when the connection closes first", async () => {
  await withServer(
    (socket) => socket.once("data", () => socket.end()),
    (port) => assert.rejects(ask(port, "PING"), /closed before the reply to PING/),
  );
});

test("a load sends each key once, never more than its window ahead", async () => {
  const count = 5_000;
  const frameBytes = new SetBatch(3, 1).frameBytes;
  const keys = new Set<string>();
  let rest = "";
  let unanswered = 0;
  let unansweredMax = 0;
  const serve = (socket: Socket): void => {
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      const whole = Math.floor(rest.length / frameBytes);
      for (const key of rest.slice(0, whole * frameBytes).match(/key:\d{12}/g) ?? []) keys.add(key);
      rest = rest.slice(whole * frameBytes);
      unanswered += whole;
      unansweredMax = Math.max(unansweredMax, unanswered);
      setImmediate(() => {
        socket.write("+OK\r\n".repeat(unanswered));
        unanswered = 0;
      });
    });
  };
  await withServer(serve, async (port) => {
    assert.ok((await loadKeys(port, 7, count, 3, 64)) > 0);
  });
  assert.equal(keys.size, count);
  assert.ok(keys.has("key:000000000007") && keys.has("key:000000005006"));
  assert.ok(unansweredMax <= 64 * 8, `${unansweredMax} commands ahead`);
});

test("a load that is refused says so", async () => {
  await withServer(
    (socket) => socket.once("data", () => socket.write("+OK\r\n-OOM command not allowed\r\n")),
    (port) => assert.rejects(loadKeys(port, 0, 10, 3), /SET refused: -OOM command not allowed/),
  );
});

const CSV =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n';

test("redis-benchmark's CSV is read by its column names", () => {
  const text = `WARNING: Could not fetch server CONFIG\n${CSV}"GET","54495.91","0.481","0.136","0.463","0.647","0.791","6.015"\n`;
  assert.deepEqual(parseCsv(text, "GET"), { requestsPerSecond: 54495.91, p50Ms: 0.463, p99Ms: 0.791 });
  assert.throws(() => parseCsv(text, "SET"), /no rps for SET/);
  assert.throws(() => parseCsv('"GET","54495.91"\n', "GET"), /no rps for GET/);
  assert.throws(() => parseCsv("", "GET"), /no rps for GET/);
});

test("requests are whole rounds of all clients, within bounds", () => {
  assert.equal(requestsFor(100_000, 1, 16, 1_000, 1_000_000), 100_000);
  assert.equal(requestsFor(100_000, 1, 64, 1_000, 1_000_000) % (50 * 64), 0);
  assert.equal(requestsFor(1, 1, 1, 20_000, 1_000_000), 20_000);
  assert.equal(requestsFor(9e9, 1, 1, 20_000, 1_000_000), 1_000_000);
  assert.equal(requestsFor(1, 1, 64, 1, 1_000_000), 50 * 64);
});

test("the arguments of redis-benchmark", () => {
  const run = { port: 7, cores: "1", verb: "GET", pipeline: 16, requests: 8000 } as const;
  assert.equal(argumentsOf(run).join(" "), "-h 127.0.0.1 -p 7 -c 50 -d 32 -r 100000 -P 16 -n 8000 -t get --csv");
});

test("ping samples: a report covers what came since the last one", () => {
  const samples = new PingSamples();
  for (let ms = 1; ms <= 1000; ms++) samples.add(1001 - ms);
  assert.deepEqual(samples.take(), { count: 1000, p50Ms: 500, p999Ms: 999, maxMs: 1000 });
  samples.add(3);
  assert.deepEqual(samples.take(), { count: 1, p50Ms: 3, p999Ms: 3, maxMs: 3 });
  assert.equal(samples.take().count, 0);
});
