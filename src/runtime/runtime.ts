/**
 * The runtime: N shards on N threads behind one set of addresses, started and stopped as one.
 *
 * It lives on the main thread, which serves nobody: it starts the threads, passes on what they log, and ends them all
 * when one fails (fail-stop: a dead shard's keys would be missing from every answer).
 */

import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { SHARDS_MAX, THREAD_STOP_MS_MAX } from "../base/limits.ts";
import { SharedWords } from "../base/shared.ts";
import type { Config, Pair } from "../config/config.ts";
import { createMeshMemory } from "../mesh/mesh.ts";
import { portIsFree, type ServerReactor } from "../sys/probe.ts";
import type { ListenAddress } from "../sys/reactor.ts";
import { lockStart, type Unlock } from "../sys/start-lock.ts";
import { type Announcement, ConfigAgreement } from "./config-agreement.ts";
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
  /** CONFIG SET has set these options: for those that the process around the shards follows. */
  readonly onConfig?: (values: readonly Pair[]) => void;
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
  readonly exited: Promise<unknown>;
}

export class Runtime {
  /** The TCP port, also where 0 was asked for; 0 when there is none. */
  port: number;
  reactor: string;
  readonly shards: number;
  /** Resolves with the reason when a shard has died; the runtime is of no use then, its other threads are being ended. */
  readonly failed: Promise<Error>;
  readonly #options: RuntimeOptions;
  readonly #threads: Thread[];
  readonly #shared: SharedWords;
  #fail: (reason: Error) => void;
  #stopped: Promise<void> | null;
  #terminated: Promise<void> | null;
  /** Every thread has its shard, and so takes messages. */
  #built: boolean;
  readonly #waiters: Map<string, (message: FromThread) => void>;
  readonly #agreement: ConfigAgreement;

  private constructor(options: RuntimeOptions) {
    this.port = 0;
    this.reactor = "";
    this.shards = options.shards;
    this.#options = options;
    this.#threads = [];
    this.#shared = new SharedWords();
    this.#fail = () => undefined;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#stopped = null;
    this.#terminated = null;
    this.#built = false;
    this.#waiters = new Map();
    this.#agreement = new ConfigAgreement(options.shards);
  }

  /** Starts the shards; resolves once every one of them serves. @throws StartError */
  static async start(options: RuntimeOptions): Promise<Runtime> {
    assert(options.shards >= 1 && options.shards <= SHARDS_MAX, "1 to 64 shards");
    const { config } = options;
    const runtime = new Runtime(options);
    let unlock: Unlock | null = null;
    try {
      const chosen = runtime.#startThreads();
      // A single shard does not share its port: the kernel refuses a second server by itself.
      if (options.shards > 1 && config.integer("port") !== 0) unlock = await lockStart(config.integer("port"));
      const addresses = await freeAddresses(config, options.anyPort === true);
      await runtime.#build(await chosen);
      await runtime.#listen(addresses);
    } catch (error) {
      await runtime.#terminate();
      throw error;
    } finally {
      unlock?.();
    }
    return runtime;
  }

