/**
 * For tests: whole shards without threads, sockets or time of their own. A test connects clients, decides in which
 * pieces bytes come and go, and steps the shards, in turn or in an order drawn from a seed.
 *
 * The simulated network is strict where real ones are: received bytes are wiped after the call, sent bytes are read
 * late, a closed socket is not sent to. A shard that declared itself asleep is stepped again only when it is woken, when
 * its network has something, or at a tick; so a lost wake-up shows as a reply that never comes.
 */

import { assert } from "../base/assert.ts";
import type { BlockId, ListenerId, ShardId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { RECEIVE_BUFFER_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { SharedWords } from "../base/shared.ts";
import { Config } from "../config/config.ts";
import { KeyHasher } from "../memory/hash.ts";
import { createMeshMemory, Mesh, type MeshMemory, startMeshAt } from "../mesh/mesh.ts";
import { Store } from "../store/store.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { Reactor, ReactorHandler } from "../sys/reactor.ts";
import type { Commands } from "./commands.ts";
import { skipReply } from "./reduce.ts";
import type { ProcessFacts } from "./services.ts";
import { Shard } from "./shard.ts";

const ECONNRESET = 104;
const TURNS_MAX = 2_000_000;
const STEP_US = 1;
const START_MS = 1_700_000_000_000;

export const FACTS: ProcessFacts = {
  pid: 4711,
  startedMs: 1_000_000,
  runId: "0123456789abcdef0123456789abcdef01234567",
  executable: "/usr/bin/kevy",
  configFile: "",
  tcpPort: 6379,
  reactor: "sim",
  kevyVersion: "0.0.0",
};

/** A request as clients send it. */
export function encode(...args: (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg, "latin1") : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** One client, with both ends of its connection. */
export class SimClient {
  readonly socket: SocketId;
  readonly isLocal: boolean;
  /** What the client has sent and the shard has not got. */
  readonly toShard: Buffer[] = [];
  readonly #received: Buffer[] = [];
  /** Ranges of the send in flight: (block, at, end) each. */
  readonly inFlight: number[] = [];
  accepted = false;
  paused = false;
  /** The shard asked for the close. */
  closing = false;
  closed = false;
  errno = 0;
  /** The client reads nothing: sends stay in flight. */
  stopped = false;
  /** The client has sent its last byte; the shard knows. */
  ended = false;
  endTold = false;
  wasReset = false;

  constructor(socket: SocketId, isLocal: boolean) {
    this.socket = socket;
    this.isLocal = isLocal;
  }

  call(...args: (string | Uint8Array)[]): void {
    this.toShard.push(encode(...args));
  }

  write(bytes: string | Uint8Array): void {
    this.toShard.push(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes));
  }

  /** The client sends no more. */
  end(): void {
    this.ended = true;
  }

  /** The connection breaks. */
  reset(): void {
    this.wasReset = true;
  }

  receive(bytes: Buffer): void {
    this.#received.push(bytes);
  }

  get received(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received.splice(0, this.#received.length, all);
    return all;
  }

  get pendingBytes(): number {
    return this.toShard.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** All that was received, as whole replies; takes them. */
  takeReplies(): string[] {
    const bytes = this.received;
    const replies: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const next = skipReply(bytes, at);
      assert(next <= bytes.length, "replies are whole");
      replies.push(bytes.toString("latin1", at, next));
      at = next;
    }
    this.#received.length = 0;
    return replies;
  }
}

/** A reactor without a kernel. With `random`, bytes move in pieces and some turns move nothing. */
export class SimReactor implements Reactor {
  readonly name = "sim";
  readonly blocks: BlockPool;
  readonly blocking = true;
  yieldDue = false;
  onActivity: (() => void) | null = null;
  readonly wakeHandle: number;
  acceptErrors = 0;
  acceptErrno = 0;
  readonly random: Random | null;
  /** Largest piece of input in one turn. */
  pieceMax = RECEIVE_BUFFER_BYTES;
  readonly clients: (SimClient | null)[] = [];
  readonly #freeSockets: number[] = [];
  readonly #receive = new Uint8Array(RECEIVE_BUFFER_BYTES + 64);
  readonly #wake: (handle: number) => void;
  #handler: ReactorHandler | null = null;
  listening = true;

  constructor(wakeHandle: number, random: Random | null, wake: (handle: number) => void) {
    this.blocks = new BlockPool((byteLength) => ({ buffer: new ArrayBuffer(byteLength), address: 0n }));
    this.wakeHandle = wakeHandle;
    this.random = random;
    this.#wake = wake;
  }

  connect(isLocal: boolean): SimClient {
    const socket = (this.#freeSockets.pop() ?? this.clients.length) as SocketId;
    const client = new SimClient(socket, isLocal);
    this.clients[socket] = client;
    return client;
  }

  /** Would poll() have something to tell? */
  get pending(): boolean {
    return this.clients.some((client) => client !== null && hasNews(client));
  }

  attach(handler: ReactorHandler): void {
    this.#handler = handler;
  }
  listen(): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    return Promise.reject(new Error("clients connect without a listener"));
  }
  stopListening(): void {
    this.listening = false;
  }
  submit(): void {}

  poll(): number {
    let events = 0;
    for (const client of this.clients) {
      if (client === null) continue;
      if (this.random !== null && this.random.below(4) === 0) continue;
      events += this.#turn(client);
    }
    return events;
  }

  send(socket: SocketId, block: BlockId, start: number, end: number): void {
    this.sendMany(socket, Int32Array.of(block, start, end), 1);
  }

  sendMany(socket: SocketId, ranges: Int32Array, count: number): void {
    const client = this.#live(socket);
    assert(!client.closing && client.inFlight.length === 0, "one send at a time, on an open socket");
    assert(count > 0 && count <= SEND_BLOCKS_MAX, "a send has 1 to SEND_BLOCKS_MAX ranges");
    for (let i = 0; i < count; i++) {
      assert(ranges[3 * i + 1] < ranges[3 * i + 2], "a range has bytes");
      client.inFlight.push(ranges[3 * i], ranges[3 * i + 1], ranges[3 * i + 2]);
    }
  }

  pauseReading(socket: SocketId): void {
    this.#live(socket).paused = true;
  }
  resumeReading(socket: SocketId): void {
    this.#live(socket).paused = false;
  }
  close(socket: SocketId): void {
    const client = this.#live(socket);
    assert(!client.closing, "a socket is closed once");
    client.closing = true;
  }
  peerName(socket: SocketId): string {
    return `127.0.0.1:${10_000 + socket}`;
  }
  localName(): string {
    return "127.0.0.1:6379";
  }
  isLocalPeer(socket: SocketId): boolean {
    return this.#live(socket).isLocal;
  }
  setKeepAlive(): void {}
  wake(handle: number): void {
    this.#wake(handle);
  }
  destroy(): void {}

  #live(socket: SocketId): SimClient {
    const client = this.clients[socket];
    assert(client !== null && client !== undefined && !client.closed, "the socket is open");
    return client;
  }

  #turn(client: SimClient): number {
    const handler = this.#handler;
    assert(handler !== null, "a shard is attached");
    if (!client.accepted) {
      client.accepted = true;
      handler.onAccept(client.socket, 0 as ListenerId);
      return 1;
    }
    if (client.closing || client.wasReset) {
      client.closed = true;
      client.errno = client.closing ? 0 : ECONNRESET;
      client.inFlight.length = 0;
      handler.onClosed(client.socket, client.errno);
      this.clients[client.socket] = null;
      this.#freeSockets.push(client.socket);
      return 1;
    }
    let events = this.#deliver(client, handler);
    if (client.inFlight.length > 0 && !client.stopped && !client.closing) events += this.#take(client, handler);
    if (client.ended && !client.endTold && client.toShard.length === 0 && !client.paused && !client.closing) {
      client.endTold = true;
      handler.onEnd(client.socket);
      events++;
    }
    return events;
  }

  #deliver(client: SimClient, handler: ReactorHandler): number {
    if (client.paused || client.toShard.length === 0) return 0;
    const all = Buffer.concat(client.toShard);
    client.toShard.length = 0;
    const limit = Math.min(all.length, this.pieceMax);
    const length = this.random === null ? limit : 1 + this.random.below(limit);
    const at = this.random === null ? 0 : this.random.below(64);
    this.#receive.set(all.subarray(0, length), at);
    if (length < all.length) client.toShard.push(all.subarray(length));
    handler.onData(client.socket, this.#receive, at, at + length);
    this.#receive.fill(0xee, 0, at + length);
    return 1;
  }

  /** Takes some of what is in flight; the kernel reads the blocks only now. */
  #take(client: SimClient, handler: ReactorHandler): number {
    const ranges = client.inFlight;
    let budget = this.random === null ? Number.POSITIVE_INFINITY : this.random.below(40_000);
    while (ranges.length > 0 && budget > 0) {
      const [block, start, end] = ranges;
      const taken = Math.min(budget, end - start);
      client.receive(Buffer.from(this.blocks.viewOf(block as BlockId).slice(start, start + taken)));
      budget -= taken;
      if (start + taken === end) ranges.splice(0, 3);
      else ranges[1] = start + taken;
    }
    if (ranges.length > 0) return 0;
    handler.onSent(client.socket);
    return 1;
  }
}

