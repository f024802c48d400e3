/**
 * The values of the options: defaults, then what the file says, then the flags, then CONFIG SET.
 *
 * It reads values and judges them, and it acts on none: whoever owns a behaviour reads its option, and learns from the
 * list that set() returns what has changed. Texts in and out are byte strings (one character per byte, latin1);
 * text() and list() decode them as UTF-8. Not for the data path: read a value once and keep it.
 */

import { resolve } from "node:path";
import { assert } from "../base/assert.ts";
import { bytesOf } from "../base/bytes.ts";
import { globMatches } from "../base/glob.ts";
import type { Reading } from "./kinds.ts";
import { directiveNamed, OPTIONS, type Option, optionNamed } from "./options.ts";

export type Pair = readonly [name: string, value: string];

/** The outcome of set(): the names of the options whose value is another one now, or the error reply without its dash. */
export type SetResult = { readonly changed: readonly string[] } | { readonly error: string };

/** What the machine has against this value, or null. */
export type Verify = (name: string, value: string) => string | null;

const nothingAgainst: Verify = () => null;

/** What this machine allows of an option that is a number, and what CONFIG SET says to more. */
interface Most {
  readonly value: number;
  readonly error: string;
}

/** A Config as plain data, for workerData. */
export interface ConfigSnapshot {
  readonly folder: string;
  readonly values: Readonly<Record<string, string>>;
  readonly configured?: Readonly<Record<string, string>>;
  readonly most?: Readonly<Record<string, Most>>;
}

