/**
 * The shard: one thread's share of the server. Sockets in, commands through the router, replies out. Hot path.
 *
 * A plain object with step(): reactor, mesh, clock, random source and command set come in through the constructor, so
 * that a thread runs one of it and a simulator runs many. Nothing of it is touched by another thread.
 *
 * One step:  poll the reactor (requests are parsed and executed as they arrive) → take messages of other shards →
 * go on with connections that may → send what waited for room → publish to the rings → flush outputs → tick.
 *
 * Refuses: to know verbs, to block (only poll may, when asked to).
 */

import { assert } from "../base/assert.ts";
import type { ListenerId, ShardId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { EVICTION_PAUSE_US, LEDGER_PAUSE_MS, TICK_MS } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { blockThread, type SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Store } from "../store/store.ts";
import type { Reactor, ReactorHandler } from "../sys/reactor.ts";
import { AcceptWatch } from "./accept-watch.ts";
import { Clients } from "./clients.ts";
import { CommandStats } from "./command-stats.ts";
import { CommandTable } from "./command-table.ts";
import type { Commands } from "./commands.ts";
import type { Conn } from "./conn.ts";
import { Counter, Counters } from "./counters.ts";
import { Effects } from "./effects.ts";
import { Exchange, type ExchangeHandler, type IncomingRequest } from "./exchange.ts";
import { Execution } from "./execution.ts";
import type { GcPauses } from "./gc-pauses.ts";
import { InputBuffers } from "./input.ts";
import { Intake } from "./intake.ts";
import { LatencyMonitor } from "./latency.ts";
import { Output, type OutputHandler } from "./output.ts";
import { OutputLimits } from "./output-limits.ts";
import { Pause, PauseKind } from "./pause.ts";
import { Router, type RouterHost } from "./router.ts";
import type { ClientVisitor, LogLevel, ProcessFacts, ShardServices } from "./services.ts";
import { type SlowCommand, Slowlog } from "./slowlog.ts";
import { Timing } from "./timing.ts";

/** Between slices of background work other work gets three times as long. */
const HUNGRY_PAUSE_US = 3000;

const STORE_COUNTERS = {
  hits: Counter.HITS,
  misses: Counter.MISSES,
  expired: Counter.EXPIRED,
  evicted: Counter.EVICTED,
};

export interface ShardParts {
  readonly id: ShardId;
  readonly shardCount: number;
  readonly reactor: Reactor;
  readonly mesh: Mesh;
  readonly clock: Clock;
  readonly random: Random;
  readonly shared: SharedWords;
  readonly config: Config;
  readonly commands: Commands;
  readonly facts: ProcessFacts;
  readonly store: Store;
  readonly log: (level: LogLevel, text: string) => void;
  readonly requestShutdown: (reason: string) => void;
  /** Absent where nobody can tell. */
  readonly gcPauses?: GcPauses;
  /** Options that CONFIG SET has set on this shard. */
  readonly announceConfig?: (names: readonly string[]) => void;
}

export class Shard implements ReactorHandler, ExchangeHandler, OutputHandler, RouterHost, ShardServices {
  readonly id: ShardId;
  readonly shardCount: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly shared: SharedWords;
  readonly config: Config;
  readonly facts: ProcessFacts;
  readonly store: Store;
  readonly counters: Counters;
  readonly effects: Effects;
  readonly table: CommandTable;
  readonly stats: CommandStats;
  readonly slowlog: Slowlog;
  readonly latency: LatencyMonitor;
  readonly pause: Pause;
  /** Position up to which the log is durable. There is no log yet, so that everything is. */
  durable: number;
  /** A tick passed in the last step: the thread gives Node's own event loop a turn. */
  ticked: boolean;
  readonly #reactor: Reactor;
  readonly #mesh: Mesh;
  readonly #commands: Commands;
  readonly #output: Output;
  readonly #limits: OutputLimits;
  readonly #clients: Clients;
  readonly #intake: Intake;
  readonly #exchange: Exchange;
  readonly #router: Router;
  readonly #timing: Timing;
  readonly #x: Execution;
  readonly #acceptWatch: AcceptWatch;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #requestShutdown: (reason: string) => void;
  readonly #gcPauses: GcPauses | null;
  readonly #announceConfig: (names: readonly string[]) => void;
  #clockFresh: boolean;
  /** Monotonic time at the end of the last step. */
  #nowUs: number;
  /** Monotonic time at which this step had its first event. */
  #busySinceUs: number;
  /** Steps, and the microseconds they took, since the counters were settled. */
  #turns: number;
  #turnUs: number;
  /** How far the wall clock is ahead of the monotonic one, as of the last tick. */
  #wallAheadMs: number;
  /** Since when messages wait for room in a ring; 0 while none does. */
  #ringsFullSinceUs: number;
  #nextTickUs: number;
  /** When the next slice of a big expiry is due. */
  #hungryAtUs: number;
  #pauseUntilUs: number;
  /** When the next slice of eviction that nobody waits for is due. */
  #evictAtUs: number;

  // tidy: long function, each part once
  constructor(parts: ShardParts) {
    this.id = parts.id;
    this.shardCount = parts.shardCount;
    this.clock = parts.clock;
    this.random = parts.random;
    this.shared = parts.shared;
    this.config = parts.config;
    this.facts = parts.facts;
    this.store = parts.store;
    this.counters = new Counters();
    this.effects = new Effects();
    this.table = new CommandTable(parts.commands);
    this.stats = new CommandStats(this.table.rows);
    this.slowlog = new Slowlog(parts.shared);
    this.latency = new LatencyMonitor();
    this.#timing = new Timing(parts.clock, this.table, this.stats, this.slowlog, this.latency);
    this.durable = 0;
    this.ticked = false;
    this.#reactor = parts.reactor;
    this.#mesh = parts.mesh;
    this.#commands = parts.commands;
    const limits = new OutputLimits();
    this.#limits = limits;
    const output = new Output(parts.reactor, limits);
    const input = new InputBuffers();
    this.#output = output;
    this.#exchange = new Exchange(parts.mesh, this);
    this.#x = new Execution(this, this.effects, output.writer, this.store.database(0));
    this.#router = new Router(
      parts.id,
      parts.shardCount,
      this.table,
      this.store,
      this.#x,
      output,
      this.#exchange,
      this.counters,
      this.#timing,
      this,
    );
    const { counters, table, store } = this;
    const pause = new Pause((conn) => this.makeReady(conn));
    this.pause = pause;
    const { id, shardCount, reactor, shared, log } = parts;
    const own = { id, shardCount, reactor, shared, log, output, input, table, counters, limits, pause };
    const clients = new Clients(own);
    this.#clients = clients;
    const router = this.#router;
    this.#intake = new Intake({ reactor, output, input, clients, router, store, x: this.#x, counters, pause, log });
    this.#acceptWatch = new AcceptWatch(reactor, shared, log);
    this.#log = log;
    this.#requestShutdown = parts.requestShutdown;
    this.#gcPauses = parts.gcPauses ?? null;
    this.#announceConfig = parts.announceConfig ?? (() => undefined);
    this.#clockFresh = false;
    this.#ringsFullSinceUs = 0;
    this.#nowUs = 0;
    this.#busySinceUs = 0;
    this.#turns = 0;
    this.#turnUs = 0;
    this.#wallAheadMs = parts.clock.wallMs() - parts.clock.monotonicUs() / 1000;
    this.#nextTickUs = 0;
    this.#hungryAtUs = Number.POSITIVE_INFINITY;
    this.#pauseUntilUs = 0;
    this.#evictAtUs = 0;
    this.store.attach(this.effects, this.counters.values, STORE_COUNTERS);
    this.store.budget.join(parts.shared, parts.id, parts.shardCount, {
      wake: (target) => parts.mesh.wake(target),
      pause: () => {
        parts.reactor.submit();
        blockThread(LEDGER_PAUSE_MS);
      },
    });
    parts.reactor.attach(this);
    this.applyConfig([]);
    parts.commands.onStart?.(this);
  }

  /**
   * One turn. Waits for events up to the next tick if `mayBlock` and nothing is left to do. Returns true when there was
   * work, so that another turn at once may find more.
   */
  step(mayBlock: boolean): boolean {
    this.#clockFresh = false;
    this.ticked = false;
    let timeoutMs = 0;
    const parked = mayBlock && this.#mayPark();
    if (parked) timeoutMs = this.untilDueMs();
    const events = this.#reactor.poll(timeoutMs);
    if (parked && this.shardCount > 1) this.#mesh.unpark();
    if (!this.#clockFresh) this.#readClock();
    let work = events;
    if (this.pause.kind !== PauseKind.NONE && this.#x.nowMs >= this.pause.untilMs) this.pause.end();
    if (this.shardCount > 1) {
      work += this.#exchange.drain();
      this.#router.wakeRoomWaiters();
    }
    if (this.#intake.readyCount > 0) {
      work += this.#intake.readyCount;
      this.#intake.runReady();
    }
    if (this.shardCount > 1) {
      if (this.#exchange.pump()) work++;
      this.#mesh.publish();
    }
    this.#output.flush(this.durable, this);
    this.#clients.watchMemory(this.#x.nowMs);
    const nowUs = this.clock.monotonicUs();
    const busyUs = nowUs - this.#busySinceUs;
    this.#turns++;
    this.#turnUs += busyUs;
    if (busyUs >= this.latency.thresholdUs) this.latency.note("event-loop", busyUs, this.#x.nowMs);
    if (this.shardCount > 1) this.#noteRings(nowUs);
    this.#nowUs = nowUs;
    if (nowUs >= this.#nextTickUs) this.#tick();
    this.#background(nowUs);
    return work > 0 || this.store.budget.pressed;
  }

  /** Nothing to do until an event, a message or the tick: declares the shard asleep in the mesh, and says whether it may be. */
  park(): boolean {
    return this.#mayPark();
  }

  unpark(): void {
    this.#mesh.unpark();
  }

  /** Milliseconds to the next tick or slice of background work, at least 1; counted from the end of the last step. */
  untilDueMs(): number {
    let dueUs = Math.min(this.#nextTickUs, this.#hungryAtUs);
    if (this.store.hasDiscarded) dueUs = Math.min(dueUs, this.#pauseUntilUs);
    if (this.store.budget.pressed) dueUs = Math.min(dueUs, this.store.budget.over ? this.#nowUs : this.#evictAtUs);
    if (this.pause.kind !== PauseKind.NONE) {
      dueUs = Math.min(dueUs, this.#nowUs + (this.pause.untilMs - this.#x.nowMs) * 1000);
    }
    return Math.max(1, Math.ceil((dueUs - this.#nowUs) / 1000));
  }

  /** Takes no more connections, finishes what was read, closes every client, then calls `done`. Other shards are served on. */
  drain(done: () => void): void {
    this.#clients.drain(done);
  }

  // ReactorHandler

  onAccept(socket: SocketId, _listener: ListenerId): void {
    if (!this.#clockFresh) this.#readClock();
    this.#clients.accept(socket, this.#x.nowMs);
  }

  onData(socket: SocketId, bytes: Uint8Array, start: number, end: number): void {
    const conn = this.#clients.at(socket);
    assert(conn !== null, "data belongs to a connection");
    if (!this.#clockFresh) this.#readClock();
    this.#intake.receive(conn, bytes, start, end);
  }

  onSent(socket: SocketId): void {
    const conn = this.#clients.at(socket);
    assert(conn !== null, "a send belongs to a connection");
    conn.lastMs = this.#x.nowMs;
    this.#output.sent(conn);
  }

  onEnd(socket: SocketId): void {
    const conn = this.#clients.at(socket);
    assert(conn !== null, "the end belongs to a connection");
    this.#clients.ended(conn);
  }

  onClosed(socket: SocketId, _errno: number): void {
    this.#clients.closed(socket);
  }

  // ExchangeHandler

  onRequest(source: ShardId, socket: number, client: number, seq: number, request: IncomingRequest): void {
    this.#router.executeFor(source, socket, client, seq, request);
  }

  onReply(
    socket: number,
    client: number,
    seq: number,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): void {
    const conn = this.#clients.at(socket);
    // The client may be gone, and its socket's number may serve another one.
    if (conn === null || (conn.id | 0) !== (client | 0)) return;
    this.#router.replied(conn, seq, bytes, view, start, end);
  }

  onPart(source: ShardId, operation: number, request: IncomingRequest): void {
    this.#router.executePart(source, operation, request);
  }

  onPartReply(source: ShardId, operation: number, bytes: Uint8Array, start: number, end: number): void {
    this.#router.partReplied(source, operation, bytes, start, end);
  }

  // tidy: cold function, only slow commands are noted
  onNote(socket: number, client: number, bytes: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
    const command = JSON.parse(text) as SlowCommand;
    const conn = this.#clients.at(socket);
    if (conn === null || (conn.id | 0) !== (client | 0)) this.slowlog.add({ ...command, peer: "", name: "" });
    else this.logSlow(conn, command);
  }

  onStreamSent(socket: number, client: number): void {
    const conn = this.#clients.at(socket);
    if (conn === null || (conn.id | 0) !== (client | 0)) return;
    this.#router.streamSent(conn);
  }

  // RouterHost

  makeReady(conn: Conn): void {
    this.#intake.makeReady(conn);
  }

  // tidy: cold function, for slow commands
  logSlow(conn: Conn, command: SlowCommand): void {
    this.slowlog.add({ ...command, peer: this.#reactor.peerName(conn.socket), name: conn.name });
  }

  clientBytes(): number {
    return this.#clients.bytesHeld;
  }

  // OutputHandler

  onDrained(conn: Conn): void {
    this.#clients.flushed(conn);
  }

  onCut(conn: Conn): void {
    this.#clients.cut(conn, this.#x.nowMs);
  }

  // ShardServices

  visitClients(visitor: ClientVisitor): void {
    this.#clients.visit(visitor);
  }

  clientCount(): number {
    return this.#clients.count;
  }

  isLocalClient(conn: Conn): boolean {
    return this.#clients.isLocal(conn);
  }

  describeClient(conn: Conn, argvBytes = 0): string {
    const parsedBytes = argvBytes > 0 ? this.#intake.bytesParsed(conn) : 0;
    return this.#clients.describe(conn, this.#x.nowMs, parsedBytes, argvBytes);
  }

  peerName(conn: Conn): string {
    return this.#reactor.peerName(conn.socket);
  }

  localName(conn: Conn): string {
    return this.#reactor.localName(conn.socket);
  }

  closeClient(conn: Conn): void {
    this.counters.add(Counter.KILLED_CLIENTS, 1);
    this.#clients.close(conn);
  }

  setReplies(conn: Conn, mode: number): void {
    this.#clients.setReplies(conn, mode);
  }

  clientPeaks(): { readonly input: number; readonly output: number } {
    return { input: this.#clients.peaks.inputBytes, output: this.#clients.peaks.outputBytes };
  }

  applyConfig(names: readonly string[]): void {
    const config = this.config;
    this.slowlog.thresholdUs = config.integer("slowlog-log-slower-than");
    this.slowlog.lengthMax = config.integer("slowlog-max-len");
    this.latency.setThresholdMs(config.integer("latency-monitor-threshold"));
    this.stats.tracking = config.flag("latency-tracking");
    if (!this.stats.tracking) this.stats.dropHistograms();
    this.#timing.applyThresholds();
    this.#watchGc();
    this.store.applyConfig(config);
    if (names.includes("maxmemory")) this.#warnOfEviction();
    this.#router.strict = config.text("pipeline-order") === "strict";
    this.#router.authRequired = config.text("requirepass") !== "";
    this.#intake.applyConfig(config);
    this.#clients.applyConfig(config);
  }

  announceConfig(names: readonly string[]): void {
    this.#announceConfig(names);
  }

  requestShutdown(reason: string): void {
    this.#requestShutdown(reason);
  }

  log(level: LogLevel, text: string): void {
    this.#log(level, text);
  }

  clientMemory(): { readonly input: number; readonly output: number } {
    return this.#clients.memory();
  }

  /** As Redis says it when maxmemory is set below what is used. Every shard sets it; one speaks. */
  // tidy: cold function, CONFIG SET
  #warnOfEviction(): void {
    const limit = this.config.integer("maxmemory");
    this.store.budget.note(this.#clients.bytesHeld);
    const used = this.store.budget.serverUsedBytes;
    if (this.id !== 0 || limit === 0 || limit >= used) return;
    this.#log(
      "warning",
      `WARNING: the new maxmemory value set via CONFIG SET (${limit}) is smaller than the current memory usage (${used}). ` +
        "This will result in key eviction and/or the inability to accept new write commands depending on the " +
        "maxmemory-policy.",
    );
  }

  get bulkBytesMax(): number {
    return this.#intake.bulkBytesMax;
  }

  resetStatistics(): void {
    this.store.budget.resetExceeded();
    this.settleCounters();
    this.counters.reset();
    this.stats.reset();
  }

  settleCounters(): void {
    this.store.settle();
    const values = this.counters.values;
    values[Counter.COMMANDS] += this.#intake.taken;
    this.#intake.taken = 0;
    values[Counter.BYTES_IN] += this.#intake.bytesIn;
    this.#intake.bytesIn = 0;
    values[Counter.BYTES_OUT] += this.#output.bytesSent;
    this.#output.bytesSent = 0;
    values[Counter.READS] += this.#intake.pieces;
    this.#intake.pieces = 0;
    values[Counter.TURNS] += this.#turns;
    this.#turns = 0;
    values[Counter.TURN_US] += this.#turnUs;
    this.#turnUs = 0;
    values[Counter.WRITES] += this.#output.sends;
    this.#output.sends = 0;
    values[Counter.EXPIRE_CYCLES_CUT] += this.store.slicesCut;
    this.store.slicesCut = 0;
  }

  // The rest is the shard's own.

  #readClock(): void {
    // One reading is for both clocks: the wall's distance from the other changes only when somebody sets it.
    const nowUs = this.clock.monotonicUs();
    const now = Math.floor(nowUs / 1000 + this.#wallAheadMs);
    this.#busySinceUs = nowUs;
    this.#timing.sinceUs = nowUs;
    this.#x.nowMs = now;
    this.store.nowMs = now;
    this.#limits.nowMs = now;
    this.#clockFresh = true;
  }

  #mayPark(): boolean {
    if (this.#intake.readyCount > 0 || this.#output.pending) return false;
    // Others wait for what is evicted here.
    if (this.store.budget.over && this.store.budget.pressed && this.pause.kind === PauseKind.NONE) return false;
    if (this.shardCount === 1) return true;
    return this.#mesh.park();
  }

  /** How long messages have waited for room in rings is known when there is room again. */
  #noteRings(nowUs: number): void {
    const full = this.#exchange.backlog > 0 || this.#router.roomWaiting > 0;
    if (full === this.#ringsFullSinceUs > 0) return;
    if (!full) this.latency.note("ring-wait", nowUs - this.#ringsFullSinceUs, this.#x.nowMs);
    this.#ringsFullSinceUs = full ? nowUs : 0;
  }

  // tidy: cold function, runs when a setting changes
  #watchGc(): void {
    if (this.#gcPauses === null) return;
    if (this.latency.enabled) this.#gcPauses.start((us) => this.latency.note("gc", us, this.#x.nowMs));
    else this.#gcPauses.stop();
  }

  /** Work that nobody waits for, in slices of at most a millisecond with pauses between. */
  #background(nowUs: number): void {
    const budget = this.store.budget;
    if (budget.watched) {
      budget.settle(this.#clients.bytesHeld);
      // Pressure that passes at once, as when a value is stored and the buffer it came in is still held, evicts nothing.
      if (!budget.pressed) this.#evictAtUs = nowUs + EVICTION_PAUSE_US;
      else if ((budget.over || nowUs >= this.#evictAtUs) && this.pause.kind === PauseKind.NONE) {
        budget.evictSlice();
        const endUs = this.clock.monotonicUs();
        this.latency.note("eviction-cycle", endUs - nowUs, this.#x.nowMs);
        this.#evictAtUs = endUs + EVICTION_PAUSE_US;
      }
    }
    if (this.store.hasDiscarded) {
      if (nowUs < this.#pauseUntilUs) return;
      this.store.freeSlice();
      this.#pauseUntilUs = this.clock.monotonicUs() + HUNGRY_PAUSE_US;
    } else if (nowUs >= this.#hungryAtUs) this.#expireSlice();
  }

  #expireSlice(): void {
    if (this.pause.kind !== PauseKind.NONE) {
      // A pause keeps the keys as they are.
      this.#hungryAtUs = Number.POSITIVE_INFINITY;
      return;
    }
    const startedUs = this.clock.monotonicUs();
    const hungry = this.store.expireSlice();
    const nowUs = this.clock.monotonicUs();
    this.counters.add(Counter.EXPIRE_CYCLE_US, nowUs - startedUs);
    this.latency.note("expire-cycle", nowUs - startedUs, this.#x.nowMs);
    this.#hungryAtUs = hungry ? nowUs + HUNGRY_PAUSE_US : Number.POSITIVE_INFINITY;
  }

  #tick(): void {
    this.ticked = true;
    const nowUs = this.clock.monotonicUs();
    this.#nextTickUs = nowUs + TICK_MS * 1000;
    this.#wallAheadMs = this.clock.wallMs() - nowUs / 1000;
    this.settleCounters();
    this.#clients.tick(this.#x.nowMs);
    this.#acceptWatch.look(this.clock.wallMs());
    this.store.budget.note(this.#clients.bytesHeld);
    this.#expireSlice();
    this.#commands.onTick?.(this);
  }
}
