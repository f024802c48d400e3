/**
 * Output: the blocks a connection's replies stand in, from the first byte written to the last byte sent. Hot path.
 *
 * One writer serves all connections of a shard: it is attached to one of them at a time and writes at the end of that
 * connection's chain. A connection with nothing to send owns no block.
 *
 *     outHead                                   outTail
 *     [ sent | in flight | waiting ] → [ … ] → [ waiting | free ]
 *             ^outStart                                  ^outEnd (the writer's pos while attached)
 *
 * What is written for a client that wants no reply, or whose output has reached its limit, goes into a buffer that nobody
 * reads. Limits are looked at when a block is chained, not per reply.
 *
 * Refuses: to decide when a connection is closed.
 */

import { assert } from "../base/assert.ts";
import type { BlockId } from "../base/brands.ts";
import { viewOf } from "../base/bytes.ts";
import { OUTPUT_BLOCK_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { type ReplySink, ReplyWriter } from "../resp/writer.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { Reactor } from "../sys/reactor.ts";
import { type Conn, Mode, NO_BYTES, SILENT, Wait } from "./conn.ts";
import type { OutputLimits } from "./output-limits.ts";

const NONE = BlockPool.NONE;
/** Replies wait for those behind them while they fill no more than this. */
const HELD_BLOCKS_MAX = 1;
const NO_VIEW = viewOf(NO_BYTES);

export class Output implements ReplySink {
  readonly writer: ReplyWriter;
  /** Bytes handed to the kernel. */
  bytesSent: number;
  /** Sends since the counters were settled. */
  sends: number;
  /** Most blocks in one chain since this was set last. */
  mostBlocks: number;
  readonly #reactor: Reactor;
  readonly #pool: BlockPool;
  readonly #ranges: Int32Array;
  #conn: Conn | null;
  #touched: Conn[];
  #touchedCount: number;
  /** Those of them that wait for the log since the last flush. */
  #gated: number;
  readonly #limits: OutputLimits;
  /** Where replies go that nobody gets. */
  readonly #void: Uint8Array;
  readonly #voidView: DataView;

  constructor(reactor: Reactor, limits: OutputLimits) {
    this.writer = new ReplyWriter(this);
    this.bytesSent = 0;
    this.sends = 0;
    this.mostBlocks = 0;
    this.#reactor = reactor;
    this.#pool = reactor.blocks;
    this.#ranges = new Int32Array(SEND_BLOCKS_MAX * 3);
    this.#conn = null;
    this.#touched = [];
    this.#touchedCount = 0;
    this.#gated = 0;
    this.#limits = limits;
    this.#void = new Uint8Array(OUTPUT_BLOCK_BYTES);
    this.#voidView = viewOf(this.#void);
  }

  /** Is there a connection to flush that does not wait for the log? */
  get pending(): boolean {
    return this.#touchedCount > this.#gated;
  }

  /** Turns the writer to `conn`; what it writes from now on is that connection's output. */
  attach(conn: Conn): void {
    const writer = this.writer;
    writer.version = conn.version;
    if (this.#conn === conn) return;
    this.settle();
    if ((conn.mode & SILENT) !== 0) {
      this.#writeToVoid();
      this.touch(conn);
      return;
    }
    this.#conn = conn;
    const tail = conn.outTail;
    if (tail === NONE) {
      writer.bytes = NO_BYTES;
      writer.view = NO_VIEW;
      writer.pos = 0;
      writer.limit = 0;
    } else {
      writer.bytes = this.#pool.viewOf(tail);
      writer.view = this.#pool.dataViewOf(tail);
      writer.pos = conn.outEnd;
      writer.limit = this.#pool.startOf(tail) + OUTPUT_BLOCK_BYTES;
    }
    this.touch(conn);
  }

  /** Detaches the writer, so that the connection's own fields are true. */
  settle(): void {
    const conn = this.#conn;
    if (conn === null) return;
    if (conn.outTail !== NONE) conn.outEnd = this.writer.pos;
    this.#conn = null;
  }

  supply(writer: ReplyWriter, byteLength: number): void {
    assert(byteLength <= OUTPUT_BLOCK_BYTES, "a block is large enough for what is written in one piece");
    const conn = this.#conn;
    if (conn === null) {
      this.#writeToVoid();
      return;
    }
    if (conn.outBlocks >= this.#limits.blocksLeast && this.#limits.reached(conn, conn.outBlocks)) {
      this.#cut(conn);
      return;
    }
    const pool = this.#pool;
    const block = pool.take();
    const start = pool.startOf(block);
    if (conn.outTail === NONE) {
      conn.outHead = block;
      conn.outStart = start;
    } else {
      pool.end[conn.outTail] = writer.pos;
      pool.next[conn.outTail] = block;
    }
    conn.outTail = block;
    if (++conn.outBlocks > this.mostBlocks) this.mostBlocks = conn.outBlocks;
    writer.bytes = pool.viewOf(block);
    writer.view = pool.dataViewOf(block);
    writer.pos = start;
    writer.limit = start + OUTPUT_BLOCK_BYTES;
  }

  /** The connection may have something to send, or to be closed, at the end of this turn. */
  touch(conn: Conn): void {
    if (conn.touched) return;
    conn.touched = true;
    this.#touched[this.#touchedCount++] = conn;
  }

  /**
   * Sends for every touched connection that is not being closed. `durable` is the log position that is safe. Calls back
   * for those with nothing left.
   */
  flush(durable: number, handler: OutputHandler): void {
    this.settle();
    const touched = this.#touched;
    let kept = 0;
    for (let i = 0; i < this.#touchedCount; i++) {
      const conn = touched[i];
      if (conn.outHead !== NONE && conn.gate > durable && !conn.closing && !conn.closed) {
        // It stays in the list until the log has come as far.
        touched[kept++] = conn;
        continue;
      }
      conn.touched = false;
      if (conn.closing || conn.closed) continue;
      if ((conn.mode & Mode.CUT) !== 0) {
        handler.onCut(conn);
        continue;
      }
      if (conn.sendLast !== NONE) continue;
      // More replies are on their way from other shards, and each of them touches the connection again: they leave in
      // one send, as the replies of one pipeline do on a single shard. A send costs more than many commands.
      if (conn.outstanding !== 0 && conn.outBlocks <= HELD_BLOCKS_MAX) continue;
      if (conn.outHead !== NONE) this.#send(conn);
      if (conn.sendLast === NONE) handler.onDrained(conn);
    }
    this.#touchedCount = kept;
    this.#gated = kept;
  }

  /** The send in flight is complete: gives its blocks back. */
  sent(conn: Conn): void {
    if (this.#conn === conn) this.settle();
    const last = conn.sendLast;
    assert(last !== NONE, "a send was in flight");
    while (conn.outHead !== last) this.#dropHead(conn);
    conn.outStart = conn.sendEnd;
    conn.sendLast = NONE;
    const end = last === conn.outTail ? conn.outEnd : this.#pool.end[last];
    if (conn.sendEnd === end) this.#dropHead(conn);
    this.touch(conn);
  }

  /** Gives all blocks of a closed connection back. */
  discard(conn: Conn): void {
    if (this.#conn === conn) this.#conn = null;
    while (conn.outHead !== NONE) this.#dropHead(conn);
    conn.sendLast = NONE;
  }

  /** Bytes of memory in the chains of all connections. */
  get bytesInUse(): number {
    return this.#pool.inUse * OUTPUT_BLOCK_BYTES;
  }

  /** Unsent bytes in the first block of a connection. */
  headBytes(conn: Conn): number {
    if (conn.outHead === NONE) return 0;
    const tailEnd = this.#conn === conn ? this.writer.pos : conn.outEnd;
    return (conn.outHead === conn.outTail ? tailEnd : this.#pool.end[conn.outHead]) - conn.outStart;
  }

  #writeToVoid(): void {
    const writer = this.writer;
    writer.bytes = this.#void;
    writer.view = this.#voidView;
    writer.pos = 0;
    writer.limit = OUTPUT_BLOCK_BYTES;
  }

  /** The connection has as much output as it may have: what is written from here on is lost, and nothing more is read. */
  #cut(conn: Conn): void {
    this.settle();
    conn.mode |= Mode.CUT;
    conn.waits |= Wait.CLOSING;
    this.#writeToVoid();
    this.touch(conn);
  }

  #send(conn: Conn): void {
    this.sends++;
    const pool = this.#pool;
    const head = conn.outHead;
    if (head === conn.outTail) {
      if (conn.outStart === conn.outEnd) {
        this.#dropHead(conn);
        return;
      }
      conn.sendLast = head;
      conn.sendEnd = conn.outEnd;
      this.bytesSent += conn.outEnd - conn.outStart;
      this.#reactor.send(conn.socket, head, conn.outStart, conn.outEnd);
      return;
    }
    const ranges = this.#ranges;
    let count = 0;
    let block = head;
    let start = conn.outStart;
    for (;;) {
      const end = block === conn.outTail ? conn.outEnd : pool.end[block];
      ranges[count * 3] = block;
      ranges[count * 3 + 1] = start;
      ranges[count * 3 + 2] = end;
      this.bytesSent += end - start;
      count++;
      conn.sendLast = block;
      conn.sendEnd = end;
      if (block === conn.outTail || count === SEND_BLOCKS_MAX) break;
      block = pool.next[block] as BlockId;
      start = pool.startOf(block);
    }
    this.#reactor.sendMany(conn.socket, ranges, count);
  }

  #dropHead(conn: Conn): void {
    const block = conn.outHead;
    const next = this.#pool.next[block] as BlockId;
    this.#pool.give(block);
    conn.outBlocks--;
    conn.outHead = next;
    if (next === NONE) conn.outTail = NONE;
    else conn.outStart = this.#pool.startOf(next);
  }
}

export interface OutputHandler {
  /** Nothing of the connection is in flight and nothing waits. */
  onDrained(conn: Conn): void;
  /** The connection's output has reached its limit. */
  onCut(conn: Conn): void;
}
