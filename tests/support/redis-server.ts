/**
 * The referee: Debian's redis-server on a free loopback port, for tests that compare.
 *
 *     await using referee = await RedisServer.start();
 *     const client = await RespClient.connect(referee.port);
 *
 * Where it is not installed, missing() says so and the test is skipped with that reason.
 */

import { spawnSync } from "node:child_process";
import { freePort } from "./ports.ts";
import { ServerProcess } from "./server-process.ts";
import { type TempDir, tempDir } from "./temp-dir.ts";

const START_MS_MAX = 10_000;
const START_ATTEMPTS = 3;
const PROGRAM = "redis-server";

let version: string | false | null = null;

/** "7.0.15", or undefined when redis-server is not installed. */
export function redisVersion(): string | undefined {
  if (version === null) {
    const result = spawnSync(PROGRAM, ["--version"], { encoding: "utf8", timeout: START_MS_MAX });
    version = /v=(\S+)/.exec(result.stdout ?? "")?.[1] ?? false;
  }
  return version === false ? undefined : version;
}

/** Why tests against the referee cannot run, or false: fits `{ skip: missing() }`. */
export function missing(): string | false {
  return redisVersion() === undefined ? "redis-server is not installed" : false;
}

export class RedisServer implements AsyncDisposable {
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

  /** Starts one without persistence; `args` come last and so win. Ready when this resolves. */
  static async start(args: readonly string[] = []): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const dir = tempDir("redis");
      const fixed = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir.path, "--save", "", "--appendonly", "no"];
      const server = new ServerProcess(PROGRAM, [...fixed, ...args], { cwd: dir.path });
      try {
        await server.awaitOutput("Ready to accept connections", START_MS_MAX);
        return new RedisServer(port, server, dir);
      } catch (error) {
        await server.stop("SIGKILL");
        dir.remove();
        // Somebody else may have taken the port meanwhile.
        if (attempt === START_ATTEMPTS || !String(error).includes("in use")) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    await this.process.stop();
    this.#dir.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
