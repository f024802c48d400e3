/**
 * The router: takes one request of a connection and has it done where its keys are. Hot path.
 *
 * - On this shard, with nothing of the connection pending: executed, its reply written straight into the output.
 * - On one other shard: sent there; the reply is slotted by its sequence number and leaves in order.
 * - On several shards: an operation of parts, one for each, reduced to one reply; the connection waits for its end.
 *
 * pipeline-order strict: a request for another place starts only when the connection's earlier requests elsewhere have
 * taken effect. relaxed: requests with keys on one shard may overlap.
 *
 * A request that cannot start yet is not taken: request() says false, the connection waits for a stated reason, and the
 * same bytes are parsed again later.
 */

import { assert } from "../base/assert.ts";
import type { CommandId, ShardId } from "../base/brands.ts";
import { latin1, viewOf } from "../base/bytes.ts";
import { MOVED_BYTES_MAX } from "../base/limits.ts";
import { Argv } from "../resp/argv.ts";
import { RESP2, ReplyWriter } from "../resp/writer.ts";
import type { Store } from "../store/store.ts";
import type { CommandStats } from "./command-stats.ts";
import {
  type CommandTable,
  PLACE_ALL,
  PLACE_CONNECTION,
  PLACE_KEYS,
  UNKNOWN_COMMAND,
  UNKNOWN_SUBCOMMAND,
} from "./command-table.ts";
import { CommandFlag, type CommandRow, type Parts, type PlaceFunction } from "./commands.ts";
import { type Conn, Mode, Wait } from "./conn.ts";
import { Counter, type Counters } from "./counters.ts";
import { type Exchange, type IncomingRequest, NO_ROOM, STREAMING } from "./exchange.ts";
import type { Execution } from "./execution.ts";
import { LateReplies } from "./late-replies.ts";
import type { Output } from "./output.ts";
import { reduceParts } from "./reduce.ts";
import { NOAUTH, OUT_OF_MEMORY, unknownCommand, unknownSubcommand, wrongArity } from "./refusals.ts";
import { shardOfSlot, slotOf } from "./slots.ts";
import type { SlowCommand } from "./slowlog.ts";
import type { Timing } from "./timing.ts";

/** The keys lie on several shards, or the command runs on all. */
const SEVERAL = -1 as ShardId;
/** The request is answered with an error. */
const REFUSED = -2 as ShardId;

/** A command that runs on several shards, until all its parts have answered. */
class Operation {
  readonly conn: Conn;
  readonly command: CommandId;
  readonly argv: Argv;
  readonly shards: number[];
  readonly replies: Uint8Array[];
  readonly startedUs: number;
  remaining: number;

  constructor(conn: Conn, command: CommandId, argv: Argv, startedUs: number) {
    this.conn = conn;
    this.command = command;
    this.argv = argv;
    this.shards = [];
    this.replies = [];
    this.startedUs = startedUs;
    this.remaining = 0;
  }
}

/** A part that has run, of a command that fences: its answer waits. */
class Fence {
  readonly source: ShardId;
  readonly operation: number;
  readonly reply: Uint8Array;

  constructor(source: ShardId, operation: number, reply: Uint8Array) {
    this.source = source;
    this.operation = operation;
    this.reply = reply;
  }
}

/** What the router needs of its shard. */
export interface RouterHost {
  /** The connection's reason to wait is gone: go on parsing it, soon. */
  makeReady(conn: Conn): void;
  /** A command of this connection was slow. */
  logSlow(conn: Conn, command: SlowCommand): void;
  /** Bytes in the buffers of all clients, at this moment. */
  clientBytes(): number;
}

export class Router {
  /** pipeline-order strict. */
  strict: boolean;
  /** A password is set, so that a connection must authenticate first. */
  authRequired: boolean;
  readonly #self: ShardId;
  readonly #shardCount: number;
  readonly #table: CommandTable;
  readonly #store: Store;
  readonly #x: Execution;
  readonly #output: Output;
  readonly #exchange: Exchange;
  readonly #counters: Counters;
  readonly #host: RouterHost;
  /** Replies that do not go straight to a connection are written here first. */
  readonly #scratch: ReplyWriter;
  /** The same for parts of operations, whose errors count once, where the operation ends. */
  readonly #partScratch: ReplyWriter;
  readonly #timing: Timing;
  readonly #stats: CommandStats;
  readonly #partArgv: Argv;
  readonly #operations: Map<number, Operation>;
  readonly #roomWaiters: Conn[][];
  #roomWaiting: number;
  #nextOperation: number;
  readonly #fences: Fence[];
  /** Parts of fencing operations of ours that are out: fences do not wait for each other. */
  #fencePartsOut: number;

