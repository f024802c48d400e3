/**
 * Clients: who is connected to this shard. Admits them, finds them by their socket, looks after them, ends them. Hot path.
 *
 * At every tick some of them are looked at, so that each is once a second: is it idle for too long, is its output over
 * its limit, how large are its buffers?
 *
 * Refuses: to read what they send (intake.ts), and to know when their requests are done (router.ts).
 */

import { assert } from "../base/assert.ts";
import type { ShardId, SocketId } from "../base/brands.ts";
import {
  CLIENT_BYTES,
  CLIENTS_PER_TICK_MAX,
  CLIENTS_PER_TICK_MIN,
  OUTPUT_BLOCK_BYTES,
  TICK_MS,
} from "../base/limits.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Reactor } from "../sys/reactor.ts";
import { ClientMemory, ClientPeaks, type EvictionHost, memoryOf } from "./client-memory.ts";
import type { CommandTable } from "./command-table.ts";
import { ClientClass, Conn, Mode, Wait } from "./conn.ts";
import { Counter, type Counters } from "./counters.ts";
import { describeClient } from "./describe-client.ts";
import type { InputBuffers } from "./input.ts";
import type { Output } from "./output.ts";
import type { OutputLimits } from "./output-limits.ts";
import type { Pause } from "./pause.ts";
import { DENIED, TOO_MANY_CLIENTS } from "./refusals.ts";
import type { ClientVisitor, LogLevel } from "./services.ts";

/** What the registry stands on: parts of its shard. */
export interface ClientsParts {
  readonly id: ShardId;
  readonly shardCount: number;
  readonly reactor: Reactor;
  readonly output: Output;
  readonly input: InputBuffers;
  readonly shared: SharedWords;
  readonly table: CommandTable;
  readonly counters: Counters;
  readonly limits: OutputLimits;
  readonly pause: Pause;
  readonly log: (level: LogLevel, text: string) => void;
}

export class Clients implements EvictionHost {
  /** How many there are, those on their way out included. */
  count: number;
  /** No more clients are taken, and those that are there come to their end. */
  stopping: boolean;
  readonly peaks: ClientPeaks;
  readonly #reactor: Reactor;
  readonly #output: Output;
  readonly #input: InputBuffers;
  readonly #shared: SharedWords;
  readonly #table: CommandTable;
  readonly #counters: Counters;
  readonly #limits: OutputLimits;
  readonly #pause: Pause;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #memory: ClientMemory;
  readonly #conns: (Conn | null)[];
  /** Where the next slice of the round begins: an index of #conns. */
  #cursor: number;
  /** The most that one client was seen to take in this round, and the most that any took as it began. */
  #largestSeen: number;
  #largestBefore: number;
  /** Bytes of clients that are closed and not gone yet. */
  #leavingBytes: number;
  #timeoutMs: number;
  #drained: () => void;
  #maxClients: number;
  #protected: boolean;
  #hasPassword: boolean;

  constructor(parts: ClientsParts) {
    this.count = 0;
    this.stopping = false;
    this.#reactor = parts.reactor;
    this.#output = parts.output;
    this.#input = parts.input;
    this.#shared = parts.shared;
    this.#table = parts.table;
    this.#counters = parts.counters;
    this.#limits = parts.limits;
    this.#pause = parts.pause;
    this.#log = parts.log;
    this.#memory = new ClientMemory(parts.id, parts.shardCount, parts.shared, this);
    this.peaks = new ClientPeaks();
    this.#conns = [];
    this.#cursor = 0;
    this.#largestSeen = 0;
    this.#largestBefore = 0;
    this.#leavingBytes = 0;
    this.#timeoutMs = 0;
    this.#drained = nothing;
    this.#maxClients = 0;
    this.#protected = true;
    this.#hasPassword = false;
  }

  applyConfig(config: Config): void {
    this.#maxClients = config.integer("maxclients");
    this.#protected = config.flag("protected-mode");
    this.#hasPassword = config.text("requirepass") !== "";
    this.#reactor.setKeepAlive(config.integer("tcp-keepalive"));
    this.#timeoutMs = config.integer("timeout") * 1000;
    this.#limits.applyConfig(config);
    this.#memory.applyConfig(config);
  }

  /** The client on that socket; null once it is gone. */
  at(socket: number): Conn | null {
    return this.#conns[socket];
  }

