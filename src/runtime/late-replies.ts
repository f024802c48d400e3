/**
 * Late replies: replies of one connection that came before their turn (pipeline-order relaxed). Hot path.
 *
 * Bytes are appended to one buffer; a ring of (start, end) pairs, indexed by sequence number, says which are whose. All
 * is forgotten at once when the last one has left, so that the buffer does not creep. The number of pending replies is
 * bounded by the credits of the shard.
 */

import { copyBytes } from "../base/bytes.ts";

const BYTES_INITIAL = 4096;
const PENDING_INITIAL = 64;
const MISSING = -1;

export class LateReplies {
  bytes: Uint8Array;
  #used: number;
  #count: number;
  #starts: Int32Array;
  #ends: Int32Array;

  constructor() {
    this.bytes = new Uint8Array(BYTES_INITIAL);
    this.#used = 0;
    this.#count = 0;
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
    if (this.#used + length > this.bytes.length) this.#enlarge(this.#used + length);
    const slot = seq & (this.#ends.length - 1);
    this.#starts[slot] = this.#used;
    this.#used = copyBytes(this.bytes, this.#used, src, start, end);
    this.#ends[slot] = this.#used;
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
    this.#ends[seq & (this.#ends.length - 1)] = MISSING;
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

  #enlarge(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    // view: growth doubles
    grown.set(this.bytes.subarray(0, this.#used));
    this.bytes = grown;
  }
}
