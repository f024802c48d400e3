/**
 * Helpers of the protocol's tests and benchmarks: requests as bytes, and a connection's way of feeding a parser.
 */

import assert from "node:assert/strict";
import type { Argv } from "./argv.ts";
import { INCOMPLETE, NOTHING, PartialRequest, PROTOCOL_ERROR, REQUEST, RequestParser } from "./parser.ts";

/** A request as clients send it: an array of bulk strings. */
export function encodeRequest(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg) : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** The same bytes, but a read outside [start, end) throws. */
export function guarded(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, property) {
      if (typeof property === "string" && /^-?\d+$/.test(property)) {
        const i = Number(property);
        if (i < start || i >= end) throw new Error(`read at ${i}, outside ${start} to ${end}`);
        return target[i];
      }
      return Reflect.get(target, property, target);
    },
  });
}

/** The arguments as latin1 texts. */
export function textsOf(argv: Argv): string[] {
  const texts: string[] = [];
  for (let i = 0; i < argv.count; i++) {
    let text = "";
    for (let at = argv.starts[i]; at < argv.ends[i]; at++) text += String.fromCharCode(argv.bytes[at]);
    texts.push(text);
  }
  return texts;
}

export interface FeedOptions {
  readonly unauthenticated?: boolean;
  /** Where kept bytes stand in their buffer, so that ranges relative to a request are not those in the buffer. */
  readonly offset?: number;
  readonly view?: (bytes: Uint8Array, start: number, end: number) => Uint8Array;
}

/** What became of an input: each request's arguments, then the error or what is left over. */
export interface Outcome {
  readonly requests: string[][];
  readonly error: string | null;
  /** Bytes of an incomplete request at the end. */
  readonly left: number;
}

/** Feeds `input` in pieces, cut before the given positions, as a connection does: what is incomplete is kept and resumed. */
export function feed(input: Uint8Array, cuts: readonly number[], options: FeedOptions = {}): Outcome {
  const parser = new RequestParser();
  parser.unauthenticated = options.unauthenticated ?? false;
  const offset = options.offset ?? 0;
  const requests: string[][] = [];
  let partial: PartialRequest | null = null;
  let kept: Uint8Array = new Uint8Array(0);
  let from = 0;
  for (const cut of [...cuts, input.length]) {
    const piece = input.subarray(from, cut);
    from = cut;
    // Kept bytes stand behind garbage, and garbage stands behind them.
    const end = offset + kept.length + piece.length;
    const buffer = new Uint8Array(end + 7).fill(0x24);
    buffer.set(kept, offset);
    buffer.set(piece, offset + kept.length);
    const bytes = options.view === undefined ? buffer : options.view(buffer, offset, end);
    let pos = offset;
    while (pos < end) {
      const status: number = partial === null ? parser.parse(bytes, pos, end) : parser.resume(bytes, pos, end, partial);
      if (status === INCOMPLETE) {
        if (partial === null) {
          partial = new PartialRequest();
          parser.save(partial, pos);
        }
        break;
      }
      partial = null;
      if (status === PROTOCOL_ERROR) return { requests, error: parser.error, left: 0 };
      assert.ok(status === REQUEST || status === NOTHING);
      assert.ok(parser.position > pos && parser.position <= end, "the position advances and stays inside");
      if (status === REQUEST) requests.push(textsOf(parser.argv));
      pos = parser.position;
    }
    kept = buffer.slice(pos, end);
  }
  return { requests, error: null, left: kept.length };
}