  constructor(
    self: ShardId,
    shardCount: number,
    table: CommandTable,
    store: Store,
    x: Execution,
    output: Output,
    exchange: Exchange,
    counters: Counters,
    timing: Timing,
    host: RouterHost,
  ) {
    this.strict = true;
    this.authRequired = false;
    this.#self = self;
    this.#shardCount = shardCount;
    this.#table = table;
    this.#store = store;
    this.#x = x;
    this.#output = output;
    this.#exchange = exchange;
    this.#counters = counters;
    this.#host = host;
    this.#scratch = new ReplyWriter();
    this.#partScratch = new ReplyWriter();
    this.#timing = timing;
    this.#stats = timing.stats;
    output.writer.observer = this.#stats;
    this.#scratch.observer = this.#stats;
    this.#partArgv = new Argv();
    this.#operations = new Map();
    this.#roomWaiters = [];
    for (let i = 0; i < shardCount; i++) this.#roomWaiters.push([]);
    this.#roomWaiting = 0;
    this.#nextOperation = 1;
    this.#fences = [];
    this.#fencePartsOut = 0;
  }

  /** Which command these arguments name, and where it runs: both go into request(). */
  resolve(argv: Argv): CommandId {
    return this.#table.resolve(argv);
  }

  /** The shard a command runs on, SEVERAL, or REFUSED when there is no such command or not with so many arguments. */
  placeOf(id: CommandId, argv: Argv): ShardId {
    const table = this.#table;
    if (id < 0 || !table.arityFits(id, argv.count)) return REFUSED;
    const place = table.place[id];
    if (place === PLACE_CONNECTION) return this.#self;
    if (place === PLACE_KEYS) return this.#shardCount > 1 ? this.#ownerOfKeys(id, argv) : this.#self;
    if (place === PLACE_ALL) return SEVERAL;
    return (table.rows[id].place as PlaceFunction)(argv, this.#shardCount) as ShardId;
  }

  /** Does the command look up its first key before anything else on this shard? Then that key can be prefetched. */
  looksUp(id: CommandId, target: ShardId): boolean {
    return target === this.#self && this.#table.place[id] === PLACE_KEYS;
  }

  firstKey(id: CommandId): number {
    return this.#table.keyFirst[id];
  }

  /** Would the request run, and not be refused? Then a pause for writers (`writesOnly`) or for everybody holds it back. */
  isHeld(conn: Conn, id: CommandId, target: ShardId, writesOnly: boolean): boolean {
    if (target === REFUSED) return false;
    const flags = this.#table.flags[id];
    if (this.authRequired && !conn.authenticated && (flags & CommandFlag.NO_AUTH) === 0) return false;
    return !writesOnly || (flags & CommandFlag.WRITE) !== 0;
  }

  /** Takes a request, or says false: then the connection waits (Conn.waits) and offers the same request again. */
  request(conn: Conn, argv: Argv, id: CommandId, target: ShardId): boolean {
    const table = this.#table;
    if (target === REFUSED) return this.#refuse(conn, id, argv);
    if (this.authRequired && !conn.authenticated && (table.flags[id] & CommandFlag.NO_AUTH) === 0) {
      const taken = this.#reject(conn, NOAUTH);
      if (taken) this.#stats.refused(id);
      return taken;
    }
    conn.lastCommand = id;
    if (target === this.#self) return this.#local(conn, id, table.place[id], argv);
    if (target === SEVERAL) return this.#spread(conn, id, argv);
    return this.#forward(conn, id, argv, target);
  }

  /** Executes a request that came from another shard and answers it. */
  executeFor(source: ShardId, socket: number, client: number, seq: number, request: IncomingRequest): void {
    const scratch = this.#scratch;
    scratch.reset();
    scratch.version = request.version;
    if (!request.touching) this.#store.touching = false;
    this.#run(request.command, request.argv, request.database, scratch, null);
    if (!request.touching) this.#store.touching = true;
    if (this.#timing.slow !== null) this.#reportSlow(source, socket, client);
    const length = scratch.pos;
    if (this.#exchange.isLong(length)) {
      this.#exchange.sendLongReply(source, socket, client, seq, scratch.detach(), length);
    } else this.#exchange.sendReply(source, socket, client, seq, scratch.view, 0, length);
  }

  /** Executes this shard's part of another shard's operation. */
  executePart(source: ShardId, operation: number, request: IncomingRequest): void {
    const scratch = this.#partScratch;
    scratch.reset();
    scratch.version = request.version;
    if (!request.touching) this.#store.touching = false;
    this.#runPart(request.command, request.argv, request.database, scratch, null);
    if (!request.touching) this.#store.touching = true;
    if (this.#table.rows[request.command].fences === true && this.#isOwed) {
      this.#fences.push(new Fence(source, operation, scratch.bytes.slice(0, scratch.pos)));
    } else this.#exchange.sendPartReply(source, operation, scratch.view, 0, scratch.pos);
  }

  /** The reply of a forwarded request is in. */
  replied(conn: Conn, seq: number, bytes: Uint8Array, view: DataView, start: number, end: number): void {
    conn.outstanding--;
    if (seq !== conn.nextEmit) {
      this.#keepLate(conn, seq, bytes, start, end);
    } else {
      const writer = this.#output.writer;
      this.#output.attach(conn);
      writer.rawView(view, start, end);
      conn.nextEmit = (seq + 1) | 0;
      if (conn.late !== null) this.#emitLate(conn, conn.late);
    }
    if (conn.outstanding === 0 && ((conn.waits & Wait.ORDER) !== 0 || conn.ended)) {
      conn.waits &= ~Wait.ORDER;
      this.#host.makeReady(conn);
    }
  }

  /** One more shard has answered its part. */
  partReplied(source: ShardId, operation: number, bytes: Uint8Array, start: number, end: number): void {
    const op = this.#operations.get(operation);
    assert(op !== undefined, "a part's reply belongs to an operation");
    op.replies[op.shards.indexOf(source)] = bytes.slice(start, end);
    if (this.#table.rows[op.command].fences === true) this.#fencePartsOut--;
    this.#partDone(op, operation);
  }

  #partDone(op: Operation, operation: number): void {
    op.remaining--;
    if (op.remaining > 0) return;
    this.#operations.delete(operation);
    const conn = op.conn;
    if (conn.closed) return;
    this.#output.attach(conn);
    this.#reduce(op);
    conn.waits &= ~Wait.PARTS;
    this.#host.makeReady(conn);
  }

  streamSent(conn: Conn): void {
    conn.waits &= ~Wait.STREAM;
    this.#host.makeReady(conn);
  }

  /** Lets connections go on that waited for room towards a shard which has some now. */
  wakeRoomWaiters(): void {
    if (this.#fences.length > 0 && !this.#passFences()) return;
    if (this.#roomWaiting === 0) return;
    for (let target = 0; target < this.#shardCount; target++) {
      const waiters = this.#roomWaiters[target];
      if (waiters.length === 0 || !this.#exchange.hasRoom(target as ShardId)) continue;
      this.#roomWaiting -= waiters.length;
      for (let i = 0; i < waiters.length; i++) {
        waiters[i].waits &= ~Wait.ROOM;
        this.#host.makeReady(waiters[i]);
      }
      waiters.length = 0;
    }
  }

  /** Connections that wait for room in a ring. */
  get roomWaiting(): number {
    return this.#roomWaiting;
  }

  /** Answers what waited until nothing is owed any more; false: something still is. */
  #passFences(): boolean {
    if (this.#isOwed) return false;
    const fences = this.#fences.splice(0);
    for (let i = 0; i < fences.length; i++) {
      const fence = fences[i];
      if (fence.source !== this.#self) {
        this.#exchange.sendPartReply(fence.source, fence.operation, viewOf(fence.reply), 0, fence.reply.length);
        continue;
      }
      const op = this.#operations.get(fence.operation);
      assert(op !== undefined, "a fence of ours belongs to an operation");
      this.#partDone(op, fence.operation);
    }
    return true;
  }

  /** Do other shards owe this one the answer to anything but a fence? */
  get #isOwed(): boolean {
    return this.#exchange.outstanding !== this.#fencePartsOut;
  }

  /** Is anything waiting that only other shards' progress can end? */
  get waitsForOthers(): boolean {
    return this.#roomWaiting > 0 || this.#operations.size > 0;
  }

  /** Operations under way. */
  get operations(): number {
    return this.#operations.size;
  }

  /** An error that takes a request's place in the order of replies. False: not yet. */
  #reject(conn: Conn, error: string): boolean {
    if (conn.outstanding !== 0) return this.#waitForOrder(conn);
    this.#output.writer.error(error);
    return true;
  }

  #refuse(conn: Conn, id: CommandId, argv: Argv): boolean {
    if (id === UNKNOWN_COMMAND) return this.#reject(conn, unknownCommand(argv));
    if (id === UNKNOWN_SUBCOMMAND) {
      const container = this.#table.find(argv.bytes, argv.starts[0], argv.ends[0]);
      return this.#reject(conn, unknownSubcommand(argv, this.#table.rows[container].name));
    }
    const taken = this.#reject(conn, wrongArity(this.#table.rows[id].name));
    if (taken) this.#stats.refused(id);
    return taken;
  }

  #waitForOrder(conn: Conn): false {
    conn.waits |= Wait.ORDER;
    return false;
  }

  #ownerOfKeys(id: CommandId, argv: Argv): ShardId {
    const table = this.#table;
    const n = this.#shardCount;
    const bytes = argv.bytes;
    const starts = argv.starts;
    const ends = argv.ends;
    const first = table.keyFirst[id];
    const owner = shardOfSlot(slotOf(bytes, starts[first], ends[first]), n);
    const last = table.lastKey(id, argv.count);
    const step = table.keyStep[id];
    for (let i = first + step; i <= last; i += step) {
      if (shardOfSlot(slotOf(bytes, starts[i], ends[i]), n) !== owner) return SEVERAL;
    }
    return owner;
  }

  #local(conn: Conn, id: CommandId, place: number, argv: Argv): boolean {
    if (conn.outstanding === 0) {
      this.#run(id, argv, conn.database, this.#output.writer, conn);
      return true;
    }
    if (this.strict || place !== PLACE_KEYS) return this.#waitForOrder(conn);
    const scratch = this.#scratch;
    scratch.reset();
    scratch.version = conn.version;
    this.#run(id, argv, conn.database, scratch, conn);
    this.#keepLate(conn, conn.nextSeq, scratch.bytes, 0, scratch.pos);
    conn.nextSeq = (conn.nextSeq + 1) | 0;
    return true;
  }

