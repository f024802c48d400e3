/** `kevy ping`: whom it asks, and what it makes of every kind of answer. */

import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { bytesOf } from "../base/bytes.ts";
import type { Files } from "../config/redis-conf.ts";
import { type PingTarget, ping, pingTarget } from "./ping.ts";

const fileOf = (text: string): Files => ({ readFile: () => bytesOf(text), listFolder: () => [] });

function target(args: readonly string[], file = "", environment: NodeJS.ProcessEnv = {}): PingTarget {
  const found = pingTarget(args, environment, fileOf(file));
  assert.ok(typeof found !== "string", String(found));
  return found;
}

describe("whom kevy ping asks", () => {
  test("the default port, or what the arguments say", () => {
    const plain = target([]);
    assert.deepEqual(plain, { to: { host: "127.0.0.1", port: 6379 }, user: "", password: "", timeoutMs: 5000 });
    assert.deepEqual(target(["-p", "7000", "--host", "db"]).to, { host: "db", port: 7000 });
    assert.deepEqual(target(["--unixsocket", "/s", "--port", "0"]).to, { path: "/s" });
    const named = target(["--user", "u", "--pass", "ä", "--timeout", "0.5"]);
    assert.deepEqual([named.user, named.password, named.timeoutMs], ["u", "\xc3\xa4", 500]);
    assert.equal(target([], "", { KEVY_PASSWORD: "e" }).password, "e");
    assert.equal(target(["--pass", "a"], "", { KEVY_PASSWORD: "e" }).password, "a");
  });

  test("the server of a configuration file", () => {
    const conf = 'port 7001\nbind -::* 10.0.0.1\nrequirepass "p w"\nunixsocket /run/s\n';
    const found = target(["kevy.conf"], conf);
    assert.deepEqual(found.to, { host: "::1", port: 7001 });
    assert.equal(found.password, "p w");
    assert.equal(target(["kevy.conf", "--pass", "x"], conf).password, "x");
    assert.deepEqual(target(["kevy.conf"], "bind 10.0.0.1 127.0.0.1").to, { host: "10.0.0.1", port: 6379 });
    assert.deepEqual(target(["kevy.conf"], "port 0\nunixsocket /run/s\n").to, { path: "/run/s" });
    assert.equal(pingTarget(["f"], {}, fileOf("port 0")), "there is neither a port nor a Unix socket to ask");
    assert.match(String(pingTarget(["f"], {}, fileOf("nosuch 1"))), /^f:1: unknown directive/);
  });

  test("nobody, with arguments that make no sense", () => {
    for (const args of [["--nosuch", "1"], ["-p"], ["f", "g", "h"], ["--pass", "secret", "more"]]) {
      const wrong = String(pingTarget(args, {}, fileOf("")));
      assert.match(wrong, /^usage: kevy ping /);
      assert.doesNotMatch(wrong, /secret/);
    }
    assert.match(String(pingTarget(["-p", "70000"], {})), /no port/);
    assert.match(String(pingTarget(["--timeout", "0"], {})), /no time/);
  });
});

/** What ping() says of a server that does this with a connection, and what that server was sent. */
async function verdictOn(
  serve: (socket: Socket, said: string) => void,
  more: Partial<PingTarget> = {},
): Promise<{ verdict: string | null; asked: string }> {
  let asked = "";
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      asked += data.toString("latin1");
      serve(socket, asked);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const to = { host: "127.0.0.1", port };
  const verdict = await ping({ to, user: "", password: "", timeoutMs: 5000, ...more });
  await new Promise((resolve) => server.close(resolve));
  return { verdict, asked };
}

const answering = (text: string) => (socket: Socket) => void socket.write(text);

describe("what kevy ping makes of an answer", () => {
  test("PONG is life, and so is the wish for a password", async () => {
    assert.deepEqual(await verdictOn(answering("+PONG\r\n")), { verdict: null, asked: "*1\r\n$4\r\nPING\r\n" });
    assert.equal((await verdictOn(answering("-NOAUTH Authentication required.\r\n"))).verdict, null);
    const byParts = (socket: Socket): void => {
      socket.write("+PO");
      setImmediate(() => socket.write("NG\r\n"));
    };
    assert.equal((await verdictOn(byParts)).verdict, null);
  });

  test("with a password, both replies count", async () => {
    const asked = "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\n\xff\r\n*1\r\n$4\r\nPING\r\n";
    const credentials = { user: "u", password: "\xff" };
    assert.deepEqual(await verdictOn(answering("+OK\r\n+PONG\r\n"), credentials), { verdict: null, asked });
    const wrong = await verdictOn(answering("-WRONGPASS no\r\n-NOAUTH x\r\n"), { password: "p" });
    assert.match(wrong.verdict ?? "", /^kevy at 127\.0\.0\.1:\d+: -WRONGPASS no$/);
    assert.match((await verdictOn(answering("+OK\r\n-NOAUTH x\r\n"), { password: "p" })).verdict ?? "", /NOAUTH x$/);
  });

  test("anything else is one line", async () => {
    assert.match((await verdictOn(answering("-LOADING data\r\n"))).verdict ?? "", /: -LOADING data$/);
    assert.match((await verdictOn(answering("x".repeat(5000)))).verdict ?? "", /: that is no answer to PING$/);
    assert.match((await verdictOn((socket) => void socket.end())).verdict ?? "", /: it closed the connection$/);
    assert.match((await verdictOn(() => undefined, { timeoutMs: 50 })).verdict ?? "", /: no answer within 0\.05 s$/);
    const nobody = await ping({ to: { path: "/nonexistent/s" }, user: "", password: "", timeoutMs: 1000 });
    assert.match(nobody ?? "", /^kevy at \/nonexistent\/s: connect ENOENT/);
  });
});
