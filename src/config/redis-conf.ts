/**
 * Reads redis.conf: lines, comments, quotes, `include`. What the directives mean is Config's business.
 *
 * It reports every problem, one line each, `file:line: reason`, instead of stopping at the first as Redis does. Files are
 * read whole and at once; nothing else runs yet. Values of directives appear in no message: they may be passwords.
 */

import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { bytesOf, latin1 } from "../base/bytes.ts";
import { globMatches } from "../base/glob.ts";
import { CONFIG_FILE_BYTES_MAX, CONFIG_INCLUDES_MAX } from "../base/limits.ts";
import { splitArgs } from "../base/split-args.ts";
import type { Config } from "./config.ts";

const LINE_FEED = 10;
const HASH = 35;
const STDIN_FD = 0;

/** Where bytes come from; the tests bring their own. Both throw on failure, as node:fs does. */
export interface Files {
  readFile(path: string): Uint8Array;
  listFolder(path: string): string[];
}

export const FILES: Files = {
  readFile: (path) => readFileSync(path === "-" ? STDIN_FD : path),
  listFolder: (path) => readdirSync(path),
};

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The paths that a pattern with `*`, `?` or `[…]` stands for, sorted; none is no error. A path without them is itself. */
export function expandPattern(pattern: string, files: Files): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const parts = resolve(pattern).split("/").slice(1);
  let found = [""];
  for (const part of parts) {
    if (!/[*?[]/.test(part)) {
      found = found.map((folder) => `${folder}/${part}`);
      continue;
    }
    const glob = Buffer.from(part);
    const next: string[] = [];
    for (const folder of found) {
      for (const name of namesIn(folder, files)) {
        const bytes = Buffer.from(name);
        const hidden = name.startsWith(".") && !part.startsWith(".");
        if (!hidden && globMatches(glob, 0, glob.length, bytes, 0, bytes.length, false)) next.push(`${folder}/${name}`);
      }
    }
    found = next;
  }
  return found;
}

function namesIn(folder: string, files: Files): string[] {
  try {
    return files.listFolder(folder === "" ? "/" : folder).sort();
  } catch {
    return [];
  }
}

class Reader {
  readonly #config: Config;
  readonly #files: Files;
  readonly #open: string[];
  readonly errors: string[];
  #filesRead: number;

  constructor(config: Config, files: Files) {
    this.#config = config;
    this.#files = files;
    this.#open = [];
    this.errors = [];
    this.#filesRead = 0;
  }

  /** Reads one file and those it includes. `from` is where it was asked for, for messages; "" for the command line. */
  read(path: string, from: string): void {
    const before = from === "" ? "" : `${from}: `;
    const known = path === "-" ? path : resolve(path);
    if (this.#open.includes(known)) {
      this.errors.push(`${before}'include': ${path} includes itself`);
      return;
    }
    if (++this.#filesRead > CONFIG_INCLUDES_MAX) {
      if (this.#filesRead === CONFIG_INCLUDES_MAX + 1) {
        this.errors.push(`${before}'include': more than ${CONFIG_INCLUDES_MAX} files`);
      }
      return;
    }
    let bytes: Uint8Array;
    try {
      bytes = this.#files.readFile(path);
    } catch (error) {
      this.errors.push(`${before}can't open config file '${path}': ${message(error)}`);
      return;
    }
    if (bytes.length > CONFIG_FILE_BYTES_MAX) {
      this.errors.push(`${before}config file '${path}' is longer than ${CONFIG_FILE_BYTES_MAX} bytes`);
      return;
    }
    this.#open.push(known);
    this.#readLines(bytes, path === "-" ? "stdin" : path);
    this.#open.pop();
  }

  #readLines(bytes: Uint8Array, shown: string): void {
    let line = 0;
    for (let start = 0; start < bytes.length; ) {
      line++;
      let end = bytes.indexOf(LINE_FEED, start);
      if (end < 0) end = bytes.length;
      this.#readLine(bytes, start, end, `${shown}:${line}`);
      start = end + 1;
    }
  }

  #readLine(bytes: Uint8Array, start: number, end: number, origin: string): void {
    let at = start;
    while (at < end && (bytes[at] === 32 || bytes[at] === 9 || bytes[at] === 13)) at++;
    if (at >= end || bytes[at] === HASH) return;
    const args = splitArgs(bytes, at, end);
    if (args === null) {
      this.errors.push(`${origin}: Unbalanced quotes in configuration line`);
      return;
    }
    const words = args.map((arg) => latin1(arg, 0, arg.length));
    if (words.length === 0) return;
    if (words[0].toLowerCase() === "include" && words.length === 2) {
      const pattern = Buffer.from(words[1], "latin1").toString("utf8");
      // A relative path starts at the working folder, not at this file: so does Redis.
      for (const path of expandPattern(pattern, this.#files)) this.read(path, origin);
      return;
    }
    const error =
      words[0].toLowerCase() === "include"
        ? "'include': wrong number of arguments"
        : this.#config.assign(words[0], words.slice(1), origin);
    if (error !== null) this.errors.push(`${origin}: ${Buffer.from(bytesOf(error)).toString("utf8")}`);
  }
}

/** Reads the file at `path`, `-` being standard input, into `config`. Returns what is wrong, one line each. */
export function readRedisConf(path: string, config: Config, files: Files = FILES): string[] {
  const reader = new Reader(config, files);
  reader.read(path, "");
  return reader.errors;
}
