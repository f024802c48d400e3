/**
 * Byte streams for fuzzing: valid requests, damaged in a few places, from a seed.
 *
 * Verbs are such whose replies depend on nothing but the commands before them.
 */

import { Random } from "../../src/base/random.ts";
import { encodeCommand } from "../support/resp-client.ts";

const COMMANDS_MAX = 12;
const DAMAGES_MAX = 4;
const VALUES = [
  "",
  "0",
  "-1",
  "17",
  "9223372036854775807",
  "9223372036854775808",
  "abc",
  "\r\n",
  "\0",
  "$3",
  "*1\r\n",
  "1e5",
];
/** Bytes with a meaning in the protocol, which damage does best with. */
const TELLING = "\r\n$*:+-0123456789 \"'\\\0\xff";
const LENGTHS = [
  "-1",
  "0",
  "1",
  "2",
  "3",
  "17",
  "1048577",
  "536870913",
  "2147483648",
  "99999999999999999999",
  "-2",
  "+1",
  " 1",
  "1a",
];

const TEMPLATES: readonly ((word: () => string, key: () => string) => string[])[] = [
  (word, key) => ["SET", key(), word()],
  (_word, key) => ["GET", key()],
  (_word, key) => ["INCR", key()],
  (word, key) => ["INCRBY", key(), word()],
  (word, key) => ["APPEND", key(), word()],
  (_word, key) => ["STRLEN", key()],
  (word, key) => ["GETRANGE", key(), word(), word()],
  (word, key) => ["GETSET", key(), word()],
  (word, key) => ["SETNX", key(), word()],
  (word, key) => ["MSET", key(), word(), key(), word()],
  (_word, key) => ["MGET", key(), key(), key()],
  (_word, key) => ["DEL", key(), key()],
  (_word, key) => ["EXISTS", key()],
  (word) => ["PING", word()],
  (word) => ["ECHO", word()],
  () => ["PING"],
  (word) => [word(), word()],
];

export class Mutator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** The bytes of one connection, and where they are cut into writes. */
  stream(): { readonly bytes: Buffer; readonly cuts: readonly number[] } {
    const random = this.#random;
    const parts: Buffer[] = [];
    for (let i = random.below(COMMANDS_MAX) + 1; i > 0; i--) parts.push(this.#request());
    let bytes: Buffer = Buffer.concat(parts);
    for (let i = random.below(DAMAGES_MAX); i > 0 && bytes.length > 0; i--) bytes = this.#damage(bytes);
    const cuts: number[] = [];
    for (let i = random.below(5); i > 0; i--) cuts.push(random.below(bytes.length + 1));
    return { bytes, cuts: cuts.sort((a, b) => a - b) };
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)];
  }

  #request(): Buffer {
    const word = (): string => this.#pick(VALUES);
    const key = (): string => `key:${this.#random.below(4)}`;
    const args = this.#pick(TEMPLATES)(word, key);
    if (this.#random.below(5) > 0) return encodeCommand(args.map((arg) => Buffer.from(arg, "latin1")));
    return Buffer.from(args.join(" ") + this.#pick(["\r\n", "\n"]), "latin1");
  }

  #damage(bytes: Buffer): Buffer {
    const random = this.#random;
    const at = random.below(bytes.length);
    const before = bytes.subarray(0, at);
    const behind = bytes.subarray(at);
    switch (random.below(7)) {
      case 0: // one byte is another
        return Buffer.concat([before, this.#byte(), behind.subarray(1)]);
      case 1: // one byte more
        return Buffer.concat([before, this.#byte(), behind]);
      case 2: // some bytes are missing
        return Buffer.concat([before, behind.subarray(1 + random.below(8))]);
      case 3: // some come twice
        return Buffer.concat([before, behind.subarray(0, 1 + random.below(16)), behind]);
      case 4: // cut short
        return Buffer.from(before);
      case 5: {
        // a length is another one
        const head = /[$*]\d+/g;
        head.lastIndex = at;
        const text = bytes.toString("latin1");
        const found = head.exec(text);
        if (found === null) return bytes;
        const end = found.index + found[0].length;
        return Buffer.from(text.slice(0, found.index + 1) + this.#pick(LENGTHS) + text.slice(end), "latin1");
      }
      default: // random bytes
        return Buffer.concat([
          before,
          Buffer.from(Array.from({ length: 1 + random.below(30) }, () => random.below(256))),
          behind,
        ]);
    }
  }

  #byte(): Buffer {
    const random = this.#random;
    const code = random.below(3) > 0 ? TELLING.charCodeAt(random.below(TELLING.length)) : random.below(256);
    return Buffer.from([code]);
  }
}
