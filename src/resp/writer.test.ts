/**
 * Tests of the reply writer: each method in RESP2 and RESP3, growth, and blocks from a sink.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { viewOf } from "../base/bytes.ts";
import { RESP2, RESP3, type ReplySink, ReplyWriter, type RespVersion } from "./writer.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";

function written(writer: ReplyWriter): string {
  return Buffer.from(writer.bytes.subarray(0, writer.pos)).toString("latin1");
}

/** Supplies blocks of a fixed size, or of what is asked for if that is more, and keeps what was written to them. */
class BlockSink implements ReplySink {
  readonly blockBytes: number;
  readonly blocks: { bytes: Uint8Array; start: number; end: number }[];
  largest: number;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
    this.blocks = [];
    this.largest = 0;
  }

  supply(writer: ReplyWriter, byteLength: number): void {
    this.largest = Math.max(this.largest, byteLength);
    this.settle(writer);
    const size = Math.max(this.blockBytes, byteLength);
    // Blocks lie inside a larger memory, and not at its beginning.
    const bytes = new Uint8Array(size + 10);
    this.blocks.push({ bytes, start: 5, end: 5 });
    writer.bytes = bytes;
    writer.view = viewOf(writer.bytes);
    writer.pos = 5;
    writer.limit = 5 + size;
  }

  settle(writer: ReplyWriter): void {
    const last = this.blocks.at(-1);
    if (last === undefined) return;
    last.end = writer.pos;
    assert.ok(writer.pos <= writer.limit, "nothing is written behind the limit");
    for (let i = writer.limit; i < last.bytes.length; i++) assert.equal(last.bytes[i], 0);
  }

  text(writer: ReplyWriter): string {
    this.settle(writer);
    return this.blocks
      .map(({ bytes, start, end }) => Buffer.from(bytes.subarray(start, end)).toString("latin1"))
      .join("");
  }
}

