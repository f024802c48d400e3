/**
 * Native addresses as two 32-bit words, as structures that the kernel reads hold them. Hot path.
 *
 * Refuses: to read or write at one.
 */

// tidy: cold function, at set-up
export function lowWord(address: bigint): number {
  return Number(address & 0xffff_ffffn) | 0;
}

// tidy: cold function, at set-up
export function highWord(address: bigint): number {
  return Number(address >> 32n) | 0;
}

/** Upper word of (high, low) + offset, for an offset that is positive and below 2^31. */
export function carriedHigh(low: number, high: number, offset: number): number {
  return ((low + offset) | 0) >>> 0 < low >>> 0 ? high + 1 : high;
}
