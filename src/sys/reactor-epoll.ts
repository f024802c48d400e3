/**
 * The reactor on epoll: for Linux where io_uring is forbidden or too old. Level-triggered. Hot path.
 *
 *     accept   until the queue is empty, a bounded number per event
 *     receive  one read() per event into the one receive buffer; onData sees the bytes right there. What did not fit is
 *              still ready at the next wait, behind everybody else: a flood gets one buffer per turn, like all others
 *     send     written at once, straight from the output blocks; only if the kernel takes less, EPOLLOUT is asked for.
 *              onSent comes with the next poll, as the interface has it
 *     libuv    its descriptor is one more in the set; it only sets yieldDue
 *
 * User data: word 0 is kind << 24 | slot, word 1 the slot's generation.
 *
 * read() and write() instead of recv() and send(): a foreign call costs by the number of its arguments. SIGPIPE is
 * ignored by Node, and the probe looks whether it is. What a socket is watched for is changed before the next wait, so
 * that a pause and a resume in between, or the next send of a stream, cost no call.
 *
 * A socket dies by close() or by an error; either way CLOSING silences it, and the next poll reports onClosed and closes
 * the descriptor. After an error the reactor does this by itself; close() on such a socket is allowed until onClosed
 * and does nothing.
 *
 * Refuses: to interpret bytes, to buffer output, to choose time-outs.
 */

import { assert } from "../base/assert.ts";
import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import {
  ACCEPT_REST_MS,
  ACCEPTS_PER_EVENT_MAX,
  EPOLL_RECEIVE_BYTES,
  OUTPUT_BLOCKS_PER_SLAB,
  SEND_BLOCKS_MAX,
} from "../base/limits.ts";
import { BlockPool } from "./blocks.ts";
import { DATA_WORD, EpollSet } from "./epoll-set.ts";
import {
  EAGAIN,
  ECONNABORTED,
  EINTR,
  ENOMEM,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  errorName,
  type Libc,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  type Transfers,
} from "./libc.ts";
import { libuvDescriptor } from "./libuv.ts";
import { openListenSocket, removeSocketFile, setKeepAlive } from "./listen-socket.ts";
import { carriedHigh } from "./native-address.ts";
import { type ListenAddress, ListenError, type Reactor, type ReactorHandler, type ReactorName } from "./reactor.ts";
import { hasLocalPeer, socketLabel } from "./sockaddr.ts";
import {
  BLOCKED,
  CHANGED,
  CLOSING,
  DETACHED,
  ENDED,
  FINISHED,
  OPEN,
  PAUSED,
  RANGE_WORDS,
  SENDING,
  SENT,
  SlotQueue,
  SocketTable,
  WATCHES_INPUT,
  WATCHES_OUTPUT,
} from "./socket-table.ts";

const KIND_SHIFT = 24;
const SLOT_MASK = 0xff_ffff;
const KIND_SOCKET = 0;
const KIND_ACCEPT = 1;
const KIND_WOKEN = 2;
const KIND_LIBUV = 3;
/** struct iovec: address and length, 64 bits each. */
const VECTOR_WORDS = 4;
const NULL = 0n;

interface Listener {
  /** -1 once closed. */
  fd: number;
  readonly path: string | null;
}

export class EpollReactor implements Reactor {
  readonly name: ReactorName;
  readonly blocks: BlockPool;
  readonly blocking: boolean;
  yieldDue: boolean;
  onActivity: (() => void) | null;
  readonly wakeHandle: number;
  acceptErrors: number;
  acceptErrno: number;
  /** Events of sockets that are no more. */
  staleEvents: number;
  readonly #libc: Libc;
  readonly #read: Transfers["read"];
  readonly #write: Transfers["write"];
  readonly #writev: Transfers["writev"];
  readonly #set: EpollSet;
  readonly #clock: Clock;
  readonly #sockets: SocketTable;
  readonly #finished: SlotQueue;
  readonly #sent: SlotQueue;
  readonly #changed: SlotQueue;
  readonly #listeners: Listener[];
  readonly #input: Uint8Array;
  readonly #inputAddress: bigint;
  readonly #vectors: Int32Array;
  readonly #vectorsAddress: bigint;
  /** Address of each block there is, made once: a BigInt per send would cost as much as the call's other arguments. */
  readonly #blockAddresses: bigint[];
  /** The last poll had something to report without a wait, and left it at that. */
  #waitSkipped: boolean;
  /** Monotonic microseconds at which listeners that rest accept again; 0 when none rests. */
  #acceptAtUs: number;
  #keepAliveSeconds: number;
  #handler: ReactorHandler;
  #destroyed: boolean;

