/** The command line as its users meet it: files, flags, standard input, and every way in which a start is refused. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { KevyServer } from "../support/kevy-server.ts";
import { freePort } from "../support/ports.ts";
import { SOME_REACTORS } from "../support/reactors.ts";
import { missing, RedisServer } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { tempDir } from "../support/temp-dir.ts";

const START = fileURLToPath(new URL("../../tools/start.mjs", import.meta.url));
const STOCK_FILE = "/etc/redis/redis.conf";
/** A start that is refused is refused soon, even on a busy machine. */
const REFUSAL_MS_MAX = 5_000;
const READY_MS_MAX = 15_000;

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end, which must come by itself. */
function run(args: readonly string[], input = "", uid?: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const who = uid === undefined ? {} : { uid };
    const child = spawn(process.execPath, [START, ...args], { timeout: REFUSAL_MS_MAX, killSignal: "SIGKILL", ...who });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => undefined).end(input);
  });
}

/** Exit code 1 and nothing but this one line on stderr. */
async function refused(args: readonly string[], line: RegExp): Promise<void> {
  const result = await run(args);
  assert.match(result.stderr, line);
  assert.equal(result.stderr.trimEnd().split("\n").length, 1, result.stderr);
  assert.equal(result.code, 1);
  assert.doesNotMatch(result.stdout, /Ready to accept/);
}

/** refused() of many, some at a time. */
async function all(cases: [args: string[], line: RegExp][]): Promise<void> {
  const rest = cases.values();
  const worker = async (): Promise<void> => {
    for (const [args, line] of rest) await refused(args, line);
  };
  await Promise.all([worker(), worker(), worker()]);
}