  /**
   * Takes no more connections, finishes what was read, ends the threads. After `timeoutMs` it ends them anyway. Called
   * again it waits for the same end.
   */
  stop(timeoutMs: number): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#shared.raiseStopping();
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#ask("drain", "drained"), expired, this.failed]);
    clearTimeout(timer);
    await this.#terminate();
  }

  /** Tells all threads something, and waits until each has answered or is gone. */
  async #ask(type: "drain" | "stop", answer: FromThread["type"]): Promise<void> {
    const answers = this.#threads.map((thread) => Promise.race([this.#await(thread, answer), thread.exited]));
    for (const thread of this.#threads) this.#post(thread, { type });
    await Promise.all(answers);
  }

  #terminate(): Promise<void> {
    this.#terminated ??= this.#terminateOnce();
    return this.#terminated;
  }

  /** Node does not know the sockets of a reactor of ours: each thread gives back its own before it is ended. */
  async #terminateOnce(): Promise<void> {
    if (this.#built) {
      const bound = new AbortController();
      const expired = sleep(THREAD_STOP_MS_MAX, undefined, { signal: bound.signal }).catch(() => undefined);
      await Promise.race([this.#ask("stop", "stopped"), expired]);
      bound.abort();
    }
    await Promise.all(this.#threads.map((thread) => thread.worker.terminate()));
  }

  /** Starts the threads. They load their modules while the first one finds out which reactor there is: resolves to it. */
  #startThreads(): Promise<ServerReactor> {
    const { config, shards, commands } = this.#options;
    const mesh = createMeshMemory(shards);
    const seed = randomBytes(8);
    for (let id = 0; id < shards; id++) {
      const data: ThreadData = {
        id,
        shards,
        mesh,
        shared: this.#shared.buffer,
        config: config.snapshot(),
        commands: commands.href,
        reactor: config.text("reactor") as "auto" | ServerReactor,
        hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
      };
      const worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: data, name: "shard-" + id });
      const exited = new Promise((resolve) => worker.once("exit", resolve));
      const thread = { worker, id, exited };
      this.#threads.push(thread);
      worker.on("message", (message: FromThread) => this.#receive(thread, message));
      worker.on("error", (error) => this.#died(thread, error instanceof Error ? error : new Error(String(error))));
      worker.on("exit", (code) => this.#died(thread, new Error("its thread ended with code " + code)));
    }
    const chosen = this.#chosen(Promise.race([this.#await(this.#threads[0], "chosen"), this.#failure()]));
    // Whoever awaits it may be busy with the port still, or have given up.
    chosen.catch(() => undefined);
    return chosen;
  }

  async #chosen(answer: Promise<FromThread>): Promise<ServerReactor> {
    const message = await answer;
    assert(message.type === "chosen", "the first thread says which reactor there is");
    const { choice } = message;
    if (choice.name === null) throw new StartError(choice.why);
    this.#options.log("notice", "Reactor: " + choice.name + " (" + choice.why + "), shards: " + this.shards);
    return choice.name;
  }

  /** Has every thread build its shard. */
  async #build(reactor: ServerReactor): Promise<void> {
    this.reactor = reactor;
    const { config, facts } = this.#options;
    const built = this.#threads.map((thread) => this.#await(thread, "built"));
    const message: ToThread = {
      type: "build",
      facts: { ...facts, tcpPort: config.integer("port"), reactor },
      reactor,
    };
    for (const thread of this.#threads) this.#post(thread, message);
    await Promise.race([Promise.all(built), this.#failure()]);
    this.#built = true;
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
    throw new StartError(error.message, { cause: error });
  }

  #await(thread: Thread, type: FromThread["type"]): Promise<FromThread> {
    return new Promise((resolve) => this.#waiters.set(thread.id + type, resolve));
  }

  #post(thread: Thread, message: ToThread): void {
    thread.worker.postMessage(message);
  }

  #receive(thread: Thread, message: FromThread): void {
    if (message.type === "log") this.#options.log(message.level, message.text);
    else if (message.type === "config") this.#configured(thread, message);
    else if (message.type === "shutdown") this.#options.onShutdown(message.reason);
    else this.#waiters.get(thread.id + message.type)?.(message);
  }

  #configured(thread: Thread, announcement: Announcement): void {
    // The first shard is the one that the others follow.
    if (thread.id === 0) this.#options.onConfig?.(announcement.values);
    for (const { shard, count, values } of this.#agreement.announced(thread.id, announcement)) {
      this.#post(this.#threads[shard], { type: "config", count, values });
    }
  }

  #died(thread: Thread, error: Error): void {
    if (this.#terminated !== null) return;
    const reason = new Error("Shard " + thread.id + " died: " + error.message);
    if (error.stack !== undefined) reason.stack = error.stack;
    this.#fail(reason);
    // Nobody is served any more: a part of the keys is gone.
    void this.#terminate();
  }
}

function listenFailure(address: ListenAddress, code: string): string {
  const where = address.kind === "tcp" ? address.host + ":" + address.port : address.path;
  const why: Record<string, string> = {
    EADDRINUSE: "Address already in use",
    EADDRNOTAVAIL: "Cannot assign requested address",
    EACCES: "Permission denied",
    ENOTFOUND: "Name or service not known",
    ENOENT: "No such file or directory",
    ENAMETOOLONG: "The path of a Unix socket has at most 107 bytes",
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
    const host = name === "*" ? "0.0.0.0" : name === "::*" ? "::" : await numericHost(name);
    const address: ListenAddress = { kind: "tcp", host: host ?? name, port, backlog, shared: true };
    const code = host === null ? "ENOTFOUND" : await portIsFree(host, port);
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

/** The address behind a name; null when there is none. As in Redis, a name stands for an IPv4 address. */
async function numericHost(name: string): Promise<string | null> {
  if (isIP(name) !== 0) return name;
  try {
    return (await lookup(name, 4)).address;
  } catch {
    return null;
  }
}

/** An address with a leading "-" may fail for these reasons. */
const NOT_HERE = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOPROTOOPT", "ESOCKTNOSUPPORT", "EPFNOSUPPORT"];
