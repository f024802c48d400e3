/**
 * Reductions: how the replies of several shards to parts of one command become one reply.
 *
 * Parts are ordinary replies; a reduction looks at their heads only and copies elements as they are, so that it works
 * for RESP2 and RESP3 alike. An error in any part is the reply of the whole.
 */

import { assert } from "../base/assert.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import type { KeyRange, Parts, ReduceFunction, Reduction } from "./commands.ts";
import type { Execution } from "./execution.ts";
import { shardOfSlot, slotOf } from "./slots.ts";

const MINUS = 45;
const CR = 13;
const DOLLAR = 36;

/** Offset behind the reply that starts at `at`. The reply must be whole: a command that wrote less has a bug. */
export function skipReply(bytes: Uint8Array, at: number): number {
  assert(at < bytes.length, "a reply has as many elements as it announced");
  const type = bytes[at];
  const value = headNumber(bytes, at);
  let next = behindLine(bytes, at);
  switch (type) {
    case DOLLAR: // $ bulk string
    case 61: // = verbatim string
    case 33: // ! blob error
      return value < 0 ? next : next + value + 2;
    case 42: // * array
    case 126: // ~ set
    case 62: // > push
      for (let i = 0; i < value; i++) next = skipReply(bytes, next);
      return next;
    case 37: // % map
      for (let i = 0; i < 2 * value; i++) next = skipReply(bytes, next);
      return next;
    case 124: // | attributes, and the reply they belong to
      for (let i = 0; i < 2 * value; i++) next = skipReply(bytes, next);
      return skipReply(bytes, next);
    default:
      return next;
  }
}

/** The number behind the type byte, for types that have one; 0 for RESP3's null. */
export function headNumber(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  const negative = bytes[i] === MINUS;
  if (negative) i++;
  let value = 0;
  for (; i < bytes.length && bytes[i] !== CR; i++) value = value * 10 + (bytes[i] - 48);
  return negative ? -value : value;
}

/** Offset behind the line that starts at `at`. */
export function behindLine(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at] !== CR) at++;
  return at + 2;
}

/** Writes the reply of the whole. */
export function reduceParts(
  reduction: Reduction,
  keys: KeyRange | null,
  parts: Parts,
  reply: ReplyWriter,
  x: Execution,
): void {
  for (const part of parts.replies) {
    if (part[0] !== MINUS) continue;
    reply.rawBytes(part, 0, part.length);
    return;
  }
  if (typeof reduction === "function") {
    (reduction as ReduceFunction)(parts, reply, x);
    return;
  }
  switch (reduction) {
    case "sum": {
      let sum = 0;
      for (const part of parts.replies) sum += headNumber(part, 0);
      reply.integer(sum);
      return;
    }
    case "first":
      reply.rawBytes(parts.replies[0], 0, parts.replies[0].length);
      return;
    case "concat":
      concat(parts, reply);
      return;
    case "interleave":
      assert(keys !== null, "interleave needs keys");
      interleave(keys, parts, reply);
      return;
  }
}

/** The kind is the first part's: RESP3 tells arrays, sets and maps apart. A null part has no elements. */
function concat(parts: Parts, reply: ReplyWriter): void {
  let count = 0;
  for (const part of parts.replies) count += Math.max(0, headNumber(part, 0));
  const type = parts.replies[0][0];
  if (type === 37) reply.map(count);
  else if (type === 126) reply.set(count);
  else reply.array(count);
  for (const part of parts.replies) reply.rawBytes(part, behindLine(part, 0), part.length);
}

function interleave(keys: KeyRange, parts: Parts, reply: ReplyWriter): void {
  const { argv, shardCount } = parts;
  const cursors = new Int32Array(shardCount);
  const partOf = new Int32Array(shardCount);
  parts.shards.forEach((shard, i) => {
    partOf[shard] = i;
    cursors[shard] = behindLine(parts.replies[i], 0);
  });
  const last = keys.last < 0 ? argv.count + keys.last : keys.last;
  reply.array(Math.floor((last - keys.first) / keys.step) + 1);
  for (let i = keys.first; i <= last; i += keys.step) {
    const shard = shardOfSlot(slotOf(argv.bytes, argv.starts[i], argv.ends[i]), shardCount);
    const part = parts.replies[partOf[shard]];
    const end = skipReply(part, cursors[shard]);
    reply.rawBytes(part, cursors[shard], end);
    cursors[shard] = end;
  }
}
