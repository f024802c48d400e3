/** What the system allows a server, and what it tells the system: open files, memory, a service manager, `kevy ping`. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DESCRIPTORS_RESERVED } from "../../src/base/limits.ts";
import { descriptorsReserved } from "../../src/server/descriptors.ts";
import { DatagramReceiver, missingDatagrams } from "../support/datagram-receiver.ts";
import { depth } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { MemoryLimit } from "../support/memory-limit.ts";
import { freePort } from "../support/ports.ts";
import { missing } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { tempDir } from "../support/temp-dir.ts";

const START = join(import.meta.dirname, "..", "..", "tools", "start.mjs");
const READY = "Ready to accept connections";
const READY_MS_MAX = 15_000;
const REACTORS = ["io_uring", "net"];
const FILES_MAX = 256;

function noProc(): string | false {
  return existsSync("/proc/self/limits") ? false : "no /proc/self/limits: the limit of open files is unknown here";
}

/** Runs a program with at most so many open files. */
function limited(files: number, program: string, args: readonly string[], cwd: string): ServerProcess {
  const script = `ulimit -n ${files} && exec "$0" "$@"`;
  return new ServerProcess("/bin/sh", ["-c", script, program, ...args], { cwd });
}

/** Warnings about open files, without times and numbers; the one about a call that kevy does not make is left out. */
function fileWarnings(log: string): string[] {
  const lines = log.split("\n").filter((line) => /maxclients|maximum open files|ulimit/.test(line));
  return lines.map((line) => line.replace(/^.*? # /, "").replace(/\d+/g, "N")).filter((line) => !/OS error/.test(line));
}

describe("open files", { skip: noProc(), timeout: 60_000 }, () => {
  test("maxclients is lowered to what they leave, in Redis's words", { skip: missing() }, async () => {
    using dir = tempDir("files");
    const redisArgs = ["--port", "0", "--unixsocket", join(dir.path, "r"), "--save", ""];
    const kevyArgs = [START, "--port", "0", "--unixsocket", join(dir.path, "k"), "--shards", "2"];
    const redis = limited(FILES_MAX, "redis-server", redisArgs, dir.path);
    const kevy = limited(FILES_MAX, process.execPath, kevyArgs, dir.path);
    await Promise.all([
      redis.awaitOutput("eady to accept connections", READY_MS_MAX),
      kevy.awaitOutput(READY, READY_MS_MAX),
    ]);
    assert.deepEqual(fileWarnings(kevy.stdout), fileWarnings(redis.stdout));
    assert.equal(fileWarnings(kevy.stdout).length, 2);

    const most = FILES_MAX - descriptorsReserved(2, 2);
    const replies: string[] = [];
    for (const [path, room] of [
      ["r", FILES_MAX - DESCRIPTORS_RESERVED],
      ["k", most],
    ] as const) {
      const client = await RespClient.connect(join(dir.path, path));
      assert.deepEqual(await client.value("CONFIG", "GET", "maxclients"), ["maxclients", `${room}`]);
      const refusal = (await client.command("CONFIG", "SET", "hz", "20", "maxclients", `${room + 1}`)).toString();
      assert.ok(refusal.includes(`try with ${room}\r\n`), refusal);
      replies.push(refusal.replace(/\d+/g, "N"));
      assert.deepEqual(await client.value("CONFIG", "GET", "hz"), ["hz", "10"]);
      assert.equal(await client.value("CONFIG", "SET", "maxclients", `${room}`), "OK");
      await client.close();
    }
    assert.equal(replies[0], replies[1]);
    await redis.stop();
    assert.deepEqual(await kevy.stop(), { code: 0, signal: null });
  });

  test("a server that has none for clients does not start, in Redis's words", { skip: missing() }, async () => {
    using dir = tempDir("files");
    const redis = limited(32, "redis-server", ["--port", "0", "--unixsocket", join(dir.path, "r")], dir.path);
    await redis.exited;
    const said = /Your current .*$/m.exec(redis.stdout)?.[0].replace(/\d+/g, "N");
    const kevy = limited(60, process.execPath, [START, "--port", "0", "--unixsocket", join(dir.path, "k")], dir.path);
    assert.deepEqual(await kevy.exited, { code: 1, signal: null });
    assert.equal(kevy.stderr.replace(/\d+/g, "N"), `${said}\n`);
  });

  for (const reactor of REACTORS) {
    for (const shards of [1, 4]) {
      test(`a server needs no more than it sets aside, ${reactor}, shards: ${shards}`, async () => {
        using dir = tempDir("files");
        const args = ["--unixsocket", join(dir.path, "s"), "--bind", "127.0.0.1", "127.0.0.2", "127.0.0.3"];
        await using server = await KevyServer.start({ shards, reactor, args });
        const open = readdirSync(`/proc/${server.pid}/fd`).length;
        // Redis's 32 are for what comes and goes.
        const reserved = descriptorsReserved(shards, 3) - DESCRIPTORS_RESERVED;
        assert.ok(open <= reserved, `${open} open, ${reserved} set aside`);
        assert.ok(open >= reserved / 2, `${open} open, ${reserved} set aside: far too many`);
      });
    }
  }
});

describe("a service manager", { skip: missingDatagrams(), timeout: 60_000 }, () => {
  for (const kind of ["path", "abstract"]) {
    test(`is told when the server is ready and when it stops, by ${kind}`, async () => {
      using dir = tempDir("notify");
      const address = kind === "path" ? join(dir.path, "s") : `@kevy-notify-${process.pid}`;
      using receiver = new DatagramReceiver(address);
      const env = { NOTIFY_SOCKET: address };
      const supervised = kind === "path" ? "systemd" : "auto";
      await using server = await KevyServer.start({ shards: 1, env, args: ["--supervised", supervised] });
      const before = await receiver.awaitText("READY=1", READY_MS_MAX);
      assert.ok(before.every((text) => !text.includes("STOPPING=1")));
      await server.stop();
      assert.match((await receiver.awaitText("STOPPING=1", READY_MS_MAX)).join(), /STATUS=/);
      assert.equal(receiver.receive(), null);
      assert.equal(server.stderr, "");
    });
  }

  test("that is gone keeps no server from serving", async () => {
    const env = { NOTIFY_SOCKET: "/nonexistent/notify" };
    await using server = await KevyServer.start({ shards: 1, env, args: ["--supervised", "systemd"] });
    assert.match(server.stdout, /# The service manager at \/nonexistent\/notify cannot be told: ENOENT\n/);
  });
});

describe("kevy ping", { timeout: 60_000 }, () => {
  const ping = (args: readonly string[], env: NodeJS.ProcessEnv = {}): { code: number | null; said: string } => {
    const options = { encoding: "utf8", env: { ...process.env, ...env }, timeout: READY_MS_MAX } as const;
    const result = spawnSync(process.execPath, [START, "ping", ...args], options);
    return { code: result.status, said: result.stdout + result.stderr };
  };

  test("says by its exit code whether a server lives", async () => {
    using dir = tempDir("ping");
    const file = join(dir.path, "kevy.conf");
    const path = join(dir.path, "s");
    const port = await freePort();
    writeFileSync(file, `port ${port}\nbind 127.0.0.1\nrequirepass secret\nunixsocket ${path}\n`);
    const nobody = ping([file]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.said, /^kevy at 127\.0\.0\.1:\d+: connect ECONNREFUSED .*\n$/);

    const server = new ServerProcess(process.execPath, [START, file, "--shards", "2"], { cwd: dir.path });
    await server.awaitOutput(READY, READY_MS_MAX);
    const alive = { code: 0, said: "" };
    assert.deepEqual(ping([file]), alive);
    assert.deepEqual(ping(["-p", `${port}`]), alive, "a server that asks for a password lives");
    assert.deepEqual(ping(["--unixsocket", path], { KEVY_PASSWORD: "secret" }), alive);
    const wrong = ping(["-p", `${port}`, "--user", "default", "--pass", "guess"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.said, /: -WRONGPASS invalid username-password pair or user is disabled\.\n$/);
    await server.stop();
  });
});

const MEMORY_BYTES = 256 * 1024 * 1024;
/** Batches of 100 KB. */
const BATCHES = depth(1200, 3000);

/** Why no server can be limited, or false. */
function noMemoryLimits(): string | false {
  const limit = MemoryLimit.of(MEMORY_BYTES, "true");
  if (typeof limit === "string") return limit;
  limit[Symbol.dispose]();
  return false;
}

describe("256 MB of memory", { skip: noMemoryLimits(), timeout: 60_000 }, () => {
  async function limitedServer(dir: string, limit: MemoryLimit, more: readonly string[]): Promise<ServerProcess> {
    const args = [...limit.before, START, "--port", "0", "--unixsocket", "s", "--shards", "2", ...more];
    const server = new ServerProcess(limit.command, args, { cwd: dir });
    await server.awaitOutput(READY, READY_MS_MAX);
    return server;
  }

  function limitOf(): MemoryLimit {
    const limit = MemoryLimit.of(MEMORY_BYTES, process.execPath);
    assert.ok(typeof limit !== "string");
    return limit;
  }

  test("are enough to start, with a warning", async () => {
    using dir = tempDir("memory");
    using limit = limitOf();
    const server = await limitedServer(dir.path, limit, []);
    assert.match(server.stdout, /# WARNING The memory of this process is limited to 256 MB by its cgroup/);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test("hold a server that is given more than its maxmemory", async () => {
    using dir = tempDir("memory");
    using limit = limitOf();
    const more = ["--maxmemory", "96mb", "--maxmemory-policy", "allkeys-lru"];
    const server = await limitedServer(dir.path, limit, more);
    assert.doesNotMatch(server.stdout, /WARNING/);
    const client = await RespClient.connect(join(dir.path, "s"));
    const value = "x".repeat(1000);
    for (let batch = 0; batch < BATCHES; batch++) {
      const commands = Array.from({ length: 100 }, (_, i) => ["SET", `key:${batch}:${i}`, value]);
      for (const reply of await client.pipeline(commands)) assert.equal(reply.toString(), "+OK\r\n");
    }
    assert.equal(String(await client.value("GET", `key:${BATCHES - 1}:99`)), value);
    const info = String(await client.value("INFO", "memory"));
    const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
    assert.ok(used > 80 * 2 ** 20 && used < 97 * 2 ** 20, String(used));
    await client.close();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });
});
