/** The modes of redis-cli: those that look at a server's delays, sizes and statistics, and its forms of output. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { rows } from "../../src/commands/table.ts";
import { FULL } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { missing } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { SETUPS, start, TEST_MS_MAX } from "./rig.ts";

const TOOL_MS_MAX = 20_000;
const KEYS = 300;
const BENCHMARK_REQUESTS = "2000";

function skipReason(): string | false {
  const reason = missing();
  if (reason !== false && (FULL || process.env["CI"] === "true")) throw new Error(`${reason}: this run needs it`);
  return reason;
}

interface Result {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a program to its end; one that has no end is stopped as soon as its output matches `enough`.
 * @throws Error when neither comes in time
 */
function run(
  program: string,
  args: readonly string[],
  options: { enough?: RegExp; input?: string } = {},
): Promise<Result> {
  const { enough, input = "" } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    let output = "";
    let isEnough = false;
    const timer = setTimeout(() => child.kill("SIGKILL"), TOOL_MS_MAX);
    const take = (text: string): void => {
      output += text;
      if (enough === undefined || isEnough || !enough.test(output)) return;
      isEnough = true;
      child.kill("SIGTERM");
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL" || (enough !== undefined && !isEnough)) {
        reject(
          new Error(`${program} ${args.join(" ")}: code ${code}, ${signal}, ${JSON.stringify(output.slice(-500))}`),
        );
      } else resolve({ code, output });
    });
    // A tool that reads no input may be done before it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

const isBuilt = (name: string): boolean => rows.some((row) => row.name === name);