  /** Somebody has connected. */
  accept(socket: SocketId, nowMs: number): void {
    const conn = new Conn(socket, this.#shared.nextClientId(), nowMs);
    // Who comes while there is no password stays in when one is set.
    conn.authenticated = !this.#hasPassword;
    this.#conns[socket] = conn;
    this.count++;
    this.#counters.add(Counter.CONNECTIONS, 1);
    if (!this.#shared.admitClient(this.#maxClients)) {
      conn.admitted = false;
      this.#turnAway(conn, TOO_MANY_CLIENTS);
    } else if (this.#protected && !this.#hasPassword && !this.#reactor.isLocalPeer(socket)) {
      this.#turnAway(conn, DENIED);
    } else if (this.stopping) {
      this.#turnAway(conn, "");
    }
  }

  /** Its connection is gone. */
  closed(socket: SocketId): void {
    const conn = this.#conns[socket];
    assert(conn !== null, "the close belongs to a connection");
    conn.closed = true;
    if ((conn.waits & Wait.PAUSE) !== 0) this.#pause.forget(conn);
    conn.waits |= Wait.CLOSING;
    this.#conns[socket] = null;
    this.count--;
    this.#leavingBytes -= conn.leavingBytes;
    this.#output.discard(conn);
    this.#input.release(conn);
    if (conn.admitted) this.#shared.releaseClient();
    if (this.stopping && this.count === 0) {
      const done = this.#drained;
      this.#drained = nothing;
      done();
    }
  }

  /** Takes no more connections, finishes what was read, closes every client, then calls `done`. */
  // tidy: cold function, runs once
  drain(done: () => void): void {
    if (this.stopping) return;
    this.stopping = true;
    this.#reactor.stopListening();
    for (const conn of this.#conns) {
      if (conn === null || conn === undefined || conn.closed) continue;
      this.#reactor.pauseReading(conn.socket);
      conn.readingPaused = true;
      this.ended(conn);
    }
    if (this.count === 0) done();
    else this.#drained = done;
  }

  /** The peer sends no more. A request that a pause holds back is not run: nobody would know that it was. */
  ended(conn: Conn): void {
    conn.ended = true;
    if ((conn.waits & Wait.PAUSE) !== 0) this.close(conn);
    else this.endIfIdle(conn);
  }

  /** The peer sends no more: closes once every request that came whole is answered. */
  endIfIdle(conn: Conn): void {
    if (conn.waits !== 0 || conn.outstanding !== 0 || conn.ready) return;
    this.closeAfterReply(conn);
  }

  closeAfterReply(conn: Conn): void {
    conn.waits |= Wait.CLOSING;
    conn.closeWhenFlushed = true;
    this.#output.touch(conn);
  }

  /** Closes at once: what was not sent yet is lost. */
  close(conn: Conn): void {
    if (conn.closing) return;
    conn.closing = true;
    conn.waits |= Wait.CLOSING;
    conn.leavingBytes = memoryOf(conn);
    this.#leavingBytes += conn.leavingBytes;
    this.#reactor.close(conn.socket);
  }

  /** Its output has reached its limit. */
  // tidy: cold function, runs for clients that are closed
  cut(conn: Conn, nowMs: number): void {
    this.#counters.add(Counter.OUTPUT_LIMIT_CLOSES, 1);
    const line = this.describe(conn, nowMs);
    this.#log("warning", "Client " + line + " scheduled to be closed ASAP for overcoming of output buffer limits.");
    this.close(conn);
  }

  /** Once a tick: looks at the next slice of the clients. */
  tick(nowMs: number): void {
    this.peaks.advance(nowMs);
    const conns = this.#conns;
    const slots = conns.length;
    let left = Math.max(CLIENTS_PER_TICK_MIN, Math.ceil((slots * TICK_MS) / 1000));
    left = Math.min(left, slots, CLIENTS_PER_TICK_MAX);
    for (; left > 0; left--) {
      if (this.#cursor >= slots) {
        // Who was looked at and has grown since is among those that grew.
        this.setLargest(Math.max(this.#largestSeen, this.#largestGrown()));
        this.#largestSeen = 0;
        this.#cursor = 0;
      }
      const conn = conns[this.#cursor++];
      if (conn !== null && conn !== undefined && !conn.closing && !conn.closed) this.#lookAt(conn, nowMs);
    }
  }

  /** Once a turn: maxmemory-clients. */
  watchMemory(nowMs: number): void {
    this.#memory.watch(nowMs);
  }

  #lookAt(conn: Conn, nowMs: number): void {
    const behind = Math.max(0, conn.outBlocks - 1);
    this.peaks.note(conn.input.length, behind * OUTPUT_BLOCK_BYTES);
    if (conn.evictable) this.#largestSeen = Math.max(this.#largestSeen, memoryOf(conn));
    if (behind === 0) conn.overSoftSinceMs = 0;
    if (this.#isIdle(conn, nowMs)) {
      this.#counters.add(Counter.TIMED_OUT_CLIENTS, 1);
      this.#log("verbose", "Closing idle client");
      this.close(conn);
    } else if (behind >= this.#limits.blocksLeast && this.#limits.reached(conn, behind)) this.cut(conn, nowMs);
  }

  /** Whole seconds, as in Redis. Who waits for the server is not idle, and a subscriber has nothing to say. */
  #isIdle(conn: Conn, nowMs: number): boolean {
    if (this.#timeoutMs === 0 || (conn.waits & ~Wait.CLOSING) !== 0) return false;
    if (conn.clientClass !== ClientClass.NORMAL) return false;
    return (Math.floor(nowMs / 1000) - Math.floor(conn.lastMs / 1000)) * 1000 > this.#timeoutMs;
  }

  // EvictionHost

  clientBytes(): number {
    return this.count * CLIENT_BYTES + this.#input.bytesHeld + this.#output.bytesInUse - this.#leavingBytes;
  }

  largestAtMost(): number {
    return Math.max(this.#largestBefore, this.#largestGrown());
  }

  setLargest(bytes: number): void {
    this.#largestBefore = bytes;
    this.#largestSeen = bytes;
    this.#input.largest = 0;
    this.#output.mostBlocks = 0;
  }

  /** No client whose buffers have grown since setLargest() takes more. */
  #largestGrown(): number {
    const buffers = this.#input.largest + this.#output.mostBlocks * OUTPUT_BLOCK_BYTES;
    return buffers === 0 ? 0 : CLIENT_BYTES + buffers;
  }

  // tidy: cold function, runs over the limit
  largestFirst(): Conn[] {
    const found: Conn[] = [];
    for (const conn of this.#conns) {
      if (conn !== null && conn !== undefined && !conn.closing && conn.evictable) found.push(conn);
    }
    return found.sort((a, b) => memoryOf(b) - memoryOf(a));
  }

  // tidy: cold function, runs for clients that are closed
  evict(conn: Conn): void {
    this.#counters.add(Counter.EVICTED_CLIENTS, 1);
    this.#log("notice", "Evicting client: " + this.describe(conn, this.#limits.nowMs));
    this.close(conn);
  }

  /** All that it was to be sent is. */
  flushed(conn: Conn): void {
    if (conn.closeWhenFlushed && conn.outstanding === 0 && (conn.waits & Wait.PARTS) === 0) this.close(conn);
  }

  /** Calls the visitor for each client that is not on its way out. */
  // tidy: cold function, for lists of clients
  visit(visitor: ClientVisitor): void {
    for (const conn of this.#conns) {
      if (conn !== null && conn !== undefined && !conn.closing && !conn.closed) visitor.visit(conn);
    }
  }

  isLocal(conn: Conn): boolean {
    return this.#reactor.isLocalPeer(conn.socket);
  }

  /** A line of CLIENT LIST. The last two are of the command that asks, if it is this client's. */
  describe(conn: Conn, nowMs: number, parsedBytes = 0, argvBytes = 0): string {
    const headBytes = this.#output.headBytes(conn);
    const memoryBytes = memoryOf(conn) + argvBytes;
    return describeClient(conn, this.#table, this.#reactor, { parsedBytes, argvBytes, headBytes, memoryBytes, nowMs });
  }

  /** CLIENT REPLY: how the client is answered from here on, its command that says so included. */
  setReplies(conn: Conn, mode: number): void {
    conn.mode = (conn.mode & ~(Mode.MUTED | Mode.SKIP_NEXT | Mode.SKIPPING)) | mode;
    this.#output.settle();
    this.#output.attach(conn);
  }

  /** Bytes in assembly buffers and output blocks of all clients. */
  memory(): { readonly input: number; readonly output: number } {
    return { input: this.#input.bytesHeld, output: this.#reactor.blocks.inUse * OUTPUT_BLOCK_BYTES };
  }

  /** The sum of memory(): what of it counts as used. */
  get bytesHeld(): number {
    return this.#input.bytesHeld + this.#reactor.blocks.inUse * OUTPUT_BLOCK_BYTES;
  }

  #turnAway(conn: Conn, text: string): void {
    this.#counters.add(Counter.REJECTED_CONNECTIONS, 1);
    if (text !== "") {
      const bytes = Buffer.from(text, "latin1");
      this.#output.attach(conn);
      this.#output.writer.rawBytes(bytes, 0, bytes.length);
    }
    this.closeAfterReply(conn);
  }
}

function nothing(): void {}
