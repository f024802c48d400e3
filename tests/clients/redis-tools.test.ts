/** redis-cli and redis-benchmark against kevy: what people try first. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { FULL } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { missing } from "../support/redis-server.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";
import { LIBRARY_SETUPS, start, TEST_MS_MAX } from "./rig.ts";

const TOOL_MS_MAX = 30_000;
const PIPED = 20_000;
const REQUESTS = FULL ? "40000" : "20000";

/** redis-tools and redis-server come from one source; in CI neither may be missing. */
function skipReason(): string | false {
  const reason = missing();
  if (reason !== false && (FULL || process.env["CI"] === "true")) throw new Error(`${reason}: this run needs it`);
  return reason;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], input: string | Buffer = ""): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { timeout: TOOL_MS_MAX, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("latin1").on("data", (text: string) => {
      stderr += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    // Not every tool reads its input to the end, or at all.
    child.stdin.on("error", () => undefined).end(input);
  });
}

const skip = skipReason();

for (const setup of LIBRARY_SETUPS) {
  describe(`redis-tools, ${setup.name}`, { skip, timeout: TEST_MS_MAX }, () => {
    let server: KevyServer;
    const cli = async (args: readonly string[], input: string | Buffer = ""): Promise<string> => {
      const result = await run("redis-cli", ["-p", `${server.port}`, ...args], input);
      assert.equal(result.code, 0, `${result.stdout}${result.stderr}`);
      return result.stdout;
    };
    before(async () => {
      server = await start(setup);
    });
    after(() => server?.stop());

    test("redis-cli: commands, in RESP2 and RESP3", async () => {
      for (const protocol of [[], ["-3"]]) {
        assert.equal(await cli([...protocol, "SET", "k", "a b"]), "OK\n");
        assert.equal(await cli([...protocol, "GET", "k"]), "a b\n");
        assert.equal(await cli([...protocol, "--no-raw", "GET", "none"]), "(nil)\n");
        assert.equal(await cli([...protocol, "--no-raw", "MGET", "k", "none"]), '1) "a b"\n2) (nil)\n');
        assert.equal(await cli([...protocol, "--no-raw", "DEL", "k", "k"]), "(integer) 1\n");
        assert.match(await cli([...protocol, "NOSUCH"]), /^ERR unknown command 'NOSUCH'/);
      }
      assert.equal(await cli(["-n", "5", "SET", "five", "1"]), "OK\n");
      assert.equal(await cli(["EXISTS", "five"]), "0\n");
      assert.equal(await cli([], 'SET script "x y"\nGET script\nINCR n\n'), "OK\nx y\n1\n");
      assert.equal(await cli(["-x", "SET", "stdin"], "from\r\nstdin\0"), "OK\n");
      assert.equal(await cli(["STRLEN", "stdin"]), "12\n");
      assert.match(await cli(["INFO", "server"]), /redis_version:7\.2\.\d+/);
      assert.equal(await cli(["-r", "5", "INCR", "repeated"]), "1\n2\n3\n4\n5\n");
    });

    test("redis-cli --pipe and --scan", async () => {
      const commands: Buffer[] = [];
      for (let i = 0; i < PIPED; i++) commands.push(encodeCommand(["SET", `piped:${i}`, `v${i}`]));
      assert.match(await cli(["--pipe"], Buffer.concat(commands)), new RegExp(`errors: 0, replies: ${PIPED}`));
      const keys = (await cli(["--scan", "--pattern", "piped:*"])).trim().split("\n");
      assert.equal(keys.length >= PIPED ? new Set(keys).size : keys.length, PIPED);
      assert.equal(await cli(["GET", `piped:${PIPED - 1}`]), `v${PIPED - 1}\n`);
    });

    test("redis-cli --bigkeys", async () => {
      await cli(["SET", "biggest", "x".repeat(5000)]);
      assert.match(await cli(["--bigkeys"]), /Biggest string found '"biggest"' has 5000 bytes/);
    });

    for (const pipeline of ["1", "16"]) {
      test(`redis-benchmark, 50 connections, pipelines of ${pipeline}`, async () => {
        const args = ["-p", `${server.port}`, "-n", REQUESTS, "-c", "50", "-P", pipeline, "-r", "10000", "--csv"];
        const result = await run("redis-benchmark", [...args, "-t", "ping,set,get,incr,mset"]);
        assert.equal(result.code, 0, `${result.stdout}${result.stderr}`);
        assert.doesNotMatch(result.stdout + result.stderr, /err(or)?\b/i);
        assert.equal(result.stdout.trim().split("\n").length, 1 + 6, result.stdout);
        const client = await RespClient.connect(server.port);
        assert.ok(Number(await client.value("DBSIZE")) > 1000);
        await client.close();
      });
    }
  });
}
