/**
 * The mesh's protocol of sleeping and waking in every interleaving: nobody sleeps for ever; and the model finds faults.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explore, type Fault } from "./protocol.model.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";

test("no interleaving of two senders and a receiver loses a wake-up", () => {
  for (const [messages, capacity] of FULL
    ? [
        [1, 1],
        [2, 1],
        [3, 1],
        [3, 2],
        [4, 2],
        [4, 8],
      ]
    : [
        [2, 1],
        [3, 2],
        [2, 4],
      ]) {
    const { states, stuck } = explore(messages, capacity, "none");
    assert.equal(stuck, null, `${messages} messages, room for ${capacity}`);
    assert.ok(states > 100, `${states} states`);
  }
});

describe("the model finds", () => {
  const faults: Fault[] = [
    "look before parked",
    "parked before head",
    "no look after wait",
    "look before wait",
    "wait before tail",
    "wait word ignored",
    "ask before parked",
    "one head only",
  ];
  for (const fault of faults) {
    test(fault, () => {
      const { stuck } = explore(3, 1, fault);
      assert.ok(stuck !== null && stuck.length > 1);
    });
  }
});