describe("the command line", { timeout: 60_000 }, () => {
  test("--version, --help and --check-config answer and start nothing", async () => {
    const [version, help, check, wrong] = await Promise.all([
      run(["--version"]),
      run(["--help"]),
      run(["--check-config", "--port", "7000"]),
      run(["--check-config", "--port", "x"]),
    ]);
    assert.match(version.stdout, /^kevy v=\d+\.\d+\.\d+ redis=7\.2\.\d+ node=\d+/);
    assert.match(help.stdout, /^Usage: kevy \[file\.conf \| -\]/);
    assert.equal(check.stdout, "The configuration is fine.\n");
    for (const { code, stderr } of [version, help, check]) assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^--port: 'port': argument couldn't be parsed into an integer\n$/);
  });

  test("an unknown directive is refused with its file and line, a refused one with what to do", async () => {
    using dir = tempDir("conf");
    const file = join(dir.path, "kevy.conf");
    writeFileSync(file, "port 7000\n\n  nosuch yes\n");
    const notYet = /kevy does not support this yet/;
    await all([
      [[file], /^\S*kevy\.conf:3: unknown directive 'nosuch'\n$/],
      [["--nosuch", "yes"], /^--nosuch: unknown directive 'nosuch'\n$/],
      [["--appendonly", "yes"], notYet],
      [["--replicaof", "h", "1"], notYet],
      [["--tls-port", "1"], notYet],
      [["--cluster-enabled", "yes"], notYet],
      [["--save", "1 1"], notYet],
      [["--user", "a", "on"], notYet],
      [["--rename-command", "GET", "G"], notYet],
      [["--aclfile", "x"], notYet],
    ]);
  });

  test("an address that is not to be had is refused", async () => {
    const port = ["--port", `${await freePort()}`];
    await all([
      [[...port, "--bind", "192.0.2.1"], /^Could not listen on 192\.0\.2\.1:\d+: Cannot assign req/],
      [[...port, "--bind", "no-such-name.invalid"], /: Name or service not known\n$/],
      [["--port", "0"], /^Configured to not listen anywhere, exiting\.\n$/],
      [["--port", "0", "--unixsocket", "/nonexistent/s"], /^Could not listen on \/nonexistent\/s: No such/],
      [[...port, "--dir", "/nonexistent"], /^Can't chdir to '\/nonexistent': no such file/],
      [[...port, "--logfile", "/nonexistent/log"], /^can't open the log file/],
    ]);
  });

  test("a privileged port is refused to those who may not", async (t) => {
    const from = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    if (!existsSync(from) || Number(readFileSync(from, "utf8")) <= 99) return t.skip("every port is free to everybody");
    const isRoot = process.getuid?.() === 0;
    const result = await run(["--port", "99", "--shards", "1"], "", isRoot ? 65_534 : undefined);
    if (/EACCES.*start\.mjs/s.test(result.stderr)) return t.skip("an unprivileged user cannot read the sources");
    assert.equal(result.stderr, "Could not listen on 0.0.0.0:99: Permission denied\n");
    assert.equal(result.code, 1);
  });

  test("a port in use is refused, whoever uses it", async () => {
    const holder = createServer();
    const port = await new Promise<number>((resolve) => {
      holder.listen(0, "127.0.0.1", () => resolve((holder.address() as { port: number }).port));
    });
    try {
      for (const reactor of SOME_REACTORS) {
        for (const shards of ["1", "2"]) {
          const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--reactor", reactor, "--shards", shards];
          await refused(args, /^Could not listen on 127\.0\.0\.1:\d+: Address already in use\n$/);
        }
      }
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
  });

  test("redis-server's port is refused", { skip: missing() }, async () => {
    await using redis = await RedisServer.start();
    await refused(["--port", `${redis.port}`, "--shards", "2"], /: Address already in use\n$/);
  });

  for (const reactor of SOME_REACTORS) {
    test(`a second kevy on the port is refused, ${reactor}`, async () => {
      await using first = await KevyServer.start({ shards: 2, reactor });
      using dir = tempDir("second");
      const log = join(dir.path, "log");
      for (const shards of ["1", "2"]) {
        const args = ["--port", `${first.port}`, "--reactor", reactor, "--shards", shards, "--logfile", log];
        await refused(args, /^Could not listen on 0\.0\.0\.0:\d+: Address already in use\n$/);
        assert.match(readFileSync(log, "utf8"), /# Could not listen on .*: Address already in use\n$/);
      }
    });

    test(`of several that start at one moment one serves, ${reactor}`, async () => {
      for (let round = 0; round < 2; round++) {
        const args = ["--port", `${await freePort()}`, "--shards", "2", "--reactor", reactor];
        const servers = [1, 2, 3].map(() => new ServerProcess(process.execPath, [START, ...args]));
        const outcomes = await Promise.all(
          servers.map((server) =>
            server.awaitOutput("Ready to accept connections", READY_MS_MAX).then(
              () => "ready",
              () => `exit ${server.exit?.code}: ${server.stderr.replace(/.*: /, "")}`,
            ),
          ),
        );
        await Promise.all(servers.map((server) => server.stop()));
        const taken = "exit 1: Address already in use\n";
        assert.deepEqual(outcomes.sort(), [taken, taken, "ready"]);
      }
    });

    test(`a Unix socket alone, with its permissions, ${reactor}`, async () => {
      using dir = tempDir("unix");
      const path = join(dir.path, "s");
      const args = ["--port", "0", "--unixsocket", path, "--unixsocketperm", "600", "--shards", "2"];
      const server = new ServerProcess(process.execPath, [START, ...args, "--reactor", reactor]);
      await server.awaitOutput("Ready to accept connections", READY_MS_MAX);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      const client = await RespClient.connect(path);
      for (let i = 0; i < 20; i++) assert.equal(await client.value("SET", `k${i}`, "v"), "OK");
      assert.equal(await client.value("DBSIZE"), 20);
      await client.close();
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
      assert.equal(existsSync(path), false);
      assert.equal(server.stderr, "");
    });
  }

  test("IPv6, and names beside addresses", async (t) => {
    const probe = createServer();
    const hasIPv6 = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(0, "::1", () => probe.close(() => resolve(true)));
    });
    if (!hasIPv6) return t.skip("no IPv6 on this machine");
    for (const reactor of SOME_REACTORS) {
      await using server = await KevyServer.start({ shards: 2, reactor, args: ["--bind", "::1", "localhost"] });
      for (const host of ["::1", "127.0.0.1"]) {
        const client = await RespClient.connect({ host, port: server.port });
        assert.equal(await client.value("PING"), "PONG");
        await client.close();
      }
    }
  });

  test("directives from standard input and an included file, flags win", async () => {
    using dir = tempDir("conf");
    const included = join(dir.path, "included.conf");
    writeFileSync(included, "shards 1\nmaxclients 77\nport 1\n");
    const input = join(dir.path, "input");
    writeFileSync(input, `include ${included}\n`);
    const command = `exec "$0" "$@" < '${input}'`;
    const args = [process.execPath, START, "-", "--port", `${await freePort()}`];
    const server = new ServerProcess("/bin/sh", ["-c", command, ...args]);
    await server.awaitOutput("Ready to accept connections on port", READY_MS_MAX);
    const port = Number(/on port (\d+)/.exec(server.stdout)?.[1]);
    const client = await RespClient.connect(port);
    assert.deepEqual(await client.value("CONFIG", "GET", "maxclients"), ["maxclients", "77"]);
    await client.close();
    await server.stop();
  });

  test("the redis.conf of the distribution", { skip: !existsSync(STOCK_FILE) && `no ${STOCK_FILE}` }, async () => {
    using dir = tempDir("stock");
    const port = await freePort();
    const own = ["--port", `${port}`, "--dir", dir.path, "--logfile", "log", "--pidfile", "kevy.pid"];
    const server = new ServerProcess(process.execPath, [START, STOCK_FILE, ...own, "--shards", "1"]);
    // Before it serves, the server looks for a moment whether the port is free: a client of that moment is turned away.
    const reply = await eventually(async () => {
      const client = await RespClient.connect(port);
      const answer = await client.value("SET", "k", "v");
      await client.close();
      return answer;
    });
    assert.equal(reply, "OK");
    assert.equal((await server.stop()).code, 0);
    assert.deepEqual([server.stdout, server.stderr], ["", ""]);
    assert.match(readFileSync(join(dir.path, "log"), "utf8"), /daemonize yes': kevy stays in the foreground/);
  });
});

/** Tries again until it succeeds: a server that logs to a file does not say when it is ready. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
