/**
 * The reactor of a simulated network: no kernel, no thread, no time of its own.
 *
 * It is strict where real ones are, and unpleasant where they may be. Received bytes are wiped after the call and begin
 * at any offset; sent bytes are read late and in pieces; after pauseReading() one more piece may come; a close takes
 * its time; several sockets are served in any order, and some of them not in this turn. All of it by the traits and the
 * chance of its network.
 *
 * poll() never waits: whoever turns the reactor knows from `dueUs` when the next turn is worth it, and turns the clock.
 *
 * Refuses: to be used for anything but tests and simulations.
 */

import { assert } from "../base/assert.ts";
import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import { RECEIVE_BUFFER_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { BlockPool } from "./blocks.ts";
import type { ListenAddress, Reactor, ReactorHandler } from "./reactor.ts";
import type { SimConnection, SimListener, SimNetwork, Sleeper } from "./sim-network.ts";

/** Linux's numbers, on every machine. */
const ECONNRESET = 104;
/** Where input may begin in the receive buffer. */
const OFFSETS = 64;
const WIPE = 0xee;
const NEVER = Number.POSITIVE_INFINITY;

/** An accepted socket. */
class SimSocket {
  readonly id: SocketId;
  readonly connection: SimConnection;
  paused = false;
  /** One more piece of input may be told of, although reading is paused. */
  taken = false;
  endTold = false;
  /** When a close that was asked for is done. */
  closedUs = NEVER;
  /** Ranges of the send in flight: (block, at, end) each. */
  readonly inFlight: number[] = [];

  constructor(id: SocketId, connection: SimConnection) {
    this.id = id;
    this.connection = connection;
  }

  get closing(): boolean {
    return this.closedUs !== NEVER;
  }
}

export class SimReactor implements Reactor, Sleeper {
  readonly name = "sim";
  readonly blocks: BlockPool;
  readonly blocking = true;
  yieldDue = false;
  onActivity: (() => void) | null = null;
  readonly wakeHandle: number;
  /** There is always a descriptor left. */
  readonly acceptErrors = 0;
  readonly acceptErrno = 0;
  readonly #network: SimNetwork;
  readonly #listeners: (SimListener | null)[] = [];
  readonly #sockets: (SimSocket | null)[] = [];
  readonly #freeIds: SocketId[] = [];
  readonly #receive = new Uint8Array(RECEIVE_BUFFER_BYTES + OFFSETS);
  #handler: ReactorHandler | null = null;
  #wokenUs = NEVER;
  #keepAliveSeconds = 0;

  constructor(network: SimNetwork) {
    this.blocks = new BlockPool((byteLength) => ({ buffer: new ArrayBuffer(byteLength), address: 0n }));
    this.#network = network;
    this.wakeHandle = network.sleepers.push(this) - 1;
  }

  /** From when on poll() has something to tell, or ends a wait; it may have passed. */
  get dueUs(): number {
    let dueUs = this.#wokenUs;
    for (const listener of this.#listeners) {
      if (listener !== null && listener.queue.length > 0) dueUs = Math.min(dueUs, listener.queue[0].openUs);
    }
    for (const socket of this.#sockets) {
      if (socket !== null) dueUs = Math.min(dueUs, this.#socketDueUs(socket));
    }
    return dueUs;
  }

  attach(handler: ReactorHandler): void {
    this.#handler = handler;
  }

  /** Listens before it returns; the promise says the same as elsewhere. */
  async listen(address: ListenAddress): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    const listener = this.#network.listen(address);
    this.#listeners.push(listener);
    return { listener: (this.#listeners.length - 1) as ListenerId, port: listener.port };
  }

  stopListening(): void {
    for (const [id, listener] of this.#listeners.entries()) {
      if (listener !== null) this.#network.stop(listener);
      this.#listeners[id] = null;
    }
  }

  poll(_timeoutMs: number): number {
    const handler = this.#handler;
    assert(handler !== null, "a shard is attached");
    const { clock, random } = this.#network;
    const nowUs = clock.monotonicUs();
    if (this.#wokenUs <= nowUs) this.#wokenUs = NEVER;
    let events = this.#accept(handler, nowUs);
    const count = this.#sockets.length;
    const first = count > 1 ? random.below(count) : 0;
    for (let i = 0; i < count; i++) {
      const socket = this.#sockets[(first + i) % count];
      if (socket === null || this.#socketDueUs(socket) > nowUs || this.#overlooks(socket)) continue;
      events += this.#turn(socket, handler, nowUs);
    }
    return events;
  }

  submit(): void {}

  send(socket: SocketId, block: BlockId, start: number, end: number): void {
    this.sendMany(socket, Int32Array.of(block, start, end), 1);
  }

  sendMany(socket: SocketId, ranges: Int32Array, count: number): void {
    const { inFlight } = this.#open(socket);
    assert(inFlight.length === 0, "one send at a time");
    assert(count > 0 && count <= SEND_BLOCKS_MAX, "a send has 1 to SEND_BLOCKS_MAX ranges");
    for (let i = 0; i < 3 * count; i += 3) {
      assert(ranges[i + 1] < ranges[i + 2], "a range has bytes");
      inFlight.push(ranges[i], ranges[i + 1], ranges[i + 2]);
    }
  }

  pauseReading(socket: SocketId): void {
    const paused = this.#open(socket);
    paused.taken = !paused.paused && this.#network.random.below(100) < this.#network.traits.shortShare;
    paused.paused = true;
  }

  resumeReading(socket: SocketId): void {
    this.#open(socket).paused = false;
  }

  close(socket: SocketId): void {
    const closing = this.#open(socket);
    closing.connection.closeServer();
    closing.closedUs = closing.connection.laterUs();
  }

  peerName(socket: SocketId): string {
    return this.#known(socket).connection.peerName;
  }

  localName(socket: SocketId): string {
    return this.#known(socket).connection.localName;
  }

  isLocalPeer(socket: SocketId): boolean {
    assert(this.#known(socket).connection.listener !== null, "an accepted socket has a listener");
    return true;
  }

  setKeepAlive(seconds: number): void {
    this.#keepAliveSeconds = seconds;
  }

  /** As set: nothing in a simulated network is ever silent for so long. */
  get keepAliveSeconds(): number {
    return this.#keepAliveSeconds;
  }

  wake(handle: number): void {
    this.#network.wake(handle);
  }

  woken(dueUs: number): void {
    this.#wokenUs = Math.min(this.#wokenUs, dueUs);
  }

  destroy(): void {
    this.stopListening();
    for (const socket of this.#sockets) socket?.connection.closeServer();
    this.#sockets.length = 0;
  }

  #known(id: SocketId): SimSocket {
    const socket = this.#sockets[id];
    assert(socket !== null && socket !== undefined, "the socket is there");
    return socket;
  }

  #open(id: SocketId): SimSocket {
    const socket = this.#known(id);
    assert(!socket.closing, "the socket is not being closed");
    return socket;
  }

  #overlooks(socket: SimSocket): boolean {
    const { idleShare } = this.#network.traits;
    return idleShare > 0 && socket.connection.random.below(100) < idleShare;
  }

  #socketDueUs(socket: SimSocket): number {
    if (socket.closing) return socket.closedUs;
    const { connection } = socket;
    let dueUs = connection.resetServerUs;
    if (!socket.paused || socket.taken) dueUs = Math.min(dueUs, socket.endTold ? NEVER : connection.toServer.nextUs);
    // There is room already.
    if (socket.inFlight.length > 0 && (connection.toClient.room > 0 || connection.clientClosed)) return 0;
    return dueUs;
  }

  #accept(handler: ReactorHandler, nowUs: number): number {
    let events = 0;
    for (const [id, listener] of this.#listeners.entries()) {
      if (listener === null) continue;
      while (listener.queue.length > 0 && listener.queue[0].openUs <= nowUs) {
        const connection = listener.queue.shift();
        assert(connection !== undefined, "the queue is not empty");
        const socket = this.#freeIds.pop() ?? (this.#sockets.length as SocketId);
        this.#sockets[socket] = new SimSocket(socket, connection);
        handler.onAccept(socket, id as ListenerId);
        events++;
      }
    }
    return events;
  }

  /** Tells all that is new of one socket. */
  #turn(socket: SimSocket, handler: ReactorHandler, nowUs: number): number {
    const { connection } = socket;
    if (socket.closing) return this.#closed(socket, handler, 0);
    if (connection.resetServerUs <= nowUs) return this.#closed(socket, handler, ECONNRESET);
    let events = 0;
    if (!socket.paused || socket.taken) events += this.#deliver(socket, handler, nowUs);
    if (!socket.closing && socket.inFlight.length > 0) events += this.#transmit(socket, handler);
    if (!socket.closing && !socket.paused && !socket.endTold && connection.toServer.atEnd(nowUs)) {
      socket.endTold = true;
      handler.onEnd(socket.id);
      events++;
    }
    return events;
  }

  #closed(socket: SimSocket, handler: ReactorHandler, errno: number): number {
    this.#sockets[socket.id] = null;
    this.#freeIds.push(socket.id);
    handler.onClosed(socket.id, errno);
    return 1;
  }

  #deliver(socket: SimSocket, handler: ReactorHandler, nowUs: number): number {
    const { connection } = socket;
    socket.taken = false;
    const arrived = Math.min(connection.toServer.arrived(nowUs), RECEIVE_BUFFER_BYTES);
    if (arrived === 0) return 0;
    const bytes = connection.toServer.take(nowUs, this.#network.shorten(connection.random, arrived));
    const at = this.#network.traits.shortShare === 0 ? 0 : connection.random.below(OFFSETS);
    this.#receive.set(bytes, at);
    handler.onData(socket.id, this.#receive, at, at + bytes.length);
    this.#receive.fill(WIPE, 0, at + bytes.length);
    return 1;
  }

  /** Moves some of what is in flight; the blocks are read only now. */
  #transmit(socket: SimSocket, handler: ReactorHandler): number {
    const { connection, inFlight } = socket;
    if (connection.clientClosed) {
      // Nobody is there: the answer to these bytes will be a reset.
      connection.resetServerUs = Math.min(connection.resetServerUs, connection.laterUs());
      inFlight.length = 0;
    } else {
      let held = 0;
      for (let i = 0; i < inFlight.length; i += 3) held += inFlight[i + 2] - inFlight[i + 1];
      let budget = this.#network.shorten(connection.random, Math.min(held, connection.toClient.room));
      while (budget > 0) {
        const [block, start, end] = inFlight;
        const taken = Math.min(budget, end - start);
        const bytes = this.blocks.viewOf(block as BlockId).slice(start, start + taken);
        connection.toClient.push(bytes, connection.laterUs());
        budget -= taken;
        if (start + taken === end) inFlight.splice(0, 3);
        else inFlight[1] = start + taken;
      }
      if (inFlight.length > 0) return 0;
    }
    handler.onSent(socket.id);
    return 1;
  }
}