  /** Opens a set for the calling thread, which alone may use it. @throws EpollUnavailable */
  constructor(libc: Libc, clock: Clock) {
    this.name = "epoll";
    this.#libc = libc;
    this.#read = libc.transfers.read;
    this.#write = libc.transfers.write;
    this.#writev = libc.transfers.writev;
    this.#set = new EpollSet(libc, KIND_WOKEN << KIND_SHIFT);
    this.#clock = clock;
    this.blocks = new BlockPool((byteLength) => libc.allocate(byteLength));
    this.blocking = true;
    // libuv hands its handles to its descriptor only in a pass of its loop, so one pass comes before the first wait.
    this.yieldDue = true;
    this.onActivity = null;
    this.wakeHandle = this.#set.wakeHandle;
    this.acceptErrors = 0;
    this.acceptErrno = 0;
    this.staleEvents = 0;
    this.#sockets = new SocketTable();
    this.#finished = new SlotQueue();
    this.#sent = new SlotQueue();
    this.#changed = new SlotQueue();
    this.#listeners = [];
    const input = libc.allocate(EPOLL_RECEIVE_BYTES);
    this.#input = new Uint8Array(input.buffer);
    this.#inputAddress = input.address;
    const vectors = libc.allocate(SEND_BLOCKS_MAX * VECTOR_WORDS * 4);
    this.#vectors = new Int32Array(vectors.buffer);
    this.#vectorsAddress = vectors.address;
    this.#blockAddresses = [];
    this.#waitSkipped = false;
    this.#acceptAtUs = 0;
    this.#keepAliveSeconds = 0;
    this.#handler = NO_HANDLER;
    this.#destroyed = false;
    const libuv = libuvDescriptor(libc);
    if (libuv >= 0) this.#set.add(libuv, EPOLLIN, KIND_LIBUV << KIND_SHIFT, 0);
  }

  /** System calls made to wait, for measurement. */
  get waits(): number {
    return this.#set.waits;
  }

  attach(handler: ReactorHandler): void {
    this.#handler = handler;
  }

