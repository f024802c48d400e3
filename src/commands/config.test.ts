/**
 * CONFIG on shards without sockets: every shard gets a change or none does.
 */

import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../tests/support/temp-dir.ts";
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
      // The main thread compares what all shards have, changed or not.
      assert.deepEqual(shard.announced, ["maxclients", "tcp-keepalive"]);
    }
    assert.equal(client.text("config", "set", "SLAVE-Priority", "5"), "+OK\r\n");
    assert.deepEqual(server.shards[0].announced.slice(2), ["replica-priority"]);
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
    for (const pair of [
      ["databases", "16"],
      ["port", "0"],
      ["bind", "127.0.0.1"],
    ]) {
      assert.match(set("hz", "20", ...pair), /can't set immutable config\r\n$/);
    }
    assert.ok(set("x".repeat(100_000), "1").length < 16_384);
    for (const shard of server.shards) {
      assert.equal(shard.config.integer("maxclients"), 10_000);
      assert.deepEqual(shard.applied, []);
    }
  });

  test("SET takes the value that an option has, of those that a client may write back", () => {
    const server = fresh(2);
    for (const shard of server.shards) shard.config.settle("shards", "2");
    const client = server.connect();
    const same = ["shards", "2", "reactor", "auto", "pipeline-order", "strict", "port", "6379", "bind", "* -::*"];
    assert.equal(client.text("config", "set", ...same, "timeout", "7"), "+OK\r\n");
    for (const shard of server.shards) {
      assert.deepEqual(shard.applied, ["timeout"]);
      assert.equal(shard.config.configured("shards"), "auto");
    }
    assert.match(client.text("config", "set", "shards", "auto"), /can't set immutable config/);
    assert.match(client.text("config", "set", "port", "6379", "port", "6379"), /duplicate parameter/);
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

  test("SET refuses more than the machine allows, after everything else that is wrong", () => {
    const server = fresh(2);
    for (const shard of server.shards) shard.config.allowAtMost("maxclients", 100, "try with 100");
    const client = server.connect();
    const failed = "-ERR CONFIG SET failed (possibly related to argument ";
    assert.equal(
      client.text("config", "set", "hz", "5", "maxclients", "101"),
      failed + "'maxclients') - try with 100\r\n",
    );
    assert.match(client.text("config", "set", "maxclients", "101", "hz", "x"), /'hz'\) - argument couldn't be parsed/);
    assert.equal(client.text("config", "set", "maxclients", "100"), "+OK\r\n");
    for (const shard of server.shards) assert.equal(shard.config.integer("hz"), 10);
  });

  test("SET of dir wants a folder that is there, seen from the one before", () => {
    using dir = tempDir("config");
    mkdirSync(join(dir.path, "sub"));
    writeFileSync(join(dir.path, "file"), "");
    const server = fresh(2);
    for (const shard of server.shards) shard.config.settle("enable-protected-configs", "yes");
    const client = server.connect();
    const set = (...args: string[]): string => client.text("config", "set", ...args);
    const failed = "-ERR CONFIG SET failed (possibly related to argument 'dir') - ";
    assert.equal(set("dir", dir.path), "+OK\r\n");
    assert.equal(set("dir", "sub"), "+OK\r\n");
    assert.equal(set("dir", "sub"), `${failed}No such file or directory\r\n`);
    assert.equal(set("dir", ""), `${failed}No such file or directory\r\n`);
    assert.equal(set("dir", "../file"), `${failed}Not a directory\r\n`);
    assert.match(set("dir", "/nonexistent", "hz", "x"), /'hz'\) - argument couldn't be parsed/);
    for (const shard of server.shards) assert.equal(shard.config.text("dir"), join(dir.path, "sub"));
  });

  test("REWRITE needs a file, and is the first shard's work", () => {
    using dir = tempDir("rewrite");
    const server = fresh(2);
    const client = server.connect(1);
    assert.equal(client.text("config", "rewrite"), "-ERR The server is running without a config file\r\n");
    const file = join(dir.path, "kevy.conf");
    writeFileSync(file, "# mine\nhz 20\nshards 2\n", { mode: 0o640 });
    for (const shard of server.shards) shard.facts = { ...shard.facts, configFile: file };
    assert.equal(client.text("config", "set", "hz", "30", "requirepass", "p w"), "+OK\r\n");
    client.conn.authenticated = true;
    assert.equal(client.text("config", "rewrite"), "+OK\r\n");
    // Only the first shard writes, and says so; of an option without an effect one shard tells as well.
    assert.deepEqual(server.shards[0].logged, [
      "warning: CONFIG SET: 'hz 30': accepted, but it has no effect in kevy",
      "warning: CONFIG REWRITE executed with success.",
    ]);
    assert.deepEqual(server.shards[1].logged, []);
    const text = readFileSync(file, "utf8");
    assert.match(text, /^# mine\nhz 30\nshards auto\n/);
    assert.match(text, /^requirepass "p w"$/m);
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(dir.path), ["kevy.conf"]);
  });

  test("REWRITE of a file that cannot be written says why, and leaves nothing behind", () => {
    using dir = tempDir("rewrite");
    const server = fresh();
    const attempt = (file: string): string => {
      server.shards[0].facts = { ...server.shards[0].facts, configFile: file };
      return server.connect().text("config", "rewrite");
    };
    assert.equal(attempt(dir.path), "-ERR Rewriting config file: Is a directory\r\n");
    assert.equal(attempt(join(dir.path, "none", "f")), "-ERR Rewriting config file: No such file or directory\r\n");
    assert.deepEqual(server.shards[0].logged, [
      "warning: CONFIG REWRITE failed: Is a directory",
      "warning: CONFIG REWRITE failed: No such file or directory",
    ]);
    assert.deepEqual(readdirSync(dir.path), []);
    // A file that went away is written anew, for its owner alone.
    assert.equal(attempt(join(dir.path, "new")), "+OK\r\n");
    assert.equal(statSync(join(dir.path, "new")).mode & 0o777, 0o600);
    // What a link leads to is replaced, and not the link.
    symlinkSync("new", join(dir.path, "link"));
    writeFileSync(join(dir.path, "new"), "hz 7\n");
    assert.equal(attempt(join(dir.path, "link")), "+OK\r\n");
    assert.ok(lstatSync(join(dir.path, "link")).isSymbolicLink());
    assert.match(readFileSync(join(dir.path, "new"), "utf8"), /^hz 10\n/);
  });

  test("HELP lists what is there", () => {
    const text = fresh().connect().text("config", "help");
    assert.match(text, /^\*11\r\n\+CONFIG <subcommand> /);
  });
});
