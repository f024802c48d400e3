/**
 * What the reactors' conformance suite stands on: clients (node:net) and the reactor under test, turned in one thread.
 *
 * A Harness polls the reactor, lets Node's own loop go round once, and asks whether the awaited condition holds, with a
 * bound on the time. At every callback it checks the contract: ids are reused only after onClosed, onClosed comes once
 * and last, onSent answers a send, nothing but onClosed follows a close.
 *
 * Refuses: to know which reactor it turns.
 */

import { equal } from "node:assert/strict";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import { OUTPUT_BLOCK_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import type { ListenAddress, Reactor, ReactorHandler } from "./reactor.ts";

export type TcpAddress = Extract<ListenAddress, { kind: "tcp" }>;

export const WAIT_MS_MAX = 10_000;
/** How long a poll of a blocking reactor may wait: Node's loop, where the clients live, gets its turn after it. */
const POLL_MS = 1;
export const LOCAL: TcpAddress = { kind: "tcp", host: "127.0.0.1", port: 0, backlog: 511, shared: false };

/** What the harness knows of an accepted socket. */
export class Peer {
  readonly id: SocketId;
  readonly listener: ListenerId;
  received: Buffer[] = [];
  receivedBytes = 0;
  sentCount = 0;
  ended = 0;
  closed = false;
  errno = -1;
  closing = false;
  sending = false;
  /** Output that waits for onSent. */
  readonly output: Buffer[] = [];
  blocks: BlockId[] = [];

  constructor(id: SocketId, listener: ListenerId) {
    this.id = id;
    this.listener = listener;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }
}

/** Where clients connect to. */
export type Destination = { port: number; host?: string } | { path: string };

/** A client's socket: node:net's, or one that behaves like it. */
export interface ClientSocket extends Duplex {
  readonly localPort?: number | undefined;
  readonly bytesWritten: number;
  resetAndDestroy(): this;
}

/** Connects over the machine's network. */
export function connectByNet(to: Destination): ClientSocket {
  return connect({ allowHalfOpen: true, noDelay: true, ...to });
}

/** A client connection with what it has seen. */
export class Client {
  readonly socket: ClientSocket;
  readonly received: Buffer[] = [];
  receivedBytes = 0;
  connected = false;
  ended = false;
  closed = false;
  errorCode = "";

  constructor(to: Destination, open: (to: Destination) => ClientSocket = connectByNet) {
    this.socket = open(to);
    this.socket.on("connect", () => {
      this.connected = true;
    });
    this.socket.on("data", (bytes: Buffer) => {
      this.received.push(bytes);
      this.receivedBytes += bytes.length;
    });
    this.socket.on("end", () => {
      this.ended = true;
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? "unknown";
    });
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received);
  }

  get gone(): boolean {
    return this.ended || this.closed;
  }
}

export class Harness implements ReactorHandler {
  readonly reactor: Reactor;
  readonly peers: Peer[] = [];
  readonly live: (Peer | undefined)[] = [];
  readonly clients: Client[] = [];
  /** What a test does with input beside recording it. */
  onInput: (peer: Peer, bytes: Buffer) => void = () => {};
  recordInput = true;
  /** The first breach of the contract. */
  broken = "";
  /** Why the trial cannot be made here, if so. */
  skipped = "";
  /** How clients reach the reactor. */
  readonly open: (to: Destination) => ClientSocket;

  constructor(reactor: Reactor, open: (to: Destination) => ClientSocket = connectByNet) {
    this.reactor = reactor;
    this.open = open;
    reactor.attach(this);
  }

  onAccept(socket: SocketId, listener: ListenerId): void {
    if (this.live[socket] !== undefined) this.broken ||= `socket ${socket} accepted while it is open`;
    const peer = new Peer(socket, listener);
    this.peers.push(peer);
    this.live[socket] = peer;
  }

  onData(socket: SocketId, bytes: Uint8Array, start: number, end: number): void {
    const peer = this.#open(socket, "onData");
    if (peer === undefined) return;
    if (start >= end || end > bytes.length) this.broken ||= `onData with the range [${start}, ${end})`;
    if (peer.ended > 0) this.broken ||= "onData after onEnd";
    peer.receivedBytes += end - start;
    const copy = Buffer.from(bytes.subarray(start, end));
    if (this.recordInput) peer.received.push(copy);
    this.onInput(peer, copy);
  }

  onSent(socket: SocketId): void {
    const peer = this.#open(socket, "onSent");
    if (peer === undefined) return;
    if (!peer.sending) this.broken ||= "onSent without a send";
    this.#release(peer);
    peer.sentCount++;
    this.#flush(peer);
  }

  onEnd(socket: SocketId): void {
    const peer = this.#open(socket, "onEnd");
    if (peer !== undefined && ++peer.ended > 1) this.broken ||= "onEnd twice";
  }

