/**
 * The reply writer: RESP2 and RESP3 into memory that somebody gives it. Hot path.
 *
 * It writes at `bytes[pos]` up to `limit`. When the room ends, a sink supplies more (a connection's next output block);
 * without a sink the writer grows a buffer of its own (replies that travel to another shard). Only bulk strings may be
 * larger than an output block: they are written in pieces.
 *
 * Refuses: to know connections; to check that a reply is complete.
 */

import { copyBytes, copyView, decimalDigits, viewOf, writeInteger } from "../base/bytes.ts";

export const RESP2 = 2;
export const RESP3 = 3;
export type RespVersion = typeof RESP2 | typeof RESP3;

/** Gives a writer room. */
export interface ReplySink {
  /** Sets bytes, pos and limit of the writer so that at least `byteLength` bytes (at most an output block) fit. */
  supply(writer: ReplyWriter, byteLength: number): void;
}

/** Hears of every error that is written. */
export interface ErrorObserver {
  onError(text: string): void;
}

/** Longest head of a reply: a type byte, 17 digits, CRLF, and some to spare. */
const HEAD_BYTES = 32;
/** Pieces of replies as little-endian words. */
const PLUS_O_K_CR = 0x0d4b4f2b;
const DOLLAR_DIGIT_CR_LF = 0x0a0d3024;
const DOLLAR_DIGITS_CR = 0x0d303024;
const CR_LF = 0x0a0d;
const SCRATCH_BYTES_INITIAL = 64 * 1024;
/** A writer without a sink does not keep a larger buffer for the next reply. */
const SCRATCH_BYTES_KEPT_MAX = 1024 * 1024;
/** From here on a reply is written in pieces, so that a sink's blocks fill up and nothing larger than a block is asked for. */
const PIECES_BYTES_MIN = 4096;

export class ReplyWriter {
  bytes: Uint8Array;
  /** The same bytes, for words at a time. */
  view: DataView;
  pos: number;
  limit: number;
  version: RespVersion;
  sink: ReplySink | null;
  observer: ErrorObserver | null;
  /** Bytes of room supplied so far, by sink or growth; wraps at 2^31. A reply that needs many has cost time. */
  supplied: number;

  constructor(sink: ReplySink | null = null) {
    this.bytes = new Uint8Array(sink === null ? SCRATCH_BYTES_INITIAL : 0);
    this.view = viewOf(this.bytes);
    this.pos = 0;
    this.limit = this.bytes.length;
    this.version = RESP2;
    this.sink = sink;
    this.observer = null;
    this.supplied = 0;
  }

  /** Makes room for `byteLength` bytes in one piece. */
  ensure(byteLength: number): void {
    if (this.limit - this.pos < byteLength) this.#grow(byteLength);
  }

  ok(): void {
    this.ensure(5);
    const p = this.pos;
    this.view.setInt32(p, PLUS_O_K_CR, true);
    this.bytes[p + 4] = 10;
    this.pos = p + 5;
  }

  /** A simple string of a few plain characters. */
  simple(text: string): void {
    this.#line(43, text);
  }

  /** An error: the code and the text, without the leading minus. CR and LF become spaces, as they would end the reply. */
  error(text: string): void {
    if (this.observer !== null) this.observer.onError(text);
    this.#line(45, text);
  }

  integer(value: number): void {
    this.#head(58, value);
  }

  /** An integer that a double may not hold. */
  bigInteger(value: bigint): void {
    this.#line(58, value.toString());
  }

  /** RESP3 big number; RESP2 clients get a bulk string. */
  bigNumber(value: bigint): void {
    if (this.version === RESP3) this.#line(40, value.toString());
    else this.bulkText(value.toString());
  }

  bulk(src: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const need = length + HEAD_BYTES;
    if (this.limit - this.pos < need) {
      if (this.sink !== null && need > PIECES_BYTES_MIN) {
        this.#bulkInPieces(src, start, end);
        return;
      }
      this.#grow(need);
    }
    const b = this.bytes;
    let p = this.pos;
    b[p++] = 36;
    p = writeInteger(b, p, length);
    b[p] = 13;
    b[p + 1] = 10;
    p = copyBytes(b, p + 2, src, start, end);
    b[p] = 13;
    b[p + 1] = 10;
    this.pos = p + 2;
  }

  /** The same from a view: for values that are short and many. */
  bulkView(src: DataView, start: number, end: number): void {
    const length = end - start;
    if (length >= 100 || this.limit - this.pos < length + HEAD_BYTES) {
      this.bulk(new Uint8Array(src.buffer, src.byteOffset, src.byteLength), start, end);
      return;
    }
    const view = this.view;
    let p = this.pos;
    // "$", one or two digits, CR LF.
    if (length < 10) {
      view.setInt32(p, DOLLAR_DIGIT_CR_LF + (length << 8), true);
      p += 4;
    } else {
      const tens = (length / 10) | 0;
      view.setInt32(p, DOLLAR_DIGITS_CR + (tens << 8) + ((length - tens * 10) << 16), true);
      this.bytes[p + 4] = 10;
      p += 5;
    }
    p = copyView(view, p, src, start, end);
    view.setInt16(p, CR_LF, true);
    this.pos = p + 2;
  }

  /** A bulk string of latin1 text; for constants and cold paths. */
  bulkText(text: string): void {
    const src = Buffer.from(text, "latin1");
    this.bulk(src, 0, src.length);
  }

  /** An integer as a bulk string. */
  bulkInteger(value: number): void {
    this.ensure(64);
    this.#head(36, decimalDigits(value < 0 ? -value : value) + (value < 0 ? 1 : 0));
    this.pos = writeInteger(this.bytes, this.pos, value);
    this.crlf();
  }

