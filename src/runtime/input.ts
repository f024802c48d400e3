/**
 * Input: bytes of a connection that could not be used at once. Hot path.
 *
 * A receive buffer never survives a turn. What is left of it (the beginning of a request, or requests of a connection
 * that waits) moves to the connection's assembly buffer, which doubles as bytes arrive and never believes an announced
 * length. Empty buffers of the smallest size are kept for the next connection that needs one.
 */

import { copyBytes } from "../base/bytes.ts";
import { RECEIVE_BUFFER_BYTES } from "../base/limits.ts";
import { type Conn, NO_BYTES } from "./conn.ts";

const SMALL_BYTES = RECEIVE_BUFFER_BYTES;
const SPARE_BUFFERS_MAX = 256;

export class InputBuffers {
  /** Bytes of memory in all assembly buffers of connections. */
  bytesHeld: number;
  readonly #spare: Uint8Array[];

  constructor() {
    this.bytesHeld = 0;
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
  }

  /** Drops what is left and gives the buffer back. */
  release(conn: Conn): void {
    const buffer = conn.input;
    if (buffer.length === 0) return;
    this.bytesHeld -= buffer.length;
    if (buffer.length === SMALL_BYTES && this.#spare.length < SPARE_BUFFERS_MAX) this.#spare.push(buffer);
    conn.input = NO_BYTES;
    conn.inputStart = 0;
    conn.inputEnd = 0;
  }

  #makeRoom(conn: Conn, pending: number, length: number): void {
    const old = conn.input;
    if (pending + length <= old.length && conn.inputStart >= old.length / 2) {
      old.copyWithin(0, conn.inputStart, conn.inputEnd);
    } else {
      let size = Math.max(SMALL_BYTES, old.length);
      while (size < pending + length) size *= 2;
      const spare = size === SMALL_BYTES ? this.#spare.pop() : undefined;
      const buffer = spare === undefined ? new Uint8Array(size) : spare;
      // view: the buffer doubles, so that this costs constant time per byte
      buffer.set(old.subarray(conn.inputStart, conn.inputEnd));
      this.bytesHeld += buffer.length - old.length;
      conn.input = buffer;
    }
    conn.inputStart = 0;
    conn.inputEnd = pending;
  }
}
