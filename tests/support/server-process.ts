/** A server as a child process: started, awaited, stopped by its own handle. For redis-server and kevy alike. */

import { type ChildProcess, spawn } from "node:child_process";

const STOP_MS_MAX = 10_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ServerProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  exit: Exit | null = null;
  readonly exited: Promise<Exit>;
  #onOutput: (() => void) | null = null;

  constructor(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#onOutput?.();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#onOutput?.();
    });
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.exit ??= { code, signal };
        process.removeListener("exit", this.#killWithTest);
        this.#onOutput?.();
        resolve(this.exit);
      };
      this.child.once("close", end);
      this.child.once("error", (error) => {
        this.stderr += error.message;
        end(null, null);
      });
    });
    // A test that throws must not leave a server behind.
    process.once("exit", this.#killWithTest);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Resolves when `text` stands in stdout or stderr. @throws Error with all output when it exits or takes too long */
  awaitOutput(text: string, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error: Error | null): void => {
        clearTimeout(timer);
        this.#onOutput = null;
        if (error === null) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (this.stdout.includes(text) || this.stderr.includes(text)) finish(null);
        else if (this.exit !== null) finish(new Error(`the server ended before it was ready: ${this.describe()}`));
      };
      const timer = setTimeout(() => {
        finish(new Error(`no ${JSON.stringify(text)} within ${timeoutMs} ms: ${this.describe()}`));
      }, timeoutMs);
      this.#onOutput = check;
      check();
    });
  }

  /** Sends a signal and waits for the end; after STOP_MS_MAX it kills. Again is harmless. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    if (this.exit !== null) return this.exit;
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS_MAX);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  describe(): string {
    const end = this.exit === null ? "running" : `exit code ${this.exit.code}, signal ${this.exit.signal}`;
    return `${end}\n--- stdout\n${this.stdout.slice(-4000)}\n--- stderr\n${this.stderr.slice(-4000)}`;
  }

  readonly #killWithTest = (): void => {
    this.child.kill("SIGKILL");
  };
}
