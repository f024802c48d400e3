/**
 * The server: the runtime with the Redis command set, as a process. Signals, log, exit codes.
 *
 * Exit codes: 0 after an orderly end, 1 when it could not start or was told twice to end, 70 when a shard died.
 */

import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { resolve } from "node:path";
import { KEVY_VERSION } from "../commands/version.ts";
import type { Config } from "../config/config.ts";
import { Runtime, StartError } from "../runtime/runtime.ts";
import { fitClients } from "./descriptors.ts";
import { Log } from "./log.ts";
import { memoryWarning } from "./memory-warning.ts";
import { enterFolder, handleSignals, PidFile, printLine } from "./process.ts";
import { type Machine, shardCount, thisMachine } from "./shard-count.ts";
import { Supervision } from "./supervision.ts";

/** How long clients may take to fetch their last replies; leaves time for the rest of an end within ten seconds. */
const STOP_MS_MAX = 7_000;
const EXIT_ORDERLY = 0;
const EXIT_CANNOT_START = 1;
const EXIT_INSISTED = 1;
const EXIT_SHARD_DIED = 70;
const STDERR_FD = 2;

export interface ServerOptions {
  readonly config: Config;
  /** Path of the configuration file, seen from the folder in which the process was started, or "". */
  readonly file: string;
  readonly warnings: readonly string[];
  /** The module of a command set to serve instead of Redis's. */
  readonly commands?: URL;
}

/** Runs the server until it is told to stop. Never returns otherwise than by ending the process. */
export async function runServer(options: ServerOptions): Promise<void> {
  const { config } = options;
  const configFile = options.file === "" ? "" : resolve(options.file);
  // First of all: the log and every other file may be named from there.
  const nowhere = config.origin("dir") === null ? null : enterFolder(config.text("dir"));
  if (nowhere !== null) return cannotStart(nowhere, null);
  const log = new Log({
    file: config.text("logfile"),
    level: config.text("loglevel"),
    pid: process.pid,
    now: Date.now,
    print: printLine,
  });
  const unwritable = log.open();
  if (unwritable !== null) return cannotStart(unwritable, null);
  const machine = thisMachine();
  const { shards, because } = decideShards(config, machine);
  const supervision = new Supervision(config, process.env, log);
  const server = new Server(log, new PidFile(config.text("pidfile")), supervision);
  supervision.starting();
  for (const warning of options.warnings) log.log("warning", warning);
  const threads = shards === 1 ? "1 shard" : shards + " shards";
  log.log("notice", "kevy " + KEVY_VERSION + " starts, pid " + process.pid + ", " + threads + " (" + because + ")");
  const tooFew = fitClients(config, shards, machine, log);
  if (tooFew !== null) return cannotStart(tooFew, fileOf(config, log));
  const short = memoryWarning(config, shards, machine);
  if (short !== null) log.log("warning", short);
  try {
    const runtime = await Runtime.start({
      shards,
      commands: options.commands ?? new URL("../commands/table.ts", import.meta.url),
      config,
      facts: {
        pid: process.pid,
        startedMs: Date.now(),
        runId: randomBytes(20).toString("hex"),
        executable: process.execPath,
        configFile,
        kevyVersion: KEVY_VERSION,
      },
      log: (level, text) => log.log(level, text),
      onConfig: (values) => {
        for (const [name, value] of values) server.configured(name, value);
      },
      onShutdown: (reason) => server.shutDown(reason),
    });
    server.serve(runtime);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    // A shard that died while it was built: where, is for the log.
    if (error.cause instanceof Error) log.log("warning", String(error.cause.stack));
    cannotStart(error.message, fileOf(config, log));
  }
}

/** The log where it is a file. */
function fileOf(config: Config, log: Log): Log | null {
  return config.text("logfile") === "" ? null : log;
}

/** How many shards, and why; the configuration says the number from now on. */
function decideShards(config: Config, machine: Machine): { shards: number; because: string } {
  const wanted = config.text("shards");
  const decision = wanted === "auto" ? shardCount(machine) : { shards: Number(wanted), because: "as configured" };
  config.settle("shards", String(decision.shards));
  return decision;
}

/** The process around a runtime: how it ends. */
class Server {
  readonly #log: Log;
  readonly #pidFile: PidFile;
  readonly #supervision: Supervision;
  #runtime: Runtime | null;
  #stopping: boolean;

  constructor(log: Log, pidFile: PidFile, supervision: Supervision) {
    this.#log = log;
    this.#pidFile = pidFile;
    this.#supervision = supervision;
    this.#runtime = null;
    this.#stopping = false;
    handleSignals({
      terminate: () => this.shutDown("Received SIGTERM scheduling shutdown..."),
      interrupt: () => {
        if (this.#stopping) this.#exit(EXIT_INSISTED, "You insist... exiting now.");
        else this.shutDown("Received SIGINT scheduling shutdown...");
      },
    });
    // The main thread serves nobody, but without it nobody could stop or watch the shards.
    process.on("uncaughtException", (error) => this.#die(error));
  }

  serve(runtime: Runtime): void {
    this.#runtime = runtime;
    void runtime.failed.then((error) => this.#die(error));
    if (this.#stopping) {
      void this.#stop(runtime);
      return;
    }
    // Whoever waits for the next line finds the file there.
    const unwritten = this.#pidFile.write();
    if (unwritten !== null) this.#log.log("warning", unwritten);
    this.#log.log("notice", "Ready to accept connections" + (runtime.port === 0 ? "" : " on port " + runtime.port));
    this.#supervision.ready();
  }

  /** CONFIG SET has given an option another value. */
  configured(name: string, value: string): void {
    if (name === "loglevel") this.#log.setLevel(value);
    if (name !== "dir") return;
    // The shard that took it has looked; what happened to the folder since is for the log.
    const nowhere = enterFolder(Buffer.from(value, "latin1").toString("utf8"));
    if (nowhere !== null) this.#log.log("warning", nowhere);
  }

  shutDown(reason: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.log("warning", reason);
    this.#supervision.stopping();
    if (this.#runtime !== null) void this.#stop(this.#runtime);
  }

  async #stop(runtime: Runtime): Promise<void> {
    await runtime.stop(STOP_MS_MAX);
    this.#exit(EXIT_ORDERLY, "kevy is now ready to exit, bye bye...");
  }

  #die(error: Error): void {
    this.#log.log("warning", error.message);
    this.#exit(EXIT_SHARD_DIED, String(error.stack));
  }

  #exit(code: number, lastWords: string): void {
    this.#pidFile.remove();
    this.#log.log("warning", lastWords);
    process.exit(code);
  }
}

/** One line on stderr, and in the log where that is a file. */
function cannotStart(why: string, log: Log | null): void {
  log?.log("warning", why);
  writeSync(STDERR_FD, why + "\n");
  process.exit(EXIT_CANNOT_START);
}