/** What check() finds: any error forbids the start. Each is one line that begins with where the value was given. */
export interface Findings {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

const decode = (value: string): string => Buffer.from(value, "latin1").toString("utf8");

/** A UTF-8 text as the byte string that Config takes. */
export function byteString(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function read(option: Option, words: readonly string[], current: string, folder: string): Reading {
  if (!option.kind.many && words.length !== 1) return { error: "wrong number of arguments" };
  // One word stands for several, as CONFIG SET's single argument does.
  const split = option.kind.many && words.length === 1 ? (words[0] === "" ? [] : words[0].split(" ")) : words;
  const reading = option.kind.read(split, current);
  if (option.name !== "dir" || "error" in reading) return reading;
  return reading.value === "" ? { error: "No such file or directory" } : { value: resolve(folder, reading.value) };
}

export class Config {
  readonly #folder: string;
  readonly #values: Map<string, string>;
  readonly #origins: Map<string, string>;
  /** What the user said of options that the program has settled. */
  readonly #configured: Map<string, string>;
  readonly #most: Map<string, Most>;

  /** `folder` is the working folder: the default of `dir`, as a byte string. */
  constructor(folder: string = byteString(process.cwd())) {
    this.#folder = folder;
    this.#values = new Map();
    this.#origins = new Map();
    this.#configured = new Map();
    this.#most = new Map();
  }

  static fromSnapshot(snapshot: ConfigSnapshot): Config {
    const config = new Config(snapshot.folder);
    for (const [name, value] of Object.entries(snapshot.values)) config.#values.set(config.#known(name).name, value);
    for (const [name, value] of Object.entries(snapshot.configured ?? {})) config.#configured.set(name, value);
    for (const [name, most] of Object.entries(snapshot.most ?? {})) config.#most.set(name, most);
    return config;
  }

  snapshot(): ConfigSnapshot {
    return {
      folder: this.#folder,
      values: Object.fromEntries(this.#values),
      configured: Object.fromEntries(this.#configured),
      most: Object.fromEntries(this.#most),
    };
  }

  #initial(option: Option): string {
    return option.name === "dir" ? this.#folder : option.initial;
  }

  #value(option: Option): string {
    return this.#values.get(option.name) ?? this.#initial(option);
  }

  #known(name: string): Option {
    const option = optionNamed(name);
    assert(option !== undefined, "an option is asked for by a name that is in the table");
    return option;
  }

  /** The name under which an option stands in the table, for any spelling that set() takes. */
  nameOf(spelling: string): string {
    return this.#known(spelling.toLowerCase()).name;
  }

  /** The value as CONFIG GET prints it, a byte string. */
  raw(name: string): string {
    return this.#value(this.#known(name));
  }

  text(name: string): string {
    return decode(this.raw(name));
  }

  bytes(name: string): Uint8Array {
    return bytesOf(this.raw(name));
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    assert(value === "yes" || value === "no", "flag() is for yes|no options");
    return value === "yes";
  }

  /** An integer or a memory size in bytes; above 2^53 the nearest double. Permissions come as the number they mean. */
  integer(name: string): number {
    const option = this.#known(name);
    const value = this.#value(option);
    assert(/^-?[0-9]+$/.test(value), "integer() is for options whose value is a number now");
    return option.kind.shape === "octal" ? Number.parseInt(value, 8) : Number(value);
  }

  /** The words of an option that takes several. */
  list(name: string): string[] {
    const value = this.text(name);
    return value === "" ? [] : value.split(" ");
  }

  /** Where a file or flag gave the value (`redis.conf:12`, `--port`), or null for a default. */
  origin(name: string): string | null {
    return this.#origins.get(this.#known(name).name) ?? null;
  }

  /** Settles a value that the program itself has chosen, such as the number of shards behind `auto`. */
  settle(name: string, value: string): void {
    const option = this.#known(name);
    assert("value" in read(option, [value], "", this.#folder), "a settled value is a valid one");
    if (!this.#configured.has(option.name)) this.#configured.set(option.name, this.#value(option));
    this.#values.set(option.name, value);
  }

  /** The value as the user gave it, whatever the program has settled since: what belongs into a file. */
  configured(name: string): string {
    const option = this.#known(name);
    return this.#configured.get(option.name) ?? this.#value(option);
  }

  /** From now on CONFIG SET refuses a greater value of this option, with these words. */
  allowAtMost(name: string, value: number, error: string): void {
    this.#most.set(this.#known(name).name, { value, error });
  }

  /** Takes values that another shard's set() has found to be valid; returns the names of those that are new here. */
  adopt(pairs: readonly Pair[]): string[] {
    const changed: string[] = [];
    for (const [name, value] of pairs) {
      const option = this.#known(name);
      if (value === this.#value(option)) continue;
      this.#values.set(option.name, value);
      this.#configured.delete(option.name);
      changed.push(option.name);
    }
    return changed;
  }

  /**
   * Takes one directive of a file or flag. Returns what is wrong with it, or null. A refused option is no error yet: a
   * later directive may take it back, so check() judges what stands at the end.
   */
  assign(directive: string, words: readonly string[], origin: string): string | null {
    const name = directive.toLowerCase();
    const option = optionNamed(name);
    if (option === undefined) return this.#assignSpecial(name, words);
    const reading = read(option, words, this.#values.get(option.name) ?? option.initial, this.#folder);
    if ("error" in reading) return `'${name}': ${reading.error}`;
    this.#values.set(option.name, reading.value);
    this.#origins.set(option.name, origin);
    return null;
  }

  #assignSpecial(name: string, words: readonly string[]): string | null {
    const directive = directiveNamed(name);
    if (directive === undefined) {
      const equals = name.indexOf("=");
      if (equals < 0) return `unknown directive '${name}'`;
      const before = name.slice(0, equals);
      return `unknown directive '${before}=...': name and value are separated by a blank`;
    }
    if (words.length < directive.wordsMin) return `'${name}': wrong number of arguments`;
    switch (directive.status) {
      case "ignored":
        return null;
      case "sentinel":
        return "sentinel directive while not in sentinel mode";
      case "refused":
        return `'${name}': kevy does not support this yet`;
      case "include":
        return "'include' belongs into a file";
    }
  }

  #refuses(option: Option, value: string): boolean {
    if (value === this.#initial(option)) return false;
    return option.refuses === undefined ? option.status === "refused" : option.refuses(value);
  }

  /** Judges the values that file and flags have given. */
  check(): Findings {
    const errors: string[] = [];
    const warnings: string[] = [];
    for (const [name, origin] of this.#origins) {
      const option = this.#known(name);
      const value = this.#value(option);
      const warning = this.warningOf(name);
      if (this.#refuses(option, value)) {
        errors.push(`${origin}: '${this.#shown(option)}': kevy does not support this yet; remove it to start without`);
      } else if (warning !== null) warnings.push(`${origin}: ${warning}`);
    }
    return { errors, warnings };
  }

  #shown(option: Option): string {
    return option.secret === true ? option.name : decode(`${option.name} ${this.#value(option)}`);
  }

  /** What the log should say of an option that was accepted and does nothing; null where there is nothing to say. */
  warningOf(name: string): string | null {
    const option = this.#known(name);
    if (option.status !== "tuning" || this.#value(option) === this.#initial(option)) return null;
    return `'${this.#shown(option)}': ${option.warning ?? "accepted, but it has no effect in kevy"}`;
  }

  /** CONFIG GET: names and values of what any of the patterns matches, in table order, none twice. */
  get(patterns: readonly string[]): Pair[] {
    // Redis prints a name that is asked for exactly in the way it was asked for.
    const shownAs = new Map<string, string>();
    const globs: Uint8Array[] = [];
    for (const pattern of patterns) {
      if (/[*?[]/.test(pattern)) globs.push(bytesOf(pattern));
      else if (!shownAs.has(pattern.toLowerCase())) shownAs.set(pattern.toLowerCase(), pattern);
    }
    const found: Pair[] = [];
    for (const option of OPTIONS) {
      for (const name of option.alias === undefined ? [option.name] : [option.name, option.alias]) {
        const asked = shownAs.get(name);
        if (asked !== undefined) {
          found.push([asked, this.#value(option)]);
        } else if (option.hidden !== true) {
          const bytes = bytesOf(name);
          if (globs.some((glob) => globMatches(glob, 0, glob.length, bytes, 0, bytes.length, true))) {
            found.push([name, this.#value(option)]);
          }
        }
      }
    }
    return found;
  }

  /**
   * CONFIG SET: all of the pairs or none. `clientIsLocal`: does the client come over loopback or a Unix socket?
   * `verify` says what the machine has against a value that is well formed, or null.
   */
  set(pairs: readonly Pair[], clientIsLocal: boolean, verify: Verify = nothingAgainst): SetResult {
    const names: string[] = [];
    for (const [given, value] of pairs) {
      const name = given.toLowerCase();
      const option = optionNamed(name);
      if (option === undefined) {
        return {
          error: `ERR Unknown option or number of arguments for CONFIG SET - '${given.replace(/[\r\n]/g, " ")}'`,
        };
      }
      const forbidden =
        this.#forbids(option, value, clientIsLocal) ?? (names.includes(name) ? "duplicate parameter" : null);
      // Redis names what was typed here, and the option further down.
      if (forbidden !== null) return failed(given, forbidden);
      names.push(name);
    }
    const values = new Map<string, string>();
    for (let i = 0; i < pairs.length; i++) {
      const option = this.#known(names[i]);
      if (!option.live) continue;
      const before = values.get(option.name) ?? this.#value(option);
      // Save points given live replace the ones before; in a file each line adds to them.
      const folder = option.name === "dir" ? before : this.#folder;
      const reading = read(option, [pairs[i][1]], option.name === "save" ? "" : before, folder);
      if ("error" in reading) return failed(names[i], reading.error);
      if (reading.value !== this.#value(option) && this.#refuses(option, reading.value)) {
        return failed(names[i], "kevy does not support this yet");
      }
      values.set(option.name, reading.value);
    }
    for (const [name, value] of values) {
      const most = this.#most.get(name);
      if (most !== undefined && Number(value) > most.value) return failed(name, most.error);
      const wrong = verify(name, value);
      if (wrong !== null) return failed(name, wrong);
    }
    const changed: string[] = [];
    for (const [name, value] of values) {
      if (value !== this.raw(name)) changed.push(name);
      this.#values.set(name, value);
      this.#configured.delete(name);
    }
    return { changed };
  }

  #forbids(option: Option, value: string, clientIsLocal: boolean): string | null {
    if (option.isProtected === true) {
      const allowed = this.raw("enable-protected-configs");
      if (allowed === "no" || (allowed === "local" && !clientIsLocal)) return "can't set protected config";
    }
    return option.live || this.#isRepeated(option, value) ? null : "can't set immutable config";
  }

  /** So that what CONFIG GET has printed can be given back. */
  #isRepeated(option: Option, value: string): boolean {
    if (option.repeatable !== true) return false;
    const reading = read(option, [value], "", this.#folder);
    return "value" in reading && reading.value === this.#value(option);
  }
}

function failed(name: string, reason: string): SetResult {
  return { error: `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}` };
}