describe(`redis-cli, ${SETUPS[0].name}`, { skip: skipReason(), timeout: TEST_MS_MAX }, () => {
  let server: KevyServer;
  const at = (): string[] => ["-p", `${server.port}`];
  const cli = async (...args: string[]): Promise<string> => {
    const { code, output } = await run("redis-cli", [...at(), ...args]);
    assert.equal(code, 0, output);
    return output;
  };
  before(async () => {
    server = await start(SETUPS[0]);
    const client = await RespClient.connect(server.port);
    const pairs = Array.from({ length: KEYS }, (_, i) => [`key:${i}`, "x".repeat(1 + (i % 50))]);
    await client.command("MSET", ...pairs.flat());
    await client.command("SET", "biggest", "x".repeat(5000));
    await client.close();
  });
  after(() => server?.stop());

  test("forms of output", async () => {
    assert.equal(await cli("--csv", "MGET", "key:0", "none"), '"x",NULL\n');
    assert.equal(await cli("--json", "MGET", "key:0", "none"), '["x",null]\n');
    assert.equal(await cli("--quoted-json", "ECHO", "é"), '"\\\\xc3\\\\xa9"\n');
    const hello = JSON.parse(await cli("--json", "HELLO"));
    assert.deepEqual([hello.server, hello.proto, hello.role, hello.modules], ["redis", 3, "master", []]);
    assert.equal(JSON.parse(await cli("--json", "COMMAND", "DOCS", "get")).get.group, "string");
    assert.equal(await cli("-d", ";", "MGET", "key:0", "key:1"), "x;xx\n");
    assert.equal(await cli("-3", "--no-raw", "CONFIG", "GET", "databases"), '1# "databases" => "16"\n');
    const wrong = await run("redis-cli", [...at(), "-e", "NOSUCH"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /^ERR unknown command 'NOSUCH'/);
  });

  test("arguments from standard input, repeated and spaced", async () => {
    const { output } = await run("redis-cli", [...at(), "-x", "SET", "from-stdin"], { input: "a\r\nb" });
    assert.equal(output, "OK\n");
    assert.equal(await cli("STRLEN", "from-stdin"), "4\n");
    assert.equal(await cli("-r", "3", "-i", "0.01", "INCR", "counted"), "1\n2\n3\n");
    assert.equal(await cli("DEL", "from-stdin", "counted"), "2\n");
  });

  test("its help comes from COMMAND DOCS", async () => {
    const help = await cli("HELP", "SET");
    assert.match(help, /key value \[NX\|XX\] \[GET\] \[EX seconds\|PX milliseconds\|EXAT .*\|KEEPTTL\]/);
    assert.match(help, /Writes a string/);
    assert.match(await cli("HELP", "CONFIG", "GET"), /parameter \[parameter \.\.\.\]/);
  });

  test("--latency, --latency-history and --latency-dist", async () => {
    assert.match(await cli("--latency", "-i", "0.2"), /^\d+ \d+ \d+\.\d\d \d+\n$/);
    const history = ["--no-raw", "--latency-history", "-i", "0.1"];
    await run("redis-cli", [...at(), ...history], { enough: /samples\) -- 0\.\d+ seconds range/ });
    await run("redis-cli", [...at(), "--latency-dist", "-i", "0.2"], { enough: /From 0 to 100%/ });
  });

  test("--intrinsic-latency", async () => {
    assert.match(await cli("--intrinsic-latency", "1"), /total runs \(avg latency: /);
  });

  test("--stat", async () => {
    const enough = new RegExp(`\\n${KEYS + 1} +[\\d.]+[KMG] +\\d+ +0 +\\d+ \\(\\+\\d+\\) +\\d+`);
    await run("redis-cli", [...at(), "--stat", "-i", "0.01"], { enough });
  });

  test("--scan and --bigkeys", async () => {
    const keys = (await cli("--scan", "--pattern", "key:*")).trim().split("\n");
    assert.equal(keys.length, KEYS);
    assert.equal(new Set(keys).size, KEYS);
    assert.match(await cli("--bigkeys"), /Biggest string found '"biggest"' has 5000 bytes/);
    assert.match(await cli("--bigkeys", "-i", "0.001"), new RegExp(`Sampled ${KEYS + 1} keys in the keyspace`));
  });

  const memory = isBuilt("memory") ? false : "MEMORY USAGE is not in the command table yet";
  test("--memkeys", { skip: memory }, async () => {
    assert.match(await cli("--memkeys"), /Biggest string found '"biggest"' has \d{4} bytes/);
    assert.match(await cli("--memkeys-samples", "0"), /Biggest string found '"biggest"' has \d{4} bytes/);
  });

  const object = isBuilt("object") ? false : "OBJECT FREQ is not in the command table yet";
  test("--hotkeys", { skip: object }, async () => {
    const refused = await run("redis-cli", [...at(), "--hotkeys"]);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /ERR An LFU maxmemory policy is not selected/);
    assert.equal(await cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"), "OK\n");
    try {
      await cli("-r", "2000", "GET", "biggest");
      assert.match(await cli("--hotkeys"), /hot key found with counter: \d+\tkeyname: "biggest"/);
    } finally {
      await cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
    }
  });

  test("redis-benchmark with threads, pipelines, and a script of its own", async () => {
    const common = [...at(), "-n", BENCHMARK_REQUESTS, "-c", "20", "-q"];
    for (const args of [
      ["-t", "ping,set,get,incr,mset", "-P", "8", "--threads", "2"],
      ["-3", "-t", "set,get", "-d", "1000", "-r", "100"],
      ["-r", "100", "SET", "bench:__rand_int__", "v", "EX", "100"],
    ]) {
      const { code, output } = await run("redis-benchmark", [...common, ...args]);
      assert.equal(code, 0, output);
      assert.doesNotMatch(output, /err(or)?\b/i);
      assert.match(output, /requests per second/);
    }
    // A server that is no node of a cluster says so, and the tool believes it.
    const cluster = await run("redis-benchmark", [...common, "--cluster", "-t", "ping"]);
    assert.notEqual(cluster.code, 0);
    assert.match(cluster.output, /cluster support disabled/i);
  });
});
