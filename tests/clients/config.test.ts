/** The configuration of a running server: what CONFIG SET changes at once, what CONFIG REWRITE leaves for the next start. */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { KevyServer } from "../support/kevy-server.ts";
import { freePort } from "../support/ports.ts";
import { RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { tempDir } from "../support/temp-dir.ts";

const READY_MS_MAX = 15_000;
const AGREED_MS_MAX = 5_000;
/** Without the agreement some three of four rounds leave shards that differ. */
const ROUNDS = 20;
const START = join(import.meta.dirname, "..", "..", "tools", "start.mjs");

/** Clients on all shards of a server, as likely as 32 connections make it; each has been served once. */
async function crowd(port: number): Promise<RespClient[]> {
  const clients = await Promise.all(Array.from({ length: 32 }, () => RespClient.connect(port)));
  await Promise.all(clients.map((client) => client.value("PING")));
  return clients;
}

/** Awaits what nobody announces. */
async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      if (isSo()) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    assert.ok(performance.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("CONFIG on a server", { timeout: 60_000 }, () => {
  test("SET of loglevel holds from now on", async () => {
    await using server = await KevyServer.start({ shards: 2 });
    const client = await RespClient.connect(server.port);
    const query = (): Promise<unknown> => client.value("CONFIG", "SET", "client-query-buffer-limit", "1mb");
    /** A client that the server closes, and logs a warning about. */
    const offend = async (name: string): Promise<void> => {
      const other = await RespClient.connect(server.port);
      await other.value("CLIENT", "SETNAME", name);
      other.send(Buffer.from(`*1\r\n$2000000\r\n${"x".repeat(1_500_000)}`));
      await other.readToEnd();
    };
    assert.equal(await query(), "OK");
    await offend("first");
    await server.process.awaitOutput("name=first", READY_MS_MAX);
    assert.equal(await client.value("CONFIG", "SET", "LogLevel", "nothing"), "OK");
    await offend("second");
    assert.equal(await client.value("CONFIG", "SET", "loglevel", "warning"), "OK");
    await offend("third");
    await server.process.awaitOutput("name=third", READY_MS_MAX);
    assert.doesNotMatch(server.stdout, /name=second/);
    await client.close();
  });

  test("SET by many clients at one time leaves all shards with the same values", async () => {
    await using server = await KevyServer.start({ shards: 4 });
    const clients = await crowd(server.port);
    for (let round = 0; round < ROUNDS; round++) {
      const replies = clients.map((client, i) => {
        const value = `${1000 + round * 100 + i}`;
        return client.value("CONFIG", "SET", "maxclients", value, "slowlog-max-len", value);
      });
      assert.deepEqual(new Set(await Promise.all(replies)), new Set(["OK"]));
      // They agree within moments of the last one.
      const deadline = performance.now() + AGREED_MS_MAX;
      for (;;) {
        const get = clients.map((client) => client.value("CONFIG", "GET", "maxclients", "slowlog-max-*"));
        const seen = (await Promise.all(get)) as string[][];
        const values = new Set(seen.flatMap((reply) => reply.filter((_, i) => i % 2 === 1)));
        if (values.size === 1) break;
        assert.ok(performance.now() < deadline, `${[...values]}`);
      }
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  const noProc = existsSync("/proc/self/cwd") ? false : "no /proc to see a process's working folder in";
  test("SET of dir moves the server", { skip: noProc }, async () => {
    using dir = tempDir("config-dir");
    const args = ["--enable-protected-configs", "yes", "--logfile", "log", "--pidfile", "pid"];
    const server = new ServerProcess(
      process.execPath,
      [START, "--port", "0", "--unixsocket", join(dir.path, "s"), ...args],
      {
        cwd: dir.path,
      },
    );
    await eventually(() => readFileSync(join(dir.path, "log"), "utf8").includes("Ready to accept"));
    mkdirSync(join(dir.path, "new"));
    const client = await RespClient.connect(join(dir.path, "s"));
    assert.equal(await client.value("CONFIG", "SET", "dir", "new"), "OK");
    assert.deepEqual(await client.value("CONFIG", "GET", "dir"), ["dir", join(dir.path, "new")]);
    await eventually(() => readlinkSync(`/proc/${server.pid}/cwd`) === join(dir.path, "new"));
    await client.close();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    // The pid file is removed from where it is.
    assert.deepEqual(readdirSync(dir.path).sort(), ["log", "new"]);
    assert.equal(server.stderr, "");
  });

  test("REWRITE leaves a file with which the next server is the same, and what was automatic stays so", async () => {
    using dir = tempDir("rewrite");
    using data = tempDir("rewrite-data");
    const file = join(dir.path, "kevy.conf");
    const included = join(dir.path, "more.conf");
    writeFileSync(included, "databases 4\n");
    writeFileSync(file, `# ours\ndir ${data.path}\n\nshards auto\ninclude ${included}\n`);
    const port = await freePort();
    const start = async (args: readonly string[]): Promise<ServerProcess> => {
      const server = new ServerProcess(process.execPath, [START, "kevy.conf", ...args], { cwd: dir.path });
      await server.awaitOutput("Ready to accept connections", READY_MS_MAX);
      return server;
    };
    const first = await start(["--port", `${port}`, "--pipeline-order", "relaxed", "--bind", "127.0.0.1"]);
    const clients = await crowd(port);
    const set = ["hz", "20", "requirepass", "a b\r\n\xff", "timeout", "0", "save", ""];
    assert.equal(await clients[0].value("CONFIG", "SET", ...set.map((word) => Buffer.from(word, "latin1"))), "OK");
    assert.deepEqual(
      await Promise.all(clients.map((client) => client.value("CONFIG", "REWRITE"))),
      clients.map(() => "OK"),
    );
    await Promise.all(clients.map((client) => client.close()));
    assert.deepEqual(await first.stop(), { code: 0, signal: null });
    assert.match(first.stdout, /# CONFIG REWRITE executed with success\.\n/);
    const text = readFileSync(file, "utf8");
    assert.ok(text.startsWith(`# ours\ndir "${data.path}"\n\nshards auto\ninclude ${included}\n`), text);
    assert.deepEqual(readdirSync(dir.path).sort(), ["kevy.conf", "more.conf"]);

    const second = await start([]);
    const client = await RespClient.connect({ host: "127.0.0.1", port });
    assert.equal(await client.value("AUTH", Buffer.from("a b\r\n\xff", "latin1")), "OK");
    const names = ["hz", "databases", "pipeline-order", "bind"];
    const values = (await client.value("CONFIG", "GET", ...names)) as string[];
    const byName = new Map(names.map((name) => [name, values[values.indexOf(name) + 1]]));
    assert.deepEqual([...byName.values()], ["20", "4", "relaxed", "127.0.0.1"]);
    assert.equal(await client.value("CONFIG", "REWRITE"), "OK");
    await client.close();
    assert.deepEqual(await second.stop(), { code: 0, signal: null });
    // The same but for the empty line that Redis sees behind the last line.
    assert.equal(readFileSync(file, "utf8").trimEnd(), text.trimEnd());
  });

  test("REWRITE without a file is an error", async () => {
    await using server = await KevyServer.start({ shards: 1 });
    const client = await RespClient.connect(server.port);
    const reply = await client.command("CONFIG", "REWRITE");
    assert.equal(reply.toString(), "-ERR The server is running without a config file\r\n");
    await client.close();
  });
});
