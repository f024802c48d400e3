/**
 * The exchange: requests and replies between shards, over the mesh. Hot path.
 *
 * A message that fits goes into the pair's ring at once. What does not fit now waits here: small messages in order, large
 * ones as streams of fragments, several of them side by side, sent as the ring has room. Requests are bounded by credits
 * (a connection stops parsing when there are none); replies are always accepted, so that full rings cannot deadlock.
 *
 *     REQUEST, PART     first = socket or operation, second = client id, third = seq; payload:
 *                       word 0  command id | RESP version << 24 | NO_TOUCH
 *                       word 1  database      word 2  number of arguments
 *                       then (start, end) of each argument, relative to the bytes behind; then those bytes
 *     REPLY             first = socket, second = client id, third = seq; payload: the reply
 *     PART_REPLY        first = operation; payload: the reply
 *     NOTE              first = socket, second = client id; payload: what its shard is to know of the client, as text
 *     STREAM            first = stream id; payload: kind, first, second, third and total length of a large message
 *     FRAGMENT          first = stream id; payload: its next bytes
 *
 * Refuses: to know what a command does, or what a connection is.
 */

import { assert } from "../base/assert.ts";
import type { CommandId, ShardId } from "../base/brands.ts";
import { copyBytes, copyView, viewOf } from "../base/bytes.ts";
import type { Mesh } from "../mesh/mesh.ts";
import { Argv } from "../resp/argv.ts";
import type { RespVersion } from "../resp/writer.ts";

const REQUEST = 1;
const REPLY = 2;
const PART = 3;
const PART_REPLY = 4;
const STREAM = 5;
const FRAGMENT = 6;
const NOTE = 7;

const REQUEST_HEAD_WORDS = 3;
const STREAM_HEAD_BYTES = 20;
/** In a request's first word above the command: the RESP version, and that its look-ups are no uses of keys. */
const VERSION_BITS = 7;
const NO_TOUCH = 1 << 27;
const RELEASE_EVERY_MESSAGES = 128;
/** Fragments sent to one shard in one turn, so that a large value does not hold up everybody else's messages. */
const FRAGMENTS_PER_TURN = 16;

/** What became of a request. */
export const SENT = 0;
export const NO_ROOM = 1;
/** On its way as a stream: onStreamSent follows. */
export const STREAMING = 2;
export type SendResult = typeof SENT | typeof NO_ROOM | typeof STREAMING;

/** What the exchange hands to its shard. Bytes are valid during the call only. */
export interface ExchangeHandler {
  onRequest(source: ShardId, socket: number, client: number, seq: number, request: IncomingRequest): void;
  onReply(
    socket: number,
    client: number,
    seq: number,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
  ): void;
  onPart(source: ShardId, operation: number, request: IncomingRequest): void;
  onPartReply(source: ShardId, operation: number, bytes: Uint8Array, start: number, end: number): void;
  /** Something about a client that happened where its command ran. */
  onNote(socket: number, client: number, bytes: Uint8Array, start: number, end: number): void;
  /** The last fragment of a connection's large request is in the ring. */
  onStreamSent(socket: number, client: number): void;
}

/** A decoded request; reused for the next one. */
export class IncomingRequest {
  readonly argv: Argv;
  command: CommandId;
  version: RespVersion;
  database: number;
  /** Its look-ups count as uses of keys. */
  touching: boolean;

  constructor() {
    this.argv = new Argv();
    this.command = 0 as CommandId;
    this.version = 2;
    this.database = 0;
    this.touching = true;
  }
}

/** A message that waits for room: small ones whole, large ones as a stream. */
class Outgoing {
  readonly kind: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly stream: number;
  at: number;
  begun: boolean;

  constructor(
    kind: number,
    first: number,
    second: number,
    third: number,
    bytes: Uint8Array,
    end: number,
    stream: number,
  ) {
    this.kind = kind;
    this.first = first;
    this.second = second;
    this.third = third;
    this.bytes = bytes;
    this.end = end;
    this.stream = stream;
    this.at = 0;
    this.begun = false;
  }
}

