/**
 * Random numbers as a dependency: seeded where a run must repeat, from the system's entropy where it must not.
 */

import { randomBytes } from "node:crypto";

/** A small fast generator (xorshift128); not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Equal seeds give equal sequences. */
  constructor(seed: number) {
    // Splitmix-style spreading, so that seeds 1, 2, 3 do not start alike.
    let z = seed | 0;
    const next = (): number => {
      z = (z + 0x9e3779b9) | 0;
      let x = z ^ (z >>> 16);
      x = Math.imul(x, 0x21f0aaad);
      x ^= x >>> 15;
      x = Math.imul(x, 0x735a2d97);
      return x ^ (x >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** A generator nobody can predict. */
  static fromEntropy(): Random {
    return new Random(randomBytes(4).readInt32LE(0));
  }

  /** 32 random bits as a signed integer. */
  int32(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = t ^ s ^ (s >>> 19);
    return this.#a;
  }

  /** A whole number in [0, bound), for 0 < bound ≤ 2^32. */
  below(bound: number): number {
    return Math.floor(((this.int32() >>> 0) / 4294967296) * bound);
  }
}
