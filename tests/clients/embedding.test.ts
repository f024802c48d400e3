/** Tests of the embedding API, from the outside: what a program that starts servers sees. */

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type EmbeddedServer, StartError, startServer } from "../../src/index.ts";
import { SOME_REACTORS } from "../support/reactors.ts";
import { missing, RedisServer } from "../support/redis-server.ts";
import { ReplyError, RespClient } from "../support/resp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const EXAMPLE_MS_MAX = 20_000;
const INDEX = new URL("../../src/index.ts", import.meta.url).href;
const CLIENT = new URL("../support/resp-client.ts", import.meta.url).href;
const FAULTY = new URL("../crash/faulty-set.ts", import.meta.url);
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const;

/** The code between the fences of the first comment, as a reader would copy it. */
function example(): string {
  const comment = readFileSync(new URL(INDEX), "utf8");
  const code = /```ts\n(.*?)```/s.exec(comment)?.[1];
  ok(code !== undefined, "the doc comment has an example");
  return code.replace(/^ \* ?/gm, "");
}

describe("startServer", { timeout: 60_000 }, () => {
  test("the example of the doc comment runs, and leaves nothing that keeps the process alive", () => {
    using dir = tempDir("example");
    const file = join(dir.path, "example.ts");
    const ping = `import { RespClient } from "${CLIENT}";
      const client = await RespClient.connect(server.port);
      console.log(String(await client.command("PING")).trim());
      await client.close();`;
    writeFileSync(
      file,
      example()
        .replace('"kevy"', `"${INDEX}"`)
        .replace(/^(\/\/ connect.*)$/m, `$1\n${ping}`),
    );
    const result = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: EXAMPLE_MS_MAX });
    deepEqual([result.status, result.stdout, result.stderr], [0, "+PONG\n", ""]);
  });

  test("several servers in one process know nothing of each other, and SHUTDOWN ends its own", async () => {
    const listeners = SIGNALS.map((name) => process.listenerCount(name));
    const servers = await Promise.all([1, 2, 1].map((shards) => startServer({ shards })));
    const clients = await Promise.all(servers.map(({ port }) => RespClient.connect(port)));
    equal(new Set(servers.map(({ port }) => port)).size, servers.length);
    for (const [i, client] of clients.entries()) equal(await client.value("SET", "k", `value ${i}`), "OK");
    await clients[0].close();
    const leaving = await RespClient.connect(servers[0].port);
    leaving.send("SHUTDOWN NOSAVE\r\n");
    equal((await leaving.readToEnd()).length, 0);
    // Waits for the end that the client asked for.
    await servers[0].stop();
    await rejects(RespClient.connect(servers[0].port));
    for (const i of [1, 2]) equal(await clients[i].value("GET", "k"), `value ${i}`);
    for (const i of [1, 2]) await clients[i].close();
    deepEqual(
      SIGNALS.map((name) => process.listenerCount(name)),
      listeners,
    );
    await Promise.all(servers.map((server) => server.stop()));
  });

  test("stop() again waits for the same end", async () => {
    const server = await startServer({ shards: 2 });
    const [first, second] = [server.stop(), server.stop()];
    await Promise.all([first, second]);
    await server.stop();
    await rejects(RespClient.connect(server.port));
  });

  test("every socket and ring is given back", { skip: process.platform !== "linux" && "needs /proc" }, async () => {
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    await (await startServer({ shards: 2 })).stop();
    const before = descriptors();
    for (let round = 0; round < 2; round++) {
      const server = await startServer({ shards: 2 });
      const client = await RespClient.connect(server.port);
      equal(await client.value("SET", "k", "v"), "OK");
      await server.stop();
      await client.close();
      await rejects(startServer({ shards: 2, directives: { unixsocket: "/nonexistent/s" } }), StartError);
    }
    equal(descriptors(), before);
  });

  test("a taken port, an unknown directive and a wrong value are a StartError", async () => {
    await using server = await disposable(startServer());
    const taken = startServer({ port: server.port, shards: 2 });
    await rejects(taken, new StartError(`Could not listen on 127.0.0.1:${server.port}: Address already in use`));
    await rejects(startServer({ directives: { nosuch: "1" } }), new StartError("unknown directive 'nosuch'"));
    await rejects(startServer({ shards: 65 }), StartError);
    await rejects(startServer({ directives: { appendonly: "yes" } }), /kevy does not support this yet/);
  });

  for (const reactor of SOME_REACTORS) {
    test(`a dead shard: \`failed\` resolves, the process goes on, the port is free again, ${reactor}`, async () => {
      const server = await startServer({ shards: 2, commands: FAULTY, directives: { reactor } });
      const client = await RespClient.connect(server.port);
      client.send("FAIL.THROW a\r\n");
      const error = await server.failed;
      match(error.message, /^Shard [01] died: thrown on purpose$/);
      match(String(error.stack), /faulty-set\.ts/);
      await server.stop();
      await client.close();
      await using next = await disposable(startServer({ port: server.port, shards: 2 }));
      equal(next.port, server.port);
    });
  }
});

