/**
 * DEBUG on shards without sockets: who may, where it runs, what it refuses.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { debugRows } from "./debug.ts";
import { keyRows } from "./keys.ts";
import { FakeServer } from "./session.fixture.ts";

const fresh = (): FakeServer => new FakeServer(debugRows);

function debugServer(allowed: string): FakeServer {
  const server = fresh();
  server.shards[0].config.settle("enable-debug-command", allowed);
  return server;
}

describe("DEBUG", () => {
  test("is forbidden unless the option allows it", () => {
    const forbidden = /^-ERR DEBUG command not allowed\. If the enable-debug-command option is set to "local", you can/;
    assert.match(debugServer("no").connect().text("debug", "sleep", "0"), forbidden);
    assert.match(debugServer("no").connect().text("debug", "help"), forbidden);
    const server = debugServer("local");
    assert.equal(server.connect().text("debug", "sleep", "0"), "+OK\r\n");
    server.shards[0].isLocal = false;
    assert.match(server.connect().text("debug", "sleep", "0"), forbidden);
  });

  test("SLEEP blocks for that time", () => {
    const client = debugServer("yes").connect();
    const before = performance.now();
    assert.equal(client.text("debug", "SLEEP", "0.05"), "+OK\r\n");
    assert.ok(performance.now() - before >= 45);
  });

  test("SLEEP takes what is no time for none", () => {
    const client = debugServer("yes").connect();
    for (const time of ["0", "-1", "", "x", "Infinity", "nan"]) {
      assert.equal(client.text("debug", "sleep", time), "+OK\r\n");
    }
  });

  test("HELP, and what is not there", () => {
    const client = debugServer("yes").connect();
    assert.match(client.text("debug", "help"), /^\*22\r\n\+DEBUG <subcommand> /);
    for (const args of [["sleep"], ["foo"], ["sleep", "1", "2"]]) {
      const error = `-ERR unknown subcommand or wrong number of arguments for '${args[0]}'. Try DEBUG HELP.\r\n`;
      assert.equal(client.text("debug", ...args), error);
    }
  });

  test("POPULATE makes each key on the shard that owns it, and leaves those alone that are there", () => {
    const server = new FakeServer([...debugRows, ...keyRows], 3);
    for (const shard of server.shards) shard.config.settle("enable-debug-command", "yes");
    const client = server.connect(1);
    assert.equal(client.text("debug", "populate", "100", "k", "5"), "+OK\r\n");
    assert.equal(client.text("dbsize"), ":100\r\n");
    assert.equal(client.text("debug", "populate", "120", "k"), "+OK\r\n");
    assert.equal(client.text("dbsize"), ":120\r\n");
    assert.ok(server.shards.every((shard) => shard.store.database(0).size > 20));
  });

  test("OBJECT is told by the shard that owns the key, and leaves its clock alone", () => {
    const server = new FakeServer(debugRows, 3);
    for (const shard of server.shards) shard.config.settle("enable-debug-command", "yes");
    const client = server.connect(1);
    assert.equal(client.text("debug", "object", "k:0"), "-ERR no such key\r\n");
    assert.equal(client.text("debug", "populate", "20", "k"), "+OK\r\n");
    for (let i = 0; i < 20; i++) {
      const told = client.text("debug", "object", "k:" + i);
      assert.match(told, /^\+Value at:0x[0-9a-f]+ refcount:1 encoding:embstr lru:\d+ lru_seconds_idle:0\r\n$/);
      for (const shard of server.shards) shard.store.access.setTime(2_005_000);
      assert.equal(client.text("debug", "object", "k:" + i), told.replace("idle:0", "idle:5"));
      for (const shard of server.shards) shard.store.access.setTime(2_000_000);
    }
  });

  test("who may not use it, may not use it on any shard", () => {
    const server = new FakeServer(debugRows, 2);
    for (const shard of server.shards) shard.config.settle("enable-debug-command", "local");
    server.shards[0].isLocal = false;
    assert.match(server.connect(0).text("debug", "set-active-expire", "0"), /^-ERR DEBUG command not allowed/);
    assert.ok(server.shards.every((shard) => shard.store.activeExpire));
    assert.equal(server.connect(1).text("debug", "set-active-expire", "0"), "+OK\r\n");
    assert.ok(server.shards.every((shard) => !shard.store.activeExpire));
  });

  test("PROTOCOL push is two replies in RESP3, and an error in RESP2, as in Redis", () => {
    const client = debugServer("yes").connect();
    assert.equal(client.text("debug", "protocol", "push"), "-ERR RESP2 is not supported by this command\r\n");
    client.conn.version = 3;
    assert.equal(
      client.text("debug", "protocol", "push"),
      ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n",
    );
  });
});
