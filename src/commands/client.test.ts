/**
 * CLIENT on shards without sockets: names, lists over several shards, errors.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Mode } from "../runtime/conn.ts";
import { PauseKind } from "../runtime/pause.ts";
import { clientRows } from "./client.ts";
import { connectionRows } from "./connection.ts";
import { bulk, FakeServer } from "./session.fixture.ts";

const fresh = (shards = 1): FakeServer => new FakeServer([...connectionRows, ...clientRows], shards);
const line = (id: number): string => `id=${id} name= lib-name= lib-ver=\n`;

describe("CLIENT of one's own", () => {
  test("ID, SETNAME, GETNAME", () => {
    const client = fresh().connect();
    assert.equal(client.text("client", "id"), `:${client.conn.id}\r\n`);
    assert.equal(client.text("client", "getname"), "$-1\r\n");
    assert.equal(client.text("client", "setname", "a~!"), "+OK\r\n");
    assert.equal(client.text("client", "getname"), bulk("a~!"));
    assert.equal(client.text("client", "setname", ""), "+OK\r\n");
    client.call("hello", "3");
    assert.equal(client.text("client", "getname"), "_\r\n");
    for (const name of ["a b", "a\n", "\u007f", "\u00ff", "a\tb", "a\0"]) {
      const error = "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";
      assert.equal(client.text("client", "setname", name), error, JSON.stringify(name));
    }
  });

  test("SETINFO", () => {
    const client = fresh().connect();
    assert.equal(client.text("client", "setinfo", "LIB-NAME", "ioredis"), "+OK\r\n");
    assert.equal(client.text("client", "setinfo", "lib-ver", "5.0"), "+OK\r\n");
    assert.equal(client.conn.libraryName, "ioredis");
    assert.equal(client.conn.libraryVersion, "5.0");
    assert.equal(
      client.text("client", "setinfo", "lib-name", "a b"),
      "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n",
    );
    assert.equal(client.text("client", "setinfo", "foo", "a"), "-ERR Unrecognized option 'foo'\r\n");
    assert.equal(
      client.text("client", "setinfo", "foo"),
      "-ERR wrong number of arguments for 'client|setinfo' command\r\n",
    );
    assert.equal(client.text("client", "setinfo", "lib-ver", ""), "+OK\r\n");
    assert.equal(client.conn.libraryVersion, "");
  });

  test("INFO is a line, verbatim in RESP3", () => {
    const client = fresh().connect();
    assert.equal(client.text("client", "info"), bulk(line(client.conn.id)));
    client.call("hello", "3");
    const text = `txt:${line(client.conn.id)}`;
    assert.equal(client.text("client", "info"), `=${text.length}\r\n${text}\r\n`);
  });

  test("what is not there", () => {
    const client = fresh().connect();
    assert.equal(client.text("client", "foo"), "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n");
    assert.equal(client.text("client"), "-ERR wrong number of arguments for 'client' command\r\n");
    assert.equal(client.text("client", "id", "x"), "-ERR wrong number of arguments for 'client|id' command\r\n");
    assert.match(
      client.text("client", "help"),
      /^\*55\r\n\+CLIENT <subcommand> .*\+HELP\r\n\+ {4}Prints this help\.\r\n$/s,
    );
  });
});

describe("CLIENT LIST", () => {
  test("all shards' clients by id", () => {
    const server = fresh(3);
    const clients = [server.connect(2), server.connect(0), server.connect(1), server.connect(0)];
    const all = clients.map((client) => line(client.conn.id)).join("");
    for (const client of clients) assert.equal(client.text("client", "list"), bulk(all));
    clients[1].call("hello", "3");
    assert.equal(clients[1].text("client", "list", "type", "NORMAL"), `=${all.length + 4}\r\ntxt:${all}\r\n`);
    for (const type of ["master", "replica", "slave", "pubsub"]) {
      assert.equal(clients[0].text("client", "list", "type", type), bulk(""));
    }
  });

  test("the ids asked for, in that order, as often as asked", () => {
    const server = fresh(2);
    const [a, b] = [server.connect(0), server.connect(1)];
    const ids = [b.conn.id, 99_999, a.conn.id, b.conn.id, -1];
    const expected = line(b.conn.id) + line(a.conn.id) + line(b.conn.id);
    assert.equal(a.text("client", "list", "ID", ...ids.map(String)), bulk(expected));
  });

  test("errors", () => {
    const client = fresh(2).connect();
    const error = (...args: string[]): string => client.text("client", "list", ...args);
    assert.equal(error("type", "x"), "-ERR Unknown client type 'x'\r\n");
    assert.equal(error("type"), "-ERR syntax error\r\n");
    assert.equal(error("type", "normal", "x"), "-ERR syntax error\r\n");
    assert.equal(error("id"), "-ERR syntax error\r\n");
    assert.equal(error("foo"), "-ERR syntax error\r\n");
    assert.equal(error("id", "1", "x"), "-ERR Invalid client ID\r\n");
    assert.equal(error("id", "18446744073709551616"), "-ERR Invalid client ID\r\n");
    assert.ok(error("type", "x".repeat(100_000)).length < 16_384);
  });
});

describe("CLIENT KILL", () => {
  test("the old form: an address, one's own too", () => {
    const server = fresh(2);
    const [a, b] = [server.connect(0), server.connect(1)];
    assert.equal(a.text("client", "kill", `127.0.0.1:${20_000 + b.conn.id}`), "+OK\r\n");
    assert.deepEqual(server.shards[1].closed, [b.conn]);
    assert.equal(a.text("client", "kill", `127.0.0.1:${20_000 + b.conn.id}`), "-ERR No such client\r\n");
    assert.equal(a.text("client", "kill", "127.0.0.1:000000"), "-ERR No such client\r\n");
    assert.equal(a.conn.closeWhenFlushed, false);
    assert.equal(a.text("client", "kill", `127.0.0.1:${20_000 + a.conn.id}`), "+OK\r\n");
    assert.equal(a.conn.closeWhenFlushed, true);
    assert.deepEqual(server.shards[0].closed, [], "it gets its reply first");
  });

  test("conditions hold together, and the count is that of all shards", () => {
    const server = fresh(3);
    const self = server.connect(0);
    const others = [1, 2, 0, 1].map((shard) => server.connect(shard));
    const kill = (...args: string[]): string => self.text("client", "kill", ...args);
    assert.equal(kill("id", String(others[0].conn.id), "type", "pubsub"), ":0\r\n");
    assert.equal(kill("id", String(others[0].conn.id), "type", "normal", "user", "default"), ":1\r\n");
    assert.equal(kill("addr", `127.0.0.1:${20_000 + others[1].conn.id}`), ":1\r\n");
    assert.equal(kill("laddr", "127.0.0.1:1"), ":0\r\n");
    assert.equal(kill("maxage", "5"), ":0\r\n");
    server.nowMs += 5000;
    assert.equal(kill("MAXAGE", "6"), ":0\r\n");
    assert.equal(kill("MAXAGE", "5", "addr", `127.0.0.1:${20_000 + others[3].conn.id}`), ":1\r\n");
    assert.equal(kill("laddr", "127.0.0.1:6379"), ":1\r\n", "oneself is spared");
    assert.equal(kill("skipme", "yes"), ":0\r\n");
    assert.equal(kill("laddr", "127.0.0.1:6379", "skipme", "no"), ":1\r\n");
    assert.equal(self.conn.closeWhenFlushed, true);
    assert.deepEqual(
      server.shards.map((shard) => shard.closed.length),
      [1, 2, 1],
    );
  });

  test("errors close nobody", () => {
    const server = fresh(2);
    const client = server.connect();
    server.connect(1);
    const error = (...args: string[]): string => client.text("client", "kill", ...args);
    assert.equal(error(), "-ERR wrong number of arguments for 'client|kill' command\r\n");
    for (const id of ["0", "-1", "x", "9223372036854775808"]) {
      assert.equal(error("id", id), "-ERR client-id should be greater than 0\r\n");
    }
    assert.equal(error("type", "x"), "-ERR Unknown client type 'x'\r\n");
    assert.equal(error("user", "who"), "-ERR No such user 'who'\r\n");
    assert.equal(error("maxage", "x"), "-ERR maxage is not an integer or out of range\r\n");
    assert.equal(error("maxage", "0"), "-ERR maxage should be greater than 0\r\n");
    for (const args of [
      ["id", "1", "type"],
      ["skipme", "maybe"],
      ["foo", "bar"],
      ["laddr", "x", "id", "1", "x"],
    ]) {
      assert.equal(error(...args), "-ERR syntax error\r\n");
    }
    for (const shard of server.shards) assert.deepEqual(shard.closed, []);
  });
});

describe("CLIENT PAUSE", () => {
  test("on every shard: the later end and the stricter kind", () => {
    const server = fresh(2);
    const client = server.connect();
    const state = (): number[][] =>
      server.shards.map(({ pause }) => [pause.kind, Math.max(0, pause.untilMs - server.nowMs)]);
    assert.equal(client.text("client", "pause", "100", "WRITE"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.WRITE, 100],
      [PauseKind.WRITE, 100],
    ]);
    assert.equal(client.text("client", "pause", "50"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.ALL, 100],
      [PauseKind.ALL, 100],
    ]);
    assert.equal(client.text("client", "pause", "200", "write"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.ALL, 200],
      [PauseKind.ALL, 200],
    ]);
    server.nowMs += 200;
    assert.equal(client.text("client", "pause", "10", "write"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.WRITE, 10],
      [PauseKind.WRITE, 10],
    ]);
    assert.equal(client.text("client", "unpause"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.NONE, 0],
      [PauseKind.NONE, 0],
    ]);
    assert.equal(client.text("client", "pause", "0", "all"), "+OK\r\n");
    assert.deepEqual(state(), [
      [PauseKind.NONE, 0],
      [PauseKind.NONE, 0],
    ]);
  });

  test("errors pause nobody", () => {
    const server = fresh();
    const client = server.connect();
    const error = (...args: string[]): string => client.text("client", "pause", ...args);
    assert.equal(error("10", "x"), "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
    assert.equal(error("x", "y"), "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
    assert.equal(error("x"), "-ERR timeout is not an integer or out of range\r\n");
    assert.equal(error("-1"), "-ERR timeout is negative\r\n");
    assert.equal(error("9223372036854775807"), "-ERR timeout is out of range\r\n");
    assert.match(
      error("1", "ALL", "x"),
      /^-ERR unknown subcommand or wrong number of arguments for 'pause'\. Try CLIENT/,
    );
    assert.equal(server.shards[0].pause.kind, PauseKind.NONE);
  });
});

test("how a client is treated: NO-EVICT, NO-TOUCH, REPLY, and RESET", () => {
  const client = fresh().connect();
  const { conn } = client;
  assert.equal(client.text("client", "no-evict", "ON"), "+OK\r\n");
  assert.equal(client.text("client", "no-touch", "on"), "+OK\r\n");
  assert.deepEqual([conn.evictable, conn.mode], [false, Mode.NO_TOUCH]);
  assert.equal(client.text("client", "no-evict", "OFF"), "+OK\r\n");
  assert.equal(client.text("client", "no-touch", "off"), "+OK\r\n");
  assert.deepEqual([conn.evictable, conn.mode], [true, 0]);
  for (const word of ["no-evict", "no-touch", "reply"]) {
    assert.equal(client.text("client", word, "x"), "-ERR syntax error\r\n");
  }
  assert.equal(client.text("client", "reply", "off"), "");
  assert.equal(client.text("client", "reply", "skip"), "");
  assert.equal(conn.mode, Mode.MUTED, "SKIP adds nothing to OFF");
  client.call("client", "no-evict", "on");
  client.call("client", "no-touch", "on");
  client.call("reset");
  assert.deepEqual([conn.evictable, conn.mode], [true, 0]);
});

test("what there is none of: tracking, blocked clients", () => {
  const client = fresh(2).connect();
  assert.equal(client.text("client", "getredir"), ":-1\r\n");
  assert.equal(
    client.text("client", "trackinginfo"),
    "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n",
  );
  client.call("hello", "3");
  assert.match(client.text("client", "trackinginfo"), /^%3\r\n\$5\r\nflags\r\n~1\r\n/);
  for (const word of ["tracking", "caching"]) {
    assert.equal(client.text("client", word, "on"), `-ERR unknown subcommand '${word}'. Try CLIENT HELP.\r\n`);
  }
  assert.equal(client.text("client", "unblock", "1"), ":0\r\n");
  assert.equal(client.text("client", "unblock", "99", "TIMEOUT"), ":0\r\n");
  assert.equal(client.text("client", "unblock", "99", "error"), ":0\r\n");
  assert.equal(client.text("client", "unblock", "x"), "-ERR value is not an integer or out of range\r\n");
  assert.equal(client.text("client", "unblock", "x", "y"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
});