  async listen(address: ListenAddress): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    assert(!this.#destroyed, "a destroyed reactor is not used");
    const { fd, port } = openListenSocket(this.#libc, address, this.#keepAliveSeconds);
    const path = address.kind === "unix" ? address.path : null;
    const listener = this.#listeners.push({ fd, path }) - 1;
    // One that comes while others rest begins with them.
    const error = this.#set.add(fd, this.#acceptAtUs === 0 ? EPOLLIN : 0, (KIND_ACCEPT << KIND_SHIFT) | listener, 0);
    if (error !== 0) {
      this.#listeners[listener].fd = -1;
      this.#libc.calls.close(fd);
      if (path !== null) removeSocketFile(path);
      throw new ListenError(errorName(error), "cannot watch a listening socket: " + errorName(error));
    }
    return { listener: listener as ListenerId, port };
  }

  stopListening(): void {
    for (let k = 0; k < this.#listeners.length; k++) {
      const listener = this.#listeners[k];
      if (listener.fd < 0) continue;
      this.#libc.calls.close(listener.fd);
      listener.fd = -1;
      if (listener.path !== null) removeSocketFile(listener.path);
    }
    this.#acceptAtUs = 0;
  }

  poll(timeoutMs: number): number {
    assert(!this.#destroyed, "a destroyed reactor is not polled");
    let events = 0;
    if (this.#sent.length > 0) events = this.#reportSent();
    if (this.#finished.length > 0) events += this.#reportFinished();
    // With replies just acknowledged there is rarely a request yet: a look now would find nothing, and after the step
    // another one would follow, which waits. Not twice in a row, so that a stream of output cannot keep others waiting.
    this.#waitSkipped = events > 0 && !this.#waitSkipped;
    if (this.#waitSkipped) return events;
    if (this.#changed.length > 0) this.#applyChanges();
    if (this.#acceptAtUs !== 0) timeoutMs = this.#restAccepts(timeoutMs);
    if (events > 0 || this.yieldDue || this.#sent.length > 0 || this.#finished.length > 0) timeoutMs = 0;
    const count = this.#set.wait(timeoutMs);
    if (count > 0) events += this.#dispatch(count);
    if (this.#finished.length > 0) events += this.#reportFinished();
    return events;
  }

  /** Nothing waits to be submitted. */
  submit(): void {}

  send(socket: SocketId, block: BlockId, start: number, end: number): void {
    const { flags, fds, ranges, rangeAt, rangeCount } = this.#sockets;
    assert((flags[socket] & SENDING) === 0, "one send per socket is in flight");
    assert(end > start, "a send has bytes");
    if ((flags[socket] & CLOSING) !== 0) return;
    flags[socket] |= SENDING;
    const r = socket * RANGE_WORDS;
    ranges[r] = block;
    ranges[r + 1] = start;
    ranges[r + 2] = end;
    rangeAt[socket] = 0;
    rangeCount[socket] = 1;
    if (start !== this.blocks.startOf(block)) {
      this.#writeFirst(socket);
      return;
    }
    // The usual case, and a cheaper call: from a block's beginning, whose address is known.
    const written = this.#write(fds[socket], this.#addressOf(block), end - start);
    if (written === end - start) this.#sentAll(socket);
    else this.#writtenInPart(socket, written);
  }

  sendMany(socket: SocketId, ranges: Int32Array, count: number): void {
    const sockets = this.#sockets;
    assert((sockets.flags[socket] & SENDING) === 0, "one send per socket is in flight");
    assert(count > 0 && count <= SEND_BLOCKS_MAX, "a send has 1 to SEND_BLOCKS_MAX ranges");
    if ((sockets.flags[socket] & CLOSING) !== 0) return;
    sockets.flags[socket] |= SENDING;
    const r = socket * RANGE_WORDS;
    for (let k = 0; k < count * 3; k++) sockets.ranges[r + k] = ranges[k];
    sockets.rangeAt[socket] = 0;
    sockets.rangeCount[socket] = count;
    this.#writeFirst(socket);
  }

  pauseReading(socket: SocketId): void {
    this.#sockets.flags[socket] |= PAUSED;
    this.#change(socket);
  }

  resumeReading(socket: SocketId): void {
    this.#sockets.flags[socket] &= ~PAUSED;
    this.#change(socket);
  }

  close(socket: SocketId): void {
    assert((this.#sockets.flags[socket] & OPEN) !== 0, "only an open socket is closed");
    this.#end(socket, 0);
  }

  peerName(socket: SocketId): string {
    return this.#label(socket, "peer");
  }

  localName(socket: SocketId): string {
    return this.#label(socket, "local");
  }

  isLocalPeer(socket: SocketId): boolean {
    const { fds, listeners } = this.#sockets;
    return hasLocalPeer(this.#libc, fds[socket], this.#listeners[listeners[socket]].path);
  }

  setKeepAlive(seconds: number): void {
    this.#keepAliveSeconds = seconds;
    for (let k = 0; k < this.#listeners.length; k++) {
      const listener = this.#listeners[k];
      if (listener.fd >= 0 && listener.path === null) setKeepAlive(this.#libc, listener.fd, seconds);
    }
  }

  wake(handle: number): void {
    this.#set.wake(handle);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#handler = NO_HANDLER;
    this.stopListening();
    const { flags, fds, capacity } = this.#sockets;
    for (let slot = 0; slot < capacity; slot++) {
      if ((flags[slot] & OPEN) !== 0) this.#libc.calls.close(fds[slot]);
    }
    this.#set.close();
  }

  // ——— events ———

  #dispatch(count: number): number {
    const set = this.#set;
    const words = set.words;
    let events = 0;
    for (let k = 0; k < count; k++) {
      const w = set.eventWord(k);
      const low = words[w + DATA_WORD];
      const kind = low >>> KIND_SHIFT;
      if (kind === KIND_SOCKET) {
        events += this.#ready((low & SLOT_MASK) as SocketId, words[w + DATA_WORD + 1], words[w]);
      } else if (kind === KIND_ACCEPT) {
        events += this.#accept(low & SLOT_MASK);
      } else if (kind === KIND_LIBUV) {
        this.yieldDue = true;
      }
    }
    return events;
  }

  #ready(socket: SocketId, generation: number, what: number): number {
    const flags = this.#sockets.flags;
    if (this.#sockets.generations[socket] !== generation) {
      // A process that forked holds the file open for a moment, and with it the former socket's place in the set.
      this.staleEvents++;
      return 0;
    }
    let events = 0;
    const broken = (what & (EPOLLERR | EPOLLHUP)) !== 0;
    if ((flags[socket] & (BLOCKED | CLOSING)) === BLOCKED && (broken || (what & EPOLLOUT) !== 0)) {
      flags[socket] &= ~BLOCKED;
      if (this.#writeRest(socket)) {
        flags[socket] &= ~SENDING;
        events++;
        this.#handler.onSent(socket);
      }
    }
    if (!broken && (what & EPOLLIN) === 0) return events;
    const state = flags[socket] & (PAUSED | ENDED | CLOSING);
    if (state === 0) events += this.#receive(socket);
    else if (broken && (state & CLOSING) === 0) this.#hangUp(socket);
    return events;
  }

  #receive(socket: SocketId): number {
    const count = this.#read(this.#sockets.fds[socket], this.#inputAddress, EPOLL_RECEIVE_BYTES);
    if (count > 0) {
      this.#handler.onData(socket, this.#input, 0, count);
      return 1;
    }
    if (count === 0) {
      this.#sockets.flags[socket] |= ENDED;
      this.#change(socket);
      this.#handler.onEnd(socket);
      return 1;
    }
    this.#mayGoOn(socket);
    return 0;
  }

  /** An error, or the end of both directions, of a socket that nobody reads: the set would report it for ever. */
  #hangUp(socket: SocketId): void {
    const { flags, fds } = this.#sockets;
    const error = this.#libc.getOption(fds[socket], SOL_SOCKET, SO_ERROR);
    if (error > 0) {
      this.#end(socket, error);
      return;
    }
    // Whoever resumes reading, or sends, will find out.
    this.#set.remove(fds[socket]);
    flags[socket] = (flags[socket] & ~(WATCHES_INPUT | WATCHES_OUTPUT)) | DETACHED;
  }

  // tidy: cold function, once per connection
  #accept(listener: number): number {
    const { fd } = this.#listeners[listener];
    let events = 0;
    for (let k = 0; k < ACCEPTS_PER_EVENT_MAX; k++) {
      // A handler may have stopped all listening.
      if (this.#listeners[listener].fd < 0) break;
      const accepted = this.#libc.calls.accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (accepted >= 0) {
        events += this.#accepted(accepted, listener);
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === EAGAIN) break;
      if (errno === EINTR) continue;
      this.#acceptFailed(errno);
      // Only that connection is lost. After any other error the next attempt would fail too, in a hot loop.
      if (errno !== ECONNABORTED) break;
    }
    return events;
  }

  // tidy: cold function, once per connection
  #accepted(fd: number, listener: number): number {
    const sockets = this.#sockets;
    const slot = sockets.take(fd, listener);
    if (slot < 0) {
      this.#libc.calls.close(fd);
      this.#acceptFailed(ENOMEM);
      return 0;
    }
    const error = this.#set.add(fd, EPOLLIN, (KIND_SOCKET << KIND_SHIFT) | slot, sockets.generations[slot]);
    if (error !== 0) {
      sockets.give(slot);
      this.#libc.calls.close(fd);
      this.#acceptFailed(error);
      return 0;
    }
    sockets.flags[slot] |= WATCHES_INPUT;
    this.#handler.onAccept(slot as SocketId, listener as ListenerId);
    return 1;
  }

  /** Counts a connection that was not to be had; unless it was the connection's fault, listeners rest. */
  #acceptFailed(errno: number): void {
    this.acceptErrors++;
    this.acceptErrno = errno;
    if (errno === ECONNABORTED) return;
    this.#acceptAtUs = this.#clock.monotonicUs() + ACCEPT_REST_MS * 1000;
    this.#watchListeners(0);
  }

  /** Lets resting listeners accept again when it is time; until then the wait must not be longer than that. */
  #restAccepts(timeoutMs: number): number {
    const leftMs = Math.ceil((this.#acceptAtUs - this.#clock.monotonicUs()) / 1000);
    if (leftMs > 0) return Math.min(timeoutMs, leftMs);
    this.#acceptAtUs = 0;
    this.#watchListeners(EPOLLIN);
    return timeoutMs;
  }

  #watchListeners(events: number): void {
    for (let k = 0; k < this.#listeners.length; k++) {
      const { fd } = this.#listeners[k];
      if (fd >= 0) this.#set.modify(fd, events, (KIND_ACCEPT << KIND_SHIFT) | k, 0);
    }
  }

  // ——— output ———

  /** The first attempt of a send; what it leaves waits for room. */
  #writeFirst(socket: SocketId): void {
    if (this.#writeRest(socket)) this.#sentAll(socket);
  }

  #sentAll(socket: SocketId): void {
    this.#sockets.flags[socket] |= SENT;
    this.#sent.push(socket);
  }

  /** Offers the rest of a socket's ranges to the kernel, once; true when it took all. */
  #writeRest(socket: SocketId): boolean {
    const sockets = this.#sockets;
    const { ranges } = sockets;
    const { slabAddressLow, slabAddressHigh } = this.blocks;
    const vectors = this.#vectors;
    const first = sockets.rangeAt[socket];
    const count = sockets.rangeCount[socket] - first;
    let r = socket * RANGE_WORDS + first * 3;
    for (let k = 0; k < count; k++, r += 3) {
      const slab = (ranges[r] / OUTPUT_BLOCKS_PER_SLAB) | 0;
      const start = ranges[r + 1];
      const low = slabAddressLow[slab];
      const v = k * VECTOR_WORDS;
      vectors[v] = (low + start) | 0;
      vectors[v + 1] = carriedHigh(low, slabAddressHigh[slab], start);
      vectors[v + 2] = ranges[r + 2] - start;
    }
    return this.#writtenInPart(socket, this.#writev(sockets.fds[socket], this.#vectorsAddress, count));
  }

  /** Takes a write's result off what is to be sent: true when nothing is left. The rest waits for room. */
  #writtenInPart(socket: SocketId, written: number): boolean {
    const sockets = this.#sockets;
    if (written < 0 && !this.#mayGoOn(socket)) return false;
    if (written > 0 && sockets.advance(socket, written)) return true;
    sockets.flags[socket] |= BLOCKED;
    this.#change(socket);
    return false;
  }

  /** The transfer that just failed may be tried again when the socket is ready; any other error is the socket's end. */
  #mayGoOn(socket: SocketId): boolean {
    const errno = this.#libc.errno();
    if (errno === EAGAIN || errno === EINTR) return true;
    this.#end(socket, errno);
    return false;
  }

  #addressOf(block: BlockId): bigint {
    if (block >= this.#blockAddresses.length) this.#addAddresses();
    return this.#blockAddresses[block];
  }

  // tidy: cold function, pools grow seldom
  #addAddresses(): void {
    const { slabs, slabAddressLow, slabAddressHigh } = this.blocks;
    for (let block = this.#blockAddresses.length; block < slabs.length * OUTPUT_BLOCKS_PER_SLAB; block++) {
      const slab = (block / OUTPUT_BLOCKS_PER_SLAB) | 0;
      const base = (BigInt(slabAddressHigh[slab]) << 32n) | BigInt(slabAddressLow[slab] >>> 0);
      this.#blockAddresses.push(base + BigInt(this.blocks.startOf(block as BlockId)));
    }
  }

  #reportSent(): number {
    const flags = this.#sockets.flags;
    let events = 0;
    // What a handler sends from within is reported by the next poll.
    for (let left = this.#sent.length; left > 0; left--) {
      const socket = this.#sent.shift() as SocketId;
      if ((flags[socket] & (SENT | CLOSING)) !== SENT) continue;
      flags[socket] &= ~(SENT | SENDING);
      events++;
      this.#handler.onSent(socket);
    }
    return events;
  }

  // ——— interest ———

  #change(socket: SocketId): void {
    const flags = this.#sockets.flags;
    if ((flags[socket] & (CHANGED | CLOSING)) !== 0) return;
    flags[socket] |= CHANGED;
    this.#changed.push(socket);
  }

