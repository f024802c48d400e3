/**
 * The reactor: how a shard meets the network. One interface; io_uring, node:net and others behind it.
 *
 * A shard owns one reactor and is its only caller. The reactor owns sockets and receive buffers; the shard owns output
 * blocks, except that blocks of a send in flight are the kernel's until onSent or onClosed for that socket.
 *
 *     shard                         reactor
 *       poll(timeout) ──────────────► submit what is queued, wait, dispatch events:
 *       onAccept / onData / onSent / onEnd / onClosed ◄──────
 *       send(socket, …)  ───────────► queued; goes out with the next poll or submit
 *
 * Refuses: to know what the bytes mean, to buffer output, to decide when a connection is closed (it only reports).
 */

import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import type { BlockPool } from "./blocks.ts";

export type ReactorName = "io_uring" | "epoll" | "net" | "sim";

/** Where to listen. A TCP host is a numeric address ("127.0.0.1", "::", …); port 0 lets the system choose. */
export type ListenAddress =
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly backlog: number;
      /** Several shards listen on the port, the kernel spreads connections over them. */
      readonly shared: boolean;
    }
  | { readonly kind: "unix"; readonly path: string; readonly backlog: number; readonly mode: number };

/** What listen() throws. `code` is the system's name of the error: EADDRINUSE, EADDRNOTAVAIL, EACCES, … */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What the reactor tells its shard. None of these may throw. All are called from within poll(), or for node:net from libuv's callbacks. */
export interface ReactorHandler {
  onAccept(socket: SocketId, listener: ListenerId): void;
  /** bytes[start, end) just arrived. They are valid during the call only: whatever is not used now must be copied. */
  onData(socket: SocketId, bytes: Uint8Array, start: number, end: number): void;
  /** The send in flight is complete: the kernel has taken every byte. Its blocks are the shard's again. */
  onSent(socket: SocketId): void;
  /** The peer will send no more (half close). Output may still be sent. */
  onEnd(socket: SocketId): void;
  /** The last call for this socket. Blocks of a send in flight are the shard's again. errno is positive, or 0 for an orderly close. */
  onClosed(socket: SocketId, errno: number): void;
}

export interface Reactor {
  readonly name: ReactorName;
  /** Output memory from which send() sends. */
  readonly blocks: BlockPool;
  /** True where poll() may wait; false where libuv drives (node:net): then poll() returns at once and `onActivity` is called after events. */
  readonly blocking: boolean;
  /** Set when Node's own event loop has something to do; the thread then returns to it once and clears this. Only where blocking. */
  yieldDue: boolean;
  /** Where not blocking: called (once until the next poll) after handler calls made from libuv's callbacks. */
  onActivity: (() => void) | null;
  /** What another shard's reactor of the same kind passes to wake(); -1 where waking goes another way. */
  readonly wakeHandle: number;
  /** Connections that could not be accepted so far, as far as the system tells, and the error of the last one (a positive errno; 0 before). */
  readonly acceptErrors: number;
  readonly acceptErrno: number;

  attach(handler: ReactorHandler): void;
  /** Resolves once the kernel accepts connections there. @throws ListenError */
  listen(address: ListenAddress): Promise<{ readonly listener: ListenerId; readonly port: number }>;
  /** Takes no more connections; those accepted live on. A Unix socket's file is removed. */
  stopListening(): void;

  /**
   * Submits what is queued, waits at most timeoutMs (0: not at all) for an event unless some are there, and dispatches all that are there.
   * Returns how many events were handler calls (wake-ups and libuv's do not count as work).
   */
  poll(timeoutMs: number): number;
  /** Submits what is queued without waiting: before a return to libuv. */
  submit(): void;

  /** Sends bytes [start, end) of a block's slab view (see BlockPool.startOf). At most one send per socket is in flight: wait for onSent. */
  send(socket: SocketId, block: BlockId, start: number, end: number): void;
  /** Sends up to SEND_BLOCKS_MAX ranges in order: ranges[3i] = block, [3i+1] = start, [3i+2] = end. The array may be reused after the call. */
  sendMany(socket: SocketId, ranges: Int32Array, count: number): void;

  /** No onData from (soon) now on: data already taken from the kernel may still arrive once. */
  pauseReading(socket: SocketId): void;
  resumeReading(socket: SocketId): void;
  /** Closes: no more callbacks but onClosed, once nothing of the socket is in the kernel's hands. A send in flight is cut off. The peer sees FIN (RST when input was left unread). */
  close(socket: SocketId): void;

  /** "127.0.0.1:6379", "[::1]:6379", or the path and ":0" for a Unix socket, as CLIENT LIST shows it. */
  peerName(socket: SocketId): string;
  localName(socket: SocketId): string;
  /** True for a peer on a loopback address or a Unix socket. */
  isLocalPeer(socket: SocketId): boolean;
  /** TCP keep-alive period in seconds, 0 is off. Applies to sockets accepted from now on. */
  setKeepAlive(seconds: number): void;

  /** Wakes the shard whose reactor published this handle. Costs no system call of its own where the kernel allows (goes out with the next poll or submit). */
  wake(handle: number): void;

  /** Closes everything at once, without callbacks. */
  destroy(): void;
}
