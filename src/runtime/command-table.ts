/**
 * The command table: from the bytes of a verb to the number of its row. Hot path.
 *
 * The facts of a row that routing needs stand in typed arrays by command id, so that the common command is routed
 * without touching the row object. Containers (CONFIG, CLIENT, …) resolve to their subcommand's row.
 *
 * Refuses: to run anything.
 */

import { assert } from "../base/assert.ts";
import type { CommandId } from "../base/brands.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { CommandFunction, CommandRow, Commands } from "./commands.ts";

export const UNKNOWN_COMMAND = -1 as CommandId;
export const UNKNOWN_SUBCOMMAND = -2 as CommandId;

/** Where a command runs, as a number. */
export const PLACE_CONNECTION = 0;
export const PLACE_KEYS = 1;
export const PLACE_ALL = 2;
export const PLACE_FUNCTION = 3;

const NAME_BYTES_MAX = 64;
const LOWER_CASE = 0x20202020;
const SHORT_MASK = 255;

export class CommandTable {
  readonly rows: CommandRow[];
  /** The rows' functions: rows differ in shape, so that reading one from them is slow. */
  readonly functions: CommandFunction[];
  readonly arity: Int16Array;
  readonly flags: Int32Array;
  readonly place: Uint8Array;
  readonly keyFirst: Int16Array;
  readonly keyLast: Int16Array;
  readonly keyStep: Int16Array;
  /** For a container: the id of its first subcommand's row, and how many follow; 0 where there are none. */
  readonly #subFirst: Int16Array;
  readonly #subCount: Int16Array;
  readonly #names: Uint8Array[];
  readonly #buckets: Int16Array;
  readonly #mask: number;
  /** Verbs of three and four letters without subcommands, as words; 0 is none. Two with one place: the first has it. */
  readonly #shortWords: Int32Array;
  readonly #shortIds: Int16Array;

  /** @throws AssertionFailure when the rows contradict themselves: an embedder's mistake, found at start. */
  constructor(commands: Commands) {
    this.rows = [...commands.rows];
    const top = this.rows.length;
    const subFirst: number[] = [];
    for (let id = 0; id < top; id++) {
      const container = this.rows[id];
      const subcommands = container.subcommands ?? [];
      for (const row of subcommands) {
        assert(row.name.startsWith(container.name + "|"), "a subcommand is named after its container");
        assert(subcommands.filter((other) => other.name === row.name).length === 1, "a subcommand has one row");
      }
      subFirst.push(this.rows.length);
      this.rows.push(...subcommands);
    }
    const n = this.rows.length;
    this.functions = this.rows.map((row) => row.run);
    this.arity = new Int16Array(n);
    this.flags = new Int32Array(n);
    this.place = new Uint8Array(n);
    this.keyFirst = new Int16Array(n);
    this.keyLast = new Int16Array(n);
    this.keyStep = new Int16Array(n);
    this.#subFirst = new Int16Array(n);
    this.#subCount = new Int16Array(n);
    this.#names = [];
    let size = 256;
    while (size < top * 4) size *= 2;
    this.#mask = size - 1;
    this.#buckets = new Int16Array(size).fill(-1);
    this.#shortWords = new Int32Array(SHORT_MASK + 1);
    this.#shortIds = new Int16Array(SHORT_MASK + 1);
    this.rows.forEach((row, id) => {
      this.#fill(row, id);
      if (id < top) {
        this.#subFirst[id] = subFirst[id];
        this.#subCount[id] = row.subcommands?.length ?? 0;
        this.#enter(id);
      }
    });
  }

