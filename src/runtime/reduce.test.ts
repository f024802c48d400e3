/**
 * Tests of reductions: replies of parts to one reply, in RESP2 and RESP3.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Argv } from "../resp/argv.ts";
import { RESP2, RESP3, ReplyWriter, type RespVersion } from "../resp/writer.ts";
import type { KeyRange, Parts, Reduction } from "./commands.ts";
import type { Execution } from "./execution.ts";
import { behindLine, headNumber, reduceParts, skipReply } from "./reduce.ts";
import { shardOfSlot, slotOf } from "./slots.ts";

interface Case {
  readonly replies: readonly string[];
  readonly version?: RespVersion;
  readonly args?: readonly string[];
  readonly keys?: KeyRange;
  readonly shards?: readonly number[];
  readonly shardCount?: number;
}

function reduced(reduction: Reduction, { replies, version, args, keys, shards, shardCount }: Case): string {
  const writer = new ReplyWriter();
  writer.version = version ?? RESP2;
  const parts: Parts = {
    argv: Argv.of(args ?? ["x"]),
    shards: shards ?? replies.map((_, i) => i),
    replies: replies.map((reply) => new Uint8Array(Buffer.from(reply, "latin1"))),
    shardCount: shardCount ?? replies.length,
  };
  // The named reductions do not look at the execution; a function gets whatever it is given.
  reduceParts(reduction, keys ?? null, parts, writer, {} as Execution);
  return Buffer.from(writer.bytes.subarray(0, writer.pos)).toString("latin1");
}

test("skipping replies of all types, nested ones too", () => {
  const replies = [
    "+OK\r\n",
    "-ERR x\r\n",
    ":-12\r\n",
    "$3\r\na\r\n\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "_\r\n",
    "#t\r\n",
    ",-1.5e3\r\n",
    ",inf\r\n",
    "(123456789012345678901\r\n",
    "=7\r\ntxt:a\r\n\r\n",
    "!5\r\nERR x\r\n",
    "*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
    "~2\r\n+a\r\n_\r\n",
    ">1\r\n:1\r\n",
    "%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%1\r\n:1\r\n:2\r\n",
  ];
  const all = Buffer.from(replies.join(""));
  let at = 0;
  for (const reply of replies) {
    assert.equal(skipReply(all, at), at + reply.length, reply);
    at += reply.length;
  }
  assert.throws(() => skipReply(Buffer.from("*2\r\n:1\r\n"), 0), { name: "AssertionFailure" });
  assert.deepEqual([headNumber(Buffer.from("x:-120\r\n"), 1), headNumber(Buffer.from("_\r\n"), 0)], [-120, 0]);
  assert.equal(behindLine(Buffer.from("x:1\r\ny"), 1), 5);
});

test("sum and first", () => {
  assert.equal(reduced("sum", { replies: [":1\r\n", ":41\r\n", ":0\r\n"] }), ":42\r\n");
  assert.equal(reduced("sum", { replies: [":-1\r\n", ":9007199254740991\r\n"] }), ":9007199254740990\r\n");
  assert.equal(reduced("first", { replies: ["+OK\r\n", "+NO\r\n"] }), "+OK\r\n");
});

test("the first error is the reply, for every reduction", () => {
  const replies = [":1\r\n", "-WRONGTYPE a\r\n", "-ERR b\r\n"];
  const keys = { first: 1, last: -1, step: 1 };
  for (const reduction of ["sum", "first", "concat", "interleave", () => assert.fail("not called")] as Reduction[]) {
    assert.equal(reduced(reduction, { replies, keys }), "-WRONGTYPE a\r\n");
  }
});

test("concat joins arrays, and RESP3's sets and maps as what they are", () => {
  assert.equal(
    reduced("concat", { replies: ["*1\r\n$1\r\na\r\n", "*0\r\n", "*-1\r\n", "*2\r\n:1\r\n*0\r\n"] }),
    "*3\r\n$1\r\na\r\n:1\r\n*0\r\n",
  );
  assert.equal(reduced("concat", { replies: ["~1\r\n:1\r\n", "~1\r\n:2\r\n"], version: RESP3 }), "~2\r\n:1\r\n:2\r\n");
  assert.equal(reduced("concat", { replies: ["%1\r\n:1\r\n:2\r\n", "%0\r\n"], version: RESP3 }), "%1\r\n:1\r\n:2\r\n");
  assert.equal(reduced("concat", { replies: ["*0\r\n", "_\r\n"], version: RESP3 }), "*0\r\n");
});

test("interleave puts elements back to the places of their keys, whatever they are", () => {
  const shardCount = 3;
  const names = Array.from({ length: 20 }, (_, i) => `key${i}`);
  const owner = (key: string): number => shardOfSlot(slotOf(Buffer.from(key), 0, key.length), shardCount);
  const elements = ["$-1\r\n", ":7\r\n", "*2\r\n+a\r\n*1\r\n$1\r\nb\r\n", "$2\r\n\r\n\r\n"];
  for (const step of [1, 2]) {
    // Parts in an order that is not the shards'.
    const shards = [2, 0, 1];
    const replies = shards.map((shard) => {
      const own = names.flatMap((name, i) => (owner(name) === shard ? [elements[i % 4]] : []));
      return `*${own.length}\r\n${own.join("")}`;
    });
    const args = ["MGET", ...names.flatMap((name) => (step === 2 ? [name, "value"] : [name]))];
    const result = reduced("interleave", { replies, shards, shardCount, args, keys: { first: 1, last: -1, step } });
    assert.equal(result, `*20\r\n${names.map((_, i) => elements[i % 4]).join("")}`);
  }
});

test("a function of the command set reduces", () => {
  const last: Reduction = (parts, reply) => reply.integer(parts.replies.length);
  assert.equal(reduced(last, { replies: ["+a\r\n", "+b\r\n"] }), ":2\r\n");
});
