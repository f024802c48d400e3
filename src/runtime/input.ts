/**
 * Input: bytes of a connection that could not be used at once. Hot path.
 *
 * A receive buffer never survives a turn. What is left of it (the beginning of a request, or requests of a connection
 * that waits) moves to the connection's assembly buffer, which doubles as bytes arrive. An announced length is believed
 * only where it is about what doubling would come to: a large argument then ends in a buffer of its own size. Empty
 * buffers of the smallest size are kept for the next connection that needs one; a large one of which little is left is
 * given up.
 */

import { copyBytes } from "../base/bytes.ts";
import { RECEIVE_BUFFER_BYTES } from "../base/limits.ts";
import { type Conn, NO_BYTES } from "./conn.ts";

const SMALL_BYTES = RECEIVE_BUFFER_BYTES;
const SPARE_BUFFERS_MAX = 256;
const LARGE_BYTES = 16 * SMALL_BYTES;
/** Buffers made to measure end on a page. */
const PAGE_BYTES = 4096;
/** How much more than by doubling a buffer may grow if that is all that the argument needs. */
const FITTING_RATIO = 1.25;

export class InputBuffers {
  /** Bytes of memory in all assembly buffers of connections. */
  bytesHeld: number;
  /** The largest of them since this was set last. */
  largest: number;
  readonly #spare: Uint8Array[];

  constructor() {
    this.bytesHeld = 0;
    this.largest = 0;
    this.#spare = [];
  }

  /** Appends bytes[start, end) to what the connection has not parsed. */
  append(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const pending = conn.inputEnd - conn.inputStart;
    if (conn.inputEnd + length > conn.input.length) this.#makeRoom(conn, pending, length);
    conn.inputEnd = copyBytes(conn.input, conn.inputEnd, bytes, start, end);
  }

  /** Everything up to `position` is used. */
  consume(conn: Conn, position: number): void {
    conn.inputStart = position;
    if (position === conn.inputEnd) this.release(conn);
    else if (conn.input.length >= LARGE_BYTES && conn.inputEnd - position <= SMALL_BYTES) this.#move(conn, SMALL_BYTES);
  }

  /** Drops what is left and gives the buffer back. */
  release(conn: Conn): void {
    const buffer = conn.input;
    if (buffer.length === 0) return;
    this.#giveUp(buffer);
    conn.input = NO_BYTES;
    conn.inputStart = 0;
    conn.inputEnd = 0;
  }

  /** Slides or doubles; either way a byte moves a constant number of times, however little is consumed in between. */
  #makeRoom(conn: Conn, pending: number, length: number): void {
    const capacity = conn.input.length;
    if (pending + length <= capacity && conn.inputStart >= capacity / 2) {
      conn.input.copyWithin(0, conn.inputStart, conn.inputEnd);
      conn.inputStart = 0;
      conn.inputEnd = pending;
      return;
    }
    let size = Math.max(SMALL_BYTES, capacity * 2);
    while (size < pending + length) size *= 2;
    const whole = wholeBytes(conn);
    // Never a little more than there is: many small arguments would move everything that has come at each of them.
    if (whole >= pending + length && whole >= capacity * FITTING_RATIO && whole <= size * FITTING_RATIO) {
      if (size > SMALL_BYTES) size = Math.ceil(whole / PAGE_BYTES) * PAGE_BYTES;
    }
    this.#move(conn, size);
  }

  /** Moves what is pending to the beginning of a buffer of `size` bytes. */
  #move(conn: Conn, size: number): void {
    const old = conn.input;
    const spare = size === SMALL_BYTES ? this.#spare.pop() : undefined;
    const buffer = spare === undefined ? new Uint8Array(size) : spare;
    this.bytesHeld += size;
    if (size > this.largest) this.largest = size;
    conn.inputEnd = copyBytes(buffer, 0, old, conn.inputStart, conn.inputEnd);
    conn.inputStart = 0;
    conn.input = buffer;
    this.#giveUp(old);
  }

  #giveUp(buffer: Uint8Array): void {
    this.bytesHeld -= buffer.length;
    if (buffer.length === SMALL_BYTES && this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer);
  }
}

/** From the first byte of a request to the end of the argument that is awaited, as announced; 0 when nobody knows. */
function wholeBytes(conn: Conn): number {
  const partial = conn.partial;
  return partial === null || partial.bulkLength < 0 ? 0 : partial.at + partial.bulkLength + 2;
}
