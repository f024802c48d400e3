/**
 * System pages: what Linux is told about large pieces of memory.
 *
 * A keyspace is accessed at random. With pages of 4 KiB nearly every access misses the processor's table of addresses,
 * which costs more than the access itself, most of all in a virtual machine; pages of 2 MiB end that. Nothing here ever
 * forks, so that large pages have no price but the unused rest of the last one.
 *
 * Refuses: to matter. Whatever the system answers, memory works the same.
 */

import { type Libc, MADV_DONTNEED, MADV_HUGEPAGE, openLibc } from "./libc.ts";

const PAGE_BYTES = 4096n;
const LARGE_PAGE_BYTES = 2 * 1024 * 1024;

export class SystemPages {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Asks for large pages for a buffer of at least a few of them. */
  adopt(buffer: ArrayBuffer): void {
    if (buffer.byteLength >= LARGE_PAGE_BYTES) this.#advise(buffer, 0, buffer.byteLength, MADV_HUGEPAGE);
  }

  /** First byte of the buffer at which a cache line begins. */
  lineOffset(buffer: ArrayBuffer): number {
    return Number(-this.#libc.addressOf(buffer) & 63n);
  }

  /** Gives the memory of bytes start ≤ i < end back, as far as it is whole pages. */
  release(buffer: ArrayBuffer, start: number, end: number): void {
    this.#advise(buffer, start, end, MADV_DONTNEED);
  }

  #advise(buffer: ArrayBuffer, start: number, end: number, advice: number): void {
    const base = this.#libc.addressOf(buffer);
    const first = (base + BigInt(start) + PAGE_BYTES - 1n) & ~(PAGE_BYTES - 1n);
    const last = (base + BigInt(end)) & ~(PAGE_BYTES - 1n);
    if (last > first) this.#libc.calls.madvise(first, last - first, advice);
  }
}

/** For this thread, or null where the system cannot be told anything. */
export function systemPages(): SystemPages | null {
  const opened = openLibc();
  return opened.ok ? new SystemPages(opened.libc) : null;
}
