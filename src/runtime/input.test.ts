/**
 * Tests of input buffers against a plain concatenation, and of what they cost.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SocketId } from "../base/brands.ts";
import { PartialRequest } from "../resp/parser.ts";
import { Conn } from "./conn.ts";
import { InputBuffers } from "./input.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";

function makeConn(): Conn {
  return new Conn(0 as SocketId, 1, 0);
}

function pendingOf(conn: Conn): Buffer {
  return Buffer.from(conn.input.subarray(conn.inputStart, conn.inputEnd));
}

test("what is appended and not consumed is what is pending", () => {
  const act = fc.record({
    which: fc.nat(1),
    grow: fc.boolean(),
    length: fc.oneof(fc.nat(50), fc.nat(20_000), fc.nat(300_000)),
    use: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const property = fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
    const input = new InputBuffers();
    const conns = [makeConn(), makeConn()];
    const models = [Buffer.alloc(0), Buffer.alloc(0)];
    let byte = 0;
    for (const { which, grow, length, use } of acts) {
      const conn = conns[which];
      if (grow) {
        const bytes = Buffer.alloc(length + 9, ++byte);
        input.append(conn, bytes, 4, 4 + length);
        models[which] = Buffer.concat([models[which], bytes.subarray(4, 4 + length)]);
      } else if (models[which].length > 0) {
        const used = Math.round(use * models[which].length);
        input.consume(conn, conn.inputStart + used);
        models[which] = models[which].subarray(used);
      }
      for (const i of [0, 1]) {
        assert.ok(pendingOf(conns[i]).equals(models[i]));
        if (models[i].length === 0 && grow === false) assert.ok(conns[i].input.length <= 1 << 20);
      }
      assert.equal(input.bytesHeld, conns[0].input.length + conns[1].input.length);
    }
    for (const conn of conns) input.release(conn);
    assert.equal(input.bytesHeld, 0);
  });
  fc.assert(property, { numRuns: FULL ? 1000 : 100 });
});

test("a queue that stays as long as it is does not move at every step, nor grow", () => {
  const input = new InputBuffers();
  const conn = makeConn();
  const piece = Buffer.alloc(30, 1);
  for (let i = 0; i < 2000; i++) input.append(conn, piece, 0, 30);
  let moves = 0;
  for (let i = 0; i < 100_000; i++) {
    const before = conn.input;
    const start = conn.inputStart + 30;
    input.consume(conn, start);
    input.append(conn, piece, 0, 30);
    if (conn.input !== before || conn.inputStart !== start) moves++;
  }
  // 3 MB through a queue of 60 KB: it moves once for each half buffer, not 100,000 times.
  assert.ok(moves < 200, `${moves} moves`);
  assert.ok(conn.input.length <= 1 << 18);
});

test("a large buffer is given up when little is left in it, and small ones are used again", () => {
  const input = new InputBuffers();
  const conn = makeConn();
  const large = Buffer.alloc(1 << 20, 2);
  input.append(conn, large, 0, large.length);
  input.consume(conn, conn.inputEnd - 10);
  assert.equal(conn.input.length, 16_384);
  assert.ok(pendingOf(conn).equals(large.subarray(0, 10)));
  const small = conn.input;
  input.consume(conn, conn.inputEnd);
  assert.equal(conn.input.length, 0);
  const other = makeConn();
  input.append(other, large, 0, 5);
  assert.equal(other.input, small);
});

test("a large argument ends in a buffer of its size, and none is much larger than what has come", () => {
  const piece = Buffer.alloc(16_384, 3);
  for (const length of [40_000, 300_000, 314_573, 524_288, 655_361, 1_000_000, 3_145_728]) {
    const input = new InputBuffers();
    const conn = makeConn();
    const partial = new PartialRequest();
    partial.total = 2;
    partial.at = 30;
    partial.bulkLength = length;
    const whole = 30 + length + 2;
    let moved = 0;
    for (let there = 0; there < whole; ) {
      const before = conn.input;
      const size = Math.min(piece.length, whole - there);
      input.append(conn, piece, 0, size);
      if (conn.input !== before) moved += there;
      there += size;
      // The header of the argument has come with the first piece.
      conn.partial = partial;
      assert.ok(conn.input.length <= Math.max(piece.length, 2.5 * there + 4096), `${conn.input.length} for ${there}`);
    }
    assert.ok(conn.input.length < whole + 4096, `${conn.input.length} for ${whole}`);
    assert.ok(moved < 2 * whole, `${moved} moved of ${whole}`);
  }
});

test("many small arguments that announce themselves do not move what is there each time", () => {
  const input = new InputBuffers();
  const conn = makeConn();
  const piece = Buffer.alloc(100, 4);
  const partial = new PartialRequest();
  conn.partial = partial;
  let moved = 0;
  for (let i = 0; i < 20_000; i++) {
    partial.at = 100 * i;
    partial.bulkLength = 98 + (i % 50) * 100;
    const before = conn.input;
    input.append(conn, piece, 0, piece.length);
    if (conn.input !== before) moved += 100 * i;
  }
  assert.ok(moved < 8_000_000, `${moved} moved of 2,000,000`);
});