  #forward(conn: Conn, id: CommandId, argv: Argv, target: ShardId): boolean {
    if (conn.outstanding !== 0 && this.strict && conn.outstandingOwner !== target) return this.#waitForOrder(conn);
    if (this.#fences.length > 0) return this.#waitForRoom(conn, target);
    const result = this.#exchange.sendRequest(
      target,
      conn.socket,
      conn.id,
      conn.nextSeq,
      id,
      conn.version,
      conn.database,
      argv,
      (conn.mode & Mode.NO_TOUCH) === 0,
    );
    if (result === NO_ROOM) return this.#waitForRoom(conn, target);
    if (result === STREAMING) conn.waits |= Wait.STREAM;
    conn.nextSeq = (conn.nextSeq + 1) | 0;
    conn.outstanding++;
    conn.outstandingOwner = target;
    return true;
  }

  #waitForRoom(conn: Conn, target: ShardId): false {
    conn.waits |= Wait.ROOM;
    this.#roomWaiters[target].push(conn);
    this.#roomWaiting++;
    return false;
  }

  #run(id: CommandId, argv: Argv, database: number, reply: ReplyWriter, conn: Conn | null): void {
    const x = this.#x;
    // A store of what is there already costs more than a look.
    if (x.reply !== reply) x.reply = reply;
    if (x.conn !== conn) x.conn = conn;
    if (x.db.index !== database) x.db = this.#store.database(database);
    if (this.#store.budget.watched && !this.#fits(id, argv)) {
      this.#refuseForMemory(id, reply);
      return;
    }
    const stats = this.#stats;
    const errors = stats.errors;
    const supplied = reply.supplied;
    if (--stats.left[id] < 0 || argv.ends[argv.count - 1] - argv.starts[0] > MOVED_BYTES_MAX) {
      this.#timing.begin();
      this.#execute(id, x, argv, database);
      this.#timing.end(id, argv, x.nowMs);
      if (conn !== null) this.#logSlow(conn);
    } else {
      this.#execute(id, x, argv, database);
      if (((reply.supplied - supplied) | 0) > MOVED_BYTES_MAX) {
        this.#timing.endLate(id, argv, x.nowMs);
        if (conn !== null) this.#logSlow(conn);
      }
    }
    if (stats.errors !== errors) stats.failed[id]++;
  }

  #execute(id: CommandId, x: Execution, argv: Argv, database: number): void {
    const effects = x.effects;
    if (effects.observer === null) {
      this.#table.functions[id](x, argv);
      return;
    }
    effects.begin(database);
    this.#table.functions[id](x, argv);
    effects.finish(argv);
  }

  /** A part of an operation: the operation is measured as a whole. */
  #runPart(id: CommandId, argv: Argv, database: number, reply: ReplyWriter, conn: Conn | null): void {
    const x = this.#x;
    x.reply = reply;
    x.conn = conn;
    x.db = this.#store.database(database);
    if (this.#store.budget.watched && !this.#fits(id, argv)) this.#refuseForMemory(id, reply);
    else this.#execute(id, x, argv, database);
  }

  #refuseForMemory(id: CommandId, reply: ReplyWriter): void {
    reply.error(OUT_OF_MEMORY);
    this.#stats.refused(id);
  }

  /** A command of another shard's client was slow: that shard logs it. */
  #reportSlow(source: ShardId, socket: number, client: number): void {
    const slow = this.#timing.takeSlow();
    if (slow !== null) this.#exchange.sendNote(source, socket, client, Buffer.from(JSON.stringify(slow), "utf8"));
  }

  /** If the command just measured was slow, its client's shard is this one, and keeps it. */
  #logSlow(conn: Conn): void {
    const slow = this.#timing.takeSlow();
    if (slow !== null) this.#host.logSlow(conn, slow);
  }

  /** Is there memory for what a command that may grow brings along? Eviction makes room. Decided before it runs, where its keys are. */
  #fits(id: CommandId, argv: Argv): boolean {
    if ((this.#table.flags[id] & CommandFlag.DENYOOM) === 0) return true;
    const { starts, ends, count } = argv;
    const budget = this.#store.budget;
    // A part of a command may be pieces of a larger one: then this is too much, and they are counted.
    if (budget.admits(ends[count - 1] - starts[0])) return true;
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += ends[i] - starts[i];
    return budget.makeRoom(bytes, this.#host.clientBytes());
  }

  #keepLate(conn: Conn, seq: number, bytes: Uint8Array, start: number, end: number): void {
    let late = conn.late;
    if (late === null) {
      late = new LateReplies();
      conn.late = late;
    }
    late.put(seq, conn.nextEmit, bytes, start, end);
  }

  #emitLate(conn: Conn, late: LateReplies): void {
    const writer = this.#output.writer;
    let seq = conn.nextEmit;
    while (late.has(seq)) {
      writer.rawBytes(late.bytes, late.startOf(seq), late.endOf(seq));
      late.remove(seq);
      seq = (seq + 1) | 0;
    }
    conn.nextEmit = seq;
  }

  #spread(conn: Conn, id: CommandId, argv: Argv): boolean {
    if (conn.outstanding !== 0) return this.#waitForOrder(conn);
    const row = this.#table.rows[id];
    if (this.#fences.length > 0 && row.fences !== true) return this.#waitForRoom(conn, this.#self);
    this.#x.conn = conn;
    const wrong = row.validate === undefined ? null : row.validate(argv, this.#x);
    if (wrong !== null) return this.#reject(conn, wrong);
    this.#counters.add(Counter.FANNED_OUT, 1);
    const alone = this.#shardCount === 1;
    // The request's bytes are gone when the parts come back; alone, they are not.
    const op = new Operation(conn, id, alone ? argv : argv.toOwned(), this.#timing.now());
    const number = this.#nextOperation;
    this.#nextOperation = (number + 1) | 0;
    const everywhere = row.place === "all";
    for (let shard = 0; shard < this.#shardCount; shard++) {
      const part = everywhere ? op.argv : this.#partOf(row, id, op.argv, shard);
      if (part === null) continue;
      op.shards.push(shard);
      op.replies.push(EMPTY);
      if (shard === this.#self) {
        const scratch = this.#partScratch;
        scratch.reset();
        scratch.version = conn.version;
        this.#runPart(id, part, conn.database, scratch, conn);
        op.replies[op.replies.length - 1] = scratch.bytes.slice(0, scratch.pos);
      } else {
        op.remaining++;
        const touching = (conn.mode & Mode.NO_TOUCH) === 0;
        this.#exchange.sendPart(shard as ShardId, number, id, conn.version, conn.database, part, touching);
      }
    }
    if (row.fences === true) {
      this.#fencePartsOut += op.remaining;
      if (this.#isOwed) {
        op.remaining++;
        this.#fences.push(new Fence(this.#self, number, EMPTY));
      }
    }
    if (op.remaining === 0) {
      this.#output.attach(conn);
      this.#reduce(op);
      return true;
    }
    this.#operations.set(number, op);
    conn.waits |= Wait.PARTS;
    return true;
  }

  /** The arguments of the part that belongs to `shard`, or null when none of the keys does. Valid until the next call. */
  #partOf(row: CommandRow, id: CommandId, argv: Argv, shard: number): Argv | null {
    const keys = row.keys;
    assert(keys !== null, "only keys are split");
    const part = this.#partArgv;
    part.bytes = argv.bytes;
    part.view = argv.view;
    part.count = 0;
    for (let i = 0; i < keys.first; i++) part.push(argv.starts[i], argv.ends[i]);
    const last = this.#table.lastKey(id, argv.count);
    let found = false;
    for (let i = keys.first; i <= last; i += keys.step) {
      if (shardOfSlot(slotOf(argv.bytes, argv.starts[i], argv.ends[i]), this.#shardCount) !== shard) continue;
      found = true;
      for (let j = i; j < i + keys.step; j++) part.push(argv.starts[j], argv.ends[j]);
    }
    return found ? part : null;
  }

  #reduce(op: Operation): void {
    const row = this.#table.rows[op.command];
    assert(row.reduce !== null, "a command on several shards has a reduction");
    const parts: Parts = {
      argv: op.argv,
      shards: op.shards,
      replies: op.replies,
      shardCount: this.#shardCount,
    };
    const x = this.#x;
    x.conn = op.conn;
    x.reply = this.#output.writer;
    x.db = this.#store.database(op.conn.database);
    reduceParts(row.reduce, row.keys, parts, this.#output.writer, x);
    // HELLO and the like may not be split, so that the version still holds.
    assert(this.#output.writer.version >= RESP2, "the writer speaks a version");
    const failed = this.#noteFailure(op);
    this.#timing.spread(op.command, op.argv, op.startedUs, x.nowMs, failed);
    this.#logSlow(op.conn);
  }

  /** Did a part answer an error? It counts once, as the reply of the whole. */
  #noteFailure(op: Operation): boolean {
    for (let i = 0; i < op.replies.length; i++) {
      const reply = op.replies[i];
      if (reply[0] !== MINUS) continue;
      this.#stats.onError(latin1(reply, 1, Math.min(reply.length, ERROR_HEAD_BYTES)));
      return true;
    }
    return false;
  }
}

const EMPTY = new Uint8Array(0);
const MINUS = 45;
/** More than the longest first word of an error. */
const ERROR_HEAD_BYTES = 64;
