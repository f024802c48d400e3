/**
 * The pages under the arena: segments from the system, and runs of 4 KiB pages in them. Hot path.
 *
 * A segment is one ArrayBuffer of 64 MiB, which the kernel fills page by page as it is touched, so a fresh one costs
 * nothing. A value of more than 32 MiB has a segment of its own, of its own length. A segment whose pages are all free
 * is detached at once: the memory goes back to the kernel without a garbage collection, at about 60 µs per dirty MiB.
 * Lower segments are filled first, so that the upper ones can fall empty.
 *
 * This file knows nothing of size classes (arena.ts) and never throws when there is no memory: it answers 0.
 *
 * Page descriptors, 4 words for each page of a segment, in an array beside it:
 *
 *             word 0            word 1              word 2     word 3
 *   free run  FREE              length | dirty<<15  next run   previous run   (first page; the last has words 0 and 1)
 *   run       IN_USE            -                   -          -              (first and last page)
 *   slab      its first page    arena.ts owns the other words
 *
 * `dirty` is an upper bound of how many pages of a free run the kernel may have given memory to.
 */
import { assert } from "../base/assert.ts";
import type { Address } from "../base/brands.ts";
import {
  FIT_TRIES_MAX,
  HUGE_BYTES_MAX,
  PAGE_BYTES,
  RELEASE_PAGES_MIN,
  SEGMENT_BYTES,
  SEGMENTS_MAX,
  SPARE_SEGMENT_PAGES_MAX,
} from "../base/limits.ts";

/** What the system can be told about memory, where it can be told anything. */
export interface PageAdvice {
  /** A segment is new and will be accessed at random: large pages serve it best. */
  adopt(buffer: ArrayBuffer): void;
  /** First byte of a buffer at which a cache line begins, below 64. */
  lineOffset(buffer: ArrayBuffer): number;
  /** The memory of bytes start ≤ i < end can be taken back; they read as anything afterwards. */
  release(buffer: ArrayBuffer, start: number, end: number): void;
}

const FREE = -1;
const IN_USE = -2;
const NONE = -1;
const SEGMENT_PAGES = SEGMENT_BYTES / PAGE_BYTES;
const BINS = 64;
const LENGTH_MASK = 0x7fff;
const DIRTY_SHIFT = 15;

/**
 * A processor's cache line. A segment begins at one, so that an entry of 64 bytes lies in one line and a group of slots
 * in two; its buffer is a line longer for that.
 */
const LINE_BYTES = 64;
/** Where a line begins in a large buffer of the usual allocators, whose own 16 bytes stand before it. */
const LIKELY_OFFSET = 48;

const ABSENT = 0;
const PAGED = 1;
const HUGE = 2;

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** Bin of a run of `pages`: exact below 8 pages, then four bins per doubling. */
function binOf(pages: number): number {
  if (pages < 4) return pages;
  const log = 31 - Math.clz32(pages);
  return (log - 1) * 4 + ((pages >>> (log - 2)) & 3);
}

/** The smallest number of pages not below `pages` whose bin holds no shorter run. */
function roundToBin(pages: number): number {
  if (pages < 8) return pages;
  return pages + (1 << (29 - Math.clz32(pages))) - 1;
}

export class PageSpace {
  /** Views of the segments, by segment number; number 0 is no segment. The arrays live as long as the space. */
  readonly bytes: Uint8Array[] = [];
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly views: DataView[] = [];
  /** Page descriptors by segment number. */
  readonly descriptors: Int32Array[] = [];
  /** Pages in use, slabs included, by segment number. */
  readonly usedPages = new Int32Array(SEGMENTS_MAX);
  readonly #bins: Int32Array[] = [];
  readonly #binMasks = new Int32Array(SEGMENTS_MAX * 2);
  readonly #touchedPages = new Int32Array(SEGMENTS_MAX);
  readonly #kinds = new Uint8Array(SEGMENTS_MAX);
  /** The sum of `dirty` over the free runs of a segment. */
  readonly #freeDirty = new Int32Array(SEGMENTS_MAX);
  /** 0: bytes in segments; 1: the most that this may be. */
  readonly #committed = new Float64Array(2);
  readonly #advice: PageAdvice | null;
  /** Segments whose memory went back to the system, and whose addresses are still ours. */
  readonly #given: ArrayBuffer[] = [];
  /** No paged segment below this one has a free page. */
  #firstFree = 1;
  /** Segment numbers used so far are below this one. */
  #end = 1;
  /** The one empty segment that is kept, or 0. */
  #spare = 0;

