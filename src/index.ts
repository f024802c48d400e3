/**
 * kevy: a Redis-compatible server inside a Node program.
 *
 * ```ts
 * import { startServer } from "kevy";
 * const server = await startServer({ shards: 2 });
 * // connect any Redis client to 127.0.0.1, port server.port
 * await server.stop();
 * ```
 */

import { randomBytes } from "node:crypto";
import { KEVY_VERSION } from "./commands/version.ts";
import { Config } from "./config/config.ts";
import { Runtime, StartError } from "./runtime/runtime.ts";
import type { LogLevel } from "./runtime/services.ts";
import { shardCount, thisMachine } from "./server/shard-count.ts";

export { StartError } from "./runtime/runtime.ts";

/** How long clients may take to fetch their last replies. */
const STOP_MS_MAX = 7_000;

export interface EmbeddedOptions {
  /** TCP port; by default the system chooses a free one. */
  readonly port?: number;
  /** Numeric address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Number of shards, each a thread; 1 by default. */
  readonly shards?: number;
  /** Further directives of the configuration file, by name: { requirepass: "secret" }. */
  readonly directives?: Readonly<Record<string, string>>;
  /** The module of a command set to serve instead of Redis's: see kevy/runtime. */
  readonly commands?: URL;
  /** Gets each line the server would log; by default nobody does. */
  readonly log?: (level: LogLevel, text: string) => void;
}

export interface EmbeddedServer {
  readonly port: number;
  readonly shards: number;
  /** Name of the reactor that serves: io_uring, net, … */
  readonly reactor: string;
  /** Resolves with the reason if a shard dies; the server is gone then, and stop() waits for its last threads. */
  readonly failed: Promise<Error>;
  /** Finishes what was read, closes all clients, ends the threads; takes ten seconds at most. Again is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts a server in this process; resolves once it serves.
 *
 * @throws StartError when a directive is unknown or wrong, or the port is taken.
 */
export async function startServer(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const config = new Config();
  const directives: Record<string, string> = {
    bind: options.host ?? "127.0.0.1",
    port: String(options.port ?? 0),
    shards: String(options.shards ?? 1),
    ...options.directives,
  };
  for (const [name, value] of Object.entries(directives)) {
    const words = name === "bind" ? value.split(" ") : [value];
    const wrong = config.assign(name, words, "startServer");
    if (wrong !== null) throw new StartError(wrong);
  }
  const { errors } = config.check();
  if (errors.length > 0) throw new StartError(errors.join("; "));
  const shards = config.text("shards") === "auto" ? shardCount(thisMachine()).shards : config.integer("shards");
  config.settle("shards", String(shards));
  const log = options.log ?? ((): void => undefined);
  // SHUTDOWN ends this server and nothing else, also when a client is faster than this function returns.
  const shutDown = (): void => void started.then((running) => running.stop(STOP_MS_MAX)).catch(() => undefined);
  const started = Runtime.start({
    shards,
    commands: options.commands ?? new URL("./commands/table.ts", import.meta.url),
    config,
    anyPort: options.directives?.port === undefined && (options.port ?? 0) === 0,
    facts: {
      pid: process.pid,
      startedMs: Date.now(),
      runId: randomBytes(20).toString("hex"),
      executable: process.execPath,
      configFile: "",
      kevyVersion: KEVY_VERSION,
    },
    log,
    onShutdown: shutDown,
  });
  const runtime = await started;
  const stop = (): Promise<void> => runtime.stop(STOP_MS_MAX);
  return { port: runtime.port, shards: runtime.shards, reactor: runtime.reactor, failed: runtime.failed, stop };
}