/** A large message that is being assembled. */
class Incoming {
  readonly kind: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly bytes: Uint8Array;
  at: number;

  constructor(kind: number, first: number, second: number, third: number, total: number) {
    this.kind = kind;
    this.first = first;
    this.second = second;
    this.third = third;
    // Rounded up, so that a word view covers it. The other shard knows the length: this one may be believed.
    this.bytes = new Uint8Array((total + 3) & ~3).subarray(0, total);
    this.at = 0;
  }
}

export class Exchange {
  readonly #mesh: Mesh;
  readonly #credits: number;
  readonly #handler: ExchangeHandler;
  readonly #request: IncomingRequest;
  /** Requests and parts sent to each shard whose replies are not in. */
  readonly #inFlight: Int32Array;
  /** 1 where a request was refused for want of room in the ring, until there is room again. */
  readonly #refused: Uint8Array;
  #refusals: number;
  readonly #queues: Outgoing[][];
  readonly #streams: Outgoing[][];
  readonly #assemblies: Map<number, Incoming>[];
  #nextStream: number;
  /** Messages that wait for room, over all targets. */
  #waiting: number;
  #inFlightTotal: number;

  constructor(mesh: Mesh, handler: ExchangeHandler) {
    this.#mesh = mesh;
    this.#credits = mesh.credits;
    this.#handler = handler;
    this.#request = new IncomingRequest();
    this.#inFlight = new Int32Array(mesh.shards);
    this.#refused = new Uint8Array(mesh.shards);
    this.#refusals = 0;
    this.#queues = [];
    this.#streams = [];
    this.#assemblies = [];
    for (let i = 0; i < mesh.shards; i++) {
      this.#queues.push([]);
      this.#streams.push([]);
      this.#assemblies.push(new Map());
    }
    this.#nextStream = 1;
    this.#waiting = 0;
    this.#inFlightTotal = 0;
  }

  /** Requests whose replies are not in. */
  get outstanding(): number {
    return this.#inFlightTotal;
  }

  /** Messages that wait for room in a ring. */
  get backlog(): number {
    return this.#waiting;
  }

