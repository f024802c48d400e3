/** A shard that dies ends the process: exit code 70, the reason and where it happened on the log, nothing half alive. */

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { FULL } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { freePort } from "../support/ports.ts";
import { REACTORS } from "../support/reactors.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { tempDir } from "../support/temp-dir.ts";

const ENTRY = "tests/crash/faulty-server.ts";
const ENTRY_PATH = join(import.meta.dirname, "faulty-server.ts");
/** From the fault to the end of the process. */
const END_MS_MAX = 1_000;
/** A heap has to be filled first, and collected over and over. */
const MEMORY_END_MS_MAX = 10_000;
const START_MS_MAX = 15_000;
/** Keys of the first and the second of two shards. */
const KEYS = ["b", "a"];

const FAULTS = [
  { command: "FAIL.THROW", reason: "thrown on purpose", where: /# RangeError: .*\n +at .*faulty-set\.ts:\d+/ },
  { command: "FAIL.REJECT", reason: "rejected on purpose", where: /# TypeError: .*\n +at .*faulty-set\.ts:\d+/ },
  { command: "FAIL.EXIT", reason: "its thread ended with code 3", where: /# Error: its thread ended/ },
];

/** Has a command kill a shard and checks the end; `client` is any connection. */
async function dies(server: KevyServer, command: string, key: string, boundMs: number): Promise<void> {
  const clients = [await RespClient.connect(server.port), await RespClient.connect(server.port)];
  for (const name of KEYS) assert.equal(await clients[1].value("ECHO.KEY", name), name);
  const started = performance.now();
  clients[0].send(encodeCommand([command, key]));
  const exit = await server.process.exited;
  const tookMs = performance.now() - started;
  assert.deepEqual(exit, { code: 70, signal: null }, server.process.describe());
  assert.ok(tookMs < boundMs, `${tookMs} ms`);
  for (const client of clients) await client.close();
}

describe("a dead shard", { timeout: 60_000 }, () => {
  for (const reactor of REACTORS) {
    // How a thread dies has little to do with its sockets.
    for (const { command, reason, where } of FULL || reactor === "io_uring" ? FAULTS : FAULTS.slice(0, 1)) {
      test(`${command} ends the process with code 70 and the reason, ${reactor}`, async () => {
        using dir = tempDir("dead");
        const args = ["--pidfile", join(dir.path, "pid")];
        await using server = await KevyServer.start({ entry: ENTRY, shards: 2, reactor, args });
        const key = KEYS[reactor === "net" ? 1 : 0];
        await dies(server, command, key, END_MS_MAX);
        assert.match(server.stdout, new RegExp(`# Shard [01] died: ${reason}\n`));
        assert.match(server.stdout, where);
        assert.equal(existsSync(join(dir.path, "pid")), false);
      });
    }
  }

  test("so does a worker that runs out of memory", async () => {
    const nodeArgs = ["--max-old-space-size=48"];
    await using server = await KevyServer.start({ entry: ENTRY, shards: 2, nodeArgs });
    await dies(server, "FAIL.MEMORY", KEYS[0], MEMORY_END_MS_MAX);
    assert.match(server.stdout, /# Shard [01] died: .*JS heap out of memory\n.*ERR_WORKER_OUT_OF_MEMORY/);
  });

  test("a shard that dies during an orderly end is no orderly end", async () => {
    await using server = await KevyServer.start({ entry: ENTRY, shards: 1 });
    const client = await RespClient.connect(server.port);
    const commands = ["ECHO.KEY", "FAIL.THROW"].map((name) => encodeCommand([name, "a"]));
    client.send(commands[0]);
    assert.equal((await client.readReply()).toString(), "$1\r\na\r\n");
    client.send(commands[1]);
    server.process.child.kill("SIGTERM");
    // Either the fault or the signal comes first: never does a server that lost a shard say that all is well.
    const exit = await server.process.exited;
    const died = server.stdout.includes("died: thrown on purpose");
    assert.equal(exit.code, died ? 70 : 0, server.process.describe());
    await client.close();
  });

  test("a shard that cannot be built is a start that failed: one line, and where on the log", async () => {
    using dir = tempDir("unbuilt");
    const module = join(dir.path, "set.mjs");
    writeFileSync(module, "export const createCommands = () => { throw new Error('not today'); };\n");
    const env = { ...process.env, KEVY_TEST_COMMANDS: pathToFileURL(module).href };
    const args = [ENTRY_PATH, "--port", `${await freePort()}`, "--shards", "2"];
    const server = new ServerProcess(process.execPath, args, { env });
    const timer = setTimeout(() => void server.stop("SIGKILL"), START_MS_MAX);
    assert.deepEqual(await server.exited, { code: 1, signal: null });
    clearTimeout(timer);
    assert.match(server.stderr, /^Shard [01] died: not today\n$/);
    assert.match(server.stdout, /# Error: not today\n +at .*createCommands .*set\.mjs/);
  });
});
