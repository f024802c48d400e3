/**
 * Late replies: replies of one connection that came before their turn (pipeline-order relaxed). Hot path.
 *
 * Bytes are appended to one buffer; a ring of (start, end) pairs, indexed by sequence number, says which are whose. All
 * is forgotten at once when the last one has left. Where one always remains, the living move to a new buffer when at
 * most half of the full one still lives, so that it does not creep and a byte moves once on average. The number of
 * pending replies is bounded by the credits of the shard.
 */

import { copyBytes } from "../base/bytes.ts";

const BYTES_INITIAL = 4096;
const PENDING_INITIAL = 64;
const MISSING = -1;

export class LateReplies {
  bytes: Uint8Array;
  #used: number;
  #count: number;
  /** Bytes of replies that have not left. */
  #living: number;
  #starts: Int32Array;
  #ends: Int32Array;

  constructor() {
    this.bytes = new Uint8Array(BYTES_INITIAL);
    this.#used = 0;
    this.#count = 0;
    this.#living = 0;
    this.#starts = new Int32Array(PENDING_INITIAL);
    this.#ends = new Int32Array(PENDING_INITIAL).fill(MISSING);
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** Keeps src[start, end) as the reply of `seq`; `nextEmit` is the sequence number that leaves next. */
  put(seq: number, nextEmit: number, src: Uint8Array, start: number, end: number): void {
    while (((seq - nextEmit) | 0) >= this.#ends.length) this.#widen(nextEmit);
    const length = end - start;
    if (this.#used + length > this.bytes.length) this.#makeRoom(length);
    const slot = seq & (this.#ends.length - 1);
    this.#starts[slot] = this.#used;
    this.#used = copyBytes(this.bytes, this.#used, src, start, end);
    this.#ends[slot] = this.#used;
    this.#living += length;
    this.#count++;
  }

  /** Is the reply of `seq` here? Then [start, end) is where. */
  has(seq: number): boolean {
    return this.#count > 0 && this.#ends[seq & (this.#ends.length - 1)] !== MISSING;
  }

  startOf(seq: number): number {
    return this.#starts[seq & (this.#starts.length - 1)];
  }

  endOf(seq: number): number {
    return this.#ends[seq & (this.#ends.length - 1)];
  }

  /** Forgets the reply of `seq`. */
  remove(seq: number): void {
    const slot = seq & (this.#ends.length - 1);
    this.#living -= this.#ends[slot] - this.#starts[slot];
    this.#ends[slot] = MISSING;
    this.#count--;
    if (this.#count === 0) {
      this.#used = 0;
      if (this.bytes.length > BYTES_INITIAL * 16) this.bytes = new Uint8Array(BYTES_INITIAL);
    }
  }

  #widen(nextEmit: number): void {
    const old = this.#ends.length;
    const starts = new Int32Array(old * 2);
    const ends = new Int32Array(old * 2).fill(MISSING);
    for (let i = 0; i < old; i++) {
      const seq = (nextEmit + i) | 0;
      starts[seq & (old * 2 - 1)] = this.#starts[seq & (old - 1)];
      ends[seq & (old * 2 - 1)] = this.#ends[seq & (old - 1)];
    }
    this.#starts = starts;
    this.#ends = ends;
  }

  /** A new buffer with the living one behind the other, and room for as much again. */
  #makeRoom(length: number): void {
    let size = BYTES_INITIAL;
    while (size < this.#living + Math.max(this.#living, length)) size *= 2;
    const fresh = new Uint8Array(size);
    let used = 0;
    for (let slot = 0; slot < this.#ends.length; slot++) {
      const end = this.#ends[slot];
      if (end === MISSING) continue;
      const start = this.#starts[slot];
      this.#starts[slot] = used;
      used = copyBytes(fresh, used, this.bytes, start, end);
      this.#ends[slot] = used;
    }
    this.bytes = fresh;
    this.#used = used;
  }
}
