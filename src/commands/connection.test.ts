/**
 * Commands of the connection on shards without sockets: protocols, passwords, ends.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Wait } from "../runtime/conn.ts";
import { clientRows } from "./client.ts";
import { configRows } from "./config.ts";
import { connectionRows } from "./connection.ts";
import { bulk, type FakeClient, FakeServer } from "./session.fixture.ts";
import { REDIS_VERSION } from "./version.ts";

const ROWS = [...connectionRows, ...clientRows, ...configRows];
const fresh = (shards = 1): FakeServer => new FakeServer(ROWS, shards);

function withPassword(password: string, shards = 1): FakeServer {
  const server = fresh(shards);
  for (const shard of server.shards) shard.config.set([["requirepass", password]], false);
  return server;
}

const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const NOAUTH_HELLO = /^-NOAUTH HELLO must be called with the client already authenticated, otherwise/;

describe("PING, ECHO", () => {
  test("answer", () => {
    const client = fresh().connect();
    assert.equal(client.text("PING"), "+PONG\r\n");
    assert.equal(client.text("ping", "a b\r\n"), bulk("a b\r\n"));
    assert.equal(client.text("ping", "a", "b"), "-ERR wrong number of arguments for 'ping' command\r\n");
    assert.equal(client.text("echo", ""), bulk(""));
    assert.equal(client.text("echo"), "-ERR wrong number of arguments for 'echo' command\r\n");
  });
});

describe("SELECT", () => {
  test("takes a database that is there", () => {
    const client = fresh().connect();
    assert.equal(client.text("select", "15"), "+OK\r\n");
    assert.equal(client.conn.database, 15);
  });

  test("refuses all else with Redis's words, and changes nothing", () => {
    const client = fresh().connect();
    for (const index of ["16", "-1", "2147483647", "-2147483648"]) {
      assert.equal(client.text("select", index), "-ERR DB index is out of range\r\n", index);
    }
    for (const index of ["2147483648", "-2147483649", "9223372036854775807"]) {
      const error = "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";
      assert.equal(client.text("select", index), error, index);
    }
    for (const index of ["x", "", "01", " 1", "1.0", "9223372036854775808", "+1"]) {
      assert.equal(client.text("select", index), "-ERR value is not an integer or out of range\r\n", index);
    }
    assert.equal(client.conn.database, 0);
  });
});

describe("HELLO", () => {
  const fields = (version: number, id: number): string =>
    bulk("server") +
    bulk("redis") +
    bulk("version") +
    bulk(REDIS_VERSION) +
    bulk("proto") +
    `:${version}\r\n` +
    bulk("id") +
    `:${id}\r\n` +
    bulk("mode") +
    bulk("standalone") +
    bulk("role") +
    bulk("master") +
    bulk("modules") +
    "*0\r\n";

  test("answers in the protocol it switches to", () => {
    const client = fresh().connect();
    const { id } = client.conn;
    assert.equal(client.text("hello"), "*14\r\n" + fields(2, id));
    assert.equal(client.text("hello", "3"), "%7\r\n" + fields(3, id));
    assert.equal(client.conn.version, 3);
    assert.equal(client.text("hello"), "%7\r\n" + fields(3, id));
    assert.equal(client.text("hello", "2"), "*14\r\n" + fields(2, id));
  });

  test("sets a name, the last one given", () => {
    const client = fresh().connect();
    client.call("hello", "3", "setname", "a", "SETNAME", "b");
    assert.equal(client.conn.name, "b");
  });

  test("an error leaves everything as it was", () => {
    const client = fresh().connect();
    const cases: [string[], string][] = [
      [["4"], "NOPROTO unsupported protocol version"],
      [["1"], "NOPROTO unsupported protocol version"],
      [["9223372036854775807"], "NOPROTO unsupported protocol version"],
      [["x"], "ERR Protocol version is not an integer or out of range"],
      [[" 2"], "ERR Protocol version is not an integer or out of range"],
      [["03"], "ERR Protocol version is not an integer or out of range"],
      [["3", "foo"], "ERR Syntax error in HELLO option 'foo'"],
      [["3", "setname"], "ERR Syntax error in HELLO option 'setname'"],
      [["3", "AUTH", "a"], "ERR Syntax error in HELLO option 'AUTH'"],
      [["3", "setname", "a b"], "ERR Client names cannot contain spaces, newlines or special characters."],
      [
        ["3", "setname", "ok", "setname", "a\n"],
        "ERR Client names cannot contain spaces, newlines or special characters.",
      ],
      [["3", "setname", "ok", "auth", "nobody", "x"], WRONGPASS.slice(1, -2)],
    ];
    for (const [args, error] of cases) assert.equal(client.text("hello", ...args), `-${error}\r\n`);
    assert.equal(client.conn.version, 2);
    assert.equal(client.conn.name, "");
  });

  test("an option of any length fits an error reply", () => {
    assert.ok(fresh().connect().call("hello", "3", "x".repeat(100_000)).length < 16_384);
  });

  test("with a password it wants AUTH, unless the client is known", () => {
    const client = withPassword("p1").connect();
    for (const args of [[], ["3"], ["3", "setname", "a"]]) assert.match(client.text("hello", ...args), NOAUTH_HELLO);
    assert.equal(client.conn.version, 2);
    assert.equal(client.text("hello", "9"), "-NOPROTO unsupported protocol version\r\n");
    assert.equal(client.text("hello", "3", "auth", "default", "bad"), WRONGPASS);
    assert.equal(client.text("hello", "3", "auth", "other", "p1"), WRONGPASS);
    assert.match(client.text("hello", "3", "auth", "default", "p1", "setname", "a"), /^%7\r\n/);
    assert.equal(client.conn.name, "a");
    assert.match(client.text("hello", "2"), /^\*14\r\n/);
  });
});

describe("AUTH", () => {
  test("without a password", () => {
    const client = fresh().connect();
    assert.equal(
      client.text("auth", "x"),
      "-ERR AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?\r\n",
    );
    assert.equal(client.text("auth", "default", "anything"), "+OK\r\n");
    assert.equal(client.text("auth", "nobody", "anything"), WRONGPASS);
    assert.equal(client.text("auth", "a", "b", "c"), "-ERR syntax error\r\n");
  });

  test("with a password", () => {
    const client = withPassword("p1").connect();
    assert.equal(client.text("ping"), "-NOAUTH Authentication required.\r\n");
    for (const args of [["bad"], [""], ["p"], ["p11"], ["default", "bad"], ["Default", "p1"], ["p1", "default"]]) {
      assert.equal(client.text("auth", ...args), WRONGPASS, args.join(" "));
    }
    assert.equal(client.conn.authenticated, false);
    assert.equal(client.text("auth", "p1"), "+OK\r\n");
    assert.equal(client.text("ping"), "+PONG\r\n");
    assert.equal(client.text("auth", "bad"), WRONGPASS);
    assert.equal(client.text("ping"), "+PONG\r\n");
  });

  test("a password of any bytes", () => {
    const client = withPassword("\u00ff\u0000 x").connect();
    assert.equal(client.text("auth", Buffer.from([0xff, 0, 0x20, 0x78])), "+OK\r\n");
  });

  test("a new password is for those who come; those who are here stay, on every shard", () => {
    const server = fresh(2);
    const here: FakeClient[] = [server.connect(0), server.connect(1)];
    assert.equal(here[0].text("config", "set", "requirepass", "p1"), "+OK\r\n");
    for (const client of here) assert.equal(client.text("ping"), "+PONG\r\n");
    const newcomer = server.connect(1);
    assert.equal(newcomer.text("ping"), "-NOAUTH Authentication required.\r\n");
    // Changing it lets nobody in.
    assert.equal(here[1].text("config", "set", "requirepass", "p2"), "+OK\r\n");
    assert.equal(newcomer.text("ping"), "-NOAUTH Authentication required.\r\n");
    assert.equal(newcomer.text("auth", "p1"), WRONGPASS);
    assert.equal(newcomer.text("auth", "p2"), "+OK\r\n");
  });
});

describe("RESET, QUIT", () => {
  test("RESET makes the connection new, but for what the library said of itself", () => {
    const client = fresh().connect();
    client.call("hello", "3", "setname", "a");
    client.call("client", "setinfo", "lib-name", "lib");
    client.call("select", "3");
    assert.equal(client.text("reset"), "+RESET\r\n");
    const { conn } = client;
    assert.deepEqual([conn.version, conn.database, conn.name, conn.libraryName], [2, 0, "", "lib"]);
    assert.equal(client.text("client", "getname"), "$-1\r\n");
  });

  test("RESET forgets who the client is", () => {
    const client = withPassword("p1").connect();
    client.call("auth", "p1");
    assert.equal(client.text("reset"), "+RESET\r\n");
    assert.equal(client.text("ping"), "-NOAUTH Authentication required.\r\n");
  });

  test("QUIT answers and reads no more", () => {
    const client = fresh().connect();
    assert.equal(client.text("quit", "whatever"), "+OK\r\n");
    assert.equal(client.conn.closeWhenFlushed, true);
    assert.equal(client.conn.waits & Wait.CLOSING, Wait.CLOSING);
  });
});

describe("an HTTP request", () => {
  test("ends the connection without a reply, before any password, and is logged once a minute", () => {
    const server = withPassword("p1");
    for (const line of [
      ["POST", "/", "HTTP/1.1"],
      ["Host:", "localhost"],
    ]) {
      const client = server.connect();
      assert.equal(client.text(...line), "");
      assert.equal(client.conn.closeWhenFlushed, true);
    }
    const [shard] = server.shards;
    assert.equal(shard.logged.length, 1);
    assert.match(shard.logged[0], /^warning: Possible SECURITY ATTACK detected\./);
    server.nowMs += 60_000;
    server.connect().call("post");
    assert.equal(shard.logged.length, 2);
  });
});
