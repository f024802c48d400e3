/**
 * The runtime: N shards on N threads behind one set of addresses, started and stopped as one.
 *
 * It lives on the main thread, which serves nobody: it starts the threads, passes on what they log, and ends them all
 * when one fails (fail-stop: a dead shard's keys would be missing from every answer).
 */

import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { SHARDS_MAX } from "../base/limits.ts";
import { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import { createMeshMemory } from "../mesh/mesh.ts";
import { chooseReactor, portIsFree } from "../sys/probe.ts";
import type { ListenAddress } from "../sys/reactor.ts";
import type { LogLevel, ProcessFacts } from "./services.ts";
import type { FromThread, ThreadData, ToThread } from "./thread.ts";

export interface RuntimeOptions {
  /** Number of shards, 1 to 64. */
  readonly shards: number;
  /** The module of the command set: see CommandModule. */
  readonly commands: URL;
  readonly config: Config;
  readonly facts: Omit<ProcessFacts, "tcpPort" | "reactor">;
  readonly log: (level: LogLevel, text: string) => void;
  /** The system chooses the TCP port: for tests and embedders. */
  readonly anyPort?: boolean;
  /** A client asked for an orderly end (SHUTDOWN). */
  readonly onShutdown: (reason: string) => void;
}

/** Why the server cannot start; the message is one clear line. */
export class StartError extends Error {
  override readonly name = "StartError";
}

interface Thread {
  readonly worker: Worker;
  readonly id: number;
}

export class Runtime {
  /** The TCP port, also where 0 was asked for; 0 when there is none. */
  port: number;
  readonly reactor: string;
  readonly shards: number;
  /** Resolves with the reason when a shard has died; the runtime is of no use then. */
  readonly failed: Promise<Error>;
  readonly #options: RuntimeOptions;
  readonly #threads: Thread[];
  readonly #shared: SharedWords;
  #fail: (reason: Error) => void;
  #stopping: boolean;
  readonly #waiters: Map<string, (message: FromThread) => void>;

  private constructor(options: RuntimeOptions, reactor: string) {
    this.port = 0;
    this.reactor = reactor;
    this.shards = options.shards;
    this.#options = options;
    this.#threads = [];
    this.#shared = new SharedWords();
    this.#fail = () => undefined;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#stopping = false;
    this.#waiters = new Map();
  }

  /** Starts the shards; resolves once every one of them serves. @throws StartError */
  static async start(options: RuntimeOptions): Promise<Runtime> {
    assert(options.shards >= 1 && options.shards <= SHARDS_MAX, "1 to 64 shards");
    const { config } = options;
    const addresses = await freeAddresses(config, options.anyPort === true);
    const choice = await chooseReactor(config.text("reactor") as "auto" | "io_uring" | "net");
    if (choice.name === null) throw new StartError(choice.why);
    options.log("notice", "Reactor: " + choice.name + " (" + choice.why + "), shards: " + options.shards);
    const runtime = new Runtime(options, choice.name);
    try {
      await runtime.#startThreads(choice.name);
      await runtime.#listen(addresses);
    } catch (error) {
      await runtime.#terminate();
      throw error;
    }
    return runtime;
  }

  /** Takes no more connections, finishes what was read, ends the threads. After `timeoutMs` it ends them anyway. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#shared.raiseStopping();
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#ask("drain", "drained"), expired]);
    await Promise.race([this.#ask("stop", "stopped"), expired]);
    clearTimeout(timer);
    await this.#terminate();
  }

  /** Tells all threads something, and waits until each has answered. */
  async #ask(type: "drain" | "stop", answer: FromThread["type"]): Promise<void> {
    const answers = this.#threads.map((thread) => this.#await(thread, answer));
    for (const thread of this.#threads) this.#post(thread, { type });
    await Promise.all(answers);
  }

  async #terminate(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#threads.map((thread) => thread.worker.terminate()));
  }

  async #startThreads(reactor: "io_uring" | "net"): Promise<void> {
    const { config, shards, facts, commands } = this.#options;
    const mesh = createMeshMemory(shards);
    const seed = randomBytes(8);
    const built: Promise<FromThread>[] = [];
    for (let id = 0; id < shards; id++) {
      const data: ThreadData = {
        id,
        shards,
        mesh,
        shared: this.#shared.buffer,
        config: config.snapshot(),
        commands: commands.href,
        reactor,
        facts: { ...facts, tcpPort: config.integer("port"), reactor },
        hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
      };
      const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: data, name: "shard-" + id });
      const thread = { worker, id };
      this.#threads.push(thread);
      worker.on("message", (message: FromThread) => this.#receive(thread, message));
      worker.on("error", (error) => this.#died(thread, error instanceof Error ? error : new Error(String(error))));
      worker.on("exit", (code) => this.#died(thread, new Error("its thread ended with code " + code)));
      built.push(this.#await(thread, "built"));
    }
    await Promise.race([Promise.all(built), this.#failure()]);
  }

  async #listen(addresses: readonly ListenAddress[]): Promise<void> {
    const first = this.#threads[0];
    const unix = addresses.filter((address) => address.kind === "unix");
    const alone = this.#threads.length === 1;
    const tcp = addresses
      .filter((address) => address.kind === "tcp")
      .map((address) => ({ ...address, shared: !alone }));
    // The first shard listens first: it learns the port where the system chooses it, and whether ports can be shared.
    let ports = await this.#listenOn(first, [...tcp, ...unix]);
    if (ports === "ENOTSUP") {
      this.#options.log("notice", "Ports can't be shared between threads here: shard 0 accepts all connections");
      const unshared = tcp.map((address) => ({ ...address, shared: false }));
      ports = await this.#listenOn(first, [...unshared, ...unix]);
      assert(ports !== "ENOTSUP", "a port of one's own is always supported");
      this.port = tcp.length > 0 ? ports[0] : 0;
      return;
    }
    this.port = tcp.length > 0 ? ports[0] : 0;
    const bound = tcp.map((address, i) => ({ ...address, port: ports[i] }));
    await Promise.all(this.#threads.slice(1).map((thread) => this.#listenOn(thread, bound)));
  }

  async #listenOn(thread: Thread, addresses: readonly ListenAddress[]): Promise<readonly number[] | "ENOTSUP"> {
    const answer = Promise.race([
      this.#await(thread, "listening"),
      this.#await(thread, "listen-failed"),
      this.#failure(),
    ]);
    this.#post(thread, { type: "listen", addresses });
    const message = await answer;
    if (message.type === "listening") return message.ports;
    assert(message.type === "listen-failed", "a thread answers to listen");
    if (message.code === "ENOTSUP") return "ENOTSUP";
    throw new StartError(listenFailure(addresses[message.index], message.code));
  }

  async #failure(): Promise<never> {
    const error = await this.failed;
    throw new StartError(error.message);
  }

  #await(thread: Thread, type: FromThread["type"]): Promise<FromThread> {
    return new Promise((resolve) => this.#waiters.set(thread.id + type, resolve));
  }

  #post(thread: Thread, message: ToThread): void {
    thread.worker.postMessage(message);
  }

  #receive(thread: Thread, message: FromThread): void {
    if (message.type === "log") this.#options.log(message.level, message.text);
    else if (message.type === "shutdown") this.#options.onShutdown(message.reason);
    else this.#waiters.get(thread.id + message.type)?.(message);
  }

  #died(thread: Thread, error: Error): void {
    if (this.#stopping) return;
    const reason = new Error("Shard " + thread.id + " died: " + error.message);
    if (error.stack !== undefined) reason.stack = error.stack;
    this.#fail(reason);
  }
}

