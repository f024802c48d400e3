/**
 * The ring's benchmark runs.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { measureRing } from "./ring.bench.ts";

test("the benchmark runs", async () => {
  assert.ok((await measureRing(48, 16)) > 0);
});
