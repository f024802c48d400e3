/**
 * The request parser: bytes of a connection in, one request at a time out. Hot path.
 *
 * Arguments come out as ranges over the bytes that went in; nothing is copied. A request that has not arrived whole is
 * kept as a PartialRequest and continued where it stopped, so that a value that arrives in many pieces costs linear
 * time. Limits and error texts are those of Redis's networking code; like Redis, the parser looks for CR and takes the
 * byte behind it, and the two bytes behind a bulk string, without looking at them; and a NUL hides the rest of a line,
 * so that nothing ends it any more and it fails when it is too long. Unlike Redis, whether a line is too long does not
 * depend on the pieces in which it arrives: its end must be among its first INLINE_BYTES_MAX + 1 bytes.
 *
 * Refuses: to know commands, connections or sockets.
 */

import { parseInteger, parseInteger64, viewOf } from "../base/bytes.ts";
import {
  BULK_BYTES_MAX_DEFAULT,
  BULK_BYTES_UNAUTHENTICATED_MAX,
  INLINE_BYTES_MAX,
  MULTIBULK_COUNT_UNAUTHENTICATED_MAX,
} from "../base/limits.ts";
import { splitArgs } from "../base/split-args.ts";
import { Argv } from "./argv.ts";

/** No whole request there yet. */
export const INCOMPLETE = 0;
/** A request stands in the argv. */
export const REQUEST = 1;
/** Something that asks for nothing was skipped: an empty line, or an array of no elements. */
export const NOTHING = 2;
/** `error` says why; the connection cannot go on. */
export const PROTOCOL_ERROR = 3;
export type ParseStatus = typeof INCOMPLETE | typeof REQUEST | typeof NOTHING | typeof PROTOCOL_ERROR;

const NUL = 0;
const CR = 13;
const LF = 10;
const DOLLAR = 36;
const STAR = 42;
const ZERO = 48;
/** Header lines with one digit as little-endian words, the digit left out. */
const STAR_DIGIT_LINE_END = 0x0a0d002a;
const DOLLAR_DIGIT_LINE_END = 0x0a0d0024;
const BULK_UNKNOWN = -1;
/** Redis 7 takes any count that its int holds; memory is bounded by the query buffer's limit, not by this. */
const MULTIBULK_MAX = 0x7fff_ffff;
/** An announced number of arguments is believed, as memory, only this far. */
const ARGUMENTS_TRUSTED = 1024;

/** What is known of a request that has not arrived whole. Offsets are relative to the request's first byte. */
export class PartialRequest {
  readonly argv: Argv;
  /** Announced number of arguments; -1 while not even that is known. */
  total: number;
  /** Where parsing goes on. */
  at: number;
  /** No line end was found before here: a long line is not searched again from its beginning. */
  searched: number;
  /** Length of the bulk string whose data is awaited, or -1 when its header is. */
  bulkLength: number;

  constructor() {
    this.argv = new Argv();
    this.total = -1;
    this.at = 0;
    this.searched = 0;
    this.bulkLength = BULK_UNKNOWN;
  }
}

export class RequestParser {
  /** The request after REQUEST: of parse() the argv it was given, of resume() the partial request's. */
  argv: Argv;
  /** Behind the last byte consumed, after REQUEST and NOTHING. */
  position: number;
  /** Text after "-ERR " of the last protocol error. */
  error: string;
  /** proto-max-bulk-len in bytes. */
  bulkBytesMax: number;
  /** The connection must authenticate first: smaller limits hold. Set by the caller before each call. */
  unauthenticated: boolean;
  readonly #own: Argv;
  #bytes: Uint8Array;
  #view: DataView;
  #total: number;
  #at: number;
  #searched: number;
  #bulkLength: number;

  constructor() {
    this.#own = new Argv();
    this.#bytes = this.#own.bytes;
    this.#view = this.#own.view;
    this.argv = this.#own;
    this.position = 0;
    this.error = "";
    this.bulkBytesMax = BULK_BYTES_MAX_DEFAULT;
    this.unauthenticated = false;
    this.#total = -1;
    this.#at = 0;
    this.#searched = 0;
    this.#bulkLength = BULK_UNKNOWN;
  }

  /** Parses the request that starts at `start`, into `argv`. After INCOMPLETE, save() keeps what was found. */
  parse(bytes: Uint8Array, start: number, end: number, argv: Argv = this.#own): ParseStatus {
    this.argv = argv;
    argv.count = 0;
    argv.bytes = bytes;
    argv.view = this.#viewOf(bytes);
    this.#total = -1;
    this.#bulkLength = BULK_UNKNOWN;
    this.#at = start;
    this.#searched = start;
    if (start >= end) return INCOMPLETE;
    if (bytes[start] !== STAR) return this.#inline(bytes, start, start, end, argv);
    return this.#multibulk(bytes, 0, start, start, end, argv);
  }

