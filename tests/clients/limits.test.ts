/** What a server does to its clients, over real sockets: kills, pauses, time-outs, limits of memory. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { FULL } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";
import { drain, open } from "./flood.ts";
import { LIBRARY_SETUPS, next, type Setup, start, TEST_MS_MAX, within } from "./rig.ts";

const MiB = 1024 * 1024;
const END_MS_MAX = 10_000;
const SINGLE: readonly Setup[] = LIBRARY_SETUPS.map(({ reactor }) => ({
  name: `1 shard, ${reactor}`,
  shards: 1,
  reactor,
}));

const text = async (client: RespClient, ...args: string[]): Promise<string> =>
  (await client.command(...args)).toString("latin1");

/** Resolves once the server has closed the connection. What it sent before is read and forgotten. */
async function closed(socket: Socket): Promise<void> {
  const end = Promise.race([next(socket, "close"), next(socket, "error")]);
  socket.resume();
  await within("the connection ends", END_MS_MAX, end);
}

/** Resolves when the server answers no more on this connection. */
async function hungUp(client: RespClient): Promise<void> {
  await client.readToEnd(END_MS_MAX).catch((error: Error) => assert.match(error.message, /closed|reset|end/i));
}

async function clients(server: KevyServer, count: number): Promise<RespClient[]> {
  return await Promise.all(Array.from({ length: count }, () => RespClient.connect(server.port)));
}

function memoryTests(on: () => KevyServer): void {
  test("a client that does not read is closed at its hard limit, and the others are served", async () => {
    const server = on();
    const [chief, other] = await clients(server, 2);
    await chief.command("SET", "large", Buffer.alloc(MiB, "large value "));
    assert.equal(await text(chief, "CONFIG", "SET", "client-output-buffer-limit", `normal ${32 * MiB} 0 0`), "+OK\r\n");
    const glutton = await open(server.port);
    glutton.pause();
    const gone = closedQuietly(glutton);
    for (let i = 0; i < 128; i++) glutton.write(encodeCommand(["GET", "large"]));
    assert.equal(await text(other, "PING"), "+PONG\r\n");
    while (!server.process.stdout.includes("for overcoming of output buffer limits.")) {
      assert.equal(await text(other, "PING"), "+PONG\r\n");
    }
    glutton.resume();
    await within("the connection ends", END_MS_MAX, gone);
    assert.equal(await text(chief, "CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0"), "+OK\r\n");
    for (const each of [chief, other]) await each.close();
  });

  test("without a limit, who writes everything before it reads gets every reply", async () => {
    const server = on();
    const socket = await open(server.port);
    const value = "v".repeat(20_000);
    const requests = 4000;
    const request = encodeCommand(["ECHO", value]);
    socket.pause();
    const block = Buffer.concat(Array.from({ length: 100 }, () => request));
    const written = Array.from(
      { length: requests / 100 },
      () => new Promise((resolve) => socket.write(block, resolve)),
    );
    await within("all requests are taken", TEST_MS_MAX / 2, Promise.all(written));
    const replies = drain(socket, requests * (`$${value.length}\r\n\r\n`.length + value.length));
    socket.resume();
    await within("all replies come", TEST_MS_MAX / 2, replies);
    socket.destroy();
  });

  test("maxmemory-clients evicts the largest, wherever it is", async () => {
    const server = on();
    const [chief, ...others] = await clients(server, 8);
    assert.equal(await text(chief, "CLIENT", "NO-EVICT", "ON"), "+OK\r\n");
    assert.equal(await text(chief, "CONFIG", "SET", "maxmemory-clients", String(16 * MiB)), "+OK\r\n");
    const large = await open(server.port);
    const gone = closedQuietly(large);
    large.resume();
    large.write(`*2\r\n$4\r\nECHO\r\n$${64 * MiB}\r\n`);
    large.write(Buffer.alloc(24 * MiB, "x"));
    await within("the largest is closed", END_MS_MAX, gone);
    for (const other of others) assert.equal(await text(other, "PING"), "+PONG\r\n");
    assert.equal(await text(chief, "CONFIG", "SET", "maxmemory-clients", "0"), "+OK\r\n");
    for (const each of [chief, ...others]) await each.close();
  });
}

