/** The socket table of the reactors on system calls: slots, generations, queues, and the arithmetic of short sends. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CLOSING, OPEN, RANGE_WORDS, SlotQueue, SocketTable } from "./socket-table.ts";

describe("SocketTable", () => {
  it("gives each socket its own slot, grows, and counts generations", () => {
    const table = new SocketTable();
    const slots = new Set<number>();
    for (let fd = 0; fd < 1000; fd++) {
      const slot = table.take(fd, 3);
      slots.add(slot);
      equal(table.fds[slot], fd);
      equal(table.flags[slot], OPEN);
    }
    equal(slots.size, 1000);
    equal(table.count, 1000);
    const before = table.generations[7];
    table.flags[7] |= CLOSING;
    table.give(7);
    equal(table.take(77, 0), 7);
    equal(table.flags[7], OPEN, "nothing of the former socket is left");
    equal(table.generations[7], before + 1);
  });

  it("goes on after any short send exactly where the kernel stopped", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    const steps = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 400, maxLength: 400 });
    fc.assert(
      fc.property(lengths, steps, (sizes, takes) => {
        const table = new SocketTable();
        const slot = table.take(1, 0);
        sizes.forEach((size, k) => {
          table.ranges.set([k, 1000 * k, 1000 * k + size], slot * RANGE_WORDS + 3 * k);
        });
        table.rangeCount[slot] = sizes.length;
        const all = sizes.flatMap((size, k) => Array.from({ length: size }, (_, i) => 1000 * k + i));
        let taken = 0;
        for (const step of takes) {
          deepEqual(remaining(table, slot), all.slice(taken));
          const bytes = Math.min(step, all.length - taken);
          taken += bytes;
          const done = table.advance(slot, bytes);
          equal(done, taken === all.length);
          if (done) return;
        }
        ok(false, "every send comes to its end");
      }),
    );
  });
});

/** Positions of all bytes that the next send would hand over. */
function remaining(table: SocketTable, slot: number): number[] {
  const positions: number[] = [];
  for (let k = table.rangeAt[slot]; k < table.rangeCount[slot]; k++) {
    const r = slot * RANGE_WORDS + 3 * k;
    for (let i = table.ranges[r + 1]; i < table.ranges[r + 2]; i++) positions.push(i);
  }
  return positions;
}

describe("SlotQueue", () => {
  it("is first-in first-out through growth and wrap-around", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 2000 }), (pushes) => {
        const queue = new SlotQueue();
        const model: number[] = [];
        pushes.forEach((push, k) => {
          if (push || model.length === 0) {
            queue.push(k);
            model.push(k);
          } else equal(queue.shift(), model.shift());
          equal(queue.length, model.length);
        });
      }),
    );
  });
});
