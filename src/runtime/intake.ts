/**
 * The intake: what connections send, from bytes to requests that the router has taken. Hot path.
 *
 * Bytes are parsed where they lie. What cannot be used at once (the beginning of a request, or requests of a connection
 * that waits) is kept in the connection's buffer and goes on from there.
 *
 * Refuses: to know what a request means or where it runs.
 */

import { assert } from "../base/assert.ts";
import type { CommandId, ShardId } from "../base/brands.ts";
import { LOGGED_INPUT_BYTES_MAX, STOPPED_INPUT_BYTES_MAX } from "../base/limits.ts";
import type { Config } from "../config/config.ts";
import type { Argv } from "../resp/argv.ts";
import { INCOMPLETE, NOTHING, PartialRequest, PROTOCOL_ERROR, REQUEST, RequestParser } from "../resp/parser.ts";
import type { Store } from "../store/store.ts";
import type { Reactor } from "../sys/reactor.ts";
import { BATCH_REQUESTS_MAX, Batch } from "./batch.ts";
import type { Clients } from "./clients.ts";
import { ClientClass, type Conn, Mode, Wait } from "./conn.ts";
import { Counter, type Counters } from "./counters.ts";
import { quotedBytes } from "./describe-client.ts";
import type { Execution } from "./execution.ts";
import type { InputBuffers } from "./input.ts";
import type { Output } from "./output.ts";
import { type Pause, PauseKind } from "./pause.ts";
import type { Router } from "./router.ts";
import type { LogLevel } from "./services.ts";

const SPARE_PARTIALS_MAX = 256;
/** Fewer bytes hold hardly more than one request. */
const BATCH_BYTES_MIN = 96;
/** With fewer keys, asking for memory early gains less than it costs (measured). */
const PREFETCH_KEYS_MIN = 150_000;

/** What the intake stands on: parts of its shard. */
export interface IntakeParts {
  readonly reactor: Reactor;
  readonly output: Output;
  readonly input: InputBuffers;
  readonly clients: Clients;
  readonly router: Router;
  readonly store: Store;
  readonly x: Execution;
  readonly counters: Counters;
  readonly pause: Pause;
  readonly log: (level: LogLevel, text: string) => void;
}

export class Intake {
  /** Bytes received, and requests taken, since the shard settled its counters. */
  bytesIn: number;
  /** Pieces of input since the counters were settled. */
  pieces: number;
  taken: number;
  /** Connections to go on with. */
  readyCount: number;
  readonly #parser: RequestParser;
  readonly #reactor: Reactor;
  readonly #output: Output;
  readonly #input: InputBuffers;
  readonly #clients: Clients;
  readonly #router: Router;
  readonly #store: Store;
  readonly #x: Execution;
  readonly #counters: Counters;
  readonly #pause: Pause;
  readonly #log: (level: LogLevel, text: string) => void;
  readonly #batch: Batch;
  #prefetched: number;
  readonly #sparePartials: PartialRequest[];
  #ready: Conn[];
  #queryBytesMax: number;
  #parsed: Conn | null;
  #parsedBytes: number;

  constructor(parts: IntakeParts) {
    this.bytesIn = 0;
    this.pieces = 0;
    this.taken = 0;
    this.readyCount = 0;
    this.#parser = new RequestParser();
    this.#reactor = parts.reactor;
    this.#output = parts.output;
    this.#input = parts.input;
    this.#clients = parts.clients;
    this.#router = parts.router;
    this.#store = parts.store;
    this.#x = parts.x;
    this.#counters = parts.counters;
    this.#pause = parts.pause;
    this.#log = parts.log;
    this.#batch = new Batch();
    this.#prefetched = 0;
    this.#sparePartials = [];
    this.#ready = [];
    this.#queryBytesMax = 0;
    this.#parsed = null;
    this.#parsedBytes = 0;
  }

  applyConfig(config: Config): void {
    this.#parser.bulkBytesMax = config.integer("proto-max-bulk-len");
    this.#queryBytesMax = config.integer("client-query-buffer-limit");
  }

  get bulkBytesMax(): number {
    return this.#parser.bulkBytesMax;
  }

  /** bytes[start, end) have come from the connection; they are valid during the call only. */
  receive(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    this.bytesIn += end - start;
    this.pieces++;
    if ((conn.waits & Wait.CLOSING) !== 0) return;
    conn.lastMs = this.#x.nowMs;
    if (conn.waits === 0 && conn.inputStart === conn.inputEnd) {
      this.#parsed = conn;
      this.#parsedBytes = end - start;
      const used = this.#parse(conn, bytes, start, end);
      this.#parsed = null;
      if (used < end) this.#keep(conn, bytes, used, end);
      return;
    }
    this.#keep(conn, bytes, start, end);
    if (conn.waits === 0) this.#parseKept(conn);
  }

