/**
 * The arena: memory for keys, values and tables outside the JavaScript heap. Hot path.
 *
 * An address counts 16-byte units: segment = address >>> 22, byte in the segment = (address & 0x3fffff) << 4, and so
 * word = (address & 0x3fffff) << 2. Users go through `arena.bytes[segment]`, `words`, `doubles`. Address 0 is no place, and no address
 * reaches 2^31. A view must not be kept over a free(): the segment may be gone with its last value.
 *
 * Sizes up to 8 KiB have classes (16-byte steps to 256, then 8 per doubling) and live in slabs of one class; a slab is a
 * run of pages with an intrusive list of free pieces. Larger ones are runs of whole pages, the largest segments of their
 * own (pages.ts). There is no header per object: whoever frees says the length.
 *
 * Slab, in the descriptors of its first two pages (each page of the slab has the first page's number in word 0):
 *
 *   first page    first page | first free piece (address) | pieces in use, carved << 16 | class
 *   second page   first page | next partial slab          | previous partial slab       | -
 *
 * A slab is its class's current one, or full, or in the class's list of partial slabs. An empty slab gives its pages
 * back, save a current one, which is idle: it stays until nothing but idle slabs is left in its segment.
 *
 * It never throws when memory or the limit is reached: allocate() answers 0.
 */
import { assert } from "../base/assert.ts";
import type { Address } from "../base/brands.ts";
import {
  HUGE_BYTES_MAX,
  HUGE_BYTES_MIN,
  PAGE_BYTES,
  SEGMENT_BYTES,
  SEGMENTS_MAX,
  SMALL_BYTES_MAX,
} from "../base/limits.ts";
import { type PageAdvice, PageSpace } from "./pages.ts";

const FIRST_FREE = 1;
const USE = 2;
const CLASS = 3;
const NEXT = 5;
const PREVIOUS = 6;
/** Slabs of 16 KiB for pieces up to 512 bytes, of 64 KiB above: at most 8 % is lost at the end of a slab. */
const SMALL_SLAB_PAGES = 4;
const LARGE_SLAB_PAGES = 16;
const SMALL_SLAB_PIECE_BYTES_MAX = 512;

function classSizes(): number[] {
  const sizes: number[] = [];
  for (let size = 16; size <= 256; size += 16) sizes.push(size);
  for (let size = 256; size < SMALL_BYTES_MAX; size *= 2) {
    for (let step = 1; step <= 8; step++) sizes.push(size + (size / 8) * step);
  }
  return sizes;
}

const CLASS_BYTES = Int32Array.from(classSizes());
const CLASSES = CLASS_BYTES.length;
const CLASS_UNITS = CLASS_BYTES.map((bytes) => bytes >>> 4);
const CLASS_PAGES = CLASS_BYTES.map((bytes) =>
  bytes <= SMALL_SLAB_PIECE_BYTES_MAX ? SMALL_SLAB_PAGES : LARGE_SLAB_PAGES,
);
const CLASS_PIECES = CLASS_BYTES.map((bytes, index) => Math.floor((CLASS_PAGES[index] * PAGE_BYTES) / bytes));
/** Class by length in units of 16 bytes, rounded up. */
const CLASS_OF = new Uint8Array(SMALL_BYTES_MAX / 16 + 1);
for (let units = 1; units < CLASS_OF.length; units++) {
  CLASS_OF[units] = CLASS_UNITS.findIndex((classUnits) => classUnits >= units);
}

/** Bytes that a length really takes and may use. */
export function capacityOf(byteLength: number): number {
  if (byteLength <= SMALL_BYTES_MAX) return CLASS_BYTES[CLASS_OF[(byteLength + 15) >>> 4]];
  return Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
}

/** Whether a value that changes its length from `a` to `b` stays where it is. */
export function sameClass(a: number, b: number): boolean {
  return capacityOf(a) === capacityOf(b);
}

export interface ArenaOptions {
  /** The most that segments may take together. */
  readonly limitBytes?: number;
  /** Hears of new segments and of free pages of living ones; none by default. */
  readonly advice?: PageAdvice | null;
}

