/** Tests of the histogram: precision, weights, and the way to another shard. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

test("a percentile is known to two digits", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 999_999_999 }), { minLength: 1, maxLength: 200 }), (values) => {
      const histogram = new Histogram();
      for (const value of values) histogram.record(value, 1);
      const sorted = [...values].sort((a, b) => a - b);
      for (const percent of [0, 25, 50, 99, 100]) {
        const rank = Math.max(1, Math.floor((percent / 100) * values.length + 0.5));
        const exact = sorted[rank - 1];
        const found = histogram.percentile(percent);
        assert.ok(found >= exact && found <= exact * 1.01 + 1, `${percent} %: ${found} for ${exact}`);
      }
    }),
  );
});

test("values below 256 are exact, and what is beyond a second counts as one", () => {
  const histogram = new Histogram();
  histogram.record(255, 3);
  assert.equal(histogram.percentile(50), 255);
  histogram.record(5e12, 9);
  assert.ok(histogram.percentile(99) >= 1_000_000_000);
  assert.equal(histogram.count, 12);
  assert.equal(histogram.countUpTo(1000), 3);
  assert.equal(histogram.countUpTo(2e9), 12);
});

test("a weight is so many values, and what was sent is what arrives", () => {
  const here = new Histogram();
  here.record(1_234, 31);
  here.record(77_000, 2);
  const there = new Histogram();
  there.record(77_000, 1);
  there.addSparse(here.sparse());
  assert.equal(there.count, 34);
  assert.equal(there.countUpTo(2_000), 31);
  assert.equal(there.countUpTo(80_000), 34);
  there.reset();
  assert.equal(there.count, 0);
  assert.equal(there.percentile(50), 0);
  assert.deepEqual(there.sparse(), []);
});
