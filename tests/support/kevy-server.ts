/**
 * kevy as a child process, as users start it.
 *
 *     await using server = await KevyServer.start({ shards: 2 });
 *     const client = await RespClient.connect(server.port);
 *
 * stop() sends SIGTERM and insists on exit code 0, so every test of it is a test of the orderly end, too.
 */

import { fileURLToPath } from "node:url";
import { freePort } from "./ports.ts";
import { type Exit, ServerProcess } from "./server-process.ts";
import { type TempDir, tempDir } from "./temp-dir.ts";

const START_MS_MAX = 15_000;
const START_ATTEMPTS = 3;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface KevyOptions {
  readonly shards?: number;
  /** auto, io_uring, epoll, net; the server's own choice unless told. */
  readonly reactor?: string;
  /** A fixed port instead of a free one. */
  readonly port?: number;
  /** More of the command line; comes last. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Starts this instead of the sources' entry, for instance of a built package. Path from the project's root. */
  readonly entry?: string;
  /** Arguments for Node itself. */
  readonly nodeArgs?: readonly string[];
}

export class KevyServer implements AsyncDisposable {
  readonly port: number;
  readonly process: ServerProcess;
  readonly #dir: TempDir;

  private constructor(port: number, server: ServerProcess, dir: TempDir) {
    this.port = port;
    this.process = server;
    this.#dir = dir;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** The directory it works in; deleted by stop(). */
  get directory(): string {
    return this.#dir.path;
  }

  get stdout(): string {
    return this.process.stdout;
  }

  get stderr(): string {
    return this.process.stderr;
  }

  /** Ready for connections when this resolves. @throws Error with the server's output when it does not start */
  static async start(options: KevyOptions = {}): Promise<KevyServer> {
    for (let attempt = 1; ; attempt++) {
      const port = options.port ?? (await freePort());
      const dir = tempDir("server");
      const server = new ServerProcess(process.execPath, commandLine(options, port), {
        cwd: dir.path,
        env: { ...process.env, ...options.env },
      });
      try {
        await server.awaitOutput("Ready to accept connections", START_MS_MAX);
        return new KevyServer(port, server, dir);
      } catch (error) {
        await server.stop("SIGKILL");
        dir.remove();
        const taken = /in use|EADDRINUSE/i.test(String(error));
        if (attempt === START_ATTEMPTS || !taken || options.port !== undefined) throw error;
      }
    }
  }

  /** Ends it in the orderly way. @throws Error with the server's output unless it exits with code 0 */
  async stop(): Promise<void> {
    const exit = await this.process.stop("SIGTERM");
    this.#dir.remove();
    if (exit.code !== 0) throw new Error(`kevy did not end in order: ${this.process.describe()}`);
  }

  /** Ends it the hard way, for crash tests; the directory stays until remove(). */
  kill(): Promise<Exit> {
    return this.process.stop("SIGKILL");
  }

  remove(): void {
    this.#dir.remove();
  }

  /** Stops a server that still runs. One that was killed, or died and was looked at, is only cleaned up. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exit === null) await this.stop();
    else this.#dir.remove();
  }
}

function commandLine(options: KevyOptions, port: number): string[] {
  const entry = options.entry ?? "tools/start.mjs";
  const args = [...(options.nodeArgs ?? []), ROOT + entry, "--port", `${port}`];
  if (options.shards !== undefined) args.push("--shards", `${options.shards}`);
  if (options.reactor !== undefined) args.push("--reactor", options.reactor);
  return args.concat(options.args ?? []);
}
