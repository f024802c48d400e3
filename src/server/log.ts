/**
 * The log: one line per event in Redis's format, to a file that may be rotated away or to standard output.
 *
 * One thread writes: the main one. Others hand it their messages through a LogSink of their own. A log that cannot be
 * written stops nothing; the lines are lost, and a later attempt opens the file again.
 */

import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { LOG_MESSAGE_CHARS_MAX, LOG_REOPEN_CHECK_MS } from "../base/limits.ts";

export type LogLevel = "debug" | "verbose" | "notice" | "warning";

/** Takes log messages; what workers are given. */
export interface LogSink {
  log(level: LogLevel, message: string): void;
}

const LEVELS: readonly string[] = ["debug", "verbose", "notice", "warning", "nothing"];
const LEVEL_CHARACTERS = ".-*#";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `22 Nov 2026 18:17:28.669`, local time. */
export function logTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const day = `${two(date.getDate())} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
  return `${day} ${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export interface LogOptions {
  /** An empty path is standard output. */
  readonly file: string;
  /** A value of `loglevel`; `nothing` is silence. */
  readonly level: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Standard output. */
  readonly print: (line: string) => void;
}

export class Log implements LogSink {
  readonly #file: string;
  readonly #pid: number;
  readonly #now: () => number;
  readonly #print: (line: string) => void;
  #levelMin: number;
  #fd: number;
  #checkedMs: number;

  constructor(options: LogOptions) {
    this.#file = options.file;
    this.#pid = options.pid;
    this.#now = options.now;
    this.#print = options.print;
    this.#levelMin = LEVELS.indexOf(options.level);
    this.#fd = -1;
    this.#checkedMs = 0;
  }

  /** Opens the file, so that a path that cannot be written is known at the start. Returns what is wrong, or null. */
  open(): string | null {
    if (this.#file === "" || this.#fd >= 0) return null;
    try {
      this.#fd = openSync(this.#file, "a");
      this.#checkedMs = this.#now();
      return null;
    } catch (error) {
      return `can't open the log file '${this.#file}': ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** A new value of `loglevel`. */
  setLevel(level: string): void {
    this.#levelMin = LEVELS.indexOf(level);
  }

  log(level: LogLevel, message: string): void {
    const index = LEVELS.indexOf(level);
    if (index < this.#levelMin) return;
    const now = this.#now();
    const text = message.length > LOG_MESSAGE_CHARS_MAX ? message.slice(0, LOG_MESSAGE_CHARS_MAX) : message;
    const line = `${this.#pid}:M ${logTime(now)} ${LEVEL_CHARACTERS[index]} ${text}\n`;
    if (this.#file === "") this.#print(line);
    else this.#append(line, now);
  }

  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #append(line: string, now: number): void {
    // A clock that was set back must not stop the check.
    if (Math.abs(now - this.#checkedMs) >= LOG_REOPEN_CHECK_MS) {
      this.#checkedMs = now;
      if (!this.#isInPlace()) this.close();
    }
    try {
      if (this.#fd < 0 && this.open() !== null) return;
      writeSync(this.#fd, line);
    } catch {
      this.close();
    }
  }

  /** Does the path still lead to the file that is open? */
  #isInPlace(): boolean {
    if (this.#fd < 0) return false;
    try {
      const open = fstatSync(this.#fd);
      const there = statSync(this.#file);
      return open.ino === there.ino && open.dev === there.dev;
    } catch {
      return false;
    }
  }
}