  constructor(limitBytes: number, advice: PageAdvice | null) {
    this.#committed[1] = limitBytes;
    this.#advice = advice;
    this.#setViews(0, null);
  }

  get committedBytes(): number {
    return this.#committed[0];
  }

  /** Free pages that the kernel may have given memory to. Asks each segment: for reports. */
  get pagesDirty(): number {
    let pages = 0;
    for (let segment = 1; segment < this.#end; segment++) pages += this.#freeDirty[segment];
    return pages;
  }

  /** Offers all free pages to the system, and the segment that is kept in reserve. Walks all free runs: nobody waits for it. */
  // tidy: cold function, MEMORY PURGE
  purge(): void {
    if (this.#spare !== 0) this.#dropSegment(this.#spare);
    const advice = this.#advice;
    if (advice === null) return;
    for (let segment = 1; segment < this.#end; segment++) {
      if (this.#freeDirty[segment] === 0) continue;
      const descriptors = this.descriptors[segment];
      const runs: number[] = [];
      for (let bin = 0; bin < BINS; bin++) {
        for (let page = this.#bins[segment][bin]; page !== NONE; page = descriptors[(page << 2) + 2]) runs.push(page);
      }
      for (let i = 0; i < runs.length; i++) {
        const page = runs[i];
        const word = descriptors[(page << 2) + 1];
        if (word >>> DIRTY_SHIFT === 0) continue;
        const length = word & LENGTH_MASK;
        const { buffer, byteOffset } = this.bytes[segment];
        const start = byteOffset + page * PAGE_BYTES;
        advice.release(buffer as ArrayBuffer, start, start + length * PAGE_BYTES);
        this.#unlink(segment, page);
        this.#link(segment, page, length, 0);
      }
    }
  }

  /** Pages in use in all segments. Asks each of them: for reports. */
  get pagesInUse(): number {
    let pages = 0;
    for (let segment = 1; segment < this.#end; segment++) {
      if (this.#kinds[segment] === PAGED) pages += this.usedPages[segment];
      else if (this.#kinds[segment] === HUGE) pages += this.bytes[segment].length / PAGE_BYTES;
    }
    return pages;
  }

  /** A run of `pages` pages as the address of its first byte; 0 when there is no memory. */
  allocateRun(pages: number): Address {
    assert(pages > 0 && pages <= SEGMENT_PAGES, "a run fits a segment");
    let segment = this.#firstFree;
    let low = true;
    for (; segment < this.#end; segment++) {
      if (this.#kinds[segment] !== PAGED) continue;
      const free = SEGMENT_PAGES - this.usedPages[segment];
      if (free !== 0 && low) {
        low = false;
        this.#firstFree = segment;
      }
      if (free < pages) continue;
      const page = this.#findRun(segment, pages);
      if (page !== NONE) return this.#takeRun(segment, page, pages);
    }
    if (low) this.#firstFree = segment;
    segment = this.#addSegment(SEGMENT_BYTES, PAGED);
    if (segment === 0) return 0 as Address;
    return this.#takeRun(segment, 0, pages);
  }

  /** Gives back a run; gives back its segment too if nothing else is in it. */
  freeRun(address: Address, pages: number): void {
    const segment = address >>> 22;
    const descriptors = this.descriptors[segment];
    let start = (address & 0x3fffff) >>> 8;
    let length = pages;
    let dirty = pages;
    const used = this.usedPages[segment] - pages;
    assert(used >= 0 && descriptors[start << 2] !== FREE, "a run is freed once");
    this.usedPages[segment] = used;
    if (used === 0 && !this.#maySpare(segment)) {
      this.#dropSegment(segment);
      return;
    }
    if (used === 0) this.#spare = segment;
    if (segment < this.#firstFree) this.#firstFree = segment;
    if (start > 0 && descriptors[(start - 1) << 2] === FREE) {
      const word = descriptors[((start - 1) << 2) + 1];
      start -= word & LENGTH_MASK;
      length += word & LENGTH_MASK;
      dirty += word >>> DIRTY_SHIFT;
      this.#unlink(segment, start);
    }
    const next = start + length;
    if (next < SEGMENT_PAGES && descriptors[next << 2] === FREE) {
      const word = descriptors[(next << 2) + 1];
      length += word & LENGTH_MASK;
      dirty += word >>> DIRTY_SHIFT;
      this.#unlink(segment, next);
    }
    if (this.#advice !== null && dirty >= RELEASE_PAGES_MIN) {
      const buffer = this.bytes[segment].buffer as ArrayBuffer;
      const base = this.bytes[segment].byteOffset;
      this.#advice.release(buffer, base + start * PAGE_BYTES, base + (start + length) * PAGE_BYTES);
      dirty = 0;
    }
    this.#link(segment, start, length, dirty);
  }

  /** A segment of its own for one value; 0 when there is no memory or it is larger than any value may be. */
  allocateHuge(byteLength: number): Address {
    if (byteLength > HUGE_BYTES_MAX) return 0 as Address;
    return (this.#addSegment(byteLength, HUGE) << 22) as Address;
  }

  freeHuge(address: Address): void {
    assert(this.#kinds[address >>> 22] === HUGE && (address & 0x3fffff) === 0, "a large value has its own segment");
    this.#dropSegment(address >>> 22);
  }

  /** Gives all memory back. Nothing here is of any use then. */
  destroy(): void {
    for (let segment = 1; segment < this.#end; segment++) {
      if (this.#kinds[segment] !== ABSENT) this.#dropSegment(segment);
    }
    this.#given.length = 0;
  }

  #setViews(segment: number, buffer: ArrayBuffer | null): void {
    if (buffer === null) {
      this.bytes[segment] = NO_BYTES;
      this.words[segment] = NO_WORDS;
      this.doubles[segment] = NO_DOUBLES;
      this.views[segment] = NO_VIEW;
    } else {
      const offset = this.#advice === null ? LIKELY_OFFSET : this.#advice.lineOffset(buffer);
      const byteLength = buffer.byteLength - LINE_BYTES;
      this.bytes[segment] = new Uint8Array(buffer, offset, byteLength);
      this.words[segment] = new Int32Array(buffer, offset, byteLength >> 2);
      this.doubles[segment] = new Float64Array(buffer, offset, byteLength >> 3);
      this.views[segment] = new DataView(buffer, offset, byteLength);
    }
    const paged = buffer !== null && this.#kinds[segment] === PAGED;
    this.descriptors[segment] = paged ? new Int32Array(SEGMENT_PAGES * 4) : NO_WORDS;
    this.#bins[segment] = paged ? new Int32Array(BINS).fill(NONE) : NO_WORDS;
  }

  #addSegment(byteLength: number, kind: number): number {
    if (this.#committed[0] + byteLength > this.#committed[1]) return 0;
    let segment = 1;
    while (segment < this.#end && this.#kinds[segment] !== ABSENT) segment++;
    if (segment === SEGMENTS_MAX) return 0;
    let buffer: ArrayBuffer;
    try {
      const given = byteLength === SEGMENT_BYTES ? this.#given.pop() : undefined;
      buffer = given === undefined ? new ArrayBuffer(LINE_BYTES + byteLength) : given;
    } catch {
      return 0;
    }
    if (this.#advice !== null) this.#advice.adopt(buffer);
    this.#kinds[segment] = kind;
    this.#setViews(segment, buffer);
    this.#committed[0] += byteLength;
    if (segment === this.#end) this.#end = segment + 1;
    if (kind === PAGED) {
      if (segment < this.#firstFree) this.#firstFree = segment;
      this.#binMasks[segment * 2] = 0;
      this.#binMasks[segment * 2 + 1] = 0;
      this.#touchedPages[segment] = 0;
      this.usedPages[segment] = 0;
      this.#freeDirty[segment] = 0;
      this.#link(segment, 0, SEGMENT_PAGES, 0);
    }
    return segment;
  }

  #dropSegment(segment: number): void {
    const buffer = this.bytes[segment].buffer as ArrayBuffer;
    const byteLength = this.bytes[segment].byteLength;
    this.#kinds[segment] = ABSENT;
    this.#freeDirty[segment] = 0;
    this.#setViews(segment, null);
    this.#committed[0] -= byteLength;
    if (this.#spare === segment) this.#spare = 0;
    while (this.#end > 1 && this.#kinds[this.#end - 1] === ABSENT) this.#end--;
    if (this.#advice === null) {
      // Gives the memory back at once. From the first time on, V8 looks at every access whether its buffer is detached.
      buffer.transfer(0);
    } else if (byteLength === SEGMENT_BYTES) {
      this.#advice.release(buffer, 0, buffer.byteLength);
      this.#given.push(buffer);
    } else this.#advice.release(buffer, 0, buffer.byteLength);
  }

  /** Whether an empty segment is kept: one may be, if it is nearly untouched, so that one key come and gone costs little. */
  #maySpare(segment: number): boolean {
    if (this.#spare !== 0 && this.#spare !== segment) return false;
    return this.#touchedPages[segment] <= SPARE_SEGMENT_PAGES_MAX;
  }

  /** First page of a free run of at least `pages` in a segment, or NONE. Bounded: two mask words and a few runs. */
  #findRun(segment: number, pages: number): number {
    const bins = this.#bins[segment];
    const bin = binOf(roundToBin(pages));
    let found = BINS;
    if (bin < 32) {
      const low = this.#binMasks[segment * 2] & (-1 << bin);
      const high = this.#binMasks[segment * 2 + 1];
      if (low !== 0) found = 31 - Math.clz32(low & -low);
      else if (high !== 0) found = 63 - Math.clz32(high & -high);
    } else if (bin < BINS) {
      const high = this.#binMasks[segment * 2 + 1] & (-1 << (bin - 32));
      if (high !== 0) found = 63 - Math.clz32(high & -high);
    }
    if (found < BINS) return bins[found];
    const descriptors = this.descriptors[segment];
    let page = bins[binOf(pages)];
    for (let tries = 0; page !== NONE && tries < FIT_TRIES_MAX; tries++) {
      if ((descriptors[(page << 2) + 1] & LENGTH_MASK) >= pages) return page;
      page = descriptors[(page << 2) + 2];
    }
    return NONE;
  }

  #takeRun(segment: number, page: number, pages: number): Address {
    const descriptors = this.descriptors[segment];
    const word = descriptors[(page << 2) + 1];
    const rest = (word & LENGTH_MASK) - pages;
    const dirty = word >>> DIRTY_SHIFT;
    assert(rest >= 0, "the run is long enough");
    this.#unlink(segment, page);
    if (rest > 0) this.#link(segment, page + pages, rest, Math.min(dirty, rest));
    descriptors[page << 2] = IN_USE;
    descriptors[(page + pages - 1) << 2] = IN_USE;
    this.usedPages[segment] += pages;
    if (page + pages > this.#touchedPages[segment]) this.#touchedPages[segment] = page + pages;
    if (this.#spare === segment) this.#spare = 0;
    return ((segment << 22) | (page << 8)) as Address;
  }

  #link(segment: number, page: number, length: number, dirty: number): void {
    const descriptors = this.descriptors[segment];
    const bins = this.#bins[segment];
    const bin = binOf(length);
    const next = bins[bin];
    const at = page << 2;
    const last = (page + length - 1) << 2;
    this.#freeDirty[segment] += dirty;
    descriptors[at] = FREE;
    descriptors[at + 1] = length | (dirty << DIRTY_SHIFT);
    descriptors[at + 2] = next;
    descriptors[at + 3] = NONE;
    descriptors[last] = FREE;
    descriptors[last + 1] = length | (dirty << DIRTY_SHIFT);
    if (next !== NONE) descriptors[(next << 2) + 3] = page;
    bins[bin] = page;
    this.#binMasks[segment * 2 + (bin >>> 5)] |= 1 << (bin & 31);
  }

  #unlink(segment: number, page: number): void {
    const descriptors = this.descriptors[segment];
    const at = page << 2;
    const next = descriptors[at + 2];
    const previous = descriptors[at + 3];
    this.#freeDirty[segment] -= descriptors[at + 1] >>> DIRTY_SHIFT;
    if (next !== NONE) descriptors[(next << 2) + 3] = previous;
    if (previous !== NONE) {
      descriptors[(previous << 2) + 2] = next;
      return;
    }
    const bin = binOf(descriptors[at + 1] & LENGTH_MASK);
    this.#bins[segment][bin] = next;
    if (next === NONE) this.#binMasks[segment * 2 + (bin >>> 5)] &= ~(1 << (bin & 31));
  }
}