interface DisposableServer extends EmbeddedServer, AsyncDisposable {}

async function disposable(started: Promise<EmbeddedServer>): Promise<DisposableServer> {
  const server = await started;
  return { ...server, [Symbol.asyncDispose]: () => server.stop() };
}

/** The first word of an error, or the whole of another reply. */
async function outcome(client: RespClient, ...command: string[]): Promise<string> {
  const value = await client.value(...command);
  return value instanceof ReplyError ? value.message.split(" ")[0] : String(value);
}

describe("CONFIG SET requirepass while clients are connected", { timeout: 60_000 }, () => {
  /** What clients that came before and after each change of the password are told. */
  async function story(port: number): Promise<string[]> {
    const told: string[] = [];
    // Answered once, a client has been accepted and not only connected.
    const connect = async (): Promise<RespClient> => {
      const client = await RespClient.connect(port);
      await client.command("PING");
      return client;
    };
    // Several of a kind, so that every shard has some.
    const early = await Promise.all(Array.from({ length: 8 }, connect));
    told.push(await outcome(early[0], "CONFIG", "SET", "requirepass", "one"));
    const late = await Promise.all(Array.from({ length: 8 }, connect));
    for (const client of [...early, ...late]) told.push(await outcome(client, "SET", "k", "v"));
    for (const client of late) {
      told.push(await outcome(client, "AUTH", "wrong"), await outcome(client, "AUTH", "one"));
      told.push(await outcome(client, "GET", "k"));
    }
    told.push(await outcome(early[1], "CONFIG", "SET", "requirepass", "two"));
    for (const client of [...early, ...late]) told.push(await outcome(client, "GET", "k"));
    told.push(await outcome(early[2], "AUTH", "one"), await outcome(early[2], "GET", "k"));
    told.push(await outcome(late[0], "RESET"), await outcome(late[0], "GET", "k"));
    told.push(await outcome(early[1], "CONFIG", "SET", "requirepass", ""), await outcome(late[0], "GET", "k"));
    told.push(await outcome(await connect(), "GET", "k"));
    for (const client of [...early, ...late]) await client.close();
    return told;
  }
  let expected: string[];
  let redis: RedisServer;
  before(async () => {
    if (missing() !== false) return;
    redis = await RedisServer.start();
    expected = await story(redis.port);
  });
  after(() => redis?.stop());

  for (const shards of [1, 2, 4]) {
    for (const reactor of SOME_REACTORS) {
      test(`is as in Redis, ${reactor}, shards: ${shards}`, { skip: missing() }, async () => {
        await using server = await disposable(startServer({ shards, directives: { reactor } }));
        deepEqual(await story(server.port), expected);
      });
    }
  }
});
