/** The support library itself, against redis-server where there is one (skipped with a reason elsewhere). */

import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { depth, FULL, forEachSeed, seeds } from "./depth.ts";
import { freePort, isPortFree } from "./ports.ts";
import { missing, RedisServer, redisVersion } from "./redis-server.ts";
import {
  encodeCommand,
  ProtocolError,
  parseReply,
  ReplyError,
  ReplyMap,
  ReplyPush,
  ReplySet,
  RespClient,
  replyEnd,
} from "./resp-client.ts";
import { ServerProcess } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

const SAMPLES = [
  "+OK\r\n",
  "-ERR no\r\n",
  ":12\r\n",
  "$3\r\na\r\n\r\n",
  "$-1\r\n",
  "*-1\r\n",
  "*0\r\n",
  "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
  "_\r\n",
  "#t\r\n",
  ",1.5\r\n",
  "(123456789012345678901234567890\r\n",
  "!5\r\nERR x\r\n",
  "=7\r\ntxt:abc\r\n",
  "%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n",
  ">2\r\n+message\r\n*0\r\n",
  "|1\r\n+ttl\r\n:3\r\n+value\r\n",
];

describe("framing and parsing", () => {
  it("finds the end of every reply at every split", () => {
    for (const sample of SAMPLES) {
      const bytes = Buffer.from(sample + "+next\r\n");
      for (let length = 0; length < sample.length; length++) equal(replyEnd(bytes.subarray(0, length)), -1, sample);
      equal(replyEnd(bytes), sample.length, sample);
    }
  });

  it("gives values", () => {
    const value = (text: string) => parseReply(Buffer.from(text));
    equal(value("+OK\r\n"), "OK");
    ok(value("-ERR no\r\n") instanceof ReplyError);
    equal(value(":9007199254740993\r\n"), 9007199254740993n);
    equal(value("$3\r\na\r\n\r\n"), "a\r\n");
    equal(value("$-1\r\n"), null);
    equal(value("*-1\r\n"), null);
    deepEqual(value("*2\r\n$1\r\na\r\n*1\r\n:1\r\n"), ["a", [1]]);
    equal(value("#f\r\n"), false);
    equal(value(",-inf\r\n"), -Infinity);
    equal(value("=7\r\ntxt:abc\r\n"), "abc");
    const map = value("%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n");
    ok(map instanceof ReplyMap);
    deepEqual(map.get("a"), new ReplySet([1, 2]));
    deepEqual(value(">1\r\n+m\r\n"), new ReplyPush(["m"]));
    equal(value("|1\r\n+ttl\r\n:3\r\n+value\r\n"), "value");
  });

  it("refuses what is no RESP", () => {
    throws(() => replyEnd(Buffer.from("hello\r\n")), ProtocolError);
    throws(() => replyEnd(Buffer.from("$x\r\n")), ProtocolError);
    throws(() => replyEnd(Buffer.from("$1\r\nabc")), ProtocolError);
    throws(() => parseReply(Buffer.from("+a\r\n+b\r\n")), ProtocolError);
  });

  it("encodes binary arguments", () => {
    equal(
      encodeCommand(["SET", new Uint8Array([0, 255]), 7]).toString("latin1"),
      "*3\r\n$3\r\nSET\r\n$2\r\n\0\xff\r\n$1\r\n7\r\n",
    );
  });
});

describe("with redis-server", { skip: missing() }, () => {
  it("starts, answers, stops and leaves nothing behind", async () => {
    const server = await RedisServer.start(["--maxmemory", "10mb"]);
    try {
      match(redisVersion() ?? "", /^\d+\.\d+\.\d+$/);
      ok(server.port >= 20_000);
      const client = await RespClient.connect(server.port);
      equal((await client.command("SET", "k", "v")).toString(), "+OK\r\n");
      equal(await client.value("GET", "k"), "v");
      deepEqual(await client.value("CONFIG", "GET", "maxmemory"), ["maxmemory", "10485760"]);
      ok((await client.value("GET")) instanceof ReplyError);
      const replies = await client.pipeline([
        ["INCR", "n"],
        ["INCR", "n"],
        ["GET", "n"],
      ]);
      deepEqual(replies.map(String), [":1\r\n", ":2\r\n", "$1\r\n2\r\n"]);
      ok((await client.value("HELLO", "3")) instanceof ReplyMap);
      const big = "x".repeat(3_000_000);
      equal(await client.value("SET", "big", big), "OK");
      equal(await client.value("GET", "big"), big);
      await rejects(client.readReply(20), /not within 20 ms/);
      client.send("QUIT\r\n");
      equal((await client.readToEnd()).toString(), "+OK\r\n");
      equal(client.closed, true);
      await rejects(client.readReply(), /the connection ended first/);
      await client.close();
    } finally {
      await server.stop();
    }
    equal(existsSync(server.directory), false);
    await rejects(RespClient.connect(server.port), /ECONNREFUSED/);
  });

  it("says why a server did not start", async () => {
    await rejects(RedisServer.start(["--no-such-option", "1"]), /ended before it was ready[\s\S]*no-such-option/);
  });
});

describe("servers, ports, directories, depth", () => {
  it("runs a process, sees its output and its end", async () => {
    const server = new ServerProcess(process.execPath, ["-e", "console.log('Ready'); setInterval(() => {}, 1000)"]);
    await server.awaitOutput("Ready", 10_000);
    deepEqual(await server.stop(), { code: null, signal: "SIGTERM" });
    const absent = new ServerProcess("/nonexistent/program", []);
    await rejects(absent.awaitOutput("Ready", 10_000), /ENOENT/);
  });

  it("gives free ports", async () => {
    const port = await freePort();
    ok(port >= 20_000);
    equal(await isPortFree(port), true);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port }, resolve));
    equal(await isPortFree(port), false);
    await new Promise((resolve) => server.close(resolve));
  });

  it("makes directories and removes them", () => {
    let path: string;
    {
      using dir = tempDir("test");
      path = dir.path;
      ok(existsSync(path));
    }
    equal(existsSync(path), false);
  });

  it("names the command that repeats a failing seed", async () => {
    const file = fileURLToPath(import.meta.url);
    equal(depth(1, 2), FULL ? 2 : 1);
    ok(seeds(3, 5).length >= 1);
    const fails = forEachSeed(file, [41, 42], (seed) => {
      if (seed === 42) throw new Error("boom");
    });
    await rejects(fails, /seed 42 fails: boom[\s\S]*KEVY_TEST_SEED=42 node --test .*support\.test\.ts/);
  });
});
