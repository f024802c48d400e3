/**
 * CONFIG on shards without sockets: every shard gets a change or none does.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Counter } from "../runtime/counters.ts";
import { configRows } from "./config.ts";
import { connectionRows } from "./connection.ts";
import { bulk, FakeServer } from "./session.fixture.ts";

const fresh = (shards = 1): FakeServer => new FakeServer([...connectionRows, ...configRows], shards);

describe("CONFIG", () => {
  test("GET answers a map of what matches", () => {
    const client = fresh().connect();
    assert.equal(client.text("config", "get", "maxclient?"), "*2\r\n" + bulk("maxclients") + bulk("10000"));
    assert.equal(client.text("config", "get", "nothing", "like-it"), "*0\r\n");
    client.call("hello", "3");
    assert.equal(client.text("config", "get", "MAXCLIENTS"), "%1\r\n" + bulk("MAXCLIENTS") + bulk("10000"));
    assert.equal(client.text("config", "get"), "-ERR wrong number of arguments for 'config|get' command\r\n");
  });

  test("SET changes every shard and tells it what changed", () => {
    const server = fresh(3);
    const client = server.connect(1);
    assert.equal(client.text("config", "set", "maxclients", "5", "tcp-keepalive", "300"), "+OK\r\n");
    for (const shard of server.shards) {
      assert.equal(shard.config.integer("maxclients"), 5);
      assert.deepEqual(shard.applied, ["maxclients"]);
    }
  });

  test("SET of something wrong changes nothing", () => {
    const server = fresh(2);
    const client = server.connect();
    const set = (...args: string[]): string => client.text("config", "set", ...args);
    assert.equal(set("maxclients"), "-ERR wrong number of arguments for 'config|set' command\r\n");
    assert.equal(set("maxclients", "5", "timeout"), "-ERR syntax error\r\n");
    assert.equal(set("foo", "1"), "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n");
    assert.equal(
      set("maxclients", "5", "timeout", "x"),
      "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer\r\n",
    );
    assert.equal(
      set("hz", "10", "hz", "10"),
      "-ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter\r\n",
    );
    assert.equal(
      set("databases", "4"),
      "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config\r\n",
    );
    assert.ok(set("x".repeat(100_000), "1").length < 16_384);
    for (const shard of server.shards) {
      assert.equal(shard.config.integer("maxclients"), 10_000);
      assert.deepEqual(shard.applied, []);
    }
  });

  test("protected options need a local client, and one shard", () => {
    const attempt = (shards: number, isLocal: boolean): string => {
      const server = fresh(shards);
      for (const shard of server.shards) {
        shard.config.settle("enable-protected-configs", "local");
        shard.isLocal = isLocal;
      }
      return server.connect().text("config", "set", "dbfilename", "x.rdb");
    };
    const refused =
      /^-ERR CONFIG SET failed \(possibly related to argument 'dbfilename'\) - can't set protected config/;
    assert.equal(attempt(1, true), "+OK\r\n");
    assert.match(attempt(1, false), refused);
    assert.match(attempt(2, true), refused);
  });

  test("RESETSTAT clears every shard's counters", () => {
    const server = fresh(2);
    for (const shard of server.shards) shard.counters.add(Counter.HITS, 3);
    assert.equal(server.connect().text("config", "resetstat"), "+OK\r\n");
    for (const shard of server.shards) assert.equal(shard.counters.get(Counter.HITS), 0);
  });

  test("HELP lists what is there", () => {
    const text = fresh().connect().text("config", "help");
    assert.match(text, /^\*9\r\n\+CONFIG <subcommand> /);
    assert.doesNotMatch(text, /REWRITE/);
  });
});
