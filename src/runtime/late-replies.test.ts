/**
 * Tests of late replies against a map, and of their memory.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LateReplies } from "./late-replies.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";

function replyOf(seq: number, length: number): Buffer {
  return Buffer.alloc(length, `<${seq}>`);
}

function taken(late: LateReplies, seq: number): Buffer {
  const reply = Buffer.from(late.bytes.slice(late.startOf(seq), late.endOf(seq)));
  late.remove(seq);
  return reply;
}

test("replies put in any order leave in theirs, at any sequence number", () => {
  const start = fc.constantFrom(0, 2 ** 31 - 3, -2, 12_345);
  const put = fc.record({ ahead: fc.nat(300), length: fc.oneof(fc.nat(60), fc.nat(6000)) });
  const property = fc.property(start, fc.array(put, { maxLength: 200 }), (first, puts) => {
    const late = new LateReplies();
    const model = new Map<number, Buffer>();
    let next = first | 0;
    const emit = (): void => {
      for (;;) {
        assert.equal(late.has(next), model.has(next));
        const expected = model.get(next);
        if (expected === undefined) break;
        assert.deepEqual(taken(late, next), expected);
        model.delete(next);
        next = (next + 1) | 0;
      }
      assert.equal(late.empty, model.size === 0);
    };
    for (const { ahead, length } of puts) {
      const seq = (next + 1 + ahead) | 0;
      if (model.has(seq)) {
        // The reply that all wait for comes and goes without being kept.
        next = (next + 1) | 0;
      } else {
        const reply = replyOf(seq, length);
        model.set(seq, reply);
        late.put(seq, next, Buffer.concat([Buffer.from("xx"), reply, Buffer.from("y")]), 2, 2 + length);
      }
      emit();
    }
  });
  fc.assert(property, { numRuns: FULL ? 3000 : 200 });
});

test("memory does not creep while one reply is always there", () => {
  const late = new LateReplies();
  late.put(1, 0, replyOf(1, 100), 0, 100);
  for (let seq = 2; seq < 100_000; seq++) {
    late.put(seq, seq - 2, replyOf(seq, 100), 0, 100);
    assert.equal(taken(late, seq - 1).toString("latin1", 0, 3), `<${seq - 1}>`.slice(0, 3));
  }
  assert.ok(!late.empty);
  assert.ok(late.bytes.length <= 8192, `${late.bytes.length} bytes`);
});

test("a large reply's memory is given back", () => {
  const late = new LateReplies();
  const reply = replyOf(1, 1 << 20);
  late.put(1, 0, reply, 0, reply.length);
  assert.deepEqual(taken(late, 1), reply);
  assert.ok(late.bytes.length <= 1 << 16);
});
