/**
 * One io_uring with its ring of receive buffers: set-up, submission entries, the kernel call, completions. Hot path.
 *
 *     entry(…) ─► submission ring ─┐                        ┌─► completion ring ─► cqHead … cqTail, read by the reactor
 *                                  └─ enter(), once a poll ─┘
 *     returnBuffer(id) ─► buffer ring ─► the kernel receives into it
 *
 * Head and tail words are shared with the kernel: they are read and written with Atomics, once per batch; entries between
 * them belong to one side and are plain. Only the thread that opened the ring may use it.
 *
 * Refuses: to know sockets. It carries two user-data words from an entry to its completions, no more.
 */

import { assert } from "../base/assert.ts";
import {
  COMPLETION_ENTRIES,
  RECEIVE_BUFFER_BYTES,
  RECEIVE_BUFFERS,
  RECEIVE_BUFFERS_AT_FIRST,
  RING_ENTRIES,
} from "../base/limits.ts";
import type { MappedMemory } from "./blocks.ts";
import { EAGAIN, EBUSY, EINTR, ETIME, errorName, type Libc } from "./libc.ts";
import { carriedHigh, highWord, lowWord } from "./native-address.ts";
import {
  BUFFER_TAIL_HALF_WORD,
  BUFFER_WORDS,
  ENTER_EXT_ARG,
  ENTER_GETEVENTS,
  EVENTS_ARGUMENT_BYTES,
  FEATURES_NEEDED,
  IO_VECTOR_BYTES,
  MESSAGE_HEADER_BYTES,
  OFFSET_SQ_RING,
  OFFSET_SQES,
  PARAMS_CQ_CQES,
  PARAMS_CQ_ENTRIES,
  PARAMS_CQ_HEAD,
  PARAMS_CQ_MASK,
  PARAMS_CQ_TAIL,
  PARAMS_FEATURES,
  PARAMS_FLAGS,
  PARAMS_SQ_ARRAY,
  PARAMS_SQ_ENTRIES,
  PARAMS_SQ_FLAGS,
  PARAMS_SQ_HEAD,
  PARAMS_SQ_MASK,
  PARAMS_SQ_TAIL,
  PARAMS_WORDS,
  REGISTER_BUFFER_RING,
  RING_CQ_OVERFLOW,
  RING_TASKRUN,
  SETUP_FLAGS,
  SQE_WORDS,
} from "./uring-layout.ts";

/** Group id of the one buffer ring. */
export const BUFFER_GROUP = 0;
/** Room for a message header and its vectors, one piece per submission entry: the kernel has copied it when the entry is submitted. */
const MESSAGE_BYTES = 256;
export const MESSAGE_VECTORS_MAX = (MESSAGE_BYTES - MESSAGE_HEADER_BYTES) / IO_VECTOR_BYTES;
/** Where the wait's time-out lies in the control memory. */
const TIMEOUT_WORD = 8;
/** How often a full ring is offered to a kernel that says it is busy, before that counts as broken. */
const SUBMIT_TRIES_MAX = 1000;

/** The kernel refuses a ring, or a part of one. */
export class UringUnavailable extends Error {
  override readonly name = "UringUnavailable";
}

export class UringRing {
  readonly fd: number;
  /** Both rings in one view of 32-bit words; completions are read from it at cqeWord(position). */
  words: Int32Array;
  /** Next completion to read, and one past the last one there, as refreshed by enter(). Both run through 2^32 and wrap. */
  cqHead: number;
  cqTail: number;
  /** System calls made, for measurement. */
  enters: number;
  /** Where the kernel receives; buffer `id` is [id * RECEIVE_BUFFER_BYTES, + RECEIVE_BUFFER_BYTES). */
  readonly bufferBytes: Uint8Array;
  readonly #libc: Libc;
  readonly #ringMemory: MappedMemory;
  readonly #entryMemory: MappedMemory;
  readonly #bufferRingMemory: MappedMemory;
  #entries: Int32Array;
  #bufferWords: Int32Array;
  #bufferHalfWords: Uint16Array;
  readonly #bufferLow: number;
  readonly #bufferHigh: number;
  #bufferTail: number;
  #bufferTailPublished: number;
  #buffersInUse: number;
  readonly #messageWords: Int32Array;
  readonly #messageLow: number;
  readonly #messageHigh: number;
  readonly #controlWords: Int32Array;
  readonly #controlAddress: bigint;
  #timeoutMs: number;
  #sqTail: number;
  #sqHead: number;
  readonly #sqSize: number;
  readonly #sqMask: number;
  readonly #sqHeadWord: number;
  readonly #sqTailWord: number;
  readonly #sqFlagsWord: number;
  readonly #cqMask: number;
  readonly #cqHeadWord: number;
  readonly #cqTailWord: number;
  readonly #cqesWord: number;

