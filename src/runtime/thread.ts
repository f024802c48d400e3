/**
 * The thread of a shard: a thin shell that makes the shard's parts, steps it, and lets Node's own event loop run.
 *
 * Where the reactor blocks, the shard's loop and libuv share the thread: the loop returns to libuv whenever libuv has
 * something to do, and at every tick. Where libuv drives (node:net), its callbacks ask for a step.
 *
 * An exception here is a bug; it ends the worker, and with it the process (runtime.ts).
 */

import "../base/quiet.ts";
import { flushCompileCache } from "node:module";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import type { ShardId } from "../base/brands.ts";
import { SystemClock } from "../base/clock.ts";
import { TICK_MS } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { type SharedMemory, SharedWords } from "../base/shared.ts";
import { Config, type ConfigSnapshot, type Pair } from "../config/config.ts";
import { KeyHasher } from "../memory/hash.ts";
import { Mesh, type MeshMemory } from "../mesh/mesh.ts";
import { Store } from "../store/store.ts";
import { chooseReactor, openReactor, type ReactorChoice, type ServerReactor } from "../sys/probe.ts";
import { type ListenAddress, ListenError, type Reactor } from "../sys/reactor.ts";
import { systemPages } from "../sys/system-pages.ts";
import type { CommandModule } from "./commands.ts";
import type { Announcement } from "./config-agreement.ts";
import { V8GcPauses } from "./gc-pauses.ts";
import type { LogLevel, ProcessFacts } from "./services.ts";
import { Shard } from "./shard.ts";

/** What the main thread tells a shard's thread at its start. */
export interface ThreadData {
  readonly id: number;
  readonly shards: number;
  readonly mesh: MeshMemory;
  readonly shared: SharedMemory;
  readonly config: ConfigSnapshot;
  readonly commands: string;
  /** What the configuration asks for: the first shard's thread finds out what there is. */
  readonly reactor: "auto" | ServerReactor;
  readonly hashSeed: readonly [number, number];
}

/** From the main thread. */
export type ToThread =
  /** The first message, once it is known which reactor there is: "built" answers. */
  | { readonly type: "build"; readonly reactor: ServerReactor; readonly facts: ProcessFacts }
  | { readonly type: "listen"; readonly addresses: readonly ListenAddress[] }
  /** Other shards have these values; to be taken unless another CONFIG SET has run here since that many. */
  | { readonly type: "config"; readonly count: number; readonly values: readonly Pair[] }
  /** Take no more clients, finish with those that are there: "drained" answers. */
  | { readonly type: "drain" }
  /** Every shard has drained, so that nobody needs this one's keys any more: "stopped" answers. */
  | { readonly type: "stop" };

/** To the main thread. */
export type FromThread =
  /** From the first shard's thread alone. */
  | { readonly type: "chosen"; readonly choice: ReactorChoice }
  | { readonly type: "built" }
  | { readonly type: "listening"; readonly ports: readonly number[] }
  | { readonly type: "listen-failed"; readonly code: string; readonly message: string; readonly index: number }
  | { readonly type: "log"; readonly level: LogLevel; readonly text: string }
  | ({ readonly type: "config" } & Announcement)
  | { readonly type: "shutdown"; readonly reason: string }
  | { readonly type: "drained" }
  | { readonly type: "stopped" };

function send(message: FromThread): void {
  assert(parentPort !== null, "a shard's thread has a parent");
  parentPort.postMessage(message);
}

/** What this shard has set of the options, and what it takes over from the others: see config-agreement.ts. */
class Settings {
  readonly config: Config;
  #count: number;

  constructor(config: Config) {
    this.config = config;
    this.#count = 0;
  }

  /** CONFIG SET has run here. */
  set(names: readonly string[]): void {
    this.#count++;
    this.#announce(names);
  }

