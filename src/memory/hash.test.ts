/** The key hash against a plain reference written from the published description. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { viewOf } from "../base/bytes.ts";
import { KeyHasher } from "./hash.ts";

const MASK = 0xffffffffn;

function rotate(x: bigint, bits: bigint): bigint {
  return ((x << bits) | (x >> (32n - bits))) & MASK;
}

/** HalfSipHash-c-d with 32 bits of output, written from the published description, without regard to speed. */
function reference(message: Uint8Array, key: bigint, rounds: number, finalRounds: number): number {
  const k0 = key & MASK;
  const k1 = key >> 32n;
  const v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1];
  const round = () => {
    v[0] = (v[0] + v[1]) & MASK;
    v[1] = rotate(v[1], 5n) ^ v[0];
    v[0] = rotate(v[0], 16n);
    v[2] = (v[2] + v[3]) & MASK;
    v[3] = rotate(v[3], 8n) ^ v[2];
    v[0] = (v[0] + v[3]) & MASK;
    v[3] = rotate(v[3], 7n) ^ v[0];
    v[2] = (v[2] + v[1]) & MASK;
    v[1] = rotate(v[1], 13n) ^ v[2];
    v[2] = rotate(v[2], 16n);
  };
  const padded = [...message];
  while (padded.length % 4 !== 3) padded.push(0);
  padded.push(message.length & 0xff);
  for (let i = 0; i < padded.length; i += 4) {
    let word = 0n;
    for (let j = 3; j >= 0; j--) word = (word << 8n) | BigInt(padded[i + j]);
    v[3] ^= word;
    for (let n = 0; n < rounds; n++) round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let n = 0; n < finalRounds; n++) round();
  return Number(BigInt.asIntN(32, v[1] ^ v[3]));
}

test("the reference itself gives the published first vector of HalfSipHash-2-4", () => {
  // Key 00 01 .. 07, empty message: a9 35 9f 5b.
  assert.equal(reference(new Uint8Array(0), 0x0706050403020100n, 2, 4) >>> 0, 0x5b9f35a9);
});

test("equals the reference for any bytes, place and seed", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(9),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (message, offset, key) => {
        const bytes = new Uint8Array(message.length + offset + 3).fill(0xaa);
        bytes.set(message, offset);
        const hasher = new KeyHasher(Number(BigInt.asIntN(32, key)), Number(BigInt.asIntN(32, key >> 32n)));
        assert.equal(hasher.hash(viewOf(bytes), offset, offset + message.length), reference(message, key, 1, 3));
      },
    ),
    { numRuns: 500 },
  );
});
