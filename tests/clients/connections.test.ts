/** Sockets that misbehave: slow readers, half-closed ones, resets, thousands of them; the orderly end; a taken port. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { depth } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { drain, open } from "./flood.ts";
import { SETUPS, start, TEST_MS_MAX } from "./rig.ts";

const MiB = 1024 * 1024;
const ACCUMULATED_BYTES = 20 * MiB;
const CONNECTIONS = depth(1_000, 10_000);
/** Descriptors that a process needs besides its connections. */
const SPARE_DESCRIPTORS = 200;
const CONNECT_AT_ONCE = 200;
const START_ENTRY = fileURLToPath(new URL("../../tools/start.mjs", import.meta.url));
const PORT_TAKEN_MS_MAX = 15_000;
const END_MS_MAX = 10_000;

/** How many descriptors this process may open, and servers that it starts: Node raises its limit to the hard one. */
function descriptorsMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? [];
    return soft === "unlimited" ? Infinity : Number(soft ?? 0);
  } catch {
    return 0;
  }
}

async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Math.min(CONNECT_AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => open(port)))));
  }
  return sockets;
}

const PING = encodeCommand(["PING"]);
const PONG_BYTES = "+PONG\r\n".length;

for (const setup of SETUPS) {
  describe(`connections, ${setup.name}`, { timeout: TEST_MS_MAX }, () => {
    let server: KevyServer;
    before(async () => {
      server = await start(setup, ["--maxclients", `${CONNECTIONS + SPARE_DESCRIPTORS}`]);
    });
    after(() => server?.stop());

    test("a slow reader gets all its replies, intact and in order", async () => {
      const client = await RespClient.connect(server.port);
      const value = Buffer.alloc(MiB, "slow reader ");
      const small = 200;
      for (const key of ["slow:a", "slow:b", "slow:c"]) await client.command("SET", key, value);
      client.socket.pause();
      const requests: Buffer[] = [];
      for (let i = 0; i < ACCUMULATED_BYTES / MiB; i++) {
        requests.push(encodeCommand(["GET", `slow:${"abc"[i % 3]}`]), encodeCommand(["ECHO", `${i}`]));
      }
      for (let i = 0; i < small; i++) requests.push(encodeCommand(["ECHO", `tail ${i}`]));
      client.send(Buffer.concat(requests));
      // Others are served while its replies pile up.
      const other = await RespClient.connect(server.port);
      for (let i = 0; i < small; i++) assert.equal(await other.value("SET", `other:${i}`, i), "OK");
      client.socket.resume();
      for (let i = 0; i < ACCUMULATED_BYTES / MiB; i++) {
        const reply = await client.readReply();
        assert.equal(reply.length, value.length + `$${MiB}\r\n\r\n`.length);
        assert.ok(reply.subarray(`$${MiB}\r\n`.length, -2).equals(value), `value ${i}`);
        assert.ok((await client.readReply()).equals(Buffer.from(`$${`${i}`.length}\r\n${i}\r\n`)));
      }
      for (let i = 0; i < small; i++) assert.match((await client.readReply()).toString(), new RegExp(`tail ${i}\r`));
      assert.equal(client.unread().length, 0);
      await Promise.all([client.close(), other.close()]);
    });

    test("a half-closed socket gets all replies, then the end", async () => {
      const client = await RespClient.connect(server.port);
      const commands: Buffer[] = [];
      for (let i = 0; i < 500; i++) {
        commands.push(encodeCommand(["SET", `half:${i}`, i]), encodeCommand(["GET", `half:${i}`]));
      }
      client.send(Buffer.concat(commands));
      client.socket.end();
      let expected = "";
      for (let i = 0; i < 500; i++) expected += `+OK\r\n$${`${i}`.length}\r\n${i}\r\n`;
      assert.equal((await client.readToEnd()).toString(), expected);
      await client.close();
    });

    test("half a command and then the end: closed without a word", async () => {
      const client = await RespClient.connect(server.port);
      client.send("*2\r\n$3\r\nGET\r\n$5\r\nab");
      client.socket.end();
      assert.equal((await client.readToEnd()).toString(), "");
      await client.close();
    });

    test("resets midway do no harm to others", async () => {
      const steady = await RespClient.connect(server.port);
      const value = Buffer.alloc(MiB, "r");
      await steady.command("SET", "reset", value);
      const get = encodeCommand(["GET", "reset"]);
      for (let round = 0; round < 40; round++) {
        const victim = await open(server.port);
        victim.on("error", () => {});
        victim.pause();
        // Commands in all states: replies unread, a command half sent, remote ones on their way.
        victim.write(
          Buffer.concat([get, get, encodeCommand(["MSET", "r1", "1", "r2", "2", "r3", "3"]), get, get.subarray(0, 9)]),
        );
        if (round % 2 === 0) assert.equal(await steady.value("PING"), "PONG");
        victim.resetAndDestroy();
        assert.equal(await steady.value("STRLEN", "reset"), MiB);
      }
      await steady.close();
    });

    test(`${CONNECTIONS} connections`, async (t) => {
      const possible = descriptorsMax();
      if (possible < CONNECTIONS + SPARE_DESCRIPTORS) {
        return t.skip(`only ${possible} descriptors may be open, and the hard limit is not higher`);
      }
      const sockets = await openMany(server.port, CONNECTIONS);
      try {
        for (let round = 0; round < 2; round++) {
          const pongs = sockets.map((socket) => drain(socket, PONG_BYTES));
          for (const socket of sockets) socket.write(PING);
          await Promise.all(pongs);
        }
        const client = await RespClient.connect(server.port);
        assert.equal(await client.value("SET", "still", "here"), "OK");
        await client.close();
      } finally {
        const closed = sockets.map((socket) => new Promise((done) => socket.once("close", done)));
        for (const socket of sockets) socket.destroy();
        await Promise.all(closed);
      }
    });

    test("nothing runs behind QUIT", async () => {
      const client = await RespClient.connect(server.port);
      const commands = [["SET", "q", "1"], ["QUIT"], ["SET", "q", "2"], ["SET", "q2", "2"], ["PING"]];
      client.send(Buffer.concat(commands.map((args) => encodeCommand(args))));
      assert.equal((await client.readToEnd()).toString(), "+OK\r\n+OK\r\n");
      await client.close();
      const other = await RespClient.connect(server.port);
      assert.equal(await other.value("GET", "q"), "1");
      assert.equal(await other.value("GET", "q2"), null);
      await other.close();
    });

    test("SIGTERM with clients connected: what was read is answered, then exit code 0", async () => {
      const doomed = await start(setup);
      const clients = await Promise.all(Array.from({ length: 20 }, () => RespClient.connect(doomed.port)));
      for (const client of clients) {
        const commands: Buffer[] = [];
        for (let i = 0; i < 100; i++) commands.push(encodeCommand(["INCR", `term:${i}`]));
        client.send(Buffer.concat(commands));
      }
      // Each has had one reply, so its pipeline has been read.
      const first = await Promise.all(clients.map((client) => client.readReply()));
      assert.equal(first.length, clients.length);
      const exit = await doomed.process.stop("SIGTERM");
      assert.deepEqual(exit, { code: 0, signal: null }, doomed.process.describe());
      for (const client of clients) {
        const rest = (await client.readToEnd(END_MS_MAX)).toString();
        assert.equal(rest.match(/:\d+\r\n/g)?.length, 99);
        await client.close();
      }
      doomed.remove();
    });

    test("a port in use: one clear line and exit code 1", async () => {
      const args = [START_ENTRY, "--port", `${server.port}`, "--shards", `${setup.shards}`, "--reactor", setup.reactor];
      const second = new ServerProcess(process.execPath, args, { cwd: server.directory });
      const timer = setTimeout(() => second.child.kill("SIGKILL"), PORT_TAKEN_MS_MAX);
      const exit = await second.exited;
      clearTimeout(timer);
      assert.deepEqual(exit, { code: 1, signal: null }, second.describe());
      const complaints = `${second.stdout}${second.stderr}`
        .split("\n")
        .filter((line) => line.includes(`${server.port}`));
      assert.equal(complaints.length, 1, second.describe());
      assert.match(complaints[0], /in use/i);
      assert.doesNotMatch(`${second.stdout}${second.stderr}`, /\n\s+at /, "no stack trace");
      const client = await RespClient.connect(server.port);
      assert.equal(await client.value("PING"), "PONG");
      await client.close();
    });
  });
}
