/**
 * A ring: messages from one shard to one other, in shared memory. Hot path.
 *
 * One writer, one reader, no lock. Messages are contiguous and start at multiples of 16 bytes; one that does not fit
 * before the end of the memory starts over at its beginning, behind a skip mark.
 *
 *     memory    [ message ][ message ][ … free … ][ message ][ skip ]
 *                          ^head (writer)         ^tail (reader)
 *
 *     message   word 0   kind << 24 | payload length in bytes          -1: skip to the beginning
 *               word 1   1st argument
 *               word 2   2nd argument
 *               word 3   3rd argument
 *               payload, padded to 16 bytes
 *
 * Head and tail count bytes and wrap around 2^32: differences are taken with |0. Each is stored with one Atomics.store
 * per batch (10 ns; a plain access costs 1), which also publishes everything written before it.
 *
 * Refuses: to know what a message means, to wake anybody, to wait for room.
 */

import { assert } from "../base/assert.ts";

export const MESSAGE_HEADER_BYTES = 16;
const SKIP = -1;
const LENGTH_MASK = 0xff_ffff;

/** Where one ring lies in the mesh's memory. */
export interface RingPlace {
  /** First byte of the messages' memory. */
  readonly start: number;
  /** Its size, a power of two. */
  readonly byteLength: number;
  /** Word indexes in the control area. */
  readonly headWord: number;
  readonly tailWord: number;
  readonly waitWord: number;
}

export class RingWriter {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Largest payload of one message. */
  readonly payloadMax: number;
  readonly #start: number;
  readonly #size: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waitWord: number;
  #head: number;
  #tail: number;
  #published: number;
  /** Free bytes that the last message which did not fit would have taken. */
  #wanted: number;

  constructor(memory: SharedArrayBuffer, place: RingPlace, payloadMax: number) {
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.view = new DataView(memory);
    this.payloadMax = payloadMax;
    this.#start = place.start;
    this.#size = place.byteLength;
    this.#headWord = place.headWord;
    this.#tailWord = place.tailWord;
    this.#waitWord = place.waitWord;
    this.#head = Atomics.load(this.words, place.headWord);
    this.#tail = Atomics.load(this.words, place.tailWord);
    this.#published = this.#head;
    this.#wanted = 0;
  }

  /**
   * Reserves a message and writes its header. Returns the byte offset of its payload in `bytes`, or -1 when there is
   * no room now. The message counts as written: the caller fills the payload before publish().
   */
  reserve(kind: number, length: number, first: number, second: number, third: number): number {
    assert(length <= this.payloadMax, "a message fits its ring");
    const need = (MESSAGE_HEADER_BYTES + length + 15) & ~15;
    const size = this.#size;
    let head = this.#head;
    let pos = head & (size - 1);
    const skip = pos + need > size ? size - pos : 0;
    if (size - ((head - this.#tail) | 0) < need + skip) {
      this.#tail = Atomics.load(this.words, this.#tailWord);
      if (size - ((head - this.#tail) | 0) < need + skip) {
        this.#wanted = need + skip;
        return -1;
      }
    }
    const words = this.words;
    if (skip !== 0) {
      words[(this.#start + pos) >> 2] = SKIP;
      head = (head + skip) | 0;
      pos = 0;
    }
    const at = this.#start + pos;
    const w = at >> 2;
    words[w] = (kind << 24) | length;
    words[w + 1] = first;
    words[w + 2] = second;
    words[w + 3] = third;
    this.#head = (head + need) | 0;
    return at + MESSAGE_HEADER_BYTES;
  }

  /** Makes all reserved messages visible to the reader. False when there was nothing new. */
  publish(): boolean {
    if (this.#published === this.#head) return false;
    this.#published = this.#head;
    Atomics.store(this.words, this.#headWord, this.#head);
    return true;
  }

  /** Is there room now for the last message that did not fit? Looks at the reader's tail. */
  hasRoom(): boolean {
    this.#tail = Atomics.load(this.words, this.#tailWord);
    return this.#size - ((this.#head - this.#tail) | 0) >= this.#wanted;
  }

  /**
   * Asks the reader to wake this shard when it has made room. True when there is enough already: do not sleep. Whatever
   * the reader gives back afterwards, it sees that it was asked; there is less than enough only while it holds some.
   */
  askForRoom(): boolean {
    Atomics.store(this.words, this.#waitWord, 1);
    return this.hasRoom();
  }
}

export class RingReader {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Header of the message that next() found. */
  kind: number;
  length: number;
  first: number;
  second: number;
  third: number;
  readonly #start: number;
  readonly #size: number;
  readonly #headWord: number;
  readonly #tailWord: number;
  readonly #waitWord: number;
  #head: number;
  #tail: number;
  #released: number;

  constructor(memory: SharedArrayBuffer, place: RingPlace) {
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.view = new DataView(memory);
    this.kind = 0;
    this.length = 0;
    this.first = 0;
    this.second = 0;
    this.third = 0;
    this.#start = place.start;
    this.#size = place.byteLength;
    this.#headWord = place.headWord;
    this.#tailWord = place.tailWord;
    this.#waitWord = place.waitWord;
    this.#head = Atomics.load(this.words, place.headWord);
    this.#tail = Atomics.load(this.words, place.tailWord);
    this.#released = this.#tail;
  }

  /** Is anything there? Looks at the writer's head. */
  poll(): boolean {
    this.#head = Atomics.load(this.words, this.#headWord);
    return this.#head !== this.#tail;
  }

  /**
   * Takes the next message that the last poll() saw: sets the header fields and returns the byte offset of its payload,
   * or -1 at the end. The payload stays in place until release().
   */
  next(): number {
    let tail = this.#tail;
    if (tail === this.#head) return -1;
    const words = this.words;
    let pos = tail & (this.#size - 1);
    let w = (this.#start + pos) >> 2;
    if (words[w] === SKIP) {
      tail = (tail + this.#size - pos) | 0;
      pos = 0;
      w = this.#start >> 2;
    }
    const head = words[w];
    const length = head & LENGTH_MASK;
    this.kind = head >>> 24;
    this.length = length;
    this.first = words[w + 1];
    this.second = words[w + 2];
    this.third = words[w + 3];
    this.#tail = (tail + ((MESSAGE_HEADER_BYTES + length + 15) & ~15)) | 0;
    return this.#start + pos + MESSAGE_HEADER_BYTES;
  }

  /** Gives the memory of all messages taken back to the writer. True when the writer asked to be woken for it. */
  release(): boolean {
    if (this.#released === this.#tail) return false;
    this.#released = this.#tail;
    Atomics.store(this.words, this.#tailWord, this.#tail);
    return (
      Atomics.load(this.words, this.#waitWord) !== 0 && Atomics.compareExchange(this.words, this.#waitWord, 1, 0) === 1
    );
  }
}
