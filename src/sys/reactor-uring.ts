/**
 * The reactor on io_uring: completions instead of readiness, one system call per loop iteration. Hot path.
 *
 *     accept   one multishot entry per listener; a completion brings one descriptor
 *     receive  one multishot entry per socket; the kernel picks a buffer of the shared ring, onData sees the bytes right
 *              there, the buffer goes back at the end of the poll
 *     send     one entry per send(), straight from the output blocks; what the kernel did not take goes out again from
 *              where it stopped, before onSent
 *     wake     one MSG_RING entry, which makes a completion in the other shard's ring
 *     libuv    one-shot poll of its descriptor; it only sets yieldDue
 *
 * User data: word 0 is kind << 24 | slot, word 1 the slot's generation.
 *
 * Fairness: a multishot receive takes at most 32 buffers before the kernel turns to the next socket, and a flood uses up
 * the buffers. Then receives end with ENOBUFS and are armed again in the order in which they ended, no more of them than
 * there are buffers: whoever flooded stands behind those it starved.
 *
 * A socket dies by close() or by an error; either way CLOSING silences it, its operations are cancelled and shut down, their
 * completions awaited, and only then the descriptor is closed, onClosed called and the slot reused. (Closing a
 * descriptor under an armed receive sends no FIN: the entry holds the file.) After an error the reactor does this by itself;
 * close() on such a socket is allowed until onClosed and does nothing.
 *
 * Refuses: to interpret bytes, to buffer output, to choose time-outs.
 */