  /** May another request go to `target`? */
  hasRoom(target: ShardId): boolean {
    if (this.#inFlight[target] >= this.#credits || this.#queues[target].length !== 0) return false;
    return this.#refused[target] === 0 || this.#mesh.writers[target].hasRoom();
  }

  /** Sends a connection's request to the shard that owns its keys. */
  sendRequest(
    target: ShardId,
    socket: number,
    client: number,
    seq: number,
    command: CommandId,
    version: RespVersion,
    database: number,
    argv: Argv,
    touching = true,
  ): SendResult {
    if (!this.hasRoom(target)) return NO_ROOM;
    const count = argv.count;
    const from = argv.starts[0];
    const dataLength = argv.ends[count - 1] - from;
    const headBytes = (REQUEST_HEAD_WORDS + 2 * count) * 4;
    const length = headBytes + dataLength;
    const writer = this.#mesh.writers[target];
    // The bound holds for messages as they would stand in the ring; a stream's are packed closer.
    if (length > writer.payloadMax) {
      const bytes = encodeRequest(command, version, database, argv, touching);
      this.#inFlight[target]++;
      this.#inFlightTotal++;
      this.#enqueueStream(target, REQUEST, socket, client, seq, bytes, bytes.length);
      return STREAMING;
    }
    const at = writer.reserve(REQUEST, length, socket, client, seq);
    if (at < 0) {
      // The reader of a ring that is full of replies owes this shard no message that would wake it.
      this.#refusals += 1 - this.#refused[target];
      this.#refused[target] = 1;
      this.#mesh.needRoom(target, true);
      return NO_ROOM;
    }
    this.#inFlight[target]++;
    this.#inFlightTotal++;
    const words = writer.words;
    let w = at >> 2;
    words[w] = command | (version << 24) | (touching ? 0 : NO_TOUCH);
    words[w + 1] = database;
    words[w + 2] = count;
    w += REQUEST_HEAD_WORDS;
    const starts = argv.starts;
    const ends = argv.ends;
    for (let i = 0; i < count; i++) {
      words[w] = starts[i] - from;
      words[w + 1] = ends[i] - from;
      w += 2;
    }
    // The arguments stand close together in the request, so that one copy takes them all with what is between them.
    copyView(writer.view, at + headBytes, argv.view, from, from + dataLength);
    return SENT;
  }

  /** Sends the part of an operation that belongs to `target`. Never refused: a connection has one operation at a time. */
  sendPart(
    target: ShardId,
    operation: number,
    command: CommandId,
    version: RespVersion,
    database: number,
    argv: Argv,
    touching = true,
  ): void {
    this.#inFlight[target]++;
    this.#inFlightTotal++;
    const bytes = encodeRequest(command, version, database, argv, touching);
    if (bytes.length > this.#mesh.payloadMax) {
      this.#enqueueStream(target, PART, operation, 0, 0, bytes, bytes.length);
    } else {
      this.#post(target, PART, operation, 0, 0, viewOf(bytes), 0, bytes.length);
    }
  }

  /** Answers a request. Bytes start ≤ i < end of the view are copied. */
  sendReply(
    target: ShardId,
    socket: number,
    client: number,
    seq: number,
    view: DataView,
    start: number,
    end: number,
  ): void {
    this.#post(target, REPLY, socket, client, seq, view, start, end);
  }

  /** The same for a reply too long for a message: its bytes [0, length) are kept, not copied. */
  sendLongReply(target: ShardId, socket: number, client: number, seq: number, bytes: Uint8Array, length: number): void {
    this.#enqueueStream(target, REPLY, socket, client, seq, bytes, length);
  }

  /** Is a reply of this length too long for one message? */
  isLong(length: number): boolean {
    return length > this.#mesh.payloadMax;
  }

  sendPartReply(target: ShardId, operation: number, view: DataView, start: number, end: number): void {
    this.#post(target, PART_REPLY, operation, 0, 0, view, start, end);
  }

  /** Tells the shard of a client something that is no reply. */
  sendNote(target: ShardId, socket: number, client: number, bytes: Uint8Array): void {
    this.#post(target, NOTE, socket, client, 0, viewOf(bytes), 0, bytes.length);
  }

  /**
   * Takes all messages that are there and hands them to the shard; returns how many. Who was refused a request asks
   * hasRoom() again after this, in the same turn.
   */
  drain(): number {
    const mesh = this.#mesh;
    if (this.#refusals > 0) this.#forgetRefusals();
    let taken = 0;
    for (let source = 0; source < mesh.shards; source++) {
      if (source === mesh.shard) continue;
      const reader = mesh.readers[source];
      if (!reader.poll()) continue;
      for (let at = reader.next(); at >= 0; at = reader.next()) {
        const length = reader.length;
        this.#take(
          source as ShardId,
          reader.kind,
          reader.first,
          reader.second,
          reader.third,
          reader.bytes,
          reader.view,
          reader.words,
          at,
          at + length,
        );
        if ((++taken & (RELEASE_EVERY_MESSAGES - 1)) === 0) mesh.release(source as ShardId);
      }
      mesh.release(source as ShardId);
    }
    return taken;
  }

  /** Sends what waits, as far as there is room. True when something was sent. */
  pump(): boolean {
    if (this.#waiting === 0) return false;
    let sent = false;
    for (let target = 0; target < this.#mesh.shards; target++) {
      const queue = this.#queues[target];
      let done = 0;
      while (done < queue.length && this.#tryWhole(target as ShardId, queue[done])) done++;
      if (done > 0) {
        queue.splice(0, done);
        this.#waiting -= done;
        sent = true;
      }
      if (queue.length === 0 && this.#streams[target].length > 0 && this.#pumpStreams(target as ShardId)) sent = true;
      this.#mesh.needRoom(target as ShardId, this.#waitsForRoom(target as ShardId));
    }
    return sent;
  }

  /** Where there is room again, who was refused tries again in this turn, and is refused again if it must be. */
  #forgetRefusals(): void {
    for (let target = 0; target < this.#refused.length; target++) {
      if (this.#refused[target] === 0 || !this.#mesh.writers[target].hasRoom()) continue;
      this.#refused[target] = 0;
      this.#refusals--;
      this.#mesh.needRoom(target as ShardId, this.#waitsForRoom(target as ShardId));
    }
  }

  #waitsForRoom(target: ShardId): boolean {
    return this.#refused[target] !== 0 || this.#queues[target].length > 0 || this.#streams[target].length > 0;
  }

  // The parameters are a message's header and its place: an object for them would be one more allocation a message.
  #take(
    source: ShardId,
    kind: number,
    first: number,
    second: number,
    third: number,
    bytes: Uint8Array,
    view: DataView,
    words: Int32Array,
    at: number,
    end: number,
  ): void {
    if (kind === REQUEST) {
      this.#decode(bytes, view, words, at);
      // A word is signed in the ring; client ids are not.
      this.#handler.onRequest(source, first, second >>> 0, third, this.#request);
    } else if (kind === REPLY) {
      this.#inFlight[source]--;
      this.#inFlightTotal--;
      this.#handler.onReply(first, second >>> 0, third, bytes, view, at, end);
    } else if (kind === PART) {
      this.#decode(bytes, view, words, at);
      this.#handler.onPart(source, first, this.#request);
    } else if (kind === PART_REPLY) {
      this.#inFlight[source]--;
      this.#inFlightTotal--;
      this.#handler.onPartReply(source, first, bytes, at, end);
    } else if (kind === NOTE) {
      this.#handler.onNote(first, second >>> 0, bytes, at, end);
    } else if (kind === STREAM) {
      const w = at >> 2;
      const incoming = new Incoming(words[w], words[w + 1], words[w + 2], words[w + 3], words[w + 4]);
      this.#assemblies[source].set(first, incoming);
    } else {
      assert(kind === FRAGMENT, "a message has a known kind");
      this.#assemble(source, first, bytes, at, end);
    }
  }

  #assemble(source: ShardId, stream: number, bytes: Uint8Array, at: number, end: number): void {
    const incoming = this.#assemblies[source].get(stream);
    assert(incoming !== undefined, "a fragment belongs to a stream");
    incoming.at = copyBytes(incoming.bytes, incoming.at, bytes, at, end);
    if (incoming.at < incoming.bytes.length) return;
    this.#assemblies[source].delete(stream);
    const whole = incoming.bytes;
    const words = new Int32Array(whole.buffer as ArrayBuffer);
    this.#take(
      source,
      incoming.kind,
      incoming.first,
      incoming.second,
      incoming.third,
      whole,
      viewOf(whole),
      words,
      0,
      whole.length,
    );
  }