function listenFailure(address: ListenAddress, code: string): string {
  const where = address.kind === "tcp" ? address.host + ":" + address.port : address.path;
  const why: Record<string, string> = {
    EADDRINUSE: "Address already in use",
    EADDRNOTAVAIL: "Cannot assign requested address",
    EACCES: "Permission denied",
  };
  return "Could not listen on " + where + ": " + (why[code] ?? code);
}

/**
 * Where to listen, after `bind`, `port` and `unixsocket`. Each port is bound once without sharing first, so that a
 * second server is noticed instead of getting half of the connections. @throws StartError
 */
async function freeAddresses(config: Config, anyPort: boolean): Promise<ListenAddress[]> {
  const port = anyPort ? 0 : config.integer("port");
  const backlog = config.integer("tcp-backlog");
  const addresses: ListenAddress[] = [];
  const binds = port === 0 && !anyPort ? [] : config.list("bind");
  for (const bind of anyPort ? binds.slice(0, 1) : binds) {
    const optional = bind.startsWith("-");
    const name = optional ? bind.slice(1) : bind;
    const host = name === "*" ? "0.0.0.0" : name === "::*" ? "::" : name;
    const address: ListenAddress = { kind: "tcp", host, port, backlog, shared: true };
    const code = await portIsFree(host, port);
    if (code === null) addresses.push(address);
    else if (!optional || !NOT_HERE.includes(code)) throw new StartError(listenFailure(address, code));
  }
  const path = config.text("unixsocket");
  if (path !== "") {
    addresses.push({ kind: "unix", path, backlog, mode: config.integer("unixsocketperm") });
  }
  if (addresses.length === 0) throw new StartError("Configured to not listen anywhere, exiting.");
  return addresses;
}

/** An address with a leading "-" may fail for these reasons. */
const NOT_HERE = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOPROTOOPT", "ESOCKTNOSUPPORT", "EPFNOSUPPORT"];