import { assert } from "../base/assert.ts";
import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import {
  ACCEPT_REST_MS,
  DESTROY_ROUND_MS,
  DESTROY_ROUNDS_MAX,
  OUTPUT_BLOCKS_PER_SLAB,
  RECEIVE_BUFFER_BYTES,
  RECEIVE_BUFFERS,
  SEND_BLOCKS_MAX,
} from "../base/limits.ts";
import { BlockPool } from "./blocks.ts";
import {
  EAGAIN,
  ECANCELED,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  type Libc,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from "./libc.ts";
import { libuvDescriptor } from "./libuv.ts";
import { openListenSocket, removeSocketFile, setKeepAlive } from "./listen-socket.ts";
import { carriedHigh } from "./native-address.ts";
import type { ListenAddress, Reactor, ReactorHandler, ReactorName } from "./reactor.ts";
import { hasLocalPeer, socketLabel } from "./sockaddr.ts";
import {
  CLOSING,
  ENDED,
  FINISHED,
  HEARD,
  OPEN,
  PAUSED,
  RANGE_WORDS,
  RECEIVING,
  SENDING,
  SlotQueue,
  SocketTable,
  STARVED,
  STOPPING,
} from "./socket-table.ts";
import {
  ACCEPT_MULTISHOT,
  CANCEL_ALL,
  CANCEL_ANY,
  CANCEL_FD,
  CQE_BUFFER_SHIFT,
  CQE_HAS_BUFFER,
  CQE_MORE,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  OP_ACCEPT,
  OP_ASYNC_CANCEL,
  OP_CLOSE,
  OP_MSG_RING,
  OP_POLL_ADD,
  OP_RECV,
  OP_SEND,
  OP_SENDMSG,
  POLLIN,
  RECV_MULTISHOT,
  SQE_BUFFER_SELECT,
  SQE_SKIP_SUCCESS,
} from "./uring-layout.ts";
import { UringRing } from "./uring-ring.ts";
import { ReceiveSweep } from "./uring-sweep.ts";

const KIND_SHIFT = 24;
const SLOT_MASK = 0xff_ffff;
const KIND_NONE = 0;
const KIND_ACCEPT = 1;
const KIND_RECEIVE = 2;
const KIND_SEND = 3;
const KIND_CANCEL = 4;
/** Our MSG_RING entry failed; word 1 is the target. */
const KIND_WAKE_FAILED = 5;
/** Another ring's MSG_RING reached us. */
const KIND_WOKEN = 6;
const KIND_LIBUV = 7;

interface Listener {
  /** -1 once closed. */
  fd: number;
  readonly path: string | null;
  /** Is the multishot accept in the kernel's hands? */
  armed: boolean;
}

export class UringReactor implements Reactor {
  readonly name: ReactorName;
  readonly blocks: BlockPool;
  readonly blocking: boolean;
  yieldDue: boolean;
  onActivity: (() => void) | null;
  readonly wakeHandle: number;
  acceptErrors: number;
  acceptErrno: number;
  /** Completions of sockets that are no more; other than 0 only through a bug of ours or the kernel's. */
  staleCompletions: number;
  readonly #libc: Libc;
  readonly #ring: UringRing;
  readonly #clock: Clock;
  readonly #sockets: SocketTable;
  readonly #finished: SlotQueue;
  readonly #starved: SlotQueue;
  readonly #deaf: SlotQueue;
  readonly #sweep: ReceiveSweep;
  #polls: number;
  readonly #listeners: Listener[];
  readonly #libuvFd: number;
  #libuvArmed: boolean;
  /** Monotonic microseconds at which listeners that rest accept again; 0 when none rests. */
  #acceptAtUs: number;
  #keepAliveSeconds: number;
  #handler: ReactorHandler;
  #destroyed: boolean;

  /** Opens a ring for the calling thread, which alone may use it. @throws UringUnavailable */
  constructor(libc: Libc, clock: Clock) {
    this.name = "io_uring";
    this.#libc = libc;
    this.#ring = new UringRing(libc);
    this.#clock = clock;
    this.blocks = new BlockPool((byteLength) => libc.allocate(byteLength));
    this.blocking = true;
    // libuv hands its handles to its descriptor only in a pass of its loop, so one pass comes before the first wait.
    this.yieldDue = true;
    this.onActivity = null;
    this.wakeHandle = this.#ring.fd;
    this.acceptErrors = 0;
    this.acceptErrno = 0;
    this.staleCompletions = 0;
    this.#sockets = new SocketTable();
    this.#finished = new SlotQueue();
    this.#starved = new SlotQueue();
    this.#deaf = new SlotQueue();
    this.#sweep = new ReceiveSweep(libc, clock);
    this.#polls = 0;
    this.#listeners = [];
    this.#libuvFd = libuvDescriptor(libc);
    this.#libuvArmed = false;
    this.#acceptAtUs = 0;
    this.#keepAliveSeconds = 0;
    this.#handler = NO_HANDLER;
    this.#destroyed = false;
  }

  /** System calls of poll() and submit() so far, for measurement. */
  get enters(): number {
    return this.#ring.enters;
  }

  attach(handler: ReactorHandler): void {
    this.#handler = handler;
  }

  async listen(address: ListenAddress): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    assert(!this.#destroyed, "a destroyed reactor is not used");
    const { fd, port } = openListenSocket(this.#libc, address, this.#keepAliveSeconds);
    const path = address.kind === "unix" ? address.path : null;
    const listener = this.#listeners.push({ fd, path, armed: false }) - 1;
    this.#armAccept(listener);
    return { listener: listener as ListenerId, port };
  }

  stopListening(): void {
    for (let k = 0; k < this.#listeners.length; k++) {
      const listener = this.#listeners[k];
      if (listener.fd < 0) continue;
      // Shutting down a listening socket refuses connections from this moment; the entry gives the file up a little later.
      this.#libc.calls.shutdown(listener.fd, SHUT_RDWR);
      this.#cancelDescriptor(listener.fd, KIND_NONE << KIND_SHIFT, 0);
      this.#closeDescriptor(listener.fd);
      listener.fd = -1;
      if (listener.path !== null) removeSocketFile(listener.path);
    }
    this.#acceptAtUs = 0;
    this.#ring.submit();
  }

  poll(timeoutMs: number): number {
    assert(!this.#destroyed, "a destroyed reactor is not polled");
    let events = this.#finished.length > 0 ? this.#reportFinished() : 0;
    if (this.#starved.length > 0) this.#feedStarved();
    if (!this.#libuvArmed && !this.yieldDue) this.#armLibuv();
    if (this.#acceptAtUs !== 0) timeoutMs = this.#restAccepts(timeoutMs);
    // Reading the clock costs more than a look at a counter.
    this.#polls = (this.#polls + 1) & 15;
    if (this.#polls === 0 && this.#sweep.due()) this.#sweepReceives();
    if (events > 0 || this.yieldDue || this.#starved.length > 0) timeoutMs = 0;
    this.#ring.enter(timeoutMs);
    if (this.#ring.cqHead !== this.#ring.cqTail) events += this.#dispatch();
    if (this.#finished.length > 0) events += this.#reportFinished();
    return events;
  }

  submit(): void {
    this.#ring.submit();
  }

  send(socket: SocketId, block: BlockId, start: number, end: number): void {
    const sockets = this.#sockets;
    assert((sockets.flags[socket] & SENDING) === 0, "one send per socket is in flight");
    assert(end > start, "a send has bytes");
    if ((sockets.flags[socket] & CLOSING) !== 0) return;
    const r = socket * RANGE_WORDS;
    sockets.ranges[r] = block;
    sockets.ranges[r + 1] = start;
    sockets.ranges[r + 2] = end;
    sockets.rangeAt[socket] = 0;
    sockets.rangeCount[socket] = 1;
    this.#queueSend(socket);
  }

  sendMany(socket: SocketId, ranges: Int32Array, count: number): void {
    const sockets = this.#sockets;
    assert((sockets.flags[socket] & SENDING) === 0, "one send per socket is in flight");
    assert(count > 0 && count <= SEND_BLOCKS_MAX, "a send has 1 to SEND_BLOCKS_MAX ranges");
    if ((sockets.flags[socket] & CLOSING) !== 0) return;
    const r = socket * RANGE_WORDS;
    for (let k = 0; k < count * 3; k++) sockets.ranges[r + k] = ranges[k];
    sockets.rangeAt[socket] = 0;
    sockets.rangeCount[socket] = count;
    this.#queueSend(socket);
  }

  /** A few onData calls may still follow, for what the kernel had received when it saw the cancellation. */
  pauseReading(socket: SocketId): void {
    const flags = this.#sockets.flags;
    if ((flags[socket] & (PAUSED | CLOSING)) !== 0) return;
    flags[socket] |= PAUSED;
    if ((flags[socket] & (RECEIVING | STOPPING)) === RECEIVING) this.#cancelReceive(socket);
  }

  resumeReading(socket: SocketId): void {
    this.#sockets.flags[socket] &= ~PAUSED;
    this.#armReceive(socket);
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
    // The target gets a completion whose user data is the offset field of this entry.
    const data = KIND_WAKE_FAILED << KIND_SHIFT;
    this.#ring.entry(OP_MSG_RING, SQE_SKIP_SUCCESS, 0, handle, KIND_WOKEN << KIND_SHIFT, 0, 0, 0, 0, data, handle);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#handler = NO_HANDLER;
    this.stopListening();
    const { flags, fds, capacity } = this.#sockets;
    for (let slot = 0; slot < capacity; slot++) {
      if ((flags[slot] & OPEN) === 0) continue;
      if ((flags[slot] & (RECEIVING | SENDING)) !== 0) this.#libc.calls.shutdown(fds[slot], SHUT_RDWR);
      flags[slot] |= CLOSING;
    }
    this.#ring.entry(OP_ASYNC_CANCEL, 0, 0, -1, 0, 0, 0, 0, CANCEL_ALL | CANCEL_ANY, KIND_NONE << KIND_SHIFT, 0);
    for (let round = 0; round < DESTROY_ROUNDS_MAX; round++) {
      this.#ring.enter(round === 0 ? 0 : DESTROY_ROUND_MS);
      this.#dispatch();
      if (!this.#anyInFlight()) break;
    }
    this.#destroyed = true;
    for (let slot = 0; slot < this.#sockets.capacity; slot++) {
      if ((this.#sockets.flags[slot] & OPEN) !== 0) this.#libc.calls.close(this.#sockets.fds[slot]);
    }
    this.#ring.close();
  }

  #anyInFlight(): boolean {
    const { flags, capacity } = this.#sockets;
    for (let slot = 0; slot < capacity; slot++) if ((flags[slot] & (RECEIVING | SENDING)) !== 0) return true;
    for (let k = 0; k < this.#listeners.length; k++) if (this.#listeners[k].armed) return true;
    return this.#libuvArmed;
  }

  // ——— completions ———

  #dispatch(): number {
    const ring = this.#ring;
    const end = ring.cqTail;
    let events = 0;
    while (ring.cqHead !== end) {
      const words = ring.words;
      const w = ring.cqeWord(ring.cqHead);
      const low = words[w];
      const high = words[w + 1];
      const result = words[w + 2];
      const flags = words[w + 3];
      ring.cqHead = (ring.cqHead + 1) | 0;
      const kind = low >>> KIND_SHIFT;
      if (kind === KIND_RECEIVE) events += this.#received((low & SLOT_MASK) as SocketId, high, result, flags);
      else if (kind === KIND_SEND) events += this.#sent((low & SLOT_MASK) as SocketId, high, result);
      else if (kind === KIND_ACCEPT) events += this.#accepted(low & SLOT_MASK, result, flags);
      else this.#noted(kind, low & SLOT_MASK, high, result);
    }
    ring.publishHead();
    ring.publishBuffers();
    return events;
  }

  #received(socket: SocketId, generation: number, result: number, flags: number): number {
    const sockets = this.#sockets;
    const buffer = (flags & CQE_HAS_BUFFER) !== 0 ? flags >>> CQE_BUFFER_SHIFT : -1;
    if (sockets.generations[socket] !== generation) {
      this.staleCompletions++;
      if (buffer >= 0) this.#ring.returnBuffer(buffer);
      return 0;
    }
    const last = (flags & CQE_MORE) === 0;
    if (last) sockets.flags[socket] &= ~(RECEIVING | STOPPING);
    let events = 0;
    if ((sockets.flags[socket] & CLOSING) === 0) {
      if (result > 0) {
        const start = buffer * RECEIVE_BUFFER_BYTES;
        events = 1;
        sockets.flags[socket] |= HEARD;
        this.#handler.onData(socket, this.#ring.bufferBytes, start, start + result);
      } else {
        events = this.#receiveEnded(socket, result);
      }
    }
    if (buffer >= 0) this.#ring.returnBuffer(buffer);
    if (last) {
      if ((sockets.flags[socket] & CLOSING) !== 0) this.#finishWhenIdle(socket);
      else this.#armReceive(socket);
    }
    return events;
  }

  /** A receive that brought no bytes: the peer's end, a shortage, a cancellation, or an error. Returns handler calls. */
  #receiveEnded(socket: SocketId, result: number): number {
    const flags = this.#sockets.flags;
    if (result === 0) {
      flags[socket] |= ENDED;
      this.#handler.onEnd(socket);
      return 1;
    }
    if (result === -ENOBUFS) {
      // Armed again by the next poll, when the buffers of this one have been given back.
      this.#ring.addBuffers();
      if ((flags[socket] & STARVED) === 0) {
        flags[socket] |= STARVED;
        this.#starved.push(socket);
      }
    } else if (result !== -ECANCELED && result !== -EINTR && result !== -EAGAIN) {
      this.#end(socket, -result);
    }
    return 0;
  }

  #sent(socket: SocketId, generation: number, result: number): number {
    const sockets = this.#sockets;
    if (sockets.generations[socket] !== generation) {
      this.staleCompletions++;
      return 0;
    }
    sockets.flags[socket] &= ~SENDING;
    if ((sockets.flags[socket] & CLOSING) !== 0) {
      this.#finishWhenIdle(socket);
      return 0;
    }
    if (result < 0) {
      if (result === -EINTR || result === -EAGAIN) this.#queueSend(socket);
      else this.#end(socket, -result);
      return 0;
    }
    if (!sockets.advance(socket, result)) {
      this.#queueSend(socket);
      return 0;
    }
    this.#handler.onSent(socket);
    return 1;
  }

  #accepted(listener: number, result: number, flags: number): number {
    const entry = this.#listeners[listener];
    if ((flags & CQE_MORE) === 0) entry.armed = false;
    if (result < 0) {
      if (entry.fd < 0) return 0;
      this.acceptErrors++;
      this.acceptErrno = -result;
      if (result === -EMFILE || result === -ENFILE || result === -ENOBUFS || result === -ENOMEM) {
        // It would fail again at once, in a hot loop: rest, while those connected go on.
        this.#acceptAtUs = this.#clock.monotonicUs() + ACCEPT_REST_MS * 1000;
      } else if (!entry.armed) {
        this.#armAccept(listener);
      }
      return 0;
    }
    const slot = entry.fd < 0 ? -1 : this.#sockets.take(result, listener);
    if (slot < 0) {
      if (entry.fd >= 0) this.acceptErrors++;
      if (entry.fd >= 0) this.acceptErrno = ENOMEM;
      this.#closeDescriptor(result);
    }
    if (!entry.armed && entry.fd >= 0) this.#armAccept(listener);
    if (slot < 0) return 0;
    this.#handler.onAccept(slot as SocketId, listener as ListenerId);
    this.#armReceive(slot as SocketId);
    return 1;
  }

  /** Completions that are no event of a socket. */
  #noted(kind: number, slot: number, high: number, result: number): void {
    if (kind === KIND_LIBUV) {
      this.#libuvArmed = false;
      this.yieldDue = true;
    } else if (kind === KIND_CANCEL) {
      // The kernel was just then moving the operation from one list to another, and did not find it: once more.
      const { flags, generations } = this.#sockets;
      if (generations[slot] !== high || (flags[slot] & (RECEIVING | SENDING)) === 0) return;
      if ((flags[slot] & CLOSING) !== 0) this.#cancelSocket(slot as SocketId);
      else if ((flags[slot] & STOPPING) !== 0) this.#cancelReceive(slot as SocketId);
    } else if (kind === KIND_WAKE_FAILED) {
      // Short of memory the kernel may do better next time. A ring that is gone or full needs no waking.
      if (result === -ENOMEM || result === -EAGAIN || result === -EINTR) this.wake(high);
    }
  }

  // ——— entries ———

  #armAccept(listener: number): void {
    const entry = this.#listeners[listener];
    entry.armed = true;
    const data = (KIND_ACCEPT << KIND_SHIFT) | listener;
    this.#ring.entry(OP_ACCEPT, 0, ACCEPT_MULTISHOT, entry.fd, 0, 0, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK, data, 0);
  }

  /** Arms a socket's receive if it should have one and has none. */
  #armReceive(socket: SocketId): void {
    const { flags, fds, generations } = this.#sockets;
    if ((flags[socket] & (OPEN | RECEIVING | PAUSED | ENDED | CLOSING | STARVED)) !== OPEN) return;
    flags[socket] |= RECEIVING;
    const data = (KIND_RECEIVE << KIND_SHIFT) | socket;
    this.#ring.entry(OP_RECV, SQE_BUFFER_SELECT, RECV_MULTISHOT, fds[socket], 0, 0, 0, 0, 0, data, generations[socket]);
  }

  #armLibuv(): void {
    if (this.#libuvFd < 0) return;
    this.#libuvArmed = true;
    this.#ring.entry(OP_POLL_ADD, 0, 0, this.#libuvFd, 0, 0, 0, 0, POLLIN, KIND_LIBUV << KIND_SHIFT, 0);
  }

  /** Hands the rest of a socket's ranges to the kernel. MSG_WAITALL: it completes when all of them are taken, or on an error. */
  #queueSend(socket: SocketId): void {
    const { flags, fds, generations, ranges, rangeAt, rangeCount } = this.#sockets;
    const { slabAddressLow, slabAddressHigh } = this.blocks;
    flags[socket] |= SENDING;
    const ring = this.#ring;
    const data = (KIND_SEND << KIND_SHIFT) | socket;
    const first = rangeAt[socket];
    const count = rangeCount[socket] - first;
    let r = socket * RANGE_WORDS + first * 3;
    if (count > 1) ring.message(count);
    for (let k = 0; k < count; k++, r += 3) {
      const slab = (ranges[r] / OUTPUT_BLOCKS_PER_SLAB) | 0;
      const start = ranges[r + 1];
      const low = slabAddressLow[slab];
      const addressLow = (low + start) | 0;
      const addressHigh = carriedHigh(low, slabAddressHigh[slab], start);
      const byteLength = ranges[r + 2] - start;
      if (count > 1) {
        ring.messageVector(k, addressLow, addressHigh, byteLength);
      } else {
        const how = MSG_NOSIGNAL | MSG_WAITALL;
        ring.entry(OP_SEND, 0, 0, fds[socket], 0, addressLow, addressHigh, byteLength, how, data, generations[socket]);
        return;
      }
    }
    const how = MSG_NOSIGNAL | MSG_WAITALL;
    const messageLow = ring.messageLow();
    const messageHigh = ring.messageHigh();
    ring.entry(OP_SENDMSG, 0, 0, fds[socket], 0, messageLow, messageHigh, 1, how, data, generations[socket]);
  }

  #cancelReceive(socket: SocketId): void {
    const { flags, generations } = this.#sockets;
    flags[socket] |= STOPPING;
    const generation = generations[socket];
    const target = (KIND_RECEIVE << KIND_SHIFT) | socket;
    const data = (KIND_CANCEL << KIND_SHIFT) | socket;
    this.#ring.entry(OP_ASYNC_CANCEL, SQE_SKIP_SUCCESS, 0, -1, 0, target, generation, 0, 0, data, generation);
  }

  #cancelSocket(socket: SocketId): void {
    const { fds, generations } = this.#sockets;
    this.#cancelDescriptor(fds[socket], (KIND_CANCEL << KIND_SHIFT) | socket, generations[socket]);
  }

  #cancelDescriptor(fd: number, dataLow: number, dataHigh: number): void {
    const what = CANCEL_ALL | CANCEL_FD;
    this.#ring.entry(OP_ASYNC_CANCEL, SQE_SKIP_SUCCESS, 0, fd, 0, 0, 0, 0, what, dataLow, dataHigh);
  }

  #closeDescriptor(fd: number): void {
    this.#ring.entry(OP_CLOSE, SQE_SKIP_SUCCESS, 0, fd, 0, 0, 0, 0, 0, KIND_NONE << KIND_SHIFT, 0);
  }

  // ——— ends ———

  /** Begins a socket's end, by the shard (0) or by an error. */
  #end(socket: SocketId, errno: number): void {
    const { flags, fds, errors } = this.#sockets;
    if ((flags[socket] & CLOSING) !== 0) return;
    flags[socket] |= CLOSING;
    errors[socket] = errno;
    if ((flags[socket] & (RECEIVING | SENDING)) !== 0) {
      this.#libc.calls.shutdown(fds[socket], SHUT_RDWR);
      this.#cancelSocket(socket);
    }
    this.#finishWhenIdle(socket);
  }

  #finishWhenIdle(socket: SocketId): void {
    const flags = this.#sockets.flags;
    if ((flags[socket] & (RECEIVING | SENDING | FINISHED)) !== 0) return;
    flags[socket] |= FINISHED;
    this.#finished.push(socket);
  }

  #reportFinished(): number {
    const sockets = this.#sockets;
    let events = 0;
    while (this.#finished.length > 0) {
      const socket = this.#finished.shift() as SocketId;
      this.#closeDescriptor(sockets.fds[socket]);
      this.#handler.onClosed(socket, sockets.errors[socket]);
      sockets.give(socket);
      events++;
    }
    return events;
  }

  #feedStarved(): void {
    const flags = this.#sockets.flags;
    const turns = Math.min(this.#starved.length, RECEIVE_BUFFERS);
    for (let k = 0; k < turns; k++) {
      const socket = this.#starved.shift() as SocketId;
      // A slot may have been reused since it was queued; then its flag is gone, or it stands further behind too.
      if ((flags[socket] & STARVED) === 0) continue;
      flags[socket] &= ~STARVED;
      this.#armReceive(socket);
    }
  }

  #sweepReceives(): void {
    this.#sweep.look(this.#sockets, this.#deaf);
    while (this.#deaf.length > 0) this.#cancelReceive(this.#deaf.shift() as SocketId);
  }

  /** Lets resting listeners accept again when it is time; until then the wait must not be longer than that. */
  #restAccepts(timeoutMs: number): number {
    const leftMs = Math.ceil((this.#acceptAtUs - this.#clock.monotonicUs()) / 1000);
    if (leftMs > 0) return Math.min(timeoutMs, leftMs);
    this.#acceptAtUs = 0;
    for (let k = 0; k < this.#listeners.length; k++) {
      if (this.#listeners[k].fd >= 0 && !this.#listeners[k].armed) this.#armAccept(k);
    }
    return timeoutMs;
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
