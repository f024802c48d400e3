/** The entry layout: fields that do not disturb each other, keys compared to the last byte. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { viewOf } from "../base/bytes.ts";
import { Arena } from "./arena.ts";
import * as entry from "./entry.ts";

test("fields of an entry do not disturb each other", () => {
  const arena = new Arena();
  fc.assert(
    fc.property(
      fc.nat(15),
      fc.nat(7),
      fc.nat(0xffffff),
      fc.boolean(),
      fc.maxSafeNat(),
      (type, encoding, clock, hasExpiry, expiryMs) => {
        const length = entry.entryByteLength(5, 7, hasExpiry);
        const address = arena.allocate(length);
        const words = entry.entryWords(arena, address);
        const index = entry.entryIndex(address);
        entry.writeEntryHeader(words, index, 5, 7, entry.makeMeta(type, encoding, clock ^ 1, hasExpiry));
        if (hasExpiry) entry.setExpiryAt(words, index, expiryMs);
        entry.setClockAt(words, index, clock);
        assert.equal(entry.typeAt(words, index), type);
        assert.equal(entry.encodingAt(words, index), encoding);
        assert.equal(entry.clockAt(words, index), clock);
        assert.equal(entry.hasExpiryAt(words, index), hasExpiry);
        if (hasExpiry) assert.equal(entry.expiryAt(words, index), expiryMs);
        assert.equal(entry.entryByteLengthAt(words, index), length);
        assert.equal(entry.keyOffsetAt(words, index), index * 4 + length - 12);
        assert.equal(entry.valueOffsetAt(words, index), index * 4 + length - 7);
        entry.setTypeAt(words, index, 15 - type, 7 - encoding);
        assert.equal(entry.typeAt(words, index), 15 - type);
        assert.equal(entry.encodingAt(words, index), 7 - encoding);
        assert.equal(entry.clockAt(words, index), clock);
        assert.equal(entry.hasExpiryAt(words, index), hasExpiry);
        arena.free(address, length);
      },
    ),
  );
});

test("keys are equal if and only if all their bytes are, whatever follows them", () => {
  const arena = new Arena();
  const keys = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(keys, keys, fc.boolean(), fc.nat(255), fc.nat(3), (a, b, hasExpiry, rest, offset) => {
      const length = entry.entryByteLength(a.length, 4, hasExpiry);
      const address = arena.allocate(length);
      const words = entry.entryWords(arena, address);
      const index = entry.entryIndex(address);
      entry.writeEntryHeader(words, index, a.length, 4, entry.makeMeta(0, 0, 0, hasExpiry));
      const bytes = entry.entryBytes(arena, address);
      bytes.set(a, entry.keyOffsetAt(words, index));
      bytes.fill(rest, entry.valueOffsetAt(words, index), entry.valueOffsetAt(words, index) + 4);
      const equals = (key: Uint8Array) => {
        const buffer = new Uint8Array(offset + key.length + 4).fill(0x55);
        buffer.set(key, offset);
        return entry.keyEqualsAt(words, index, viewOf(buffer), offset, key.length);
      };
      assert.ok(equals(a));
      assert.equal(equals(b), Buffer.compare(a, b) === 0);
      for (let i = 0; i < a.length; i++) {
        const other = a.slice();
        other[i] ^= 1 << (i & 7);
        assert.ok(!equals(other));
      }
      arena.free(address, length);
    }),
  );
});