  /** The id of the command these arguments name, UNKNOWN_COMMAND, or UNKNOWN_SUBCOMMAND. */
  resolve(argv: ArgvView): CommandId {
    const start = argv.starts[0];
    const length = argv.ends[0] - start;
    const view = argv.view;
    if (length <= 4 && length >= 3 && start + 4 <= argv.bytes.length) {
      // Short verbs are most of what comes: one load has all of one, one compare decides.
      const word = (view.getInt32(start, true) | LOWER_CASE) & (length === 3 ? 0xff_ffff : -1);
      const place = (word ^ (word >>> 7) ^ (word >>> 15)) & SHORT_MASK;
      if (this.#shortWords[place] === word) return this.#shortIds[place] as CommandId;
    }
    return this.#resolveSlowly(argv);
  }

  #resolveSlowly(argv: ArgvView): CommandId {
    const id = this.find(argv.bytes, argv.starts[0], argv.ends[0]);
    if (id < 0 || this.#subCount[id] === 0 || argv.count < 2) return id;
    return this.#findSub(id, argv.bytes, argv.starts[1], argv.ends[1]);
  }

  /** The id of a top-level command by its name in any case, or UNKNOWN_COMMAND. */
  find(bytes: Uint8Array, start: number, end: number): CommandId {
    const length = end - start;
    if (length > NAME_BYTES_MAX) return UNKNOWN_COMMAND;
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] | 32)) | 0;
    let bucket = (hash ^ (hash >>> 11)) & this.#mask;
    for (;;) {
      const id = this.#buckets[bucket];
      if (id < 0) return UNKNOWN_COMMAND;
      const name = this.#names[id];
      if (name.length === length) {
        let i = 0;
        for (; i < length; i++) {
          let c = bytes[start + i];
          if (c >= 65 && c <= 90) c |= 32;
          if (c !== name[i]) break;
        }
        if (i === length) return id as CommandId;
      }
      bucket = (bucket + 1) & this.#mask;
    }
  }

  /** Does this number of arguments fit the command? */
  arityFits(id: CommandId, count: number): boolean {
    const arity = this.arity[id];
    return arity >= 0 ? count === arity : count >= -arity;
  }

  /** Index of the last key among `count` arguments. */
  lastKey(id: CommandId, count: number): number {
    const last = this.keyLast[id];
    return last < 0 ? count + last : last;
  }

  #findSub(container: CommandId, bytes: Uint8Array, start: number, end: number): CommandId {
    const first = this.#subFirst[container];
    const last = first + this.#subCount[container];
    const prefix = this.#names[container].length + 1;
    for (let id = first; id < last; id++) {
      const name = this.#names[id];
      if (name.length - prefix !== end - start) continue;
      let i = 0;
      for (; start + i < end; i++) {
        let c = bytes[start + i];
        if (c >= 65 && c <= 90) c |= 32;
        if (c !== name[prefix + i]) break;
      }
      if (start + i === end) return id as CommandId;
    }
    return UNKNOWN_SUBCOMMAND;
  }

  #fill(row: CommandRow, id: number): void {
    this.#names.push(new Uint8Array(Buffer.from(row.name, "latin1")));
    assert(row.name === row.name.toLowerCase() && row.name.length <= NAME_BYTES_MAX, "a command's name is lower case");
    this.arity[id] = row.arity;
    this.flags[id] = row.flags;
    this.place[id] =
      row.place === "connection"
        ? PLACE_CONNECTION
        : row.place === "keys"
          ? PLACE_KEYS
          : row.place === "all"
            ? PLACE_ALL
            : PLACE_FUNCTION;
    assert(row.place !== "keys" || row.keys !== null, "a command placed by its keys has keys");
    assert(row.place !== "all" || row.reduce !== null, "a command on all shards has a reduction");
    if (row.keys !== null) {
      assert(row.keys.first >= 1 && row.keys.step >= 1, "keys stand behind the verb");
      const always = row.arity >= 0 ? row.arity : -row.arity;
      assert(row.keys.first < always, "the first key is there whenever the arity fits");
      this.keyFirst[id] = row.keys.first;
      this.keyLast[id] = row.keys.last;
      this.keyStep[id] = row.keys.step;
    }
  }

  #enter(id: number): void {
    const name = this.#names[id];
    assert(this.find(name, 0, name.length) === UNKNOWN_COMMAND, "a command has one row");
    let hash = name.length;
    for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + (name[i] | 32)) | 0;
    let bucket = (hash ^ (hash >>> 11)) & this.#mask;
    while (this.#buckets[bucket] >= 0) bucket = (bucket + 1) & this.#mask;
    this.#buckets[bucket] = id;
    if (name.length < 3 || name.length > 4 || this.#subCount[id] > 0) return;
    let word = 0;
    for (let i = 0; i < name.length; i++) {
      // A byte that the mask of lower case changes could stand for another one.
      if (name[i] < 97 || name[i] > 122) return;
      word |= name[i] << (8 * i);
    }
    const place = (word ^ (word >>> 7) ^ (word >>> 15)) & SHORT_MASK;
    if (this.#shortWords[place] !== 0) return;
    this.#shortWords[place] = word;
    this.#shortIds[place] = id;
  }
}
