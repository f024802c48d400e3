/**
 * TIME, DEBUG and SHUTDOWN on shards without sockets.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serverRows } from "./server.ts";
import { bulk, FakeServer } from "./session.fixture.ts";

const fresh = (): FakeServer => new FakeServer(serverRows);

function debugServer(allowed: string): FakeServer {
  const server = fresh();
  server.shards[0].config.settle("enable-debug-command", allowed);
  return server;
}

describe("TIME", () => {
  test("seconds and microseconds", () => {
    const server = fresh();
    server.nowMs = 1_795_372_844_628;
    assert.equal(server.connect().text("time"), "*2\r\n" + bulk("1795372844") + bulk("628000"));
  });
});

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
    assert.match(client.text("debug", "help"), /^\*5\r\n\+DEBUG <subcommand> /);
    for (const args of [["sleep"], ["foo"], ["sleep", "1", "2"]]) {
      const error = `-ERR unknown subcommand or wrong number of arguments for '${args[0]}'. Try DEBUG HELP.\r\n`;
      assert.equal(client.text("debug", ...args), error);
    }
  });
});

describe("SHUTDOWN", () => {
  const ends = [[], ["nosave"], ["NOW"], ["now", "force", "nosave"], ["save", "force"], ["nosave", "nosave"]];
  for (const args of ends) {
    test(["SHUTDOWN", ...args].join(" ") + " ends the server without a reply", () => {
      const server = fresh();
      const client = server.connect();
      assert.equal(client.text("shutdown", ...args), "");
      assert.equal(server.shards[0].shutdowns.length, 1);
      assert.equal(client.conn.closeWhenFlushed, true);
    });
  }

  test("refusals leave it running", () => {
    const server = fresh();
    const client = server.connect();
    for (const args of [
      ["foo"],
      ["save", "nosave"],
      ["abort", "now"],
      ["now", "abort"],
      ["now", "foo"],
      ["abort", "x"],
    ]) {
      assert.equal(client.text("shutdown", ...args), "-ERR syntax error\r\n", args.join(" "));
    }
    assert.equal(client.text("shutdown", "abort"), "-ERR No shutdown in progress.\r\n");
    assert.match(client.text("shutdown", "save"), /^-ERR Errors trying to SHUTDOWN\./);
    assert.deepEqual(server.shards[0].shutdowns, []);
    assert.equal(client.conn.closeWhenFlushed, false);
  });
});
