/** kevy with less than it could have: without io_uring, and with few descriptors. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { KevyServer } from "../support/kevy-server.ts";
import { REACTORS } from "../support/reactors.ts";
import { RespClient } from "../support/resp-client.ts";

const ENTRY = "tests/support/confined.ts";
const NO_URING = { KEVY_CONFINE: "no-io_uring", NODE_NO_WARNINGS: "1" };
const FILES = 256;
const WAIT_MS_MAX = 10_000;

describe("without io_uring", { timeout: 60_000 }, () => {
  test("epoll serves, and one line says why", async () => {
    await using server = await KevyServer.start({ entry: ENTRY, env: NO_URING, shards: 2 });
    const why = "epoll, because io_uring refused by the kernel \\(EPERM\\); containers often forbid it";
    assert.match(server.stdout, new RegExp(`\\* Reactor: epoll \\(${why}\\), shards: 2\n`));
    assert.equal(server.stdout.match(/Reactor:/g)?.length, 1);
    const client = await RespClient.connect(server.port);
    for (let i = 0; i < 20; i++) {
      assert.equal(await client.value("SET", `k${i}`, `v${i}`), "OK");
      assert.equal(await client.value("GET", `k${i}`), `v${i}`);
    }
    await client.close();
    await server.stop();
    assert.equal(server.stderr, "");
  });

  test("a server that is told to use it does not start", async () => {
    const start = KevyServer.start({ entry: ENTRY, env: NO_URING, shards: 1, reactor: "io_uring" });
    await assert.rejects(start, /io_uring is not available: io_uring refused by the kernel \(EPERM\)/);
  });

  for (const reactor of ["epoll", "net"]) {
    test(`${reactor} is what it was told to use`, async () => {
      await using server = await KevyServer.start({ entry: ENTRY, env: NO_URING, shards: 1, reactor });
      const client = await RespClient.connect(server.port);
      assert.equal(await client.value("PING"), "PONG");
      await client.close();
    });
  }
});

/** What the server sends first, or "" when it closes the connection without a word. */
function firstWords(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("data", (bytes: Buffer) => resolve(String(bytes))).once("close", () => resolve(""));
    socket.write("PING\r\n");
  });
}

describe("with few descriptors", { timeout: 60_000 }, () => {
  for (const reactor of REACTORS) {
    test(`it turns clients away or lets them wait, says so once, and serves those it has, ${reactor}`, async () => {
      const env = { KEVY_CONFINE: `files=${FILES}` };
      await using server = await KevyServer.start({ entry: ENTRY, env, shards: 2, reactor });
      const first = await RespClient.connect(server.port);
      assert.equal(await first.value("SET", "k", "v"), "OK");
      const crowd = Array.from({ length: 2 * FILES }, () =>
        connect({ host: "127.0.0.1", port: server.port }).on("error", () => {}),
      );
      const words: string[] = [];
      const asked = crowd.map(async (socket) => words.push(await firstWords(socket)));
      // The server knows, or a client was told, that there are too many.
      const refused = new Promise<void>((resolve) => {
        for (const socket of crowd) socket.on("data", (bytes) => String(bytes).includes("max number") && resolve());
      });
      const limit = AbortSignal.timeout(WAIT_MS_MAX);
      await Promise.race([refused, server.process.awaitOutput("Accepting client connection", WAIT_MS_MAX)]);
      for (let i = 0; i < 50; i++) assert.equal(await first.value("GET", "k"), "v");
      const served = words.filter((each) => each === "+PONG\r\n").length;
      assert.ok(served > FILES / 4, `${served} of the crowd are served`);

      for (const socket of crowd) socket.destroy();
      await Promise.all(asked);
      // Descriptors come back one by one, so the first attempts may come too early.
      let answer = "";
      while (answer !== "+PONG\r\n") {
        limit.throwIfAborted();
        const late = connect({ host: "127.0.0.1", port: server.port }).on("error", () => {});
        answer = await firstWords(late);
        late.destroy();
        if (!late.closed) await once(late, "close");
      }
      assert.equal(await first.value("GET", "k"), "v");
      await first.close();
      await server.stop();
      const warnings = server.stdout.match(/# Accepting client connection: too many open files\n/g) ?? [];
      assert.ok(warnings.length <= 1, server.stdout);
      assert.equal(server.stderr, "");
    });
  }
});
