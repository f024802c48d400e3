/** How the process ends and what it leaves behind: signals, SHUTDOWN, kill -9, pid file, working folder. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FULL } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { SOME_REACTORS } from "../support/reactors.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const SHARDS = FULL ? [1, 2, 4] : [1, 4];
/** The promise is ten seconds; an end that nobody holds up takes a fraction of one, on a busy machine too. */
const END_MS_MAX = 10_000;
const FREE_END_MS_MAX = 3_000;
const MiB = 1024 * 1024;

/** Runs pipelines until the connection ends; resolves to how many replies came, each of them whole and right. */
async function load(client: RespClient, name: string): Promise<number> {
  const commands = Array.from({ length: 32 }, (_, i) => ["SET", `${name}:${i}`, "value"]);
  let replies = 0;
  try {
    for (;;) {
      for (const reply of await client.pipeline(commands)) {
        assert.equal(reply.toString(), "+OK\r\n");
        replies++;
      }
    }
  } catch (error) {
    if (!client.closed) throw error;
    return replies;
  }
}

/** Has a client ask for more than the kernel's buffers hold, and not read it: it holds up an orderly end. */
async function stuckClient(port: number): Promise<RespClient> {
  const client = await RespClient.connect(port);
  assert.equal(await client.value("SET", "big", "x".repeat(4 * MiB)), "OK");
  client.socket.pause();
  client.send(Buffer.concat(Array.from({ length: 16 }, () => encodeCommand(["GET", "big"]))));
  // Another client's command is taken after the first one's, at the latest by the second.
  const other = await RespClient.connect(port);
  for (let i = 0; i < 3; i++) await other.value("EXISTS", "big");
  await other.close();
  return client;
}

/** Sends the signal and awaits the end. @returns milliseconds that it took */
async function end(server: KevyServer, signal: NodeJS.Signals): Promise<number> {
  const started = performance.now();
  await server.process.stop(signal);
  return performance.now() - started;
}

/** One server whose end a client holds up, and another one that is then told to end all the same. */
async function endHeldUp(reactor: string): Promise<void> {
  await using patient = await KevyServer.start({ reactor, shards: 2 });
  await using insisted = await KevyServer.start({ reactor, shards: 2 });
  const stuck = await Promise.all([stuckClient(patient.port), stuckClient(insisted.port)]);
  const patientEnd = end(patient, "SIGTERM");

  insisted.process.child.kill("SIGINT");
  await insisted.process.awaitOutput("Received SIGINT", END_MS_MAX);
  const insistedMs = await end(insisted, "SIGINT");
  assert.ok(insistedMs < 1000, `${insistedMs} ms`);
  assert.deepEqual(insisted.process.exit, { code: 1, signal: null });
  assert.match(insisted.stdout, /You insist\.\.\. exiting now\.\n$/);

  const patientMs = await patientEnd;
  assert.ok(patientMs < END_MS_MAX, `${patientMs} ms`);
  assert.deepEqual(patient.process.exit, { code: 0, signal: null });
  for (const client of stuck) await client.close();
}

