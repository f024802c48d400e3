/**
 * CLIENT on shards without sockets: names, lists over several shards, errors.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
