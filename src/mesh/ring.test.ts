/**
 * Tests of the ring: against a queue, at positions around 2^31 and 2^32, full and empty.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MESSAGE_HEADER_BYTES, type RingPlace, RingReader, RingWriter } from "./ring.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";
/** Bytes before the ring's memory: control words, and garbage that nobody may touch. */
const START = 192;
const POSITIONS = [0, 16, 2 ** 31 - 64, 2 ** 31 - 16, 2 ** 31, 2 ** 32 - 64, 2 ** 32 - 16];

interface Pair {
  readonly memory: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly writer: RingWriter;
  readonly reader: RingReader;
}

function makePair(byteLength: number, position: number): Pair {
  const memory = new SharedArrayBuffer(START + byteLength + 64);
  new Uint8Array(memory).fill(0xee, START + byteLength);
  const words = new Int32Array(memory);
  const place: RingPlace = { start: START, byteLength, headWord: 0, waitWord: 1, tailWord: 16 };
  words[place.headWord] = position | 0;
  words[place.tailWord] = position | 0;
  const payloadMax = byteLength / 4 - MESSAGE_HEADER_BYTES;
  return { memory, words, writer: new RingWriter(memory, place, payloadMax), reader: new RingReader(memory, place) };
}

/** Writes a message whose payload is its number repeated. False: no room. */
function send({ writer }: Pair, number: number, length: number): boolean {
  const at = writer.reserve(number & 127, length, number, -number, ~number);
  if (at < 0) return false;
  writer.bytes.fill(number & 255, at, at + length);
  return true;
}

function checkMessage({ reader }: Pair, at: number, number: number, length: number): void {
  assert.ok(at >= 0, "there is a message");
  assert.deepEqual([reader.kind, reader.length], [number & 127, length]);
  assert.deepEqual([reader.first, reader.second, reader.third], [number | 0, -number | 0, ~number]);
  for (let i = at; i < at + length; i++) assert.equal(reader.bytes[i], number & 255);
}

test("messages go through, many times around", () => {
  for (const position of POSITIONS) {
    const pair = makePair(256, position);
    for (let number = 0; number < 200; number++) {
      const length = number % 49;
      assert.ok(send(pair, number, length));
      assert.ok(!pair.reader.poll(), "nothing is seen before it is published");
      assert.ok(pair.writer.publish());
      assert.ok(!pair.writer.publish(), "nothing new");
      assert.ok(pair.reader.poll());
      checkMessage(pair, pair.reader.next(), number, length);
      assert.equal(pair.reader.next(), -1);
      assert.ok(!pair.reader.release(), "nobody waits for room");
    }
    const bytes = new Uint8Array(pair.memory);
    for (let i = START + 256; i < bytes.length; i++) assert.equal(bytes[i], 0xee);
  }
});

test("an empty ring takes the largest message wherever it stands", () => {
  for (let before = 0; before < 16; before++) {
    const pair = makePair(256, before * 16);
    assert.ok(send(pair, 1, pair.writer.payloadMax));
    pair.writer.publish();
    assert.ok(pair.reader.poll());
    checkMessage(pair, pair.reader.next(), 1, pair.writer.payloadMax);
  }
});

test("a full ring refuses, and has room again only for what was released", () => {
  const pair = makePair(256, 2 ** 31 - 128);
  let sent = 0;
  while (send(pair, sent, 16)) sent++;
  assert.equal(sent, 8);
  pair.writer.publish();
  assert.ok(pair.reader.poll());
  checkMessage(pair, pair.reader.next(), 0, 16);
  assert.ok(!send(pair, sent, 16), "taken is not released");
  pair.reader.release();
  assert.ok(!pair.writer.publish());
  assert.ok(!send(pair, sent, 17), "48 bytes do not fit into 32");
  assert.ok(send(pair, sent, 16));
  assert.ok(!send(pair, sent + 1, 0));
});

test("who asks for room sleeps only while it lacks room, and is told once", () => {
  const pair = makePair(256, 0);
  for (let i = 0; i < 8; i++) send(pair, i, 16);
  assert.ok(!send(pair, 8, 40));
  pair.writer.publish();
  assert.ok(!pair.writer.askForRoom());
  pair.reader.poll();
  pair.reader.next();
  assert.ok(pair.reader.release(), "it asked");
  assert.ok(!pair.writer.hasRoom(), "32 bytes are not 64");
  assert.ok(!pair.writer.askForRoom());
  pair.reader.next();
  assert.ok(pair.reader.release(), "it asked again");
  pair.reader.next();
  assert.ok(!pair.reader.release(), "it has been told");
  assert.ok(pair.writer.askForRoom(), "there is room already");
  assert.ok(send(pair, 8, 40));
});

test("poll() sees what next() does not yet", () => {
  const pair = makePair(256, 0);
  send(pair, 1, 4);
  pair.writer.publish();
  assert.ok(pair.reader.poll());
  send(pair, 2, 4);
  pair.writer.publish();
  checkMessage(pair, pair.reader.next(), 1, 4);
  assert.equal(pair.reader.next(), -1, "one poll, one batch");
  assert.ok(pair.reader.poll());
  checkMessage(pair, pair.reader.next(), 2, 4);
});

test("a ring taken over in the middle goes on", () => {
  const pair = makePair(256, 2 ** 32 - 32);
  send(pair, 1, 20);
  send(pair, 2, 20);
  pair.writer.publish();
  const place: RingPlace = { start: START, byteLength: 256, headWord: 0, waitWord: 1, tailWord: 16 };
  const late: Pair = { ...pair, reader: new RingReader(pair.memory, place) };
  assert.ok(late.reader.poll());
  checkMessage(late, late.reader.next(), 1, 20);
  checkMessage(late, late.reader.next(), 2, 20);
});

test("a ring is a queue, for any lengths and any turns of its two ends", () => {
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.record({ act: fc.constant("send"), length: fc.nat(112) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant("publish"), length: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant("poll"), length: fc.constant(0) }) },
    { weight: 4, arbitrary: fc.record({ act: fc.constant("next"), length: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant("release"), length: fc.constant(0) }) },
  );
  const position = fc.constantFrom(...POSITIONS);
  const property = fc.property(position, fc.array(act, { maxLength: 300 }), (start, acts) => {
    const pair = makePair(512, start);
    const written: number[] = [];
    let number = 0;
    let published = 0;
    let seen = 0;
    let taken = 0;
    let released = 0;
    for (const { act, length } of acts) {
      if (act === "send") {
        if (send(pair, number, length)) {
          written.push(length);
          number++;
        } else assert.ok(number > released, "an empty ring takes anything");
      } else if (act === "publish") {
        assert.equal(pair.writer.publish(), number > published);
        published = number;
      } else if (act === "poll") {
        assert.equal(pair.reader.poll(), published > taken);
        seen = published;
      } else if (act === "next") {
        const at = pair.reader.next();
        if (taken === seen) assert.equal(at, -1);
        else {
          checkMessage(pair, at, taken, written[taken]);
          taken++;
        }
      } else {
        assert.ok(!pair.reader.release());
        released = taken;
      }
    }
  });
  fc.assert(property, { numRuns: FULL ? 5000 : 300 });
});
