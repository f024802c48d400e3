/**
 * The server: the runtime with the Redis command set, as a process. Signals, log, exit codes.
 *
 * Exit codes: 0 after an orderly end, 1 when it could not start, 70 when a shard died.
 */

import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { KEVY_VERSION } from "../commands/version.ts";
import type { Config } from "../config/config.ts";
import { Runtime, StartError } from "../runtime/runtime.ts";
import { Log } from "./log.ts";
import { shardCount, thisMachine } from "./shard-count.ts";

const STOP_MS_MAX = 10_000;
const EXIT_CANNOT_START = 1;
const EXIT_SHARD_DIED = 70;

export interface ServerOptions {
  readonly config: Config;
  /** Path of the configuration file, or "". */
  readonly file: string;
  readonly warnings: readonly string[];
}

/** Runs the server until it is told to stop. Never returns otherwise than by ending the process. */
export async function runServer(options: ServerOptions): Promise<void> {
  const { config } = options;
  const log = new Log({
    file: config.text("logfile"),
    level: config.text("loglevel"),
    pid: process.pid,
    now: Date.now,
    // Written at once: a process that ends says its last words.
    print: (line) => writeSync(1, line),
  });
  const unwritable = log.open();
  if (unwritable !== null) return cannotStart(unwritable);
  for (const warning of options.warnings) log.log("warning", warning);
  const wanted = config.text("shards");
  const { shards, because } =
    wanted === "auto" ? shardCount(thisMachine()) : { shards: Number(wanted), because: "as configured" };
  config.settle("shards", String(shards));
  log.log(
    "notice",
    "kevy " + KEVY_VERSION + " starts, pid " + process.pid + ", " + shards + " shards (" + because + ")",
  );
  const server = new Server(log);
  let runtime: Runtime;
  try {
    runtime = await Runtime.start({
      shards,
      commands: new URL("../commands/table.ts", import.meta.url),
      config,
      facts: {
        pid: process.pid,
        startedMs: Date.now(),
        runId: randomBytes(20).toString("hex"),
        executable: process.execPath,
        configFile: options.file,
        kevyVersion: KEVY_VERSION,
      },
      log: (level, text) => log.log(level, text),
      onShutdown: (reason) => server.shutDown(reason),
    });
  } catch (error) {
    if (error instanceof StartError) return cannotStart(error.message);
    throw error;
  }
  server.serve(runtime);
}

/** The process around a runtime: how it ends. */
class Server {
  readonly #log: Log;
  #runtime: Runtime | null;
  #stopping: boolean;

  constructor(log: Log) {
    this.#log = log;
    this.#runtime = null;
    this.#stopping = false;
    process.on("SIGTERM", () => this.shutDown("Received SIGTERM scheduling shutdown..."));
    process.on("SIGINT", () => {
      if (this.#stopping) {
        log.log("warning", "You insist... exiting now.");
        process.exit(EXIT_CANNOT_START);
      }
      this.shutDown("Received SIGINT scheduling shutdown...");
    });
    process.on("SIGHUP", () => undefined);
    // Node would open its inspector on this signal: a way in that nobody asked for.
    process.on("SIGUSR1", () => undefined);
  }

  serve(runtime: Runtime): void {
    this.#runtime = runtime;
    void runtime.failed.then((error) => this.#die(error));
    if (this.#stopping) {
      void this.#stop(runtime);
      return;
    }
    this.#log.log("notice", "Ready to accept connections" + (runtime.port === 0 ? "" : " on port " + runtime.port));
  }

  shutDown(reason: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.log("warning", reason);
    if (this.#runtime !== null) void this.#stop(this.#runtime);
  }

  async #stop(runtime: Runtime): Promise<void> {
    await runtime.stop(STOP_MS_MAX);
    this.#log.log("warning", "kevy is now ready to exit, bye bye...");
    process.exit(0);
  }

  #die(error: Error): void {
    this.#log.log("warning", error.message);
    this.#log.log("warning", String(error.stack));
    process.exit(EXIT_SHARD_DIED);
  }
}

function cannotStart(why: string): void {
  writeSync(2, why + "\n");
  process.exit(EXIT_CANNOT_START);
}