/** Resolves when the socket has ended in whatever way. */
function closedQuietly(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  return next(socket, "close");
}

for (const setup of [...SINGLE, ...LIBRARY_SETUPS]) {
  describe(`limits, ${setup.name}`, { timeout: TEST_MS_MAX }, () => {
    let server: KevyServer;
    before(async () => {
      server = await start(setup);
    });
    after(() => server?.stop());

    test("CLIENT KILL from any connection: exact counts, and oneself behind the reply", async () => {
      const [chief, ...others] = await clients(server, 12);
      const ids = await Promise.all(others.map((other) => text(other, "CLIENT", "ID")));
      for (const [i, id] of ids.entries()) {
        const by = i + 1 < others.length ? others[i + 1] : chief;
        assert.equal(await text(by, "CLIENT", "KILL", "ID", id.slice(1, -2)), ":1\r\n");
        await hungUp(others[i]);
        assert.equal(await text(by, "CLIENT", "KILL", "ID", id.slice(1, -2)), ":0\r\n");
      }
      const many = await clients(server, 9);
      // A connection is there for its peer before the server has accepted it.
      for (const each of many) assert.equal(await text(each, "PING"), "+PONG\r\n");
      assert.equal(await text(chief, "CLIENT", "KILL", "TYPE", "normal"), ":9\r\n");
      for (const each of many) await hungUp(each);
      chief.send(
        Buffer.concat([encodeCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]), encodeCommand(["PING"])]),
      );
      assert.equal((await chief.readReply()).toString(), ":1\r\n");
      await hungUp(chief);
    });

    test("CLIENT PAUSE holds writes of all connections until UNPAUSE, or its time, is there", async () => {
      const [chief, ...writers] = await clients(server, 7);
      await chief.command("DEL", "counter");
      assert.equal(await text(chief, "CLIENT", "PAUSE", "60000", "WRITE"), "+OK\r\n");
      const replies = writers.map((writer) => text(writer, "INCR", "counter"));
      for (const reader of await clients(server, 2)) {
        assert.equal(await text(reader, "GET", "counter"), "$-1\r\n");
        await reader.close();
      }
      assert.equal(await text(chief, "CLIENT", "UNPAUSE"), "+OK\r\n");
      assert.deepEqual(
        (await Promise.all(replies)).sort(),
        [1, 2, 3, 4, 5, 6].map((n) => `:${n}\r\n`),
      );
      const started = performance.now();
      assert.equal(await text(chief, "CLIENT", "PAUSE", "300"), "+OK\r\n");
      assert.equal(await text(writers[0], "PING"), "+PONG\r\n");
      const took = performance.now() - started;
      // The clocks of the two processes may differ in the last milliseconds.
      assert.ok(took >= 290, `${took} ms`);
      for (const each of [chief, ...writers]) await each.close();
    });

    test("timeout closes idle connections and no others", async () => {
      const [chief, busy] = await clients(server, 2);
      assert.equal(await text(chief, "CONFIG", "SET", "timeout", "1"), "+OK\r\n");
      const idle = await Promise.all(Array.from({ length: 4 }, () => open(server.port)));
      let ended = 0;
      const all = Promise.all(idle.map((socket) => closed(socket).then(() => ended++)));
      while (ended < idle.length) {
        assert.equal(await text(busy, "PING"), "+PONG\r\n");
        assert.equal(await text(chief, "PING"), "+PONG\r\n");
      }
      await all;
      assert.equal(await text(chief, "CONFIG", "SET", "timeout", "0"), "+OK\r\n");
      for (const each of [chief, busy]) await each.close();
    });

    if (setup.shards > 1 || FULL) memoryTests(() => server);
  });
}