  #decode(bytes: Uint8Array, view: DataView, words: Int32Array, at: number): void {
    const request = this.#request;
    const argv = request.argv;
    let w = at >> 2;
    request.command = (words[w] & 0xff_ffff) as CommandId;
    request.version = ((words[w] >>> 24) & VERSION_BITS) as RespVersion;
    request.touching = (words[w] & NO_TOUCH) === 0;
    request.database = words[w + 1];
    const count = words[w + 2];
    w += REQUEST_HEAD_WORDS;
    const base = at + (REQUEST_HEAD_WORDS + 2 * count) * 4;
    argv.count = 0;
    argv.reserve(count);
    argv.bytes = bytes;
    argv.view = view;
    argv.count = count;
    const starts = argv.starts;
    const ends = argv.ends;
    for (let i = 0; i < count; i++) {
      starts[i] = base + words[w];
      ends[i] = base + words[w + 1];
      w += 2;
    }
  }

  #post(
    target: ShardId,
    kind: number,
    first: number,
    second: number,
    third: number,
    view: DataView,
    start: number,
    end: number,
  ): void {
    const writer = this.#mesh.writers[target];
    const length = end - start;
    if (length > writer.payloadMax) {
      this.#enqueueStream(target, kind, first, second, third, bytesOfView(view, start, end), length);
      return;
    }
    if (this.#queues[target].length === 0) {
      const at = writer.reserve(kind, length, first, second, third);
      if (at >= 0) {
        copyView(writer.view, at, view, start, end);
        return;
      }
    }
    this.#queues[target].push(new Outgoing(kind, first, second, third, bytesOfView(view, start, end), length, 0));
    this.#waiting++;
    this.#mesh.needRoom(target, true);
  }

  #enqueueStream(
    target: ShardId,
    kind: number,
    first: number,
    second: number,
    third: number,
    bytes: Uint8Array,
    length: number,
  ): void {
    const stream = this.#nextStream;
    this.#nextStream = (stream + 1) | 0;
    this.#streams[target].push(new Outgoing(kind, first, second, third, bytes, length, stream));
    this.#waiting++;
    this.#mesh.needRoom(target, true);
  }

  #tryWhole(target: ShardId, message: Outgoing): boolean {
    const writer = this.#mesh.writers[target];
    const at = writer.reserve(message.kind, message.end, message.first, message.second, message.third);
    if (at < 0) return false;
    copyBytes(writer.bytes, at, message.bytes, 0, message.end);
    return true;
  }

  #pumpStreams(target: ShardId): boolean {
    const streams = this.#streams[target];
    let sent = false;
    for (let n = 0; n < FRAGMENTS_PER_TURN && streams.length > 0; n++) {
      const stream = streams[0];
      const begun = stream.begun;
      const moved = this.#sendFragment(target, stream);
      if (moved || stream.begun !== begun) sent = true;
      if (!moved) break;
      streams.shift();
      if (stream.at < stream.end) {
        // To the back of the line: the streams of one target take turns.
        streams.push(stream);
        continue;
      }
      this.#waiting--;
      if (stream.kind === REQUEST) this.#handler.onStreamSent(stream.first, stream.second);
    }
    return sent;
  }

  #sendFragment(target: ShardId, stream: Outgoing): boolean {
    const writer = this.#mesh.writers[target];
    if (!stream.begun) {
      const at = writer.reserve(STREAM, STREAM_HEAD_BYTES, stream.stream, 0, 0);
      if (at < 0) return false;
      const w = at >> 2;
      writer.words[w] = stream.kind;
      writer.words[w + 1] = stream.first;
      writer.words[w + 2] = stream.second;
      writer.words[w + 3] = stream.third;
      writer.words[w + 4] = stream.end;
      stream.begun = true;
    }
    const length = Math.min(stream.end - stream.at, writer.payloadMax);
    const at = writer.reserve(FRAGMENT, length, stream.stream, 0, 0);
    if (at < 0) return false;
    copyBytes(writer.bytes, at, stream.bytes, stream.at, stream.at + length);
    stream.at += length;
    return true;
  }
}

