/**
 * TIME and SHUTDOWN on shards without sockets.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serverRows } from "./server.ts";
import { bulk, FakeServer } from "./session.fixture.ts";

const fresh = (): FakeServer => new FakeServer(serverRows);

describe("TIME", () => {
  test("seconds and microseconds", () => {
    const server = fresh();
    server.nowMs = 1_795_372_844_628;
    assert.equal(server.connect().text("time"), "*2\r\n" + bulk("1795372844") + bulk("628000"));
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
