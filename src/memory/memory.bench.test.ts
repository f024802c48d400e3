/** Runs the benchmarks with tiny input, and holds the memory budget of a table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bestOf, measureArena, measureHash } from "./memory.bench.ts";

test("the benchmarks run, and a table takes no more than its budget of 14 bytes an entry over its growth", async () => {
  const figures = bestOf(1, 100_000);
  assert.ok(figures.bytesPerEntryMean > 8 && figures.bytesPerEntryMean <= 14, `${figures.bytesPerEntryMean} bytes`);
  assert.ok(figures.hitNs >= 0 && figures.removeNs > 0);
  assert.ok(measureArena(1000) > 0);
  assert.ok((await measureHash(16)) > 0);
});