export class Arena {
  /** Views of the segments by segment number: the same arrays for as long as the arena lives. */
  readonly bytes: Uint8Array[];
  readonly words: Int32Array[];
  readonly doubles: Float64Array[];
  readonly views: DataView[];
  readonly #space: PageSpace;
  readonly #descriptors: Int32Array[];
  readonly #current = new Int32Array(CLASSES);
  readonly #partialFirst = new Int32Array(CLASSES);
  readonly #partialLast = new Int32Array(CLASSES);
  /** Pages of idle slabs by segment number. */
  readonly #idlePages = new Int32Array(SEGMENTS_MAX);
  /** One double: it passes 2^31, where a field would become a heap number made anew at each change. */
  readonly #used = new Float64Array(1);

  constructor(options: ArenaOptions = {}) {
    this.#space = new PageSpace(options.limitBytes ?? SEGMENT_BYTES * (SEGMENTS_MAX - 1), options.advice ?? null);
    this.#descriptors = this.#space.descriptors;
    this.bytes = this.#space.bytes;
    this.words = this.#space.words;
    this.doubles = this.#space.doubles;
    this.views = this.#space.views;
  }

  /** Bytes handed out, each length rounded up to its class, and those that account() was told of. */
  get usedBytes(): number {
    return this.#used[0];
  }

  /** Bytes of the pages that these lie in: what is more than usedBytes is lost to the edges of slabs, or free for pieces of one class. */
  get pageBytes(): number {
    return this.#space.pagesInUse * PAGE_BYTES;
  }

  /** Bytes of pages that the system may have given memory to: those in use, and free ones that it was not offered yet. */
  get residentBytes(): number {
    return (this.#space.pagesInUse + this.#space.pagesDirty) * PAGE_BYTES;
  }

  /** Gives back to the system what is free, as far as it can be told. */
  purge(): void {
    this.#space.purge();
  }

  /** Counts memory that belongs to what lies here but comes from elsewhere, as a table's directory does. */
  account(byteLength: number): void {
    this.#used[0] += byteLength;
  }

  /** Bytes of address space taken from the system; what was never touched of it costs nothing. */
  get committedBytes(): number {
    return this.#space.committedBytes;
  }

  /** Gives all memory back to the system at once. The arena and every view of it are of no use then. */
  destroy(): void {
    this.#space.destroy();
  }

  /** Memory for `byteLength` ≥ 1 bytes, with arbitrary contents; 0 when there is none. */
  allocate(byteLength: number): Address {
    if (byteLength > SMALL_BYTES_MAX) return this.#allocateLarge(byteLength);
    const sizeClass = CLASS_OF[(byteLength + 15) >>> 4];
    let slab = this.#current[sizeClass];
    for (;;) {
      const segment = slab >>> 22;
      const descriptors = this.#descriptors[segment];
      const at = ((slab & 0x3fffff) >>> 8) << 2;
      if (slab !== 0) {
        const use = descriptors[at + USE];
        let address = descriptors[at + FIRST_FREE];
        if (address !== 0) {
          descriptors[at + FIRST_FREE] = this.words[segment][(address & 0x3fffff) << 2];
          descriptors[at + USE] = use + 1;
        } else if (use >>> 16 < CLASS_PIECES[sizeClass]) {
          address = slab + (use >>> 16) * CLASS_UNITS[sizeClass];
          descriptors[at + USE] = use + 0x10001;
        }
        if (address !== 0) {
          if ((use & 0xffff) === 0) this.#idlePages[segment] -= CLASS_PAGES[sizeClass];
          this.#used[0] += CLASS_BYTES[sizeClass];
          return address as Address;
        }
      }
      slab = this.#nextSlab(sizeClass);
      if (slab === 0) return 0 as Address;
    }
  }

  /** Gives back what allocate(byteLength) returned, or allocate of any length of the same class. */
  free(address: Address, byteLength: number): void {
    if (byteLength > SMALL_BYTES_MAX) {
      this.#freeLarge(address, byteLength);
      return;
    }
    const sizeClass = CLASS_OF[(byteLength + 15) >>> 4];
    const segment = address >>> 22;
    const descriptors = this.#descriptors[segment];
    const page = descriptors[((address & 0x3fffff) >>> 8) << 2];
    const at = page << 2;
    assert(page >= 0 && descriptors[at + CLASS] === sizeClass, "memory is freed with its length");
    this.words[segment][(address & 0x3fffff) << 2] = descriptors[at + FIRST_FREE];
    descriptors[at + FIRST_FREE] = address;
    const use = descriptors[at + USE] - 1;
    descriptors[at + USE] = use;
    this.#used[0] -= CLASS_BYTES[sizeClass];
    const pieces = use & 0xffff;
    if (pieces === 0) this.#emptied(sizeClass, segment, page);
    else if (pieces === CLASS_PIECES[sizeClass] - 1) this.#noLongerFull(sizeClass, segment, page);
  }

  #allocateLarge(byteLength: number): Address {
    if (byteLength > HUGE_BYTES_MAX) return 0 as Address;
    const bytes = capacityOf(byteLength);
    const address =
      byteLength > HUGE_BYTES_MIN ? this.#space.allocateHuge(bytes) : this.#space.allocateRun(bytes / PAGE_BYTES);
    if (address !== 0) this.#used[0] += bytes;
    return address;
  }

