/** Tests of the start lock. */

import { equal } from "node:assert/strict";
import { test } from "node:test";
import { lockStart } from "./start-lock.ts";

// Nothing listens there: the number only names the lock.
const PORT = 20_599;

test("one server at a time holds the lock of a port", {
  skip: process.platform !== "linux" && "Linux only",
}, async () => {
  const order: string[] = [];
  const first = await lockStart(PORT);
  const second = lockStart(PORT).then((unlock) => {
    order.push("second");
    return unlock;
  });
  const other = await lockStart(PORT + 1);
  order.push("other port");
  order.push("first lets go");
  first();
  (await second)();
  other();
  equal(order.join(", "), "other port, first lets go, second");
});