  /** Tells the set what each of the changed sockets is to be watched for now, where that is another thing than before. */
  #applyChanges(): void {
    const { flags, fds, generations } = this.#sockets;
    while (this.#changed.length > 0) {
      const socket = this.#changed.shift() as SocketId;
      const state = flags[socket];
      // A slot that was reused since it was queued has no mark, or stands further behind too.
      if ((state & (CHANGED | CLOSING)) !== CHANGED) continue;
      let watches = (state & (PAUSED | ENDED)) === 0 ? WATCHES_INPUT : 0;
      if ((state & BLOCKED) !== 0) watches |= WATCHES_OUTPUT;
      flags[socket] &= ~CHANGED;
      if ((state & (WATCHES_INPUT | WATCHES_OUTPUT)) === watches) continue;
      const events =
        ((watches & WATCHES_INPUT) !== 0 ? EPOLLIN : 0) | ((watches & WATCHES_OUTPUT) !== 0 ? EPOLLOUT : 0);
      const data = (KIND_SOCKET << KIND_SHIFT) | socket;
      flags[socket] = (flags[socket] & ~(WATCHES_INPUT | WATCHES_OUTPUT | DETACHED)) | watches;
      const error =
        (state & DETACHED) !== 0
          ? this.#set.add(fds[socket], events, data, generations[socket])
          : this.#set.modify(fds[socket], events, data, generations[socket]);
      if (error !== 0) this.#end(socket, error);
    }
  }

  // ——— ends ———

  /** Begins a socket's end, by the shard (0) or by an error. */
  #end(socket: SocketId, errno: number): void {
    const { flags, errors } = this.#sockets;
    if ((flags[socket] & CLOSING) !== 0) return;
    flags[socket] = (flags[socket] | CLOSING | FINISHED) & ~(SENDING | SENT | BLOCKED);
    errors[socket] = errno;
    this.#finished.push(socket);
  }

  #reportFinished(): number {
    const sockets = this.#sockets;
    let events = 0;
    while (this.#finished.length > 0) {
      const socket = this.#finished.shift() as SocketId;
      this.#handler.onClosed(socket, sockets.errors[socket]);
      this.#libc.calls.close(sockets.fds[socket]);
      sockets.give(socket);
      events++;
    }
    return events;
  }

  #label(socket: SocketId, end: "peer" | "local"): string {
    const { fds, listeners } = this.#sockets;
    return socketLabel(this.#libc, fds[socket], this.#listeners[listeners[socket]].path, end);
  }
}

const NO_HANDLER: ReactorHandler = {
  onAccept() {},
  onData() {},
  onSent() {},
  onEnd() {},
  onClosed() {},
};