  adopt(count: number, values: readonly Pair[], shard: Shard): void {
    if (count !== this.#count) return;
    shard.applyConfig(this.config.adopt(values));
    this.#announce(values.map(([name]) => name));
  }

  #announce(names: readonly string[]): void {
    send({ type: "config", count: this.#count, values: names.map((name) => [name, this.config.raw(name)]) });
  }
}

interface Parts {
  readonly shard: Shard;
  readonly reactor: Reactor;
  readonly mesh: Mesh;
  readonly settings: Settings;
}

async function build(
  data: ThreadData,
  module: CommandModule,
  order: ToThread & { readonly type: "build" },
): Promise<Parts> {
  const clock = new SystemClock();
  const id = data.id as ShardId;
  const reactor = await openReactor(order.reactor, clock);
  const mesh = new Mesh(data.mesh, id, (_target, handle) => reactor.wake(handle));
  mesh.publishWakeHandle(reactor.wakeHandle);
  const config = Config.fromSnapshot(data.config);
  const settings = new Settings(config);
  const random = Random.fromEntropy();
  const shard = new Shard({
    id,
    shardCount: data.shards,
    reactor,
    mesh,
    clock,
    random,
    shared: new SharedWords(data.shared),
    config,
    commands: module.createCommands(),
    facts: order.facts,
    store: new Store(
      config.integer("databases"),
      new KeyHasher(data.hashSeed[0], data.hashSeed[1]),
      clock,
      random,
      systemPages(),
    ),
    log: (level, text) => send({ type: "log", level, text }),
    requestShutdown: (reason) => send({ type: "shutdown", reason }),
    gcPauses: new V8GcPauses(),
    announceConfig: (names) => settings.set(names),
  });
  return { shard, reactor, mesh, settings };
}

/** How a shard's thread is driven. */
interface Loop {
  /** Asks for a step: something was done outside of one. */
  nudge(): void;
  /** Ends the loop before its next step. */
  end(): void;
}

/** Runs a shard whose reactor blocks. */
class BlockingLoop implements Loop {
  readonly #shard: Shard;
  readonly #reactor: Reactor;
  readonly #turn: () => void;
  #ended: boolean;

  constructor(shard: Shard, reactor: Reactor) {
    this.#shard = shard;
    this.#reactor = reactor;
    this.#turn = () => this.#run();
    this.#ended = false;
    setImmediate(this.#turn);
  }

  nudge(): void {
    // Whoever calls is called by libuv, between two steps.
  }

  end(): void {
    this.#ended = true;
  }

  #run(): void {
    const shard = this.#shard;
    const reactor = this.#reactor;
    while (!this.#ended) {
      shard.step(true);
      if (!reactor.yieldDue && !shard.ticked) continue;
      reactor.yieldDue = false;
      reactor.submit();
      setImmediate(this.#turn);
      return;
    }
  }
}

/** Runs a shard that libuv drives: steps after events, and after messages of other shards. */
class DrivenLoop implements Loop {
  readonly #shard: Shard;
  readonly #mesh: Mesh;
  readonly #turn: () => void;
  readonly #woken: () => void;
  #scheduled: boolean;
  #sleeping: boolean;
  #ended: boolean;
  #timer: NodeJS.Timeout;

  constructor(shard: Shard, reactor: Reactor, mesh: Mesh) {
    this.#shard = shard;
    this.#mesh = mesh;
    this.#turn = () => this.#run();
    this.#woken = () => {
      this.#sleeping = false;
      this.#schedule();
    };
    this.#scheduled = false;
    this.#sleeping = false;
    this.#ended = false;
    this.#timer = setInterval(() => this.#schedule(), TICK_MS);
    reactor.onActivity = () => this.#schedule();
    this.#schedule();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
  }

  nudge(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #run(): void {
    this.#scheduled = false;
    const shard = this.#shard;
    if (this.#ended) return;
    const worked = shard.step(false);
    if (worked || !shard.park()) {
      this.#schedule();
      return;
    }
    // Asleep: whoever sends a message stores 0 in the parked word and notifies it.
    if (shard.shardCount === 1 || this.#sleeping) return;
    const sleep = this.#mesh.sleep(SLEEP_MS_MAX);
    if (sleep === false) {
      this.#schedule();
      return;
    }
    this.#sleeping = true;
    sleep.then(this.#woken);
  }
}

/** A sleeper looks again at least this often; only a second line of defence. */
const SLEEP_MS_MAX = 1000;

async function listen(reactor: Reactor, addresses: readonly ListenAddress[]): Promise<void> {
  const ports: number[] = [];
  for (const [index, address] of addresses.entries()) {
    try {
      ports.push((await reactor.listen(address)).port);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      send({ type: "listen-failed", code: error.code, message: error.message, index });
      return;
    }
  }
  send({ type: "listening", ports });
}

/** The first message. What comes later waits until serve() listens for it: nothing does before "built" was said. */
function buildOrder(port: MessagePort): Promise<ToThread & { readonly type: "build" }> {
  return new Promise((resolve) => {
    port.once("message", (message: ToThread) => {
      assert(message.type === "build", "a thread is told to build first");
      resolve(message);
    });
  });
}

function serve(port: MessagePort, parts: Parts): void {
  const { shard, reactor, mesh, settings } = parts;
  port.on("message", (message: ToThread) => {
    if (message.type === "listen") {
      void listen(reactor, message.addresses);
      // Written while the server waits for clients, so that a server that is killed leaves a warm cache too.
      setImmediate(flushCompileCache);
    } else if (message.type === "config") {
      settings.adopt(message.count, message.values, shard);
    } else if (message.type === "drain") {
      shard.drain(() => send({ type: "drained" }));
      loop.nudge();
    } else {
      loop.end();
      reactor.destroy();
      send({ type: "stopped" });
    }
  });
  // Also where the shard dies of an exception: in a program of which it is a part, its port would stay taken.
  process.on("exit", () => reactor.destroy());
  const loop: Loop = reactor.blocking ? new BlockingLoop(shard, reactor) : new DrivenLoop(shard, reactor, mesh);
  send({ type: "built" });
}

async function main(): Promise<void> {
  assert(parentPort !== null, "a shard's thread has a parent");
  const data = workerData as ThreadData;
  const ordered = buildOrder(parentPort);
  if (data.id === 0) send({ type: "chosen", choice: await chooseReactor(data.reactor) });
  const module = (await import(data.commands)) as CommandModule;
  serve(parentPort, await build(data, module, await ordered));
}

await main();
