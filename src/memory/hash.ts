/**
 * The hash of keys: HalfSipHash-1-3 with a secret seed, so that nobody can choose keys that collide. Hot path.
 *
 * One seed per process, drawn from entropy by whoever starts it: the shards must agree where tables are compared, and
 * nobody outside may learn it. It is not a checksum and not the cluster slot (CRC16).
 */

/** "lyge" and "tedb": the constants of the published algorithm. */
const V2 = 0x6c796765;
const V3 = 0x74656462;

export class KeyHasher {
  readonly low: number;
  readonly high: number;

  /** The 64-bit seed as two signed 32-bit numbers. */
  constructor(low: number, high: number) {
    this.low = low | 0;
    this.high = high | 0;
  }

  /** Signed 32-bit hash of bytes start ≤ i < end. */
  // tidy: long function, four unrolled rounds
  hash(view: DataView, start: number, end: number): number {
    let v0 = this.low;
    let v1 = this.high;
    let v2 = v0 ^ V2;
    let v3 = v1 ^ V3;
    const whole = end - ((end - start) & 3);
    let i = start;
    for (; i < whole; i += 4) {
      const word = view.getInt32(i, true);
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let last = (end - start) << 24;
    if (i + 2 < end) last |= view.getUint8(i + 2) << 16;
    if (i + 1 < end) last |= view.getUint8(i + 1) << 8;
    if (i < end) last |= view.getUint8(i);
    v3 ^= last;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= last;
    v2 ^= 0xff;
    // Three rounds end the hash, of the last only what the result needs.
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    return v1 ^ v3;
  }
}
