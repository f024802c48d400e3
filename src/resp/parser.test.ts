/**
 * Tests of the request parser: Redis's behaviour as a table, every way to split a pipeline, limits, linear cost.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeRequest, feed, guarded, textsOf } from "./fixture.ts";
import { PROTOCOL_CASES } from "./parser.cases.ts";
import { fuzzParser } from "./parser.fuzz.ts";
import { INCOMPLETE, PartialRequest, REQUEST, RequestParser } from "./parser.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";
const INLINE_MAX = 65_536;

function latin(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

describe("what Redis does with", () => {
  for (const { input, requests, error, left } of PROTOCOL_CASES) {
    test(JSON.stringify(input), () => {
      const bytes = latin(input);
      const expected = { requests, error: error ?? null, left: left ?? 0 };
      assert.deepEqual(feed(bytes, [], { view: guarded }), expected);
      const everyByte = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, i) => i + 1);
      assert.deepEqual(feed(bytes, everyByte, { offset: 5 }), expected);
    });
  }
});

test("a pipeline of all kinds of requests comes out the same for every split in two and in three", () => {
  const pipeline = Buffer.concat([
    encodeRequest(["SET", "key", latin("\r\n$3\r\n*1\r\n\0\xff")]),
    latin("PING\r\n\r\n"),
    latin('SET "a b" \'it\\\'s\' "\\x00\\r\\n"\n'),
    latin("*0\r\n*-1\r\n"),
    encodeRequest(["ECHO", "x".repeat(123)]),
    encodeRequest(["", "", ""]),
    latin("*1\r\n$4\r\nQUITab"),
  ]);
  const whole = feed(pipeline, []);
  assert.equal(whole.requests.length, 6);
  assert.deepEqual(whole.requests[2], ["SET", "a b", "it's", "\0\r\n"]);
  for (let first = 1; first < pipeline.length; first++) {
    assert.deepEqual(feed(pipeline, [first], { offset: first % 3 }), whole);
    for (let second = first + 1; second < pipeline.length; second += FULL ? 1 : 7) {
      assert.deepEqual(feed(pipeline, [first, second], { offset: 31 }), whole);
    }
  }
});

test("random requests, encoded, are parsed as they were, however they are cut", () => {
  const argument = fc.uint8Array({ maxLength: 120 });
  const request = fc.array(argument, { minLength: 1, maxLength: 40 });
  const property = fc.property(
    fc.array(request, { minLength: 1, maxLength: 8 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
    fc.nat(100),
    (requests, places, offset) => {
      const input = Buffer.concat(requests.map((args) => encodeRequest(args)));
      const cuts = places.map((place) => Math.floor(place * input.length)).sort((a, b) => a - b);
      const expected = requests.map((args) => args.map((arg) => Buffer.from(arg).toString("latin1")));
      assert.deepEqual(feed(input, cuts, { offset }), { requests: expected, error: null, left: 0 });
    },
  );
  fc.assert(property, { numRuns: FULL ? 3000 : 300 });
});

test("bulk lengths of one to nine digits", () => {
  const parser = new RequestParser();
  for (let digits = 1, length = 9; digits <= 8; digits++, length = length * 10 + 9) {
    const head = Buffer.from(`*1\r\n$${length}\r\n`);
    const bytes = Buffer.alloc(head.length + length + 2, 1);
    bytes.set(head);
    assert.equal(parser.parse(bytes, 0, bytes.length - 1), INCOMPLETE);
    assert.equal(parser.parse(bytes, 0, bytes.length), REQUEST);
    assert.equal(parser.argv.starts[0], head.length);
    assert.equal(parser.argv.ends[0], head.length + length);
    assert.equal(parser.position, bytes.length);
  }
  // A value of nine digits does not have to be there to be awaited.
  const head = latin("*1\r\n$536870912\r\nabc");
  assert.equal(parser.parse(head, 0, head.length), INCOMPLETE);
});

test("proto-max-bulk-len bounds a bulk string", () => {
  const parser = new RequestParser();
  parser.bulkBytesMax = 1_048_576;
  const fits = latin("*1\r\n$1048576\r\n");
  assert.equal(parser.parse(fits, 0, fits.length), INCOMPLETE);
  const tooLong = latin("*1\r\n$1048577\r\n");
  assert.equal(parser.parse(tooLong, 0, tooLong.length), 3);
  assert.equal(parser.error, "Protocol error: invalid bulk length");
});

test("before authentication less is taken", () => {
  const run = (input: string): ReturnType<typeof feed> => feed(latin(input), [], { unauthenticated: true });
  assert.equal(run("*10\r\n").error, null);
  assert.equal(run("*11\r\n").error, "Protocol error: unauthenticated multibulk length");
  assert.equal(run("*1\r\n$16384\r\n").error, null);
  assert.equal(run("*1\r\n$16385\r\n").error, "Protocol error: unauthenticated bulk length");
  assert.equal(run("*1\r\n$536870913\r\n").error, "Protocol error: invalid bulk length");
  assert.equal(run("a ".repeat(20) + "\r\n").requests[0].length, 20);
});

test("a line is too long at the same byte however it arrives", () => {
  const cases: readonly [string, string, string][] = [
    ["", "", "Protocol error: too big inline request"],
    ["*", "*", "Protocol error: too big mbulk count string"],
    ["*1\r\n$", "$", "Protocol error: too big bulk count string"],
    ["*1\r\n", "", "Protocol error: too big bulk count string"],
    ["\0", "\0", "Protocol error: too big inline request"],
    ["*\0", "*\0", "Protocol error: too big mbulk count string"],
  ];
  for (const [before, counted, error] of cases) {
    const longest = before + "1".repeat(INLINE_MAX - counted.length);
    const cuts = [before.length + 1, 20_000, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1];
    for (const cut of [[], cuts]) {
      assert.equal(feed(latin(longest), cut).error, null);
      assert.equal(feed(latin(longest), cut).left, longest.length);
      assert.equal(feed(latin(longest + "1"), cut).error, error);
      assert.equal(feed(latin(longest + "1\r\n"), cut).error, error);
    }
  }
  // The longest line that is whole ends with the 65,537th byte.
  const line = "a".repeat(INLINE_MAX - 1) + "\r\n";
  assert.equal(feed(latin(line), [1, 2, INLINE_MAX]).requests[0][0].length, INLINE_MAX - 1);
  const header = "*" + "1".repeat(INLINE_MAX - 1) + "\r\n";
  for (const cut of [[], [3], [INLINE_MAX], [INLINE_MAX + 1]]) {
    assert.equal(feed(latin(header), cut).error, "Protocol error: invalid multibulk length");
  }
});

/** Feeds in pieces through a buffer that is counted: how often is a byte read? */
function readsPerByte(input: Uint8Array, piece: number): { reads: number; parser: RequestParser } {
  let reads = 0;
  const counted = new Proxy(input, {
    get(target, property) {
      if (typeof property === "string" && property >= "0" && property <= "9~") reads++;
      return Reflect.get(target, property, target);
    },
  });
  const parser = new RequestParser();
  const partial = new PartialRequest();
  let status: number = parser.parse(counted, 0, Math.min(piece, input.length));
  parser.save(partial, 0);
  for (let end = 2 * piece; status === INCOMPLETE && end < input.length + piece; end += piece) {
    status = parser.resume(counted, 0, Math.min(end, input.length), partial);
  }
  assert.equal(status, REQUEST);
  return { reads, parser };
}

