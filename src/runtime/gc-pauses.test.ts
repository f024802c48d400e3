/** Tests of the watch on V8's garbage collector: pauses are told while it runs, and not after. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { V8GcPauses } from "./gc-pauses.ts";

test("a collection is told with its length, until the watch stops", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Entries come when the loop turns, and do not turn it themselves.
  const turning = setInterval(() => undefined, 1);
  const pauses = new V8GcPauses();
  const first = new Promise<number>((resolve) => pauses.start(resolve));
  collect();
  const us = await first;
  assert.ok(us > 0 && us < 10_000_000, String(us));
  pauses.stop();
  const other = new V8GcPauses();
  const again = new Promise<number>((resolve) => other.start(resolve));
  pauses.stop();
  collect();
  await again;
  other.stop();
  clearInterval(turning);
});
