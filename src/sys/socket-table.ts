/**
 * What a reactor on system calls knows of each socket, in typed arrays by slot, and the queues of slots it works through. Hot path.
 *
 * A slot is a SocketId. Its generation counts its uses; what the kernel reports carries both, so that news of a former
 * socket is known. A slot is free again only when nothing of its socket is in the kernel's hands.
 *
 *     ranges, 24 words per slot: the send in flight | block | start | end | × SEND_BLOCKS_MAX
 *                                 rangeAt ─────► first range not yet taken by the kernel, its start moved to the first such byte
 *
 * Refuses: system calls.
 */

import { assert } from "../base/assert.ts";
import { SEND_BLOCKS_MAX, SOCKETS_MAX } from "../base/limits.ts";

const SLOTS_INITIAL = 256;
export const RANGE_WORDS = SEND_BLOCKS_MAX * 3;

// Flags of both reactors.
/** The slot holds a socket. */
export const OPEN = 1 << 0;
/** A send is in flight: its onSent is still to come. */
export const SENDING = 1 << 2;
/** The shard wants no input. */
export const PAUSED = 1 << 3;
/** The peer has ended its side. */
export const ENDED = 1 << 4;
/** Closed by the shard or by an error: nothing but onClosed is reported any more. */
export const CLOSING = 1 << 5;
/** Stands in the queue of those to be reported closed. */
export const FINISHED = 1 << 8;

// Flags of io_uring.
/** A multishot receive is in the kernel's hands. */
export const RECEIVING = 1 << 1;
/** Waits in the queue of those whose receive ended for want of buffers. */
export const STARVED = 1 << 6;
/** The receive is being cancelled. */
export const STOPPING = 1 << 7;
/** Its receive has brought bytes since the last sweep, or had before it and none since: see uring-sweep.ts. */
export const HEARD = 1 << 15;
export const QUIET = 1 << 16;

// Flags of epoll.
/** The kernel took less than the send had: the rest goes when there is room. */
export const BLOCKED = 1 << 9;
/** The kernel has taken the whole send; stands in the queue of those to be told so. */
export const SENT = 1 << 10;
/** Stands in the queue of those whose interest may have changed. */
export const CHANGED = 1 << 11;
/** What the epoll set watches the socket for: input, room for output. */
export const WATCHES_INPUT = 1 << 12;
export const WATCHES_OUTPUT = 1 << 13;
/** Taken out of the epoll set, which would go on reporting an end that nobody waits for. */
export const DETACHED = 1 << 14;

export class SocketTable {
  fds: Int32Array;
  flags: Int32Array;
  generations: Int32Array;
  listeners: Int32Array;
  /** What onClosed will report. */
  errors: Int32Array;
  ranges: Int32Array;
  rangeAt: Int32Array;
  rangeCount: Int32Array;
  /** Sockets there are, those being closed included. */
  count: number;
  #free: Int32Array;
  #freeCount: number;

  constructor() {
    this.fds = new Int32Array(0);
    this.flags = new Int32Array(0);
    this.generations = new Int32Array(0);
    this.listeners = new Int32Array(0);
    this.errors = new Int32Array(0);
    this.ranges = new Int32Array(0);
    this.rangeAt = new Int32Array(0);
    this.rangeCount = new Int32Array(0);
    this.count = 0;
    this.#free = new Int32Array(0);
    this.#freeCount = 0;
    this.#grow(SLOTS_INITIAL);
  }

  /** Slots there are room for now; every slot in use is below. */
  get capacity(): number {
    return this.fds.length;
  }

  /** A slot for a new socket, or -1 when there are SOCKETS_MAX. */
  take(fd: number, listener: number): number {
    if (this.#freeCount === 0) {
      if (this.capacity >= SOCKETS_MAX) return -1;
      this.#grow(Math.min(this.capacity * 2, SOCKETS_MAX));
    }
    const slot = this.#free[--this.#freeCount];
    this.fds[slot] = fd;
    this.flags[slot] = OPEN;
    this.listeners[slot] = listener;
    this.errors[slot] = 0;
    this.rangeAt[slot] = 0;
    this.rangeCount[slot] = 0;
    this.count++;
    return slot;
  }

  give(slot: number): void {
    assert(
      (this.flags[slot] & (OPEN | RECEIVING | SENDING)) === OPEN,
      "a slot is given back when the kernel is done with it",
    );
    this.flags[slot] = 0;
    this.generations[slot] = (this.generations[slot] + 1) | 0;
    this.#free[this.#freeCount++] = slot;
    this.count--;
  }

  /** Takes `bytes`, which the kernel has taken, off the front of a slot's ranges; true when nothing is left. */
  advance(slot: number, bytes: number): boolean {
    const count = this.rangeCount[slot];
    let at = this.rangeAt[slot];
    while (at < count) {
      const r = slot * RANGE_WORDS + at * 3;
      const length = this.ranges[r + 2] - this.ranges[r + 1];
      if (bytes < length) {
        this.ranges[r + 1] += bytes;
        break;
      }
      bytes -= length;
      at++;
    }
    this.rangeAt[slot] = at;
    return at === count;
  }

  #grow(capacity: number): void {
    const before = this.capacity;
    this.fds = grown(this.fds, capacity);
    this.flags = grown(this.flags, capacity);
    this.generations = grown(this.generations, capacity);
    this.listeners = grown(this.listeners, capacity);
    this.errors = grown(this.errors, capacity);
    this.ranges = grown(this.ranges, capacity * RANGE_WORDS);
    this.rangeAt = grown(this.rangeAt, capacity);
    this.rangeCount = grown(this.rangeCount, capacity);
    this.#free = grown(this.#free, capacity);
    // Pushed in reverse, so that the lowest slot is taken first.
    for (let slot = capacity - 1; slot >= before; slot--) this.#free[this.#freeCount++] = slot;
  }
}

/** A first-in first-out queue of small integers that grows by doubling; its owner bounds what goes in. */
export class SlotQueue {
  #items: Int32Array;
  #head: number;
  length: number;

  constructor() {
    this.#items = new Int32Array(64);
    this.#head = 0;
    this.length = 0;
  }

  push(item: number): void {
    const size = this.#items.length;
    if (this.length === size) {
      const items = new Int32Array(size * 2);
      for (let k = 0; k < size; k++) items[k] = this.#items[(this.#head + k) & (size - 1)];
      this.#items = items;
      this.#head = 0;
    }
    this.#items[(this.#head + this.length) & (this.#items.length - 1)] = item;
    this.length++;
  }

  shift(): number {
    assert(this.length > 0, "only a queue that holds something gives something");
    const item = this.#items[this.#head];
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.length--;
    return item;
  }
}

function grown(words: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(words);
  return larger;
}
