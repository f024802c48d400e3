/**
 * Conn: one client connection, all of its state. It lives on the shard that accepted it and nowhere else.
 *
 * Refuses: to act. Reading, ordering and closing are the shard's; this is what they work on.
 */

import type { BlockId, ShardId, SocketId } from "../base/brands.ts";
import type { PartialRequest } from "../resp/parser.ts";
import { RESP2, type RespVersion } from "../resp/writer.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { LateReplies } from "./late-replies.ts";

/** Reasons for which a connection's parser stands still; bits of Conn.waits. */
export const Wait = {
  /** Earlier commands run on other shards and must take effect first. */
  ORDER: 1,
  /** No room, or no credit, for a message to another shard. */
  ROOM: 2,
  /** A command on several shards is under way. */
  PARTS: 4,
  /** A large request is on its way to another shard. */
  STREAM: 8,
  /** No further input is wanted: QUIT, a protocol error, shutdown. */
  CLOSING: 16,
  /** CLIENT PAUSE holds its command back. */
  PAUSE: 32,
} as const;

/** How a client wants to be treated, where that is not as everybody is; bits of Conn.mode. */
export const Mode = {
  /** CLIENT REPLY OFF: gets no replies. */
  MUTED: 1,
  /** CLIENT REPLY SKIP: gets no reply to its next command. */
  SKIP_NEXT: 2,
  /** That command is under way. */
  SKIPPING: 4,
  /** CLIENT NO-TOUCH: its look-ups do not count as uses of keys. */
  NO_TOUCH: 8,
  /** Its output has passed its limit: nothing more is written, it is closed at the end of the turn. */
  CUT: 16,
} as const;

/** What is written for a client in one of these modes is lost. */
export const SILENT: number = Mode.MUTED | Mode.SKIPPING | Mode.CUT;

/** Classes of clients, for limits and lists, in the order of client-output-buffer-limit; a master has the limits of NORMAL. */
export const ClientClass = { NORMAL: 0, REPLICA: 1, PUBSUB: 2, MASTER: 3 } as const;

export class Conn {
  readonly socket: SocketId;
  /** CLIENT ID; unique in the process. */
  readonly id: number;
  readonly createdMs: number;
  // What the client chose.
  database: number;
  version: RespVersion;
  authenticated: boolean;
  name: string;
  libraryName: string;
  libraryVersion: string;
  /** Bits of Mode. */
  mode: number;
  /** CLIENT NO-EVICT. */
  evictable: boolean;
  /** One of ClientClass. */
  clientClass: number;
  // Input that is not parsed yet: bytes [inputStart, inputEnd) of the assembly buffer.
  input: Uint8Array;
  inputStart: number;
  inputEnd: number;
  partial: PartialRequest | null;
  readingPaused: boolean;
  /** The peer has sent its last byte. */
  ended: boolean;
  waits: number;
  /** Stands in the shard's list of connections to go on with. */
  ready: boolean;
  // Order of replies.
  nextSeq: number;
  nextEmit: number;
  /** Commands on other shards whose replies are not in. */
  outstanding: number;
  /** The shard they are on, while the order is strict. */
  outstandingOwner: ShardId;
  late: LateReplies | null;
  // Output: a chain of blocks; the first is sent from outStart, the last is filled up to outEnd.
  outHead: BlockId;
  outTail: BlockId;
  outStart: number;
  outEnd: number;
  outBlocks: number;
  /** Last block of the send in flight and where that send ends in it; NONE when none is in flight. */
  sendLast: BlockId;
  sendEnd: number;
  /** Stands in the shard's list of connections to flush. */
  touched: boolean;
  closeWhenFlushed: boolean;
  /** Since when its output has been over the soft limit without a break, in ms; 0 when it is not. */
  overSoftSinceMs: number;
  /** close() was asked for; onClosed will follow. */
  closing: boolean;
  closed: boolean;
  /** Memory it had when close() was asked for. */
  leavingBytes: number;
  /** Counted in maxclients. */
  admitted: boolean;
  /** Position of the log on which the output so far depends; nothing leaves before the log is durable up to it. */
  gate: number;
  // For CLIENT LIST.
  lastMs: number;
  /** Id of the last command taken, or -1. */
  lastCommand: number;
  commands: number;

  constructor(socket: SocketId, id: number, nowMs: number) {
    this.socket = socket;
    this.id = id;
    this.createdMs = nowMs;
    this.database = 0;
    this.version = RESP2;
    this.authenticated = false;
    this.name = "";
    this.libraryName = "";
    this.libraryVersion = "";
    this.mode = 0;
    this.evictable = true;
    this.clientClass = ClientClass.NORMAL;
    this.input = NO_BYTES;
    this.inputStart = 0;
    this.inputEnd = 0;
    this.partial = null;
    this.readingPaused = false;
    this.ended = false;
    this.waits = 0;
    this.ready = false;
    this.nextSeq = 0;
    this.nextEmit = 0;
    this.outstanding = 0;
    this.outstandingOwner = 0 as ShardId;
    this.late = null;
    this.outHead = BlockPool.NONE;
    this.outTail = BlockPool.NONE;
    this.outStart = 0;
    this.outEnd = 0;
    this.outBlocks = 0;
    this.sendLast = BlockPool.NONE;
    this.sendEnd = 0;
    this.touched = false;
    this.closeWhenFlushed = false;
    this.overSoftSinceMs = 0;
    this.closing = false;
    this.closed = false;
    this.leavingBytes = 0;
    this.admitted = true;
    this.gate = 0;
    this.lastMs = nowMs;
    this.lastCommand = -1;
    this.commands = 0;
  }
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