describe("an orderly end", { timeout: 60_000 }, () => {
  for (const reactor of SOME_REACTORS) {
    for (const shards of SHARDS) {
      test(`on SIGTERM under load and on SIGINT when idle, ${reactor}, shards: ${shards}`, async () => {
        await using server = await KevyServer.start({ reactor, shards });
        await using quiet = await KevyServer.start({ reactor, shards });
        const idle = await RespClient.connect(server.port);
        const clients = await Promise.all([1, 2, 3, 4].map(() => RespClient.connect(server.port)));
        const loads = clients.map((client, i) => load(client, `load${i}`));
        for (let i = 0; i < 20; i++) assert.equal(await idle.value("PING"), "PONG");
        const tookMs = await end(server, "SIGTERM");
        assert.ok(tookMs < FREE_END_MS_MAX, `${tookMs} ms under load`);
        for (const replies of await Promise.all(loads)) assert.ok(replies > 0);
        assert.equal((await idle.readToEnd()).length, 0);
        // A client in mid-load may find its connection reset: what it sent since was not read any more.
        assert.equal(idle.errorCode, "");

        const quietMs = await end(quiet, "SIGINT");
        assert.ok(quietMs < FREE_END_MS_MAX, `${quietMs} ms when idle`);
        for (const ended of [server, quiet]) {
          assert.deepEqual(ended.process.exit, { code: 0, signal: null }, ended.process.describe());
          assert.match(ended.stdout, /# Received SIG(TERM|INT) scheduling shutdown\.\.\.\n.*bye bye\.\.\.\n$/);
          assert.equal(ended.stderr, "");
        }
      });
    }

    test(`on SHUTDOWN, ${reactor}`, async () => {
      await using server = await KevyServer.start({ reactor, shards: 2 });
      const client = await RespClient.connect(server.port);
      client.send(encodeCommand(["SHUTDOWN", "NOSAVE"]));
      assert.equal((await client.readToEnd()).toString(), "");
      assert.deepEqual(await server.process.exited, { code: 0, signal: null });
      assert.equal(server.stderr, "");
    });
  }

  const held = "within ten seconds though a client does not read; the second SIGINT ends it at once";
  test(held, async () => {
    // Together, as each of them takes most of its ten seconds.
    await Promise.all(SOME_REACTORS.map(endHeldUp));
  });

  test("the second SIGINT does not wait for a command that blocks its shard", async () => {
    await using server = await KevyServer.start({ shards: 2, args: ["--enable-debug-command", "yes"] });
    const client = await RespClient.connect(server.port);
    client.send(encodeCommand(["DEBUG", "SLEEP", "20"]));
    const other = await RespClient.connect(server.port);
    server.process.child.kill("SIGINT");
    await server.process.awaitOutput("Received SIGINT", END_MS_MAX);
    const tookMs = await end(server, "SIGINT");
    assert.ok(tookMs < 1000, `${tookMs} ms`);
    assert.equal(server.process.exit?.code, 1);
    await Promise.all([client.close(), other.close()]);
  });
});

describe("the process", { timeout: 60_000 }, () => {
  test("goes on after SIGHUP, and opens no inspector on SIGUSR1", async () => {
    await using server = await KevyServer.start({ shards: 2 });
    const client = await RespClient.connect(server.port);
    server.process.child.kill("SIGHUP");
    server.process.child.kill("SIGUSR1");
    for (let i = 0; i < 50; i++) assert.equal(await client.value("SET", `k${i}`, "v"), "OK");
    await client.close();
    await server.stop();
    assert.equal(server.stderr, "");
  });

  test("keeps its pid file while it serves, in the folder of `dir`", async () => {
    using dir = tempDir("pid");
    const file = join(dir.path, "kevy.pid");
    const args = ["--dir", dir.path, "--pidfile", "kevy.pid"];
    await using server = await KevyServer.start({ shards: 1, args });
    assert.equal(readFileSync(file, "utf8"), `${server.pid}\n`);
    await using refused = await KevyServer.start({ shards: 1, args: ["--pidfile", "/nonexistent/kevy.pid"] });
    assert.match(refused.stdout, /# Failed to write PID file: no such file or directory\n/);
    await server.stop();
    assert.equal(existsSync(file), false);

    // What another process has written there meanwhile is not ours to remove.
    await using replaced = await KevyServer.start({ shards: 1, args });
    writeFileSync(file, "1\n");
    await replaced.stop();
    assert.equal(readFileSync(file, "utf8"), "1\n");
  });

  for (const reactor of SOME_REACTORS) {
    test(`starts again at once after kill -9, on the same port and Unix socket, ${reactor}`, async () => {
      using dir = tempDir("kill");
      const path = join(dir.path, "s");
      const args = ["--unixsocket", path, "--dir", dir.path, "--pidfile", "pid"];
      let port: number | undefined;
      for (let round = 0; round < 3; round++) {
        const server = await KevyServer.start({ shards: 2, reactor, args, ...(port === undefined ? {} : { port }) });
        port = server.port;
        for (const to of [port, path]) {
          const client = await RespClient.connect(to);
          assert.equal(await client.value("SET", "k", "v"), "OK");
          // The connections stay open: their addresses are in use while the next server starts.
        }
        if (round < 2) await server.kill();
        else await server.stop();
        server.remove();
      }
    });
  }
});
