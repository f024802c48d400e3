/**
 * The process around a server: its working folder, its pid file, its signals, its last words.
 *
 * Nothing here is for embedders: their process is their own.
 */

import { readFileSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { getSystemErrorMessage } from "node:util";

const STDOUT_FD = 1;

function reasonOf(error: unknown): string {
  const number = (error as NodeJS.ErrnoException).errno;
  return typeof number === "number" ? getSystemErrorMessage(number) : String(error);
}

/** Makes `folder` the working folder, as the directive `dir` demands. Returns what is wrong, or null. */
export function enterFolder(folder: string): string | null {
  try {
    process.chdir(folder);
    return null;
  } catch (error) {
    return `Can't chdir to '${folder}': ${reasonOf(error)}`;
  }
}

/** Writes at once: a process that ends says its last words. Nobody may be reading any more, which stops no server. */
export function printLine(line: string): void {
  try {
    writeSync(STDOUT_FD, line);
  } catch {
    // The reader is gone or too slow: the line is lost.
  }
}

/** The file that tells others which process serves. */
export class PidFile {
  readonly #path: string;
  #written: boolean;

  /** An empty path is no file. */
  constructor(path: string) {
    // The working folder may change while the server runs.
    this.#path = path === "" ? "" : resolve(path);
    this.#written = false;
  }

  /** Returns what is wrong, or null. */
  write(): string | null {
    if (this.#path === "") return null;
    try {
      writeFileSync(this.#path, process.pid + "\n");
      this.#written = true;
      return null;
    } catch (error) {
      return `Failed to write PID file: ${reasonOf(error)}`;
    }
  }

  /** Removes it, unless another process has written its own there meanwhile. */
  remove(): void {
    if (!this.#written) return;
    this.#written = false;
    try {
      if (readFileSync(this.#path, "utf8").trim() === String(process.pid)) unlinkSync(this.#path);
    } catch {
      // Gone already.
    }
  }
}

export interface SignalHandlers {
  /** SIGTERM. */
  readonly terminate: () => void;
  /** SIGINT; comes again when somebody insists. */
  readonly interrupt: () => void;
}

/** Takes the signals over. The terminal may go (SIGHUP), and SIGUSR1 does not open Node's inspector. */
export function handleSignals(handlers: SignalHandlers): void {
  process.on("SIGTERM", handlers.terminate);
  process.on("SIGINT", handlers.interrupt);
  process.on("SIGHUP", () => undefined);
  // Node would open its inspector on this signal: a way in that nobody asked for.
  process.on("SIGUSR1", () => undefined);
}
