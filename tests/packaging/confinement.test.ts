/**
 * What a confined server is left with: it is the first process of a container, writes nothing outside its folder, and
 * calls nothing that the unit's filter forbids. Watched with strace, so that no container engine is needed.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePort } from "../support/ports.ts";
import { RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The entry that `npm start` uses keeps compiled code in node_modules; an image starts the server itself. */
const ENTRY = join(ROOT, "src", "main.ts");
const READY = "Ready to accept connections";
const READY_MS_MAX = 30_000;
const TOOL_MS_MAX = 10_000;
const REACTORS = ["io_uring", "net"];

function without(program: string, ...args: string[]): string | false {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: TOOL_MS_MAX });
  if (result.error !== undefined) return `${program} is not installed`;
  return result.status === 0 ? false : `${program} is not permitted here`;
}

/** Environment of an image: nothing that belongs to this test run. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: _cache, NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...rest } = process.env;
  return rest;
}

/** System calls of the server, one line each, from its first to its last, with some work between. */
async function trace(reactor: string, folder: string): Promise<string[]> {
  const data = join(folder, "data");
  const log = join(folder, "trace");
  mkdirSync(data);
  const strace = ["-f", "-qq", "-y", "-s", "64", "-o", log, "--", process.execPath, ENTRY];
  const port = await freePort();
  const server = new ServerProcess("strace", [...strace, "--port", `${port}`, "--shards", "2", "--reactor", reactor], {
    cwd: data,
    env: environment(),
  });
  await server.awaitOutput(READY, READY_MS_MAX);
  const client = await RespClient.connect(port);
  for (let i = 0; i < 20; i++) assert.equal(await client.value("SET", `k${i}`, "v".repeat(20_000)), "OK");
  assert.equal(await client.value("DBSIZE"), 20);
  await client.value("SHUTDOWN", "NOSAVE").catch(() => undefined);
  assert.deepEqual(await server.exited, { code: 0, signal: null });
  await client.close();
  assert.deepEqual(readdirSync(data), []);
  return readFileSync(log, "latin1").split("\n");
}

/** The system calls that a group of systemd's stands for. */
function callsOf(group: string): string[] {
  const result = spawnSync("systemd-analyze", ["syscall-filter", group], { encoding: "utf8", timeout: TOOL_MS_MAX });
  assert.equal(result.status, 0, result.stderr);
  const members = result.stdout.split("\n").slice(1);
  const names = members.map((line) => line.trim()).filter((line) => /^@?[a-z]\w*[\w-]*$/.test(line));
  return names.flatMap((name) => (name.startsWith("@") ? callsOf(name) : [name]));
}

/** What the unit's filter lets through. */
function allowedCalls(): Set<string> {
  const unit = readFileSync(join(ROOT, "packaging", "kevy.service"), "utf8");
  const allowed = new Set<string>();
  for (const [, words] of unit.matchAll(/^SystemCallFilter=(.*)$/gm)) {
    const forbids = words.startsWith("~");
    for (const word of words.replace("~", "").split(" ")) {
      for (const name of word.startsWith("@") ? callsOf(word) : [word]) {
        if (forbids) allowed.delete(name);
        else allowed.add(name);
      }
    }
  }
  return allowed;
}

/** A path that was opened for writing, and is neither a device nor this process's own. */
function writtenPath(line: string): string | null {
  const opened = /\b(?:openat|open|creat)\((?:[^,]*, )?"([^"]*)", ([A-Z_|0-9]+)/.exec(line);
  if (opened === null || !/O_(WRONLY|RDWR|CREAT|TRUNC)/.test(opened[2]) || / = -1 /.test(line)) return null;
  return /^\/(dev|proc)\//.test(opened[1]) ? null : opened[1];
}

describe("a confined server", { timeout: 90_000 }, () => {
  const noStrace = without("strace", "-f", "-o", "/dev/null", "true");
  const noFilter = noStrace || without("systemd-analyze", "syscall-filter", "@system-service");
  for (const reactor of REACTORS) {
    test(`writes nothing but its data, and calls nothing that is forbidden, ${reactor}`, {
      skip: noStrace,
    }, async (t) => {
      using dir = tempDir("confined");
      const lines = await trace(reactor, dir.path);
      assert.ok(lines.length > 1000, "strace saw the server work");
      const made = lines.filter((line) =>
        /\b(mkdir|mkdirat|rename|renameat2?|unlink|unlinkat|symlink|link)\(/.test(line),
      );
      assert.deepEqual([...lines.map(writtenPath).filter((path) => path !== null), ...made], []);

      if (noFilter !== false) return t.diagnostic(`system calls were not compared with the unit's: ${noFilter}`);
      const allowed = allowedCalls();
      assert.ok(allowed.size > 200 && !allowed.has("setuid") && !allowed.has("mount"));
      const called = new Set(
        lines.map((line) => /^\d+ +([a-z]\w+)\(/.exec(line)?.[1]).filter((name) => name !== undefined),
      );
      assert.ok(called.has("epoll_pwait") || called.has("epoll_wait") || called.has("io_uring_enter"));
      // libuv has a ring of its own for files, where it may.
      if (reactor === "io_uring") assert.ok(called.has("io_uring_enter"));
      assert.deepEqual(
        [...called].filter((name) => !allowed.has(name)),
        [],
      );
    });
  }

  const noPids = without("unshare", "--pid", "--fork", "true");
  test("ends in order on SIGTERM as the first process of its own", { skip: noPids }, async () => {
    using dir = tempDir("first");
    const args = ["--pid", "--fork", "--kill-child", process.execPath, ENTRY, "--port", "0", "--unixsocket", "s"];
    const outer = new ServerProcess("unshare", [...args, "--shards", "2"], { cwd: dir.path, env: environment() });
    await outer.awaitOutput(READY, READY_MS_MAX);
    assert.match(outer.stdout, /starts, pid 1, /);
    const children = readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, "utf8");
    process.kill(Number(children.trim()), "SIGTERM");
    assert.deepEqual(await outer.exited, { code: 0, signal: null });
    assert.match(outer.stdout, /bye bye\.\.\.\n$/);
    assert.deepEqual(readdirSync(dir.path), []);
  });
});
