/**
 * Argv: the arguments of one request as ranges over bytes that somebody else owns. Hot path.
 *
 *     bytes   * 2 \r \n $ 3 \r \n G E T \r \n $ 1 \r \n k \r \n
 *     argument 0:                 ^starts[0]  ^ends[0]
 *
 * A borrowed Argv is valid while its bytes are: during the call that got it. Whoever keeps a request longer (another
 * shard, a transaction's queue) makes an owned copy. Refuses: to interpret an argument.
 */

import { copyBytes, latin1, viewOf } from "../base/bytes.ts";

const ARGUMENTS_INITIAL = 32;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = viewOf(NO_BYTES);

/** What a command may do with its arguments: read them. */
export interface ArgvView {
  readonly bytes: Uint8Array;
  /** The same bytes, for words at a time. */
  readonly view: DataView;
  readonly count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** The argument as latin1 text; for cold paths. */
  text(index: number): string;
  toOwned(): Argv;
}

export class Argv implements ArgvView {
  bytes: Uint8Array;
  view: DataView;
  count: number;
  starts: Int32Array;
  ends: Int32Array;

  constructor(capacity: number = ARGUMENTS_INITIAL) {
    this.bytes = NO_BYTES;
    this.view = NO_VIEW;
    this.count = 0;
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
  }

  /** An owned Argv over copies of these arguments; for tests and cold paths. */
  // tidy: cold function, lines typed by people and effects with an observer
  static of(args: readonly (string | Uint8Array)[]): Argv {
    const parts = args.map((arg) => (typeof arg === "string" ? Buffer.from(arg, "utf8") : Buffer.from(arg)));
    const argv = new Argv(Math.max(1, parts.length));
    const joined = Buffer.concat(parts);
    argv.bytes = new Uint8Array(joined.buffer, joined.byteOffset, joined.length);
    argv.view = viewOf(argv.bytes);
    let at = 0;
    parts.forEach((part, i) => {
      argv.starts[i] = at;
      at += part.length;
      argv.ends[i] = at;
    });
    argv.count = parts.length;
    return argv;
  }

  /** Room for `capacity` arguments; keeps those that are there. */
  reserve(capacity: number): void {
    if (capacity <= this.starts.length) return;
    const size = Math.max(capacity, this.starts.length * 2);
    const starts = new Int32Array(size);
    starts.set(this.starts);
    const ends = new Int32Array(size);
    ends.set(this.ends);
    this.starts = starts;
    this.ends = ends;
  }

  push(start: number, end: number): void {
    const i = this.count;
    if (i === this.starts.length) this.reserve(i + 1);
    this.starts[i] = start;
    this.ends[i] = end;
    this.count = i + 1;
  }

  text(index: number): string {
    return latin1(this.bytes, this.starts[index], this.ends[index]);
  }

  // tidy: cold function, an owned copy is made for what outlives its turn
  toOwned(): Argv {
    const copy = new Argv(Math.max(1, this.count));
    let total = 0;
    for (let i = 0; i < this.count; i++) total += this.ends[i] - this.starts[i];
    const bytes = new Uint8Array(total);
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      copy.starts[i] = at;
      at = copyBytes(bytes, at, this.bytes, this.starts[i], this.ends[i]);
      copy.ends[i] = at;
    }
    copy.bytes = bytes;
    copy.view = viewOf(bytes);
    copy.count = this.count;
    return copy;
  }
}
