/**
 * INFO: sections, sums over shards, rates.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { viewOf } from "../base/bytes.ts";
import { Counter } from "../runtime/counters.ts";
import { NO_EXPIRY } from "../store/database.ts";
import { STRING_RAW } from "../store/encoding.ts";
import { connectionRows } from "./connection.ts";
import { infoRows } from "./info.ts";
import { bytesForPeople } from "./info-sections.ts";
import { sampleRates } from "./rates.ts";
import { type FakeClient, FakeServer, type FakeShard } from "./session.fixture.ts";

const fresh = (shards = 1): FakeServer => new FakeServer([...connectionRows, ...infoRows], shards);

/** The text of a bulk reply. */
function infoText(client: FakeClient, ...sections: string[]): string {
  const reply = client.text("info", ...sections);
  const head = reply.indexOf("\r\n");
  assert.equal(reply[0], "$");
  const text = reply.slice(head + 2, -2);
  assert.equal(text.length, Number(reply.slice(1, head)));
  return text;
}

function fieldsOf(client: FakeClient, ...sections: string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of infoText(client, ...sections).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function put(shard: FakeShard, database: number, key: string, expiryMs: number): void {
  const db = shard.store.database(database);
  const view = viewOf(Buffer.from(key));
  const length = view.byteLength;
  db.find(view, 0, length);
  assert.ok(db.setString(view, 0, length, view, 0, length, STRING_RAW, expiryMs));
}

const titles = (text: string): string[] => [...text.matchAll(/^# (.*)\r$/gm)].map((match) => match[1]);

describe("INFO", () => {
  test("sections: the usual ones, those asked for, all", () => {
    const client = fresh(2).connect();
    const words = (line: string): string[] => line.split(" ");
    const usual = words("Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace");
    const every = words(
      "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster " +
        "Keyspace Shards",
    );
    assert.deepEqual(titles(infoText(client)), usual);
    assert.deepEqual(titles(infoText(client, "DEFAULT")), usual);
    assert.deepEqual(titles(infoText(client, "all")), every);
    assert.deepEqual(titles(infoText(client, "everything", "stats")), every);
    assert.deepEqual(titles(infoText(client, "stats", "Clients", "stats")), ["Clients", "Stats"]);
    assert.equal(infoText(client, "nonsense"), "");
    assert.equal(infoText(client, "keyspace"), "# Keyspace\r\n");
    assert.match(infoText(client, "clients", "keyspace"), /^# Clients\r\n.*\r\n\r\n# Keyspace\r\n$/s);
  });

  test("verbatim text in RESP3", () => {
    const client = fresh().connect();
    client.call("hello", "3");
    assert.equal(client.text("info", "keyspace"), "=16\r\ntxt:# Keyspace\r\n\r\n");
    assert.equal(client.text("info", "nonsense"), "=4\r\ntxt:\r\n");
  });

  test("server", () => {
    const server = fresh(2);
    server.nowMs = 1_000_000 + 90_000_000;
    const fields = fieldsOf(server.connect(), "server");
    assert.match(fields.get("redis_version") ?? "", /^7\.2\.\d+$/);
    assert.equal(fields.get("kevy_version"), "0.0.0");
    assert.equal(fields.get("redis_mode"), "standalone");
    assert.equal(fields.get("process_id"), "4711");
    assert.equal(fields.get("uptime_in_seconds"), "90000");
    assert.equal(fields.get("uptime_in_days"), "1");
    assert.equal(fields.get("shards"), "2");
    assert.equal(fields.get("config_file"), "");
  });

  test("figures are added over the shards", () => {
    const server = fresh(3);
    for (const shard of server.shards) {
      shard.counters.add(Counter.HITS, 2 ** 40);
      shard.counters.add(Counter.COMMANDS, 7);
    }
    server.connect(0);
    const client = server.connect(2);
    const fields = fieldsOf(client, "all");
    assert.equal(fields.get("keyspace_hits"), String(3 * 2 ** 40));
    assert.equal(fields.get("total_commands_processed"), "21");
    assert.equal(fields.get("connected_clients"), "2");
    assert.equal(fields.get("mem_clients_normal"), "360");
    assert.equal(fields.get("used_memory"), String(Number(fields.get("used_memory_dataset")) + 360));
  });

  test("keyspace over shards and databases", () => {
    const server = fresh(2);
    put(server.shards[0], 0, "a", NO_EXPIRY);
    put(server.shards[1], 0, "b", server.nowMs + 1000);
    put(server.shards[1], 11, "c", NO_EXPIRY);
    put(server.shards[0], 2, "d", server.nowMs + 1000);
    assert.equal(
      infoText(server.connect(1), "keyspace"),
      "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\ndb2:keys=1,expires=1,avg_ttl=0\r\ndb11:keys=1,expires=0,avg_ttl=0\r\n",
    );
  });

  test("no field is empty of meaning: every line is a name and a value", () => {
    for (const line of infoText(fresh().connect(), "everything").split("\r\n")) {
      assert.match(line, /^$|^# [A-Z]|^[a-z0-9_]+:/);
      assert.doesNotMatch(line, /NaN|undefined|null|Infinity/);
    }
  });

  test("rates follow the samples of the last 1.6 seconds", () => {
    const server = fresh(2);
    const client = server.connect();
    assert.equal(fieldsOf(client, "stats").get("instantaneous_ops_per_sec"), "0");
    for (let tick = 0; tick < 40; tick++) {
      for (const shard of server.shards) {
        shard.counters.add(Counter.COMMANDS, tick < 20 ? 1 : 25);
        shard.counters.add(Counter.BYTES_IN, 1024);
        sampleRates(shard);
      }
      server.nowMs += 100;
    }
    const fields = fieldsOf(client, "stats");
    assert.equal(fields.get("instantaneous_ops_per_sec"), "500");
    assert.equal(fields.get("instantaneous_input_kbps"), "20.00");
    assert.equal(fields.get("instantaneous_output_kbps"), "0.00");
  });
});

describe("bytesForPeople", () => {
  test("in Redis's form", () => {
    const cases: [number, string][] = [
      [0, "0B"],
      [1023, "1023B"],
      [1024, "1.00K"],
      [1_533_984, "1.46M"],
      [25_276_510_208, "23.54G"],
      [2 ** 40, "1.00T"],
      [2 ** 52, "4.00P"],
    ];
    for (const [bytes, text] of cases) assert.equal(bytesForPeople(bytes), text);
  });
});
