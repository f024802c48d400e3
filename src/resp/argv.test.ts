/**
 * Tests of Argv: building, growing, owned copies.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Argv } from "./argv.ts";
import { textsOf } from "./fixture.ts";

test("Argv.of keeps texts and bytes", () => {
  const argv = Argv.of(["SET", "é", new Uint8Array([0, 255])]);
  assert.deepEqual(textsOf(argv), ["SET", "\xc3\xa9", "\0\xff"]);
  assert.equal(argv.text(2), "\0\xff");
  assert.equal(Argv.of([]).count, 0);
});

test("it grows and keeps its arguments", () => {
  const argv = new Argv(1);
  argv.bytes = Buffer.from("0123456789");
  for (let i = 0; i < 1000; i++) argv.push(i % 10, (i % 10) + 1);
  assert.equal(argv.count, 1000);
  assert.equal(argv.text(999), "9");
  argv.reserve(5000);
  assert.equal(argv.text(128), "8");
  assert.ok(argv.starts.length >= 5000 && argv.ends.length >= 5000);
});

test("an owned copy does not change with the bytes it was made from, shared memory included", () => {
  for (const memory of [new ArrayBuffer(300), new SharedArrayBuffer(300)]) {
    const bytes = new Uint8Array(memory).fill(97);
    const argv = new Argv(2);
    argv.bytes = bytes;
    argv.push(1, 1);
    argv.push(2, 6);
    argv.push(10, 250);
    assert.equal(argv.text(1), "aaaa");
    const owned = argv.toOwned();
    bytes.fill(98);
    assert.deepEqual(textsOf(owned), ["", "aaaa", "a".repeat(240)]);
    assert.equal(argv.text(1), "bbbb");
  }
});