const WRITES: readonly [string, (writer: ReplyWriter) => void, string, string][] = [
  ["ok", (w) => w.ok(), "+OK\r\n", "+OK\r\n"],
  ["simple", (w) => w.simple("PONG"), "+PONG\r\n", "+PONG\r\n"],
  ["error", (w) => w.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"],
  // U+010A and U+010D have the low bytes of LF and CR.
  ["error, not latin1", (w) => w.error("ERR \u010a\u010d\u0141"), "-ERR   A\r\n", "-ERR   A\r\n"],
  ["integer", (w) => w.integer(-42), ":-42\r\n", ":-42\r\n"],
  ["bigInteger", (w) => w.bigInteger(-(2n ** 63n)), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"],
  ["bigNumber", (w) => w.bigNumber(10n ** 20n), "$21\r\n100000000000000000000\r\n", "(100000000000000000000\r\n"],
  ["bulk", (w) => w.bulk(Buffer.from("xa\r\n\0y"), 1, 5), "$4\r\na\r\n\0\r\n", "$4\r\na\r\n\0\r\n"],
  ["empty bulk", (w) => w.bulk(Buffer.from("x"), 1, 1), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["bulkText", (w) => w.bulkText("é"), "$1\r\n\xe9\r\n", "$1\r\n\xe9\r\n"],
  ["bulkInteger", (w) => w.bulkInteger(1000), "$4\r\n1000\r\n", "$4\r\n1000\r\n"],
  ["bulkInteger, negative", (w) => w.bulkInteger(-10), "$3\r\n-10\r\n", "$3\r\n-10\r\n"],
  ["bulkInteger, 0", (w) => w.bulkInteger(0), "$1\r\n0\r\n", "$1\r\n0\r\n"],
  ["nil", (w) => w.nil(), "$-1\r\n", "_\r\n"],
  ["nilArray", (w) => w.nilArray(), "*-1\r\n", "_\r\n"],
  ["array", (w) => w.array(3), "*3\r\n", "*3\r\n"],
  ["map", (w) => w.map(3), "*6\r\n", "%3\r\n"],
  ["set", (w) => w.set(3), "*3\r\n", "~3\r\n"],
  ["push", (w) => w.push(3), "*3\r\n", ">3\r\n"],
  ["true", (w) => w.boolean(true), ":1\r\n", "#t\r\n"],
  ["false", (w) => w.boolean(false), ":0\r\n", "#f\r\n"],
  ["doubleText", (w) => w.doubleText("1.5"), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["verbatim", (w) => w.verbatim("txt", "ab"), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"],
  ["rawBytes", (w) => w.rawBytes(Buffer.from("x+OK\r\n"), 1, 6), "+OK\r\n", "+OK\r\n"],
];

describe("each method in RESP2 and RESP3:", () => {
  for (const [name, write, two, three] of WRITES) {
    test(name, () => {
      for (const version of [RESP2, RESP3] as RespVersion[]) {
        const expected = version === RESP2 ? two : three;
        const writer = new ReplyWriter();
        writer.version = version;
        write(writer);
        assert.equal(written(writer), expected);
        const sink = new BlockSink(64);
        const blocks = new ReplyWriter(sink);
        blocks.version = version;
        write(blocks);
        assert.equal(sink.text(blocks), expected);
      }
    });
  }
});

test("integers as JavaScript prints them, at the edges and anywhere", () => {
  const writer = new ReplyWriter();
  const check = (value: number): void => {
    writer.reset();
    writer.integer(value);
    writer.bulkInteger(value);
    assert.equal(written(writer), `:${value}\r\n$${String(value).length}\r\n${value}\r\n`);
  };
  for (let power = 1; power <= 1e15; power *= 10) {
    for (const value of [power - 1, power, power + 1]) {
      check(value);
      if (value !== 0) check(-value);
    }
  }
  for (const edge of [2 ** 31, 2 ** 32, 2 ** 53 - 1])
    for (const value of [edge - 1, edge, -edge, -edge + 1]) check(value);
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => check(value === 0 ? 0 : value)),
    { numRuns: FULL ? 100_000 : 2000 },
  );
});

test("without a sink the buffer grows, and is not kept when it has grown large", () => {
  const writer = new ReplyWriter();
  const value = Buffer.alloc(3 << 20, 120);
  writer.bulkText("before");
  writer.bulk(value, 0, value.length);
  writer.rawBytes(value, 0, value.length);
  assert.equal(written(writer), `$6\r\nbefore\r\n$${value.length}\r\n${value}\r\n${value}`);
  writer.reset();
  assert.ok(writer.bytes.length <= 1 << 20);
  assert.equal(writer.limit, writer.bytes.length);
  writer.ok();
  const detached = writer.detach();
  assert.equal(Buffer.from(detached.subarray(0, 5)).toString(), "+OK\r\n");
  assert.equal(writer.pos, 0);
  assert.notEqual(writer.bytes, detached);
});

test("what is longer than a block is written in pieces and fills its blocks", () => {
  const block = 16 * 1024;
  for (const length of [4060, 4064, 4065, block - 32, block, 5 * block + 1, 1 << 20]) {
    const value = Buffer.alloc(length, "0123456789");
    const sink = new BlockSink(block);
    const writer = new ReplyWriter(sink);
    writer.version = RESP3;
    writer.ok();
    writer.bulk(value, 0, length);
    writer.verbatim("txt", value.toString());
    writer.rawBytes(value, 0, length);
    writer.error(value.toString());
    const expected = `+OK\r\n$${length}\r\n${value}\r\n=${length + 4}\r\ntxt:${value}\r\n${value}-${value}\r\n`;
    assert.equal(sink.text(writer), expected);
    assert.ok(sink.largest <= 4096, `${sink.largest} bytes were asked for at once`);
    assert.ok(sink.blocks.length <= Math.ceil(expected.length / (block - 4096)));
  }
});

test("any sequence of replies is the same through blocks of any size", () => {
  const step = fc.record({ which: fc.nat(WRITES.length - 1), length: fc.nat(9000) });
  const property = fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5000 }), (steps, size) => {
    const sink = new BlockSink(size);
    const blocks = new ReplyWriter(sink);
    const plain = new ReplyWriter();
    for (const { which, length } of steps) {
      for (const writer of [blocks, plain]) {
        WRITES[which][1](writer);
        if (which % 3 === 0) writer.bulk(Buffer.alloc(length, 7), 0, length);
        if (which % 3 === 1) writer.simple("s".repeat(length));
      }
    }
    assert.equal(sink.text(blocks), written(plain));
  });
  fc.assert(property, { numRuns: FULL ? 2000 : 100 });
});