  #freeLarge(address: Address, byteLength: number): void {
    const bytes = capacityOf(byteLength);
    this.#used[0] -= bytes;
    if (byteLength > HUGE_BYTES_MIN) this.#space.freeHuge(address);
    else this.#freePages(address, bytes / PAGE_BYTES);
  }

  /** Makes another slab with room the current one of its class, and returns it, or 0. The old one is full or absent. */
  #nextSlab(sizeClass: number): number {
    let slab: number = this.#partialFirst[sizeClass];
    if (slab !== 0) {
      this.#unlink(sizeClass, slab);
    } else {
      const pages = CLASS_PAGES[sizeClass];
      slab = this.#space.allocateRun(pages);
      if (slab === 0) return 0;
      const page = (slab & 0x3fffff) >>> 8;
      const at = page << 2;
      const descriptors = this.#descriptors[slab >>> 22];
      for (let i = 0; i < pages; i++) descriptors[at + (i << 2)] = page;
      descriptors[at + FIRST_FREE] = 0;
      descriptors[at + USE] = 0;
      descriptors[at + CLASS] = sizeClass;
      this.#idlePages[slab >>> 22] += pages;
    }
    this.#current[sizeClass] = slab;
    return slab;
  }

  #emptied(sizeClass: number, segment: number, page: number): void {
    const slab = (segment << 22) | (page << 8);
    if (this.#current[sizeClass] === slab) {
      this.#idlePages[segment] += CLASS_PAGES[sizeClass];
      this.#dropIdle(segment);
    } else {
      this.#unlink(sizeClass, slab);
      this.#freePages(slab as Address, CLASS_PAGES[sizeClass]);
    }
  }

  #freePages(address: Address, pages: number): void {
    this.#space.freeRun(address, pages);
    this.#dropIdle(address >>> 22);
  }

  /** When nothing but idle slabs is left in a segment, gives them back, and the segment with them. */
  #dropIdle(segment: number): void {
    const idle = this.#idlePages[segment];
    if (idle === 0 || idle !== this.#space.usedPages[segment]) return;
    this.#idlePages[segment] = 0;
    for (let sizeClass = 0; sizeClass < CLASSES; sizeClass++) {
      const slab = this.#current[sizeClass];
      if (slab === 0 || slab >>> 22 !== segment) continue;
      this.#current[sizeClass] = 0;
      this.#space.freeRun(slab as Address, CLASS_PAGES[sizeClass]);
    }
  }

  /** A full slab that has room again goes to the end of its class's list: the one at the front has gathered most room. */
  #noLongerFull(sizeClass: number, segment: number, page: number): void {
    const slab = (segment << 22) | (page << 8);
    if (this.#current[sizeClass] === slab) return;
    const at = page << 2;
    const last = this.#partialLast[sizeClass];
    this.#descriptors[segment][at + NEXT] = 0;
    this.#descriptors[segment][at + PREVIOUS] = last;
    if (last === 0) this.#partialFirst[sizeClass] = slab;
    else this.#descriptors[last >>> 22][(((last & 0x3fffff) >>> 8) << 2) + NEXT] = slab;
    this.#partialLast[sizeClass] = slab;
  }

  #unlink(sizeClass: number, slab: number): void {
    const at = ((slab & 0x3fffff) >>> 8) << 2;
    const next = this.#descriptors[slab >>> 22][at + NEXT];
    const previous = this.#descriptors[slab >>> 22][at + PREVIOUS];
    if (next === 0) this.#partialLast[sizeClass] = previous;
    else this.#descriptors[next >>> 22][(((next & 0x3fffff) >>> 8) << 2) + PREVIOUS] = previous;
    if (previous === 0) this.#partialFirst[sizeClass] = next;
    else this.#descriptors[previous >>> 22][(((previous & 0x3fffff) >>> 8) << 2) + NEXT] = next;
  }
}
