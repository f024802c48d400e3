/** Runs the shard's bench with tiny input. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { measureCommand } from "./shard.bench.ts";

test("the bench runs", () => {
  assert.ok(measureCommand("GET", 100, 16, 1) > 0);
  assert.ok(measureCommand("SET", 100, 16, 1) > 0);
});
