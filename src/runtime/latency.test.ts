/** Tests of the latency monitor: thresholds, seconds, and how much is kept. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_SAMPLES_MAX } from "../base/limits.ts";
import { LatencyMonitor } from "./latency.ts";

test("keeps what reached the threshold, and nothing while it is 0", () => {
  const monitor = new LatencyMonitor();
  monitor.note("command", 1e9, 0);
  monitor.setThresholdMs(10);
  assert.ok(monitor.enabled);
  monitor.note("command", 9_999, 0);
  assert.equal(monitor.events.size, 0);
  monitor.note("command", 10_000, 5_999);
  assert.deepEqual(monitor.events.get("command"), { samples: [[5, 10]], max: 10 });
  monitor.setThresholdMs(0);
  monitor.note("command", 1e9, 0);
  assert.equal(monitor.events.get("command")?.samples.length, 1);
});

test("of one second it keeps the worst, of all time the last ones and the maximum", () => {
  const monitor = new LatencyMonitor();
  monitor.setThresholdMs(1);
  monitor.note("gc", 90_000, 0);
  monitor.note("gc", 20_000, 1_000);
  monitor.note("gc", 30_000, 1_500);
  monitor.note("gc", 10_000, 1_900);
  assert.deepEqual(monitor.events.get("gc"), {
    samples: [
      [0, 90],
      [1, 30],
    ],
    max: 90,
  });
  for (let second = 2; second < 2 + LATENCY_SAMPLES_MAX; second++) monitor.note("gc", 5_000, second * 1000);
  const event = monitor.events.get("gc");
  assert.equal(event?.samples.length, LATENCY_SAMPLES_MAX);
  assert.deepEqual([event?.samples[0], event?.max], [[2, 5], 90]);
  assert.deepEqual([monitor.forget("gc"), monitor.forget("gc")], [true, false]);
});