  /** @throws UringUnavailable */
  constructor(libc: Libc) {
    this.#libc = libc;
    const { scratchWords: params, scratch } = libc;
    params.fill(0, 0, PARAMS_WORDS);
    params[PARAMS_FLAGS] = SETUP_FLAGS;
    params[PARAMS_CQ_ENTRIES] = COMPLETION_ENTRIES;
    this.fd = libc.uringSetup(RING_ENTRIES, scratch.address);
    if (this.fd < 0) throw new UringUnavailable("io_uring refused by the kernel (" + errorName(libc.errno()) + ")");
    const p = params.slice(0, PARAMS_WORDS);
    if ((p[PARAMS_FEATURES] & FEATURES_NEEDED) !== FEATURES_NEEDED) {
      libc.calls.close(this.fd);
      throw new UringUnavailable(
        "io_uring of this kernel lacks features (0x" + (p[PARAMS_FEATURES] >>> 0).toString(16) + ")",
      );
    }
    this.#sqSize = p[PARAMS_SQ_ENTRIES];
    const ringBytes = Math.max(p[PARAMS_SQ_ARRAY] + this.#sqSize * 4, p[PARAMS_CQ_CQES] + p[PARAMS_CQ_ENTRIES] * 16);
    this.#ringMemory = this.#map(this.fd, ringBytes, OFFSET_SQ_RING);
    this.#entryMemory = this.#map(this.fd, this.#sqSize * SQE_WORDS * 4, OFFSET_SQES);
    this.#bufferRingMemory = this.#map(-1, RECEIVE_BUFFERS * BUFFER_WORDS * 4, 0n);
    this.words = new Int32Array(this.#ringMemory.buffer);
    this.#entries = new Int32Array(this.#entryMemory.buffer);
    this.#sqMask = this.words[p[PARAMS_SQ_MASK] >> 2];
    this.#sqHeadWord = p[PARAMS_SQ_HEAD] >> 2;
    this.#sqTailWord = p[PARAMS_SQ_TAIL] >> 2;
    this.#sqFlagsWord = p[PARAMS_SQ_FLAGS] >> 2;
    this.#cqMask = this.words[p[PARAMS_CQ_MASK] >> 2];
    this.#cqHeadWord = p[PARAMS_CQ_HEAD] >> 2;
    this.#cqTailWord = p[PARAMS_CQ_TAIL] >> 2;
    this.#cqesWord = p[PARAMS_CQ_CQES] >> 2;
    // The index array stays the identity: entry k is always at place k.
    const array = p[PARAMS_SQ_ARRAY] >> 2;
    for (let k = 0; k < this.#sqSize; k++) this.words[array + k] = k;
    this.#sqTail = 0;
    this.#sqHead = 0;
    this.cqHead = 0;
    this.cqTail = 0;
    this.enters = 0;

    const messages = libc.allocate(this.#sqSize * MESSAGE_BYTES);
    this.#messageWords = new Int32Array(messages.buffer);
    this.#messageLow = lowWord(messages.address);
    this.#messageHigh = highWord(messages.address);

    const control = libc.allocate(64);
    this.#controlWords = new Int32Array(control.buffer);
    this.#controlAddress = control.address;
    const timeout = control.address + BigInt(TIMEOUT_WORD * 4);
    this.#controlWords[4] = lowWord(timeout);
    this.#controlWords[5] = highWord(timeout);
    this.#timeoutMs = 0;

    const buffers = libc.allocate(RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES);
    this.bufferBytes = new Uint8Array(buffers.buffer);
    this.#bufferLow = lowWord(buffers.address);
    this.#bufferHigh = highWord(buffers.address);
    this.#bufferWords = new Int32Array(this.#bufferRingMemory.buffer);
    this.#bufferHalfWords = new Uint16Array(this.#bufferRingMemory.buffer);
    this.#bufferTail = 0;
    this.#bufferTailPublished = 0;
    this.#buffersInUse = 0;
    this.#registerBuffers();
  }

  #map(fd: number, byteLength: number, offset: bigint): MappedMemory {
    const memory = this.#libc.map(fd, byteLength, offset);
    if (memory !== null) return memory;
    const code = errorName(this.#libc.errno());
    this.#libc.calls.close(this.fd);
    throw new UringUnavailable("io_uring's memory cannot be mapped (" + code + ")");
  }

  #registerBuffers(): void {
    const { scratchWords: argument, scratch } = this.#libc;
    argument.fill(0, 0, 10);
    argument[0] = lowWord(this.#bufferRingMemory.address);
    argument[1] = highWord(this.#bufferRingMemory.address);
    argument[2] = RECEIVE_BUFFERS;
    argument[3] = BUFFER_GROUP;
    if (this.#libc.uringRegister(this.fd, REGISTER_BUFFER_RING, scratch.address, 1) < 0) {
      const code = errorName(this.#libc.errno());
      this.close();
      throw new UringUnavailable("the kernel refuses a ring of provided buffers (" + code + ")");
    }
    this.addBuffers();
    this.publishBuffers();
  }

  /** Word at which the completion at `position` begins. */
  cqeWord(position: number): number {
    return this.#cqesWord + ((position & this.#cqMask) << 2);
  }

  /**
   * Queues one operation; it goes out with the next enter() or submit(). A full ring is submitted first, so none is lost.
   * Every word is written: an entry's place still holds the one before.
   */
  entry(
    opcode: number,
    entryFlags: number,
    ioPriority: number,
    fd: number,
    offsetLow: number,
    addressLow: number,
    addressHigh: number,
    length: number,
    operationFlags: number,
    dataLow: number,
    dataHigh: number,
  ): void {
    if (((this.#sqTail - this.#sqHead) | 0) >= this.#sqSize) this.#submitFull();
    const e = this.#entries;
    const w = (this.#sqTail & this.#sqMask) << 4;
    e[w] = opcode | (entryFlags << 8) | (ioPriority << 16);
    e[w + 1] = fd;
    e[w + 2] = offsetLow;
    e[w + 3] = 0;
    e[w + 4] = addressLow;
    e[w + 5] = addressHigh;
    e[w + 6] = length;
    e[w + 7] = operationFlags;
    e[w + 8] = dataLow;
    e[w + 9] = dataHigh;
    e[w + 10] = BUFFER_GROUP;
    e[w + 11] = 0;
    e[w + 12] = 0;
    e[w + 13] = 0;
    e[w + 14] = 0;
    e[w + 15] = 0;
    this.#sqTail = (this.#sqTail + 1) | 0;
  }

  /** Begins a message of `count` vectors for the next entry(); fill them with messageVector(), then use messageLow and messageHigh. */
  message(count: number): void {
    assert(count <= MESSAGE_VECTORS_MAX, "a message has room for its vectors");
    if (((this.#sqTail - this.#sqHead) | 0) >= this.#sqSize) this.#submitFull();
    const m = this.#messageWords;
    const w = this.#messageWord();
    const vectors = (this.messageLow() + MESSAGE_HEADER_BYTES) | 0;
    for (let k = 0; k < 14; k++) m[w + k] = 0;
    m[w + 4] = vectors;
    m[w + 5] = this.messageHigh();
    m[w + 6] = count;
  }

  messageVector(index: number, addressLow: number, addressHigh: number, byteLength: number): void {
    const m = this.#messageWords;
    const w = this.#messageWord() + ((MESSAGE_HEADER_BYTES + index * IO_VECTOR_BYTES) >> 2);
    m[w] = addressLow;
    m[w + 1] = addressHigh;
    m[w + 2] = byteLength;
    m[w + 3] = 0;
  }

  messageLow(): number {
    return (this.#messageLow + (this.#sqTail & this.#sqMask) * MESSAGE_BYTES) | 0;
  }

  messageHigh(): number {
    return carriedHigh(this.#messageLow, this.#messageHigh, (this.#sqTail & this.#sqMask) * MESSAGE_BYTES);
  }

  #messageWord(): number {
    return ((this.#sqTail & this.#sqMask) * MESSAGE_BYTES) >> 2;
  }

  /** Gives a receive buffer back; the kernel sees it at the next publishBuffers(). */
  returnBuffer(id: number): void {
    const place = this.#bufferTail & (RECEIVE_BUFFERS - 1);
    const w = place * BUFFER_WORDS;
    const offset = id * RECEIVE_BUFFER_BYTES;
    this.#bufferWords[w] = (this.#bufferLow + offset) | 0;
    this.#bufferWords[w + 1] = carriedHigh(this.#bufferLow, this.#bufferHigh, offset);
    this.#bufferWords[w + 2] = RECEIVE_BUFFER_BYTES;
    // Only the half word of the id: its neighbour in the first place is the ring's tail.
    this.#bufferHalfWords[place * 8 + 6] = id;
    this.#bufferTail = (this.#bufferTail + 1) & 0xffff;
  }

  /**
   * Brings more receive buffers into use: some at first, and twice as many whenever they run out. The kernel takes them
   * in turn, so that few of them stay in the processor's cache where many would not.
   */
  addBuffers(): void {
    const wanted = Math.min(RECEIVE_BUFFERS, Math.max(RECEIVE_BUFFERS_AT_FIRST, this.#buffersInUse * 2));
    while (this.#buffersInUse < wanted) this.returnBuffer(this.#buffersInUse++);
  }

  publishBuffers(): void {
    if (this.#bufferTail === this.#bufferTailPublished) return;
    Atomics.store(this.#bufferHalfWords, BUFFER_TAIL_HALF_WORD, this.#bufferTail);
    this.#bufferTailPublished = this.#bufferTail;
  }

  /** Tells the kernel that completions before cqHead have been read. */
  publishHead(): void {
    Atomics.store(this.words, this.#cqHeadWord, this.cqHead);
  }

  /**
   * Submits what is queued, has the kernel make its completions, and waits at most `waitMs` if there would be none; then
   * cqHead … cqTail are there to be read. With no wait and nothing due it makes no system call: that is what a spinning
   * shard needs. One call of newer kernels makes some 20 deferred completions and leaves the rest to the next call (measured
   * on 6.18); the flags then say that more are due. An overflow of the completion ring (the kernel keeps what did not fit) shows in the flags and is flushed here.
   */
  enter(waitMs: number): void {
    const queued = (this.#sqTail - this.#sqHead) | 0;
    const ready = Atomics.load(this.words, this.#cqTailWord) !== this.cqHead;
    const idle = queued === 0 && (waitMs === 0 || ready);
    if (!idle || (Atomics.load(this.words, this.#sqFlagsWord) & (RING_TASKRUN | RING_CQ_OVERFLOW)) !== 0) {
      this.#call(queued, ready ? 0 : waitMs, ENTER_GETEVENTS);
    }
    this.cqTail = Atomics.load(this.words, this.#cqTailWord);
  }

  /** Submits what is queued and does nothing else. */
  submit(): void {
    const queued = (this.#sqTail - this.#sqHead) | 0;
    if (queued !== 0) this.#call(queued, 0, 0);
  }

  #call(queued: number, waitMs: number, flags: number): void {
    if (waitMs !== 0 && waitMs !== this.#timeoutMs) this.#setTimeout(waitMs);
    Atomics.store(this.words, this.#sqTailWord, this.#sqTail);
    this.enters++;
    const result = this.#libc.uringEnter(
      this.fd,
      queued,
      waitMs === 0 ? 0 : 1,
      flags | ENTER_EXT_ARG,
      this.#controlAddress,
      GETEVENTS_ARGUMENT_SIZE,
    );
    if (result < 0) {
      const errno = this.#libc.errno();
      // None of these lost an entry: whatever the kernel did not take is still between head and tail.
      if (errno !== ETIME && errno !== EINTR && errno !== EAGAIN && errno !== EBUSY) {
        throw new Error("io_uring_enter failed: " + errorName(errno));
      }
    }
    this.#sqHead = Atomics.load(this.words, this.#sqHeadWord);
  }

  #submitFull(): void {
    // What was read so far makes room for completions that come meanwhile.
    this.publishHead();
    for (let tries = 0; tries < SUBMIT_TRIES_MAX; tries++) {
      this.#call((this.#sqTail - this.#sqHead) | 0, 0, tries === 0 ? 0 : ENTER_GETEVENTS);
      if (((this.#sqTail - this.#sqHead) | 0) < this.#sqSize) return;
    }
    throw new Error("io_uring takes no more entries");
  }

  #setTimeout(waitMs: number): void {
    this.#timeoutMs = waitMs;
    const seconds = Math.floor(waitMs / 1000);
    this.#controlWords[TIMEOUT_WORD] = seconds;
    this.#controlWords[TIMEOUT_WORD + 2] = Math.round((waitMs - seconds * 1000) * 1e6);
  }

  /** Closes the ring and unmaps it; the kernel cancels what is still pending. Nothing may be called afterwards. */
  close(): void {
    this.#libc.calls.close(this.fd);
    this.words = NO_WORDS;
    this.#entries = NO_WORDS;
    this.#bufferWords = NO_WORDS;
    this.#bufferHalfWords = NO_HALF_WORDS;
    this.#libc.unmap(this.#ringMemory);
    this.#libc.unmap(this.#entryMemory);
    this.#libc.unmap(this.#bufferRingMemory);
  }
}

const GETEVENTS_ARGUMENT_SIZE = BigInt(EVENTS_ARGUMENT_BYTES);
const NO_WORDS = new Int32Array(0);
const NO_HALF_WORDS = new Uint16Array(0);
