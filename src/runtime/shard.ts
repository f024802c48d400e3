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
import type { CommandId, ListenerId, ShardId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { STOPPED_INPUT_BYTES_MAX, TICK_MS } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Argv } from "../resp/argv.ts";
import { INCOMPLETE, NOTHING, PartialRequest, PROTOCOL_ERROR, REQUEST, RequestParser } from "../resp/parser.ts";
import type { Store } from "../store/store.ts";
import type { Reactor, ReactorHandler } from "../sys/reactor.ts";
import { BATCH_REQUESTS_MAX, Batch } from "./batch.ts";
import { CommandTable } from "./command-table.ts";
import type { Commands } from "./commands.ts";
import { Conn, Wait } from "./conn.ts";
import { Counter, Counters } from "./counters.ts";
import { describeClient } from "./describe-client.ts";
import { Effects } from "./effects.ts";
import { Exchange, type ExchangeHandler, type IncomingRequest } from "./exchange.ts";
import { Execution } from "./execution.ts";
import { InputBuffers } from "./input.ts";
import { Output, type OutputHandler } from "./output.ts";
import { DENIED, TOO_MANY_CLIENTS } from "./refusals.ts";
import { Router, type RouterHost } from "./router.ts";
import type { ClientVisitor, LogLevel, ProcessFacts, ShardServices } from "./services.ts";

