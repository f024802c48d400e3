/**
 * A redis-server of one's own to compare with, on a Unix socket in a temporary folder, so that it takes no port.
 *
 * Texts are byte strings (latin1). Errors come as texts that begin with `-`, states with `+`.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Reply = string | number | null | Reply[];

/** Why there can be no referee on this machine, or null. */
export function noReferee(): string | null {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "redis-server is not installed";
  }
}

const START_MS_MAX = 5000;

export class Referee {
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting: ((reply: Reply) => void)[];
  #input: Buffer;

  private constructor(folder: string, process: ChildProcess, socket: Socket) {
    this.folder = folder;
    this.#process = process;
    this.#socket = socket;
    this.#waiting = [];
    this.#input = Buffer.alloc(0);
    socket.on("data", (data) => {
      this.#input = Buffer.concat([this.#input, Buffer.from(data)]);
      this.#deliver();
    });
  }

  static async start(): Promise<Referee> {
    const folder = mkdtempSync(join(tmpdir(), "kevy-referee-"));
    const path = join(folder, "s");
    const args = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--daemonize", "no"];
    const process = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
    const deadline = setTimeout(() => process.kill("SIGKILL"), START_MS_MAX);
    // It says that it is ready on its standard output, which is read to the end so that it never blocks.
    await new Promise<void>((done, failed) => {
      let said = "";
      process.stdout?.on("data", (data) => {
        said += data;
        if (said.includes("ready to accept connections") || said.includes("Ready to accept connections")) done();
      });
      process.once("exit", () => failed(new Error(`redis-server ended: ${said}`)));
    });
    clearTimeout(deadline);
    if (!existsSync(path)) throw new Error("redis-server made no socket");
    const socket = connect(path);
    await new Promise<void>((done, failed) => socket.once("connect", done).once("error", failed));
    return new Referee(folder, process, socket);
  }

  command(...words: string[]): Promise<Reply> {
    const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join("")}`, "latin1");
    return new Promise((done) => this.#waiting.push(done));
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    if (this.#process.exitCode === null) {
      const ended = new Promise((done) => this.#process.once("exit", done));
      this.#process.kill("SIGKILL");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #deliver(): void {
    for (;;) {
      const found = this.#read(0);
      if (found === null) return;
      this.#input = this.#input.subarray(found.end);
      this.#waiting.shift()?.(found.reply);
    }
  }

  #read(at: number): { reply: Reply; end: number } | null {
    const lineEnd = this.#input.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const type = String.fromCharCode(this.#input[at]);
    const line = this.#input.toString("latin1", at + 1, lineEnd);
    const end = lineEnd + 2;
    if (type === "+" || type === "-") return { reply: type + line, end };
    const count = Number(line);
    if (type === ":") return { reply: count, end };
    if (count < 0) return { reply: null, end };
    if (type === "$") {
      if (this.#input.length < end + count + 2) return null;
      return { reply: this.#input.toString("latin1", end, end + count), end: end + count + 2 };
    }
    const replies: Reply[] = [];
    let next = end;
    for (let i = 0; i < count; i++) {
      const item = this.#read(next);
      if (item === null) return null;
      replies.push(item.reply);
      next = item.end;
    }
    return { reply: replies, end: next };
  }
}
