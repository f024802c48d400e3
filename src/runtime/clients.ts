/**
 * Clients: who is connected to this shard. Admits them, finds them by their socket, ends them. Hot path.
 *
 * Refuses: to read what they send (intake.ts), and to know when their requests are done (router.ts).
 */

import { assert } from "../base/assert.ts";
import type { SocketId } from "../base/brands.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Config } from "../config/config.ts";
import type { Reactor } from "../sys/reactor.ts";
import type { CommandTable } from "./command-table.ts";
import { Conn, Wait } from "./conn.ts";
import { Counter, type Counters } from "./counters.ts";
import { describeClient } from "./describe-client.ts";
import type { InputBuffers } from "./input.ts";
import type { Output } from "./output.ts";
import { DENIED, TOO_MANY_CLIENTS } from "./refusals.ts";
import type { ClientVisitor } from "./services.ts";

/** What the registry stands on: parts of its shard. */
export interface ClientsParts {
  readonly reactor: Reactor;
  readonly output: Output;
  readonly input: InputBuffers;
  readonly shared: SharedWords;
  readonly table: CommandTable;
  readonly counters: Counters;
}

export class Clients {
  /** How many there are, those on their way out included. */
  count: number;
  /** No more clients are taken, and those that are there come to their end. */
  stopping: boolean;
  readonly #reactor: Reactor;
  readonly #output: Output;
  readonly #input: InputBuffers;
  readonly #shared: SharedWords;
  readonly #table: CommandTable;
  readonly #counters: Counters;
  readonly #conns: (Conn | null)[];
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
    this.#conns = [];
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
    conn.waits |= Wait.CLOSING;
    this.#conns[socket] = null;
    this.count--;
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
      conn.ended = true;
      this.endIfIdle(conn);
    }
    if (this.count === 0) done();
    else this.#drained = done;
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
    this.#reactor.close(conn.socket);
  }

  /** All that it was to be sent is. */
  flushed(conn: Conn): void {
    if (conn.closeWhenFlushed && conn.outstanding === 0 && (conn.waits & Wait.PARTS) === 0) this.close(conn);
  }

  // tidy: cold function, for lists of clients
  visit(visitor: ClientVisitor): void {
    for (const conn of this.#conns) {
      if (conn !== null && conn !== undefined && !conn.closed) visitor.visit(conn);
    }
  }

  isLocal(conn: Conn): boolean {
    return this.#reactor.isLocalPeer(conn.socket);
  }

  describe(conn: Conn, nowMs: number): string {
    return describeClient(conn, this.#table, this.#reactor, this.#output.bytesHeld(conn), nowMs);
  }

  /** Bytes in assembly buffers and output blocks of all clients. */
  memory(): { readonly input: number; readonly output: number } {
    return { input: this.#input.bytesHeld, output: this.#reactor.blocks.bytesMapped };
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
