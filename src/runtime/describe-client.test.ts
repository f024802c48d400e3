/** Tests of the line that CLIENT LIST has for a client. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createCommands } from "./commands.fixture.ts";
import type { Conn } from "./conn.ts";
import { Cluster } from "./shard.fixture.ts";

/** Redis 7.2's fields; it added the last two to those of 7.0. */
const FIELDS =
  "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp obl oll omem " +
  "tot-mem events cmd user redir resp lib-name lib-ver";

function describe(cluster: Cluster): Map<string, string>[] {
  const lines: Map<string, string>[] = [];
  const shard = cluster.shards[0];
  const visit = (conn: Conn): void => {
    const line = shard.describeClient(conn);
    lines.push(new Map(line.split(" ").map((field) => field.split("=", 2) as [string, string])));
  };
  shard.visitClients({ visit });
  return lines;
}

test("fields come in Redis's order, whatever the client has done", () => {
  const cluster = new Cluster({ shards: 2, commands: createCommands });
  cluster.connect(0);
  cluster.settle();
  const [fresh] = describe(cluster);
  assert.equal([...fresh.keys()].join(" "), FIELDS);
  assert.deepEqual(
    ["id", "addr", "laddr", "fd", "name", "age", "idle", "flags", "db", "multi", "cmd", "resp"].map((f) =>
      fresh.get(f),
    ),
    ["1", "127.0.0.1:10000", "127.0.0.1:6379", "0", "", "0", "0", "N", "0", "-1", "NULL", "2"],
  );
});

test("times, buffers, the database, the last command and the state are true", () => {
  const cluster = new Cluster({ shards: 1, commands: createCommands });
  const client = cluster.connect(0);
  client.call("speak", "3");
  client.call("select", "5");
  cluster.settle();
  cluster.advance(4500);
  client.stopped = true;
  client.call("echo", "x".repeat(40_000));
  client.write("*2\r\n$3\r\nget\r\n$10\r\nhalf");
  cluster.settle();
  cluster.advance(2999);
  cluster.settle();
  const [line] = describe(cluster);
  const facts = ["age", "idle", "db", "qbuf", "oll", "omem", "cmd", "resp", "flags", "events"].map((f) => line.get(f));
  assert.deepEqual(facts, ["7", "2", "5", "22", "2", String(2 * 16_384), "echo", "3", "N", "rw"]);
  assert.ok(Number(line.get("qbuf-free")) > 0);
  const buffers = Number(line.get("qbuf")) + Number(line.get("qbuf-free")) + Number(line.get("rbs")) + 2 * 16_384;
  // What is left is the state of the connection, and of the request that is half there.
  const rest = Number(line.get("tot-mem")) - buffers;
  assert.ok(rest >= 1024 && rest < 8192, `${rest} bytes`);
  client.write("four56\r\nQUIT\r\n");
  cluster.settle();
  assert.deepEqual(
    describe(cluster).map((other) => [other.get("flags"), other.get("cmd")]),
    [["c", "quit"]],
  );
});