const SPARE_PARTIALS_MAX = 256;
/** Fewer bytes hold hardly more than one request. */
const BATCH_BYTES_MIN = 96;
/** With fewer keys, asking for memory early gains less than it costs (measured). */
const PREFETCH_KEYS_MIN = 150_000;
/** Between slices of background work other work gets three times as long. */
const HUNGRY_PAUSE_US = 3000;

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
  /** Position up to which the log is durable. There is no log yet, so that everything is. */
  durable: number;
  /** A tick passed in the last step: the thread gives Node's own event loop a turn. */
  ticked: boolean;
  readonly #reactor: Reactor;
  readonly #mesh: Mesh;
  readonly #commands: Commands;
  readonly #parser: RequestParser;
  readonly #output: Output;
  readonly #input: InputBuffers;
  readonly #exchange: Exchange;
  readonly #router: Router;
  readonly #x: Execution;
  readonly #batch: Batch;
  #prefetched: number;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #requestShutdown: (reason: string) => void;
  readonly #conns: (Conn | null)[];
  readonly #sparePartials: PartialRequest[];
  #connCount: number;
  #ready: Conn[];
  #readyCount: number;
  #clockFresh: boolean;
  #stopping: boolean;
  #drained: () => void;
  /** Monotonic time at the end of the last step. */
  #nowUs: number;
  #nextTickUs: number;
  #bytesIn: number;
  /** Requests of clients taken since the counters were settled. */
  #taken: number;
  /** When the next slice of a big expiry is due. */
  #hungryAtUs: number;
  #pauseUntilUs: number;
  #maxClients: number;
  #queryBytesMax: number;
  #protected: boolean;

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
    this.durable = 0;
    this.ticked = false;
    this.#reactor = parts.reactor;
    this.#mesh = parts.mesh;
    this.#commands = parts.commands;
    this.#parser = new RequestParser();
    this.#output = new Output(parts.reactor);
    this.#input = new InputBuffers();
    this.#exchange = new Exchange(parts.mesh, this);
    this.#x = new Execution(this, this.effects, this.#output.writer, this.store.database(0));
    this.#router = new Router(
      parts.id,
      parts.shardCount,
      this.table,
      this.store,
      this.#x,
      this.#output,
      this.#exchange,
      this.counters,
      this,
    );
    this.#batch = new Batch();
    this.#prefetched = 0;
    this.#log = parts.log;
    this.#requestShutdown = parts.requestShutdown;
    this.#conns = [];
    this.#sparePartials = [];
    this.#connCount = 0;
    this.#ready = [];
    this.#readyCount = 0;
    this.#clockFresh = false;
    this.#stopping = false;
    this.#drained = nothing;
    this.#nowUs = 0;
    this.#nextTickUs = 0;
    this.#bytesIn = 0;
    this.#taken = 0;
    this.#hungryAtUs = Number.POSITIVE_INFINITY;
    this.#pauseUntilUs = 0;
    this.#maxClients = 0;
    this.#queryBytesMax = 0;
    this.#protected = true;
    this.store.attach(this.effects, this.counters.values, {
      hits: Counter.HITS,
      misses: Counter.MISSES,
      expired: Counter.EXPIRED,
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
    if (this.shardCount > 1) {
      work += this.#exchange.drain();
      this.#router.wakeRoomWaiters();
    }
    if (this.#readyCount > 0) {
      work += this.#readyCount;
      this.#runReady();
    }
    if (this.shardCount > 1) {
      if (this.#exchange.pump()) work++;
      this.#mesh.publish();
    }
    this.#output.flush(this.durable, this);
    const nowUs = this.clock.monotonicUs();
    this.#nowUs = nowUs;
    if (nowUs >= this.#nextTickUs) this.#tick();
    this.#background(nowUs);
    return work > 0;
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
    return Math.max(1, Math.ceil((dueUs - this.#nowUs) / 1000));
  }

  /** Takes no more connections, finishes what was read, closes every client, then calls `done`. Other shards are served on. */
  // tidy: cold function, runs once
  drain(done: () => void): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#reactor.stopListening();
    for (const conn of this.#conns) {
      if (conn === null || conn === undefined || conn.closed) continue;
      this.#reactor.pauseReading(conn.socket);
      conn.readingPaused = true;
      conn.ended = true;
      this.#endIfIdle(conn);
    }
    if (this.#connCount === 0) done();
    else this.#drained = done;
  }

  // ReactorHandler

  onAccept(socket: SocketId, _listener: ListenerId): void {
    if (!this.#clockFresh) this.#readClock();
    const conn = new Conn(socket, this.shared.nextClientId(), this.#x.nowMs);
    // Who comes while there is no password stays in when one is set.
    conn.authenticated = !this.#router.authRequired;
    this.#conns[socket] = conn;
    this.#connCount++;
    this.counters.add(Counter.CONNECTIONS, 1);
    if (!this.shared.admitClient(this.#maxClients)) {
      conn.admitted = false;
      this.#turnAway(conn, TOO_MANY_CLIENTS);
    } else if (this.#protected && !this.#router.authRequired && !this.#reactor.isLocalPeer(socket)) {
      this.#turnAway(conn, DENIED);
    } else if (this.#stopping) {
      this.#turnAway(conn, "");
    }
  }

  onData(socket: SocketId, bytes: Uint8Array, start: number, end: number): void {
    const conn = this.#conns[socket];
    assert(conn !== null, "data belongs to a connection");
    this.#bytesIn += end - start;
    if ((conn.waits & Wait.CLOSING) !== 0) return;
    if (!this.#clockFresh) this.#readClock();
    conn.lastMs = this.#x.nowMs;
    if (conn.waits === 0 && conn.inputStart === conn.inputEnd) {
      const used = this.#parse(conn, bytes, start, end);
      if (used < end) this.#keep(conn, bytes, used, end);
      return;
    }
    this.#keep(conn, bytes, start, end);
    if (conn.waits === 0) this.#parseKept(conn);
  }

  onSent(socket: SocketId): void {
    const conn = this.#conns[socket];
    assert(conn !== null, "a send belongs to a connection");
    this.#output.sent(conn);
  }

  onEnd(socket: SocketId): void {
    const conn = this.#conns[socket];
    assert(conn !== null, "the end belongs to a connection");
    conn.ended = true;
    this.#endIfIdle(conn);
  }

  onClosed(socket: SocketId, _errno: number): void {
    const conn = this.#conns[socket];
    assert(conn !== null, "the close belongs to a connection");
    conn.closed = true;
    conn.waits |= Wait.CLOSING;
    this.#conns[socket] = null;
    this.#connCount--;
    this.#output.discard(conn);
    this.#input.release(conn);
    if (conn.admitted) this.shared.releaseClient();
    if (this.#stopping && this.#connCount === 0) {
      const done = this.#drained;
      this.#drained = nothing;
      done();
    }
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
    const conn = this.#conns[socket];
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

  onStreamSent(socket: number, client: number): void {
    const conn = this.#conns[socket];
    if (conn === null || (conn.id | 0) !== (client | 0)) return;
    this.#router.streamSent(conn);
  }

  // RouterHost

  makeReady(conn: Conn): void {
    if (conn.ready || conn.closed) return;
    conn.ready = true;
    this.#ready[this.#readyCount++] = conn;
  }

  // OutputHandler

  onDrained(conn: Conn): void {
    if (conn.closeWhenFlushed && conn.outstanding === 0 && (conn.waits & Wait.PARTS) === 0) this.#close(conn);
  }

  // ShardServices

  // tidy: cold function, for lists of clients
  visitClients(visitor: ClientVisitor): void {
    for (const conn of this.#conns) {
      if (conn !== null && conn !== undefined && !conn.closed) visitor.visit(conn);
    }
  }

  clientCount(): number {
    return this.#connCount;
  }

  isLocalClient(conn: Conn): boolean {
    return this.#reactor.isLocalPeer(conn.socket);
  }

  describeClient(conn: Conn): string {
    return describeClient(conn, this.table, this.#reactor, this.#output.bytesHeld(conn), this.#x.nowMs);
  }

  applyConfig(_names: readonly string[]): void {
    const config = this.config;
    this.#router.strict = config.text("pipeline-order") === "strict";
    this.#router.authRequired = config.text("requirepass") !== "";
    this.#parser.bulkBytesMax = config.integer("proto-max-bulk-len");
    this.#queryBytesMax = config.integer("client-query-buffer-limit");
    this.#maxClients = config.integer("maxclients");
    this.#protected = config.flag("protected-mode");
    this.#reactor.setKeepAlive(config.integer("tcp-keepalive"));
  }

  requestShutdown(reason: string): void {
    this.#requestShutdown(reason);
  }

  log(level: LogLevel, text: string): void {
    this.#log(level, text);
  }

  clientMemory(): { readonly input: number; readonly output: number } {
    return { input: this.#input.bytesHeld, output: this.#reactor.blocks.bytesMapped };
  }

  get bulkBytesMax(): number {
    return this.#parser.bulkBytesMax;
  }

  settleCounters(): void {
    this.store.settle();
    const values = this.counters.values;
    values[Counter.COMMANDS] += this.#taken;
    this.#taken = 0;
    values[Counter.ERRORS] += this.#router.errors;
    this.#router.errors = 0;
    values[Counter.BYTES_IN] += this.#bytesIn;
    this.#bytesIn = 0;
    values[Counter.BYTES_OUT] += this.#output.bytesSent;
    this.#output.bytesSent = 0;
  }

  // The rest is the shard's own.

  /** Parses and executes what it can of bytes[pos, end); returns the position behind what was used. */
  #parse(conn: Conn, bytes: Uint8Array, pos: number, end: number): number {
    const parser = this.#parser;
    const router = this.#router;
    while (pos < end) {
      parser.unauthenticated = router.authRequired && !conn.authenticated;
      const partial = conn.partial;
      if (partial === null && end - pos > BATCH_BYTES_MIN && !parser.unauthenticated && this.#prefetchPays(conn)) {
        const next = this.#runBatch(conn, bytes, pos, end);
        if (conn.waits !== 0) return (conn.waits & Wait.CLOSING) !== 0 ? end : next;
        if (next > pos) {
          pos = next;
          continue;
        }
      }
      const status = partial === null ? parser.parse(bytes, pos, end) : parser.resume(bytes, pos, end, partial);
      if (status === INCOMPLETE) {
        if (partial === null) this.#savePartial(conn, pos);
        return pos;
      }
      const next = parser.position;
      if (status === REQUEST) {
        const argv = parser.argv;
        const id = router.resolve(argv);
        const taken = this.#request(conn, argv, id, router.placeOf(id, argv));
        if (partial !== null) this.#dropPartial(conn);
        if (!taken) return pos;
        pos = next;
        if (conn.waits !== 0) return (conn.waits & Wait.CLOSING) !== 0 ? end : pos;
      } else {
        if (partial !== null) this.#dropPartial(conn);
        if (status === PROTOCOL_ERROR) return this.#protocolError(conn, pos, end);
        assert(status === NOTHING, "a known status");
        pos = next;
      }
    }
    return pos;
  }

  /** Small keyspaces stand in the processor's cache anyway. */
  #prefetchPays(conn: Conn): boolean {
    return this.store.database(conn.database).size > PREFETCH_KEYS_MIN;
  }

  /**
   * Parses several requests, asks for the memory of their keys, then runs them. Returns the position behind the last one
   * taken: `pos` when the first is not whole, or is not a request.
   */
  #runBatch(conn: Conn, bytes: Uint8Array, pos: number, end: number): number {
    const batch = this.#batch;
    const router = this.#router;
    const store = this.store;
    const count = this.#fillBatch(batch, bytes, pos, end);
    let keys = 0;
    for (let i = 0; i < count; i++) {
      const argv = batch.argvs[i];
      const id = router.resolve(argv);
      const target = router.placeOf(id, argv);
      batch.commands[i] = id;
      batch.targets[i] = target;
      batch.hashOf[i] = -1;
      if (count > 1 && router.looksUp(id, target)) {
        const key = router.firstKey(id);
        batch.hashOf[i] = keys;
        batch.hashes[keys++] = store.hasher.hash(argv.view, argv.starts[key], argv.ends[key]);
      }
    }
    if (keys > 1) this.#prefetched ^= store.database(conn.database).prefetch(batch.hashes, keys);
    for (let i = 0; i < count; i++) {
      const argv = batch.argvs[i];
      const id = batch.commands[i];
      const hash = batch.hashOf[i];
      if (hash >= 0) {
        const key = router.firstKey(id);
        store.hint(argv.view, argv.starts[key], argv.ends[key], batch.hashes[hash]);
      }
      const taken = this.#request(conn, argv, id, batch.targets[i]);
      store.hintStart = -1;
      if (!taken) return pos;
      pos = batch.nexts[i];
      if (conn.waits !== 0) return pos;
    }
    return pos;
  }

  /** Parses up to a batch of requests that have arrived whole; returns how many. */
  #fillBatch(batch: Batch, bytes: Uint8Array, pos: number, end: number): number {
    const parser = this.#parser;
    let count = 0;
    while (count < BATCH_REQUESTS_MAX && pos < end) {
      if (parser.parse(bytes, pos, end, batch.argvs[count]) !== REQUEST) break;
      pos = parser.position;
      batch.nexts[count++] = pos;
    }
    return count;
  }

  /** One request, with the writer at the connection: a command may turn it elsewhere, or change the protocol. */
  #request(conn: Conn, argv: Argv, id: CommandId, target: ShardId): boolean {
    this.#output.attach(conn);
    if (!this.#router.request(conn, argv, id, target)) return false;
    conn.commands++;
    this.#taken++;
    return true;
  }

  #protocolError(conn: Conn, pos: number, end: number): number {
    if (conn.outstanding !== 0) {
      // It is answered in its turn; the bytes are parsed again then.
      conn.waits |= Wait.ORDER;
      return pos;
    }
    this.counters.add(Counter.PROTOCOL_ERRORS, 1);
    this.#output.attach(conn);
    this.#output.writer.error("ERR " + this.#parser.error);
    this.#closeAfterReply(conn);
    return end;
  }

  #savePartial(conn: Conn, start: number): void {
    const spare = this.#sparePartials.pop();
    const partial = spare === undefined ? new PartialRequest() : spare;
    this.#parser.save(partial, start);
    conn.partial = partial;
  }

  #dropPartial(conn: Conn): void {
    const partial = conn.partial;
    conn.partial = null;
    if (partial !== null && partial.argv.starts.length <= 64 && this.#sparePartials.length < SPARE_PARTIALS_MAX) {
      this.#sparePartials.push(partial);
    }
  }

  #keep(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    this.#input.append(conn, bytes, start, end);
    const pending = conn.inputEnd - conn.inputStart;
    if (pending > this.#queryBytesMax) {
      this.#log("warning", "Closing client that reached max query buffer length: " + this.describeClient(conn));
      this.#close(conn);
      return;
    }
    if (conn.waits !== 0 && pending > STOPPED_INPUT_BYTES_MAX && !conn.readingPaused) {
      conn.readingPaused = true;
      this.#reactor.pauseReading(conn.socket);
    }
  }

  #parseKept(conn: Conn): void {
    if (conn.inputStart < conn.inputEnd) {
      const used = this.#parse(conn, conn.input, conn.inputStart, conn.inputEnd);
      if ((conn.waits & Wait.CLOSING) !== 0) this.#input.release(conn);
      else this.#input.consume(conn, used);
    }
    if (conn.waits !== 0) return;
    if (conn.readingPaused && !this.#stopping) {
      conn.readingPaused = false;
      this.#reactor.resumeReading(conn.socket);
    }
    if (conn.ended) this.#endIfIdle(conn);
  }

  #runReady(): void {
    // A connection may become ready again while this runs: it is served in the next turn, so that all get theirs.
    const ready = this.#ready;
    const count = this.#readyCount;
    this.#ready = [];
    this.#readyCount = 0;
    for (let i = 0; i < count; i++) {
      const conn = ready[i];
      conn.ready = false;
      if (!conn.closed && conn.waits === 0) this.#parseKept(conn);
    }
  }

  /** The peer sends no more: closes once every request that came whole is answered. */
  #endIfIdle(conn: Conn): void {
    if (conn.waits !== 0 || conn.outstanding !== 0 || conn.ready) return;
    this.#closeAfterReply(conn);
  }

  #closeAfterReply(conn: Conn): void {
    conn.waits |= Wait.CLOSING;
    conn.closeWhenFlushed = true;
    this.#output.touch(conn);
  }

  #close(conn: Conn): void {
    if (conn.closing) return;
    conn.closing = true;
    conn.waits |= Wait.CLOSING;
    this.#reactor.close(conn.socket);
  }

  #turnAway(conn: Conn, text: string): void {
    this.counters.add(Counter.REJECTED_CONNECTIONS, 1);
    if (text !== "") {
      const bytes = Buffer.from(text, "latin1");
      this.#output.attach(conn);
      this.#output.writer.rawBytes(bytes, 0, bytes.length);
    }
    this.#closeAfterReply(conn);
  }

  #readClock(): void {
    const now = this.clock.wallMs();
    this.#x.nowMs = now;
    this.store.nowMs = now;
    this.#clockFresh = true;
  }

  #mayPark(): boolean {
    if (this.#readyCount > 0 || this.#output.pending) return false;
    if (this.shardCount === 1) return true;
    return this.#mesh.park();
  }

  /** Work that nobody waits for, in slices of at most a millisecond with pauses between. */
  #background(nowUs: number): void {
    if (this.store.hasDiscarded) {
      if (nowUs < this.#pauseUntilUs) return;
      this.store.freeSlice();
      this.#pauseUntilUs = this.clock.monotonicUs() + HUNGRY_PAUSE_US;
    } else if (nowUs >= this.#hungryAtUs) this.#expireSlice();
  }

  #expireSlice(): void {
    const hungry = this.store.expireSlice();
    this.#hungryAtUs = hungry ? this.clock.monotonicUs() + HUNGRY_PAUSE_US : Number.POSITIVE_INFINITY;
  }

  #tick(): void {
    this.ticked = true;
    this.#nextTickUs = this.clock.monotonicUs() + TICK_MS * 1000;
    this.settleCounters();
    this.#expireSlice();
    this.#commands.onTick?.(this);
  }
}

function nothing(): void {}