function hasNews(client: SimClient): boolean {
  if (!client.accepted || client.closing || client.wasReset) return true;
  if (!client.paused && client.toShard.length > 0) return true;
  if (client.inFlight.length > 0 && !client.stopped) return true;
  return client.ended && !client.endTold && !client.paused && client.toShard.length === 0;
}

export interface ClusterOptions {
  readonly shards: number;
  readonly commands: () => Commands;
  /** Draws the order of steps and the sizes of pieces; without it everything moves at once and in turn. */
  readonly seed?: number;
  readonly ringBytes?: number;
  readonly ringStart?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** Several shards of one process. */
export class Cluster implements Clock {
  readonly shards: Shard[] = [];
  readonly reactors: SimReactor[] = [];
  readonly shared = new SharedWords();
  readonly logged: string[] = [];
  readonly shutdowns: string[] = [];
  /** Monotonic time: it moves a little with each step, and with advance(). */
  #us = 0;
  readonly #meshes: Mesh[] = [];
  readonly #asleep: boolean[] = [];
  readonly #random: Random | null;

  constructor(options: ClusterOptions) {
    const { shards, seed } = options;
    this.#random = seed === undefined ? null : new Random(seed);
    const memory = createMeshMemory(shards, options.ringBytes);
    if (options.ringStart !== undefined) startMeshAt(memory, options.ringStart);
    for (let id = 0; id < shards; id++) this.#addShard(id, memory, options);
  }

