/** Tests of the statistics of commands: what is exact, what is sampled, what is forgotten. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CommandId } from "../base/brands.ts";
import { ERROR_KINDS_MAX } from "../base/limits.ts";
import { CommandStats } from "./command-stats.ts";
import { CommandFlag, type CommandRow } from "./commands.ts";

const ROW = { arity: 1, keys: null, place: "connection", reduce: null, run: () => {} } as const;
const EACH = 0 as CommandId;
const SAMPLED = 1 as CommandId;
const rows: readonly CommandRow[] = [
  { ...ROW, name: "each", flags: CommandFlag.FAST, timing: "each" },
  { ...ROW, name: "sampled", flags: CommandFlag.FAST },
];

/** A call as the router makes it. Says whether it was timed. */
function call(stats: CommandStats, id: CommandId, us: number): boolean {
  if (--stats.left[id] >= 0) return false;
  stats.sampled(id, us);
  return true;
}

test("each call of one row is timed; of the other the first ones, and then samples", () => {
  const stats = new CommandStats(rows);
  let timed = 0;
  for (let i = 0; i < 3100; i++) {
    assert.ok(call(stats, EACH, 2));
    if (call(stats, SAMPLED, 5)) timed++;
  }
  assert.ok(timed > 64 && timed < 3100 / 15, `${timed} of 3100`);
  for (const [id, us] of [
    [EACH, 2],
    [SAMPLED, 5],
  ]) {
    assert.equal(stats.calls(id), 3100);
    assert.equal(Math.round(stats.microseconds(id)), 3100 * us);
    assert.equal(stats.histogram(id)?.count, 3100);
  }
});

test("calls are exact whatever is timed in between", () => {
  const kinds = fc.array(fc.constantFrom("call", "moved", "read", "all", "some", "spread"), { maxLength: 400 });
  fc.assert(
    fc.property(kinds, (steps) => {
      const stats = new CommandStats(rows);
      let calls = 0;
      for (const step of steps) {
        if (step === "all" || step === "some") stats.timesAll = step === "all";
        else if (step === "read") assert.equal(stats.histogram(SAMPLED)?.count ?? 0, calls);
        else {
          calls++;
          if (step === "spread") stats.counted(SAMPLED, 7);
          else if (--stats.left[SAMPLED] < 0) stats.sampled(SAMPLED, 3);
          else if (step === "moved") stats.measured(SAMPLED, 900);
        }
        assert.equal(stats.calls(SAMPLED), calls);
      }
    }),
  );
});

test("one long call stands for itself alone", () => {
  const stats = new CommandStats(rows);
  for (let i = 0; i < 200; i++) call(stats, SAMPLED, 1);
  --stats.left[SAMPLED];
  stats.measured(SAMPLED, 50_000);
  assert.ok(Math.abs(stats.microseconds(SAMPLED) - 50_200) < 300 * 31, String(stats.microseconds(SAMPLED)));
  assert.equal(stats.calls(SAMPLED), 201);
});

test("errors are counted by their first word, so many words at most; a reset forgets all", () => {
  const stats = new CommandStats(rows);
  for (let i = 0; i < ERROR_KINDS_MAX + 50; i++) stats.onError(`KIND${i} and a text`);
  stats.onError("KIND0");
  stats.refused(EACH);
  call(stats, EACH, 1);
  assert.equal(stats.errorKinds.size, ERROR_KINDS_MAX);
  assert.equal(stats.errorKinds.get("KIND0"), 2);
  assert.equal(stats.errors, ERROR_KINDS_MAX + 51);
  stats.reset();
  assert.deepEqual([stats.errors, stats.errorKinds.size, stats.rejected[EACH], stats.calls(EACH)], [0, 0, 0, 0]);
  assert.equal(stats.histogram(EACH), null);
});

test("without tracking there are calls and times, and no distribution", () => {
  const stats = new CommandStats(rows);
  stats.tracking = false;
  call(stats, EACH, 4);
  assert.equal(stats.histogram(EACH), null);
  assert.equal(stats.microseconds(EACH), 4);
});