  onClosed(socket: SocketId, errno: number): void {
    const peer = this.live[socket];
    if (peer === undefined) {
      this.broken ||= `onClosed for socket ${socket}, which is not open`;
      return;
    }
    if (!Number.isInteger(errno) || errno < 0) this.broken ||= `onClosed with errno ${errno}`;
    this.live[socket] = undefined;
    peer.closed = true;
    peer.errno = errno;
    this.#release(peer);
  }

  /** Queues bytes for a peer; they leave in order, SEND_BLOCKS_MAX blocks at most per send. */
  write(peer: Peer, bytes: Uint8Array): void {
    peer.output.push(Buffer.from(bytes));
    this.#flush(peer);
  }

  close(peer: Peer): void {
    peer.closing = true;
    this.reactor.close(peer.id);
  }

  async connect(count = 1, to: Destination = { port: this.port }): Promise<Client> {
    const first = this.clients.length;
    const accepted = this.peers.length + count;
    for (let i = 0; i < count; i++) this.clients.push(new Client(to, this.open));
    await this.until(() => this.peers.length >= accepted, `${count} connections are accepted`);
    await this.until(() => this.clients.slice(first).every((client) => client.connected), "clients are connected");
    return this.clients[first];
  }

  port = 0;

  async listen(address: ListenAddress = LOCAL): Promise<ListenerId> {
    const { listener, port } = await this.during(this.reactor.listen(address));
    this.port = port;
    return listener;
  }

  /** One turn of the reactor and one of Node's loop. */
  async turn(): Promise<void> {
    if (this.reactor.blocking) {
      this.reactor.poll(this.reactor.yieldDue ? 0 : POLL_MS);
      this.reactor.yieldDue = false;
      this.reactor.submit();
    } else this.reactor.poll(0);
    await nextTurn();
    if (this.broken !== "") throw new Error(`the contract is broken: ${this.broken}`);
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.turn();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + WAIT_MS_MAX;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS_MAX} ms in vain until: ${what}`);
      await this.turn();
    }
  }

  /** Keeps turning until `work` is settled. */
  async during<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    work.then(mark, mark);
    await this.until(() => settled, "some asynchronous work is done");
    return work;
  }

  /** Closes whatever is open in the orderly way, and checks that nothing is left. */
  async finish(): Promise<void> {
    this.reactor.stopListening();
    for (const client of this.clients) client.socket.destroy();
    for (const peer of this.peers) if (!peer.closed && !peer.closing) this.close(peer);
    await this.until(() => this.peers.every((peer) => peer.closed), "every socket is closed");
    await this.until(() => this.clients.every((client) => client.closed), "every client is closed");
    equal(this.reactor.blocks.inUse, 0, "all output blocks are given back");
  }

  #open(socket: SocketId, call: string): Peer | undefined {
    const peer = this.live[socket];
    if (peer === undefined || peer.closing) {
      this.broken ||= `${call} for socket ${socket}, which is ${peer === undefined ? "not open" : "being closed"}`;
      return undefined;
    }
    return peer;
  }

  #release(peer: Peer): void {
    for (const block of peer.blocks) this.reactor.blocks.give(block);
    peer.blocks = [];
    peer.sending = false;
  }

  #flush(peer: Peer): void {
    if (peer.sending || peer.closing || peer.closed || peer.output.length === 0) return;
    const pool = this.reactor.blocks;
    const ranges: number[] = [];
    while (peer.output.length > 0 && peer.blocks.length < SEND_BLOCKS_MAX) {
      const block = pool.take();
      const start = pool.startOf(block);
      const size = Math.min(peer.output[0].length, OUTPUT_BLOCK_BYTES);
      pool.viewOf(block).set(peer.output[0].subarray(0, size), start);
      if (size === peer.output[0].length) peer.output.shift();
      else peer.output[0] = peer.output[0].subarray(size);
      peer.blocks.push(block);
      ranges.push(block, start, start + size);
    }
    peer.sending = true;
    if (peer.blocks.length === 1) this.reactor.send(peer.id, ranges[0] as BlockId, ranges[1], ranges[2]);
    else {
      const array = Int32Array.from(ranges);
      this.reactor.sendMany(peer.id, array, peer.blocks.length);
      // The array is the caller's again: a reactor that still reads it will send nonsense.
      array.fill(-1);
    }
  }
}

/** Bytes in which every position tells where it belongs. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  const random = new Random(seed);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeInt32LE(random.int32(), i);
  return bytes;
}

/** Turns until a number has not changed for a while. */
export async function stalled(h: Harness, read: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await h.until(() => {
    same = read() === last ? same + 1 : 0;
    last = read();
    return same >= 50;
  }, "it comes to a stop");
}