  /** The head of a bulk string whose bytes the caller supplies; crlf() ends it. */
  bulkHead(length: number): void {
    this.#head(36, length);
  }

  crlf(): void {
    this.ensure(2);
    this.bytes[this.pos] = 13;
    this.bytes[this.pos + 1] = 10;
    this.pos += 2;
  }

  /** "No value": $-1 in RESP2, _ in RESP3. */
  nil(): void {
    if (this.version === RESP3) this.#null3();
    else this.#head(36, -1);
  }

  /** "No array": *-1 in RESP2, _ in RESP3. */
  nilArray(): void {
    if (this.version === RESP3) this.#null3();
    else this.#head(42, -1);
  }

  array(count: number): void {
    this.#head(42, count);
  }

  /** A map of `pairs` pairs; a flat array in RESP2. */
  map(pairs: number): void {
    if (this.version === RESP3) this.#head(37, pairs);
    else this.#head(42, pairs * 2);
  }

  set(count: number): void {
    this.#head(this.version === RESP3 ? 126 : 42, count);
  }

  push(count: number): void {
    this.#head(this.version === RESP3 ? 62 : 42, count);
  }

  /** RESP3 only: `pairs` pairs about the reply that follows them. */
  attribute(pairs: number): void {
    this.#head(124, pairs);
  }

  boolean(value: boolean): void {
    if (this.version === RESP3) this.#line(35, value ? "t" : "f");
    else this.integer(value ? 1 : 0);
  }

  /** A double given as its text (formatting is the caller's, as Redis formats differently by command). */
  doubleText(text: string): void {
    if (this.version === RESP3) this.#line(44, text);
    else this.bulkText(text);
  }

  /** Text with a three-letter format ("txt", "mkd") in RESP3, a bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.version !== RESP3) {
      this.bulkText(text);
      return;
    }
    const src = Buffer.from(format + ":" + text, "latin1");
    this.#head(61, src.length);
    this.rawBytes(src, 0, src.length);
    this.crlf();
  }

  /** Bytes that are replies already. */
  rawBytes(src: Uint8Array, start: number, end: number): void {
    if (this.limit - this.pos >= end - start) {
      this.pos = copyBytes(this.bytes, this.pos, src, start, end);
      return;
    }
    if (this.sink === null) {
      this.#grow(end - start);
      this.pos = copyBytes(this.bytes, this.pos, src, start, end);
      return;
    }
    while (start < end) {
      if (this.pos === this.limit) this.#grow(1);
      const piece = Math.min(end - start, this.limit - this.pos);
      this.pos = copyBytes(this.bytes, this.pos, src, start, start + piece);
      start += piece;
    }
  }

  /** The same from a view: for replies that are short and many. */
  rawView(src: DataView, start: number, end: number): void {
    if (this.limit - this.pos < end - start) {
      this.rawBytes(new Uint8Array(src.buffer, src.byteOffset, src.byteLength), start, end);
      return;
    }
    this.pos = copyView(this.view, this.pos, src, start, end);
  }

  /** Forgets what is written; for a writer without a sink. */
  reset(): void {
    this.pos = 0;
    if (this.limit > SCRATCH_BYTES_KEPT_MAX) this.detach();
  }

  /** Hands over the buffer of a writer without a sink and goes on with a new one. */
  detach(): Uint8Array {
    const bytes = this.bytes;
    this.bytes = new Uint8Array(SCRATCH_BYTES_INITIAL);
    this.view = viewOf(this.bytes);
    this.pos = 0;
    this.limit = SCRATCH_BYTES_INITIAL;
    return bytes;
  }

  #bulkInPieces(src: Uint8Array, start: number, end: number): void {
    this.#head(36, end - start);
    this.rawBytes(src, start, end);
    this.crlf();
  }

  #head(type: number, value: number): void {
    this.ensure(HEAD_BYTES);
    const b = this.bytes;
    let p = this.pos;
    b[p++] = type;
    p = writeInteger(b, p, value);
    b[p] = 13;
    b[p + 1] = 10;
    this.pos = p + 2;
  }

  #line(type: number, text: string): void {
    const length = text.length;
    if (length + 3 > PIECES_BYTES_MIN) {
      this.#longLine(type, text);
      return;
    }
    this.ensure(length + 3);
    const b = this.bytes;
    let p = this.pos;
    b[p++] = type;
    for (let i = 0; i < length; i++) {
      // Cut to a byte first: U+010A would become a line feed.
      const c = text.charCodeAt(i) & 0xff;
      b[p++] = c === 13 || c === 10 ? 32 : c;
    }
    b[p] = 13;
    b[p + 1] = 10;
    this.pos = p + 2;
  }

  // tidy: cold function, texts of ours are short
  #longLine(type: number, text: string): void {
    this.ensure(1);
    this.bytes[this.pos++] = type;
    const src = Buffer.from(text, "latin1");
    for (let i = 0; i < src.length; i++) if (src[i] === 13 || src[i] === 10) src[i] = 32;
    this.rawBytes(src, 0, src.length);
    this.crlf();
  }

  #null3(): void {
    this.ensure(3);
    this.bytes[this.pos] = 95;
    this.bytes[this.pos + 1] = 13;
    this.bytes[this.pos + 2] = 10;
    this.pos += 3;
  }

  #grow(byteLength: number): void {
    if (this.sink !== null) {
      this.sink.supply(this, byteLength);
      this.supplied = (this.supplied + this.limit - this.pos) | 0;
      return;
    }
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.pos + byteLength));
    // view: growth doubles, so that its cost per byte is constant
    grown.set(this.bytes.subarray(0, this.pos));
    this.supplied = (this.supplied + grown.length - this.bytes.length) | 0;
    this.bytes = grown;
    this.view = viewOf(grown);
    this.limit = grown.length;
  }
}