/** A request as the payload of one message, its arguments back to back. */
function encodeRequest(
  command: CommandId,
  version: RespVersion,
  database: number,
  argv: Argv,
  touching: boolean,
): Uint8Array {
  const count = argv.count;
  const headBytes = (REQUEST_HEAD_WORDS + 2 * count) * 4;
  let dataLength = 0;
  for (let i = 0; i < count; i++) dataLength += argv.ends[i] - argv.starts[i];
  const length = headBytes + dataLength;
  const buffer = new ArrayBuffer((length + 3) & ~3);
  const words = new Int32Array(buffer);
  const bytes = new Uint8Array(buffer, 0, length);
  words[0] = command | (version << 24) | (touching ? 0 : NO_TOUCH);
  words[1] = database;
  words[2] = count;
  let offset = 0;
  for (let i = 0; i < count; i++) {
    words[REQUEST_HEAD_WORDS + 2 * i] = offset;
    const start = argv.starts[i];
    const end = argv.ends[i];
    copyBytes(bytes, headBytes + offset, argv.bytes, start, end);
    offset += end - start;
    words[REQUEST_HEAD_WORDS + 2 * i + 1] = offset;
  }
  return bytes;
}

/** A copy of a part of a view. */
function bytesOfView(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, end - start).slice();
}