  /** Bytes of the connection's last read, if that is being parsed; what is kept of it stands in its own buffer. */
  bytesParsed(conn: Conn): number {
    return this.#parsed === conn ? this.#parsedBytes : 0;
  }

  /** The connection's reason to wait is gone: it goes on with the next runReady(). */
  makeReady(conn: Conn): void {
    if (conn.ready || conn.closed) return;
    conn.ready = true;
    this.#ready[this.readyCount++] = conn;
  }

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
    return this.#store.database(conn.database).size > PREFETCH_KEYS_MIN;
  }

  /**
   * Parses several requests, asks for the memory of their keys, then runs them. Returns the position behind the last one
   * taken: `pos` when the first is not whole, or is not a request.
   */
  #runBatch(conn: Conn, bytes: Uint8Array, pos: number, end: number): number {
    const batch = this.#batch;
    const router = this.#router;
    const store = this.#store;
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
    if ((conn.mode | this.#pause.kind) !== 0) return this.#requestSpecially(conn, argv, id, target);
    this.#output.attach(conn);
    if (!this.#router.request(conn, argv, id, target)) return false;
    conn.commands++;
    this.taken++;
    return true;
  }

  /** The same while there is a pause, or for a client in a mode of its own. */
  #requestSpecially(conn: Conn, argv: Argv, id: CommandId, target: ShardId): boolean {
    const pause = this.#pause;
    if (
      pause.kind !== PauseKind.NONE &&
      conn.clientClass !== ClientClass.REPLICA &&
      this.#router.isHeld(conn, id, target, pause.kind === PauseKind.WRITE)
    ) {
      if (this.#clients.stopping) this.#clients.close(conn);
      else pause.hold(conn);
      return false;
    }
    if ((conn.mode & Mode.SKIPPING) !== 0) {
      // What runs elsewhere must have answered before replies count again.
      if (conn.outstanding !== 0) {
        conn.waits |= Wait.ORDER;
        return false;
      }
      conn.mode &= ~Mode.SKIPPING;
    }
    const skips = (conn.mode & Mode.SKIP_NEXT) !== 0;
    if (skips) {
      conn.mode ^= Mode.SKIP_NEXT | Mode.SKIPPING;
      this.#output.settle();
    }
    this.#output.attach(conn);
    this.#store.touching = (conn.mode & Mode.NO_TOUCH) === 0;
    const taken = this.#router.request(conn, argv, id, target);
    this.#store.touching = true;
    if (!taken) {
      if (skips) conn.mode ^= Mode.SKIP_NEXT | Mode.SKIPPING;
      return false;
    }
    conn.commands++;
    this.taken++;
    return true;
  }

  #protocolError(conn: Conn, pos: number, end: number): number {
    if (conn.outstanding !== 0) {
      // It is answered in its turn; the bytes are parsed again then.
      conn.waits |= Wait.ORDER;
      return pos;
    }
    this.#counters.add(Counter.PROTOCOL_ERRORS, 1);
    this.#output.attach(conn);
    this.#output.writer.error("ERR " + this.#parser.error);
    this.#clients.closeAfterReply(conn);
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
      this.#counters.add(Counter.QUERY_LIMIT_CLOSES, 1);
      this.#log(
        "warning",
        "Closing client that reached max query buffer length: " +
          this.#clients.describe(conn, this.#x.nowMs) +
          " (qbuf initial bytes: " +
          quotedBytes(conn.input, conn.inputStart, conn.inputStart + LOGGED_INPUT_BYTES_MAX) +
          ")",
      );
      this.#clients.close(conn);
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
    if (conn.readingPaused && !this.#clients.stopping) {
      conn.readingPaused = false;
      this.#reactor.resumeReading(conn.socket);
    }
    if (conn.ended) this.#clients.endIfIdle(conn);
  }

  /** Goes on with connections whose reason to wait is gone. */
  runReady(): void {
    // A connection may become ready again while this runs: it is served in the next turn, so that all get theirs.
    const ready = this.#ready;
    const count = this.readyCount;
    this.#ready = [];
    this.readyCount = 0;
    for (let i = 0; i < count; i++) {
      const conn = ready[i];
      conn.ready = false;
      if (!conn.closed && conn.waits === 0) this.#parseKept(conn);
    }
  }
}
