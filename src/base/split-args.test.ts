/** Tests of the splitting of lines into arguments. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bytesOf, latin1 } from "./bytes.ts";
import { splitArgs } from "./split-args.ts";

const DEEP = process.env["KEVY_TEST_DEPTH"] === "full";

function split(line: string): string[] | null {
  const bytes = bytesOf(`"${line}"`);
  const args = splitArgs(bytes, 1, bytes.length - 1);
  return args === null ? null : args.map((arg) => latin1(arg, 0, arg.length));
}

describe("splitting a line into arguments", () => {
  test("blanks separate, quotes keep together", () => {
    assert.deepEqual(split("set a  b"), ["set", "a", "b"]);
    assert.deepEqual(split(" \t\r\n\v\f x \t"), ["x"]);
    assert.deepEqual(split(""), []);
    assert.deepEqual(split("save ''"), ["save", ""]);
    assert.deepEqual(split("\"a b\" 'c d'"), ["a b", "c d"]);
    assert.deepEqual(split('a"b c" d'), ["ab c", "d"]);
    assert.deepEqual(split("a\vb"), ["a\vb"]);
  });

  test("escapes", () => {
    assert.deepEqual(split('"\\x41\\xfF\\n\\r\\t\\b\\a\\q\\"\\\\"'), ['A\xff\n\r\t\b\x07q"\\']);
    assert.deepEqual(split('"\\x4" "\\xg1"'), ["x4", "xg1"]);
    assert.deepEqual(split("'\\'\\n\\x41'"), ["'\\n\\x41"]);
    assert.deepEqual(split("a\\nb"), ["a\\nb"]);
  });

  test("quotes that do not balance, and what follows one", () => {
    for (const line of ['"a', "'a", '"a"b', "'a'b", '"a\\"', "'a\\'", 'x "', '"\\'] as const) {
      assert.equal(split(line), null, line);
    }
    assert.deepEqual(split('"a"\tb'), ["a", "b"]);
  });

  test("NUL ends the line", () => {
    assert.deepEqual(split("a b\0c"), ["a", "b"]);
    assert.deepEqual(split('"a"\0"'), ["a"]);
    assert.equal(split('"a\0"'), null);
  });

  test("whatever was quoted comes back", () => {
    const word = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 });
    const double = (codes: number[]): string =>
      `"${codes.map((code) => `\\x${code.toString(16).padStart(2, "0")}`).join("")}"`;
    const property = fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      assert.deepEqual(
        split(words.map(double).join(" ")),
        words.map((codes) => String.fromCharCode(...codes)),
      );
    });
    fc.assert(property, { numRuns: DEEP ? 20_000 : 500 });
  });

  test("any bytes give words or null, each no longer than the line", () => {
    const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const args = splitArgs(bytes, 0, bytes.length);
      assert.ok(args === null || args.every((arg) => arg.length <= bytes.length));
    });
    fc.assert(property, { numRuns: DEEP ? 20_000 : 1000 });
  });
});