test("a value of 64 MB in pieces of 1 KB is not read again and again", () => {
  const input = encodeRequest(["SET", "key", Buffer.alloc(64 << 20)]);
  const { reads, parser } = readsPerByte(input, 1024);
  assert.equal(parser.argv.ends[2] - parser.argv.starts[2], 64 << 20);
  // A few reads of headers; at most one look at the request's first bytes per piece.
  assert.ok(reads < 64 * 1024 * 4, `${reads} reads`);
});

test("a request of many arguments in pieces of 16 KiB costs linear time", () => {
  const count = FULL ? 1_000_000 : 100_000;
  const input = Buffer.from(`*${count}\r\n` + "$1\r\na\r\n".repeat(count));
  const { reads, parser } = readsPerByte(input, 16_384);
  assert.equal(parser.argv.count, count);
  assert.equal(parser.argv.starts[count - 1], input.length - 3);
  assert.ok(reads < input.length * 2, `${reads} reads of ${input.length} bytes`);
});

test("a million arguments arrive", () => {
  const count = 1_000_000;
  const input = Buffer.from(`*${count}\r\n` + "$1\r\na\r\n".repeat(count));
  const parser = new RequestParser();
  const partial = new PartialRequest();
  let status: number = parser.parse(input, 0, 16_384);
  parser.save(partial, 0);
  assert.ok(partial.argv.starts.length <= 4096, "an announced count is not believed");
  for (let end = 32_768; status === INCOMPLETE; end += 16_384) {
    status = parser.resume(input, 0, Math.min(end, input.length), partial);
  }
  assert.equal(status, REQUEST);
  assert.equal(parser.argv.count, count);
  assert.equal(parser.argv.text(count - 1), "a");
});

test("header lines and inline requests that come byte by byte are searched once", () => {
  for (const input of [latin("a".repeat(20_000) + "\n"), latin("*1\r\n$" + "0".repeat(20_000))]) {
    let reads = 0;
    const counted = new Proxy(input, {
      get(target, property) {
        if (typeof property === "string" && property >= "0" && property <= "9~") reads++;
        return Reflect.get(target, property, target);
      },
    });
    const parser = new RequestParser();
    const partial = new PartialRequest();
    assert.equal(parser.parse(counted, 0, 1), INCOMPLETE);
    parser.save(partial, 0);
    for (let end = 2; end <= input.length; end++) parser.resume(counted, 0, end, partial);
    assert.ok(reads < 20 * input.length, `${reads} reads`);
  }
});

test("one parser serves many connections in turn", () => {
  const parser = new RequestParser();
  const inputs = [encodeRequest(["SET", "a", "1"]), latin("GET b\r\n"), encodeRequest(["GET", "c".repeat(50)])];
  const partials = inputs.map(() => new PartialRequest());
  inputs.forEach((input, i) => {
    assert.equal(parser.parse(input, 0, 1), INCOMPLETE);
    parser.save(partials[i], 0);
  });
  const done: string[][] = [];
  for (let end = 2; done.length < inputs.length; end++) {
    inputs.forEach((input, i) => {
      if (end > input.length) return;
      const status = parser.resume(input, 0, end, partials[i]);
      assert.equal(status, end === input.length ? REQUEST : INCOMPLETE);
      if (status === REQUEST) done.push(textsOf(parser.argv));
    });
  }
  assert.deepEqual(done, [
    ["GET", "b"],
    ["SET", "a", "1"],
    ["GET", "c".repeat(50)],
  ]);
});

test("fuzzing finds nothing", () => {
  fuzzParser(FULL ? 50_000 : 3000, 1);
});
