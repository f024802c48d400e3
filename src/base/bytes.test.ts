/**
 * Tests of the loops over byte ranges: copying, comparing, integers as text.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bytesOf,
  compareBytes,
  copyBytes,
  decimalDigits,
  equalBytes,
  isWord,
  latin1,
  parseInteger,
  parseInteger64,
  writeInteger,
} from "./bytes.ts";

const RUNS = process.env.KEVY_TEST_DEPTH === "full" ? 100_000 : 3000;

test("copies of any length touch nothing else", () => {
  for (let length = 0; length < 300; length++) {
    const src = Uint8Array.from({ length: length + 6 }, (_, i) => (i * 7 + 1) & 255);
    const dst = new Uint8Array(length + 20);
    assert.equal(copyBytes(dst, 9, src, 3, 3 + length), 9 + length);
    assert.deepEqual(dst.subarray(9, 9 + length), src.subarray(3, 3 + length));
    assert.ok(dst.every((byte, i) => (i >= 9 && i < 9 + length) || byte === 0));
  }
});

test("comparisons agree with Buffer's", () => {
  const bytes = fc.uint8Array({ maxLength: 20, max: 3 });
  const property = fc.property(bytes, bytes, (a, b) => {
    const left = Uint8Array.of(9, ...a, 9);
    const right = Uint8Array.of(8, 8, ...b, 7);
    const order = compareBytes(left, 1, 1 + a.length, right, 2, 2 + b.length);
    assert.equal(Math.sign(order), Buffer.compare(a, b));
    if (a.length === b.length) assert.equal(equalBytes(left, 1, 1 + a.length, right, 2), Buffer.compare(a, b) === 0);
  });
  fc.assert(property, { numRuns: RUNS });
});

test("words are recognized in any case, and nothing else is", () => {
  const bytes = bytesOf("xGeT-PXx");
  assert.ok(isWord(bytes, 1, 4, "get"));
  assert.ok(!isWord(bytes, 1, 5, "get"));
  assert.ok(!isWord(bytes, 1, 3, "get"));
  // '-' | 32 is '-', but '\r' | 32 is '-' too: only letters fold.
  assert.ok(!isWord(bytesOf("\r"), 0, 1, "-"));
  assert.ok(isWord(bytes, 4, 4, ""));
  assert.equal(latin1(bytes, 1, 4), "GeT");
  assert.equal(latin1(bytesOf("\xe9\0"), 0, 2), "\xe9\0");
});

test("integers are written and read back", () => {
  const bytes = new Uint8Array(40).fill(1);
  const check = (value: number): void => {
    const end = writeInteger(bytes, 3, value);
    assert.equal(latin1(bytes, 3, end), String(value));
    assert.equal(decimalDigits(Math.abs(value)), String(Math.abs(value)).length);
    assert.equal(parseInteger(bytes, 3, end), value);
    assert.equal(parseInteger64(bytes, 3, end), BigInt(value));
    assert.equal(bytes[2], 1);
  };
  const edges = [0, 9, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53 - 2];
  for (const edge of edges) {
    check(edge);
    if (edge !== 0) check(-edge);
  }
  for (let power = 10; power <= 1e15; power *= 10)
    for (const value of [power - 1, power, -power, 9 * power]) check(value);
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => check(value === 0 ? 0 : value)),
    { numRuns: RUNS },
  );
});

test("only canonical integers are read", () => {
  const read = (text: string): [number, bigint | null] => {
    const bytes = bytesOf(`1${text}1`);
    return [parseInteger(bytes, 1, 1 + text.length), parseInteger64(bytes, 1, 1 + text.length)];
  };
  for (const text of [
    "",
    "-",
    "-0",
    "00",
    "01",
    "-01",
    "+1",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "0x1",
    "a",
    "1a",
    "--1",
    "/",
    ":",
  ]) {
    assert.deepEqual(read(text), [Number.NaN, null], text);
  }
  // What a double does not hold exactly is left to the exact form.
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.deepEqual(read(String(value)), [Number.NaN, value]);
  }
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 10n ** 25n])
    assert.deepEqual(read(String(value)), [Number.NaN, null]);
});