  /** The wall clock goes with the monotonic one. Setting it lets the time pass until then. */
  get nowMs(): number {
    return START_MS + Math.floor(this.#us / 1000);
  }

  set nowMs(ms: number) {
    assert(ms >= this.nowMs, "time does not go back");
    this.#us = (ms - START_MS) * 1000;
    this.#asleep.fill(false);
  }

  wallMs(): number {
    return this.nowMs;
  }

  monotonicUs(): number {
    return this.#us;
  }

  /** Time passes, nobody does anything. */
  advance(ms: number): void {
    this.#us += ms * 1000;
    this.#asleep.fill(false);
  }

  connect(shard = 0, isLocal = true): SimClient {
    return this.reactors[shard].connect(isLocal);
  }

  /** Somebody outside its steps has done something with the shard: it takes a turn soon, as its thread sees to. */
  nudge(id: number): void {
    this.#asleep[id] = false;
  }

  /** One turn of one shard, if it is awake or has a reason to be. Says whether it had. */
  step(id: number): boolean {
    const shard = this.shards[id];
    if (this.#asleep[id] && !this.reactors[id].pending) return false;
    this.#asleep[id] = false;
    shard.unpark();
    this.#us += STEP_US;
    if (!shard.step(false) && shard.park()) this.#asleep[id] = true;
    return true;
  }

  /** So many turns, of all shards in order or by chance. */
  run(turns: number): void {
    for (let turn = 0; turn < turns; turn++) {
      this.step(this.#random === null ? turn % this.shards.length : this.#random.below(this.shards.length));
    }
  }

  /** Steps until all shards sleep and no network has anything to tell. */
  settle(): void {
    for (let turns = 0; ; turns++) {
      assert(turns < TURNS_MAX, "the shards come to rest");
      if (this.#random !== null && turns % 8 !== 7) {
        this.step(this.#random.below(this.shards.length));
        continue;
      }
      let moved = false;
      for (let id = 0; id < this.shards.length; id++) moved = this.step(id) || moved;
      if (!moved) return;
    }
  }

  /** Settles, then takes the client's replies. */
  replies(client: SimClient): string[] {
    this.settle();
    return client.takeReplies();
  }

  /** One command, one reply. */
  ask(client: SimClient, ...args: (string | Uint8Array)[]): string {
    client.call(...args);
    const replies = this.replies(client);
    assert(replies.length === 1, `one reply to ${String(args[0])}, not ${replies.length}`);
    return replies[0];
  }

  /** What clients that are gone must not have left behind, on any shard. */
  leftovers(): { blocks: number; inputBytes: number; clients: number; admitted: number } {
    let blocks = 0;
    let inputBytes = 0;
    let clients = 0;
    for (const [id, shard] of this.shards.entries()) {
      blocks += this.reactors[id].blocks.inUse;
      inputBytes += shard.clientMemory().input;
      clients += shard.clientCount();
    }
    return { blocks, inputBytes, clients, admitted: this.shared.clients() };
  }

  #addShard(id: number, memory: MeshMemory, options: ClusterOptions): void {
    const seed = options.seed;
    const reactor = new SimReactor(id, seed === undefined ? null : new Random(seed * 64 + id + 1), () => {});
    const mesh = new Mesh(memory, id as ShardId, (target) => {
      this.#asleep[target] = false;
    });
    mesh.publishWakeHandle(id);
    const config = Config.fromSnapshot({ folder: "/", values: options.config ?? {} });
    const random = new Random(id + 100 + (seed ?? 0));
    const shard = new Shard({
      id: id as ShardId,
      shardCount: options.shards,
      reactor,
      mesh,
      clock: this,
      random,
      shared: this.shared,
      config,
      commands: options.commands(),
      facts: FACTS,
      store: new Store(16, new KeyHasher(1, 2), this, random),
      log: (level, text) => this.logged.push(`${level}: ${text}`),
      requestShutdown: (reason) => this.shutdowns.push(reason),
    });
    this.shards.push(shard);
    this.reactors.push(reactor);
    this.#meshes.push(mesh);
    this.#asleep.push(false);
  }
}