  /** The view of the buffer requests stand in: the same buffer for many of them. */
  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    return this.#view;
  }

  /** Keeps the state of an INCOMPLETE parse() that started at `start`. */
  save(partial: PartialRequest, start: number): void {
    const from = this.argv;
    const to = partial.argv;
    to.count = 0;
    to.reserve(from.count);
    for (let i = 0; i < from.count; i++) to.push(from.starts[i] - start, from.ends[i] - start);
    partial.total = this.#total;
    partial.at = this.#at - start;
    partial.searched = this.#searched - start;
    partial.bulkLength = this.#bulkLength;
  }

  /** Goes on with a request whose first byte now stands at `start`. After INCOMPLETE the partial request is up to date. */
  resume(bytes: Uint8Array, start: number, end: number, partial: PartialRequest): ParseStatus {
    const argv = partial.argv;
    this.argv = argv;
    argv.bytes = bytes;
    argv.view = this.#viewOf(bytes);
    this.#total = partial.total;
    this.#bulkLength = partial.bulkLength;
    this.#at = start + partial.at;
    this.#searched = start + partial.searched;
    if (start >= end) return INCOMPLETE;
    const status =
      bytes[start] !== STAR
        ? this.#inline(bytes, start, this.#searched, end, argv)
        : this.#multibulk(bytes, start, start, this.#at, end, argv);
    if (status === INCOMPLETE) {
      partial.total = this.#total;
      partial.at = this.#at - start;
      partial.searched = this.#searched - start;
      partial.bulkLength = this.#bulkLength;
    } else if (status === REQUEST && bytes[start] === STAR) {
      const starts = argv.starts;
      const ends = argv.ends;
      for (let i = 0; i < argv.count; i++) {
        starts[i] += start;
        ends[i] += start;
      }
    }
    return status;
  }

  /** `origin` is what ranges are relative to: 0 for a fresh request, its start for a resumed one. */
  // tidy: long function, the loop over arguments with its three common lengths spelled out
  #multibulk(bytes: Uint8Array, origin: number, start: number, at: number, end: number, argv: Argv): ParseStatus {
    let total = this.#total;
    if (total < 0) {
      const word = start + 4 <= end ? argv.view.getInt32(start, true) : 0;
      let value = ((word >>> 8) & 0xff) - ZERO;
      if (value >= 1 && value <= 9 && (word & 0xffff00ff) === STAR_DIGIT_LINE_END) this.#at = start + 4;
      else value = this.#headerNumber(bytes, start, end);
      if (value === LINE_INCOMPLETE) return INCOMPLETE;
      if (value === LINE_TOO_LONG) return this.#fail("Protocol error: too big mbulk count string");
      if (!(value <= MULTIBULK_MAX)) return this.#fail("Protocol error: invalid multibulk length");
      if (value > MULTIBULK_COUNT_UNAUTHENTICATED_MAX && this.unauthenticated) {
        return this.#fail("Protocol error: unauthenticated multibulk length");
      }
      at = this.#at;
      if (value <= 0) {
        this.position = at;
        return NOTHING;
      }
      total = value;
      this.#total = total;
      if (total > argv.starts.length) argv.reserve(Math.min(total, ARGUMENTS_TRUSTED));
    }
    const view = argv.view;
    let starts = argv.starts;
    let ends = argv.ends;
    let i = argv.count;
    let bulkLength = this.#bulkLength;
    while (i < total) {
      if (bulkLength < 0) {
        // The common case: a length of one to three digits, and its line end, are there; one load sees nearly all of it.
        if (at + 6 <= end) {
          const word = view.getInt32(at, true);
          const d = ((word >>> 8) & 0xff) - ZERO;
          if ((word & 0xffff00ff) === DOLLAR_DIGIT_LINE_END) {
            if (d >= 0 && d <= 9) {
              bulkLength = d;
              at += 4;
            }
          } else if (d >= 1 && d <= 9 && (word & 0xff) === DOLLAR) {
            const e = ((word >>> 16) & 0xff) - ZERO;
            const f = word >>> 24;
            if (e >= 0 && e <= 9) {
              if (f === CR) {
                bulkLength = d * 10 + e;
                at += 5;
              } else if (f >= ZERO && f <= ZERO + 9 && bytes[at + 4] === CR) {
                bulkLength = d * 100 + e * 10 + f - ZERO;
                at += 6;
              }
            }
          }
        }
        if (bulkLength < 0) {
          this.#at = at;
          argv.count = i;
          // What is kept of an incomplete header must not be the length of the argument before it.
          this.#bulkLength = BULK_UNKNOWN;
          const status = this.#bulkHeader(bytes, at, end);
          if (status !== REQUEST) return status;
          at = this.#at;
          bulkLength = this.#bulkLength;
        }
      }
      if (end - at < bulkLength + 2) {
        this.#at = at;
        argv.count = i;
        this.#bulkLength = bulkLength;
        return INCOMPLETE;
      }
      if (i === starts.length) {
        argv.count = i;
        argv.reserve(i + 1);
        starts = argv.starts;
        ends = argv.ends;
      }
      starts[i] = at - origin;
      at += bulkLength;
      ends[i] = at - origin;
      i++;
      at += 2;
      bulkLength = BULK_UNKNOWN;
    }
    argv.count = i;
    this.position = at;
    return REQUEST;
  }

  /** Reads "$<length>CRLF" at `at`: sets #at behind it and #bulkLength. REQUEST stands for "done". */
  #bulkHeader(bytes: Uint8Array, at: number, end: number): ParseStatus {
    if (at >= end) return INCOMPLETE;
    const value = this.#headerNumber(bytes, at, end);
    if (value === LINE_INCOMPLETE) return INCOMPLETE;
    if (value === LINE_TOO_LONG) return this.#fail("Protocol error: too big bulk count string");
    if (bytes[at] !== DOLLAR) {
      return this.#fail("Protocol error: expected '$', got '" + String.fromCharCode(bytes[at]) + "'");
    }
    if (!(value >= 0 && value <= this.bulkBytesMax)) return this.#fail("Protocol error: invalid bulk length");
    if (value > BULK_BYTES_UNAUTHENTICATED_MAX && this.unauthenticated) {
      return this.#fail("Protocol error: unauthenticated bulk length");
    }
    this.#bulkLength = value;
    return REQUEST;
  }

  /**
   * The number of the header line at `line`, behind its first byte: LINE_INCOMPLETE when CR and the byte behind it are
   * not both there, LINE_TOO_LONG when no line may be that long, NaN when it is no integer. Sets #at behind the line
   * when it is whole.
   */
  #headerNumber(bytes: Uint8Array, line: number, end: number): number {
    const last = line + INLINE_BYTES_MAX;
    const stop = Math.min(end, last + 1);
    let cr = Math.max(this.#searched, line);
    while (cr < stop && bytes[cr] !== CR && bytes[cr] !== NUL) cr++;
    this.#searched = cr;
    if (cr >= stop || bytes[cr] === NUL) {
      this.#at = line;
      return end - line > INLINE_BYTES_MAX ? LINE_TOO_LONG : LINE_INCOMPLETE;
    }
    if (cr + 1 >= end) {
      this.#at = line;
      return LINE_INCOMPLETE;
    }
    this.#at = cr + 2;
    this.#searched = cr + 2;
    const value = parseInteger(bytes, line + 1, cr);
    return Number.isNaN(value) ? rareNumber(bytes, line + 1, cr) : value;
  }

  #inline(bytes: Uint8Array, start: number, from: number, end: number, argv: Argv): ParseStatus {
    const last = start + INLINE_BYTES_MAX;
    const stop = Math.min(end, last + 1);
    let lf = from;
    while (lf < stop && bytes[lf] !== LF && bytes[lf] !== NUL) lf++;
    if (lf >= stop || bytes[lf] === NUL) {
      this.#at = start;
      this.#searched = lf;
      if (end - start > INLINE_BYTES_MAX) return this.#fail("Protocol error: too big inline request");
      return INCOMPLETE;
    }
    this.position = lf + 1;
    const lineEnd = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    const parts = splitArgs(bytes, start, lineEnd);
    if (parts === null) return this.#fail("Protocol error: unbalanced quotes in request");
    if (parts.length === 0) return NOTHING;
    // Quoting changes bytes, so that the arguments of a line stand in memory of their own.
    const owned = Argv.of(parts);
    argv.bytes = owned.bytes;
    argv.view = owned.view;
    argv.starts = owned.starts;
    argv.ends = owned.ends;
    argv.count = owned.count;
    return REQUEST;
  }

  #fail(message: string): ParseStatus {
    this.error = message;
    return PROTOCOL_ERROR;
  }
}

// Numbers that no header line can hold.
const LINE_INCOMPLETE = Number.NEGATIVE_INFINITY;
const LINE_TOO_LONG = Number.POSITIVE_INFINITY;

/** A 64-bit integer that a double does not hold exactly counts by its size only: it is too much, or negative. */
// tidy: cold function, a header line that is no number ends its connection
function rareNumber(bytes: Uint8Array, start: number, end: number): number {
  const value = parseInteger64(bytes, start, end);
  return value === null ? Number.NaN : Number(value);
}
