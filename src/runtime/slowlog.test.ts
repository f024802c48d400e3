/** Tests of the slow log: what is kept, how it is shown, and which entries are the newest of the server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedWords } from "../base/shared.ts";
import { Argv } from "../resp/argv.ts";
import type { CommandRow } from "./commands.ts";
import { Slowlog } from "./slowlog.ts";

const row: CommandRow = {
  name: "put",
  arity: -1,
  flags: 0,
  keys: null,
  place: "connection",
  reduce: null,
  run: () => {},
  secret: (_argv, index) => index === 1,
};

function add(log: Slowlog, ...args: string[]): void {
  log.add({ ...log.describe(row, Argv.of(args), 12_345.6, 1_700_000_000_999), peer: "p", name: "n" });
}

test("keeps what reached the threshold, unless it is off or no length is allowed", () => {
  const log = new Slowlog(new SharedWords());
  assert.equal(log.wants(1e9), false);
  log.lengthMax = 2;
  log.thresholdUs = 100;
  assert.deepEqual([log.wants(99), log.wants(100)], [false, true]);
  log.thresholdUs = 0;
  assert.equal(log.wants(0), true);
  log.thresholdUs = -1;
  assert.equal(log.wants(1e9), false);
});

test("arguments are shortened in number and length, and secret ones are not shown", () => {
  const log = new Slowlog(new SharedWords());
  log.lengthMax = 5;
  add(log, "PUT", "password", "x".repeat(128), "y".repeat(200), ...Array.from({ length: 40 }, (_, i) => `a${i}`));
  const [entry] = log.newest();
  assert.equal(entry.arguments.length, 32);
  assert.deepEqual(entry.arguments.slice(0, 3), ["PUT", "(redacted)", "x".repeat(128)]);
  assert.equal(entry.arguments[3], `${"y".repeat(128)}... (72 more bytes)`);
  assert.equal(entry.arguments[31], "... (13 more arguments)");
  assert.deepEqual([entry.time, entry.microseconds], [1_700_000_000, 12_346]);
});

test("of several shards' entries those are shown that are the server's newest", () => {
  const shared = new SharedWords();
  const logs = [new Slowlog(shared), new Slowlog(shared)];
  for (const log of logs) log.lengthMax = 3;
  add(logs[0], "PUT", "", "first");
  for (let i = 0; i < 4; i++) add(logs[1], "PUT", "", String(i));
  assert.deepEqual(
    logs.map((log) => log.newest().map((entry) => entry.id)),
    [[], [4, 3, 2]],
  );
  add(logs[0], "PUT", "", "again");
  assert.deepEqual(
    logs.map((log) => log.newest().map((entry) => entry.arguments[2])),
    [["again"], ["3", "2"]],
  );
  logs[1].lengthMax = 1;
  assert.deepEqual(logs[1].newest().length, 0);
  logs[0].reset();
  assert.deepEqual(logs[0].newest(), []);
});
