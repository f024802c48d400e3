/**
 * The reactor over node:net: for every machine where neither io_uring nor epoll is to be had. Hot path.
 *
 * libuv drives: events come as callbacks of Node's own loop, the handler is called from within them, and poll() never
 * waits, it only tells how many there were. After the first handler call since the last poll(), `onActivity` asks the
 * shard to schedule its step.
 *
 * Input arrives in buffers that Node makes, one per read: a server cannot give node:net a buffer of its own for
 * accepted sockets. Output leaves from the slabs without a copy; what is allocated per send is one view and Node's
 * write request.
 *
 * Refuses: to reach below node:net's documented interface, to queue output (one send per socket is in flight).
 */

import { chmodSync, closeSync, openSync } from "node:fs";
import { createServer, isIP, type Server, type Socket } from "node:net";
import { constants, devNull } from "node:os";
import { assert, unreachable } from "../base/assert.ts";
import type { BlockId, ListenerId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { DESCRIPTOR_PROBE_MS, OUTPUT_BLOCKS_PER_SLAB, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { BlockPool } from "./blocks.ts";
import { canSharePort, errorCode, startOrReplace } from "./net-listen.ts";
import { type ListenAddress, ListenError, type Reactor, type ReactorHandler } from "./reactor.ts";

const ERRNO: Readonly<Record<string, number | undefined>> = constants.errno;
const ERRNO_UNKNOWN = constants.errno.EIO;

/** One accepted socket: what the reactor keeps of it from accept to close. Its callbacks are made once, here. */
class Connection {
  readonly id: SocketId;
  readonly socket: Socket;
  readonly listener: ListenerId;
  /** The Unix socket's path, or empty for TCP. */
  readonly path: string;
  readonly peerName: string;
  readonly isLocalPeer: boolean;
  localName: string;
  /** A send is in flight: the blocks are the kernel's. */
  sending: boolean;
  /** The shard has closed it: only onClosed may follow. */
  closing: boolean;
  errno: number;
  /** Passed to the last write of a send. */
  readonly written: (error?: Error | null) => void;

  constructor(reactor: NetReactor, id: SocketId, socket: Socket, listener: ListenerId, path: string) {
    this.id = id;
    this.socket = socket;
    this.listener = listener;
    this.path = path;
    this.peerName = path !== "" ? `${path}:0` : endpointName(socket.remoteAddress, socket.remotePort);
    this.isLocalPeer = path !== "" || isLoopback(socket.remoteAddress);
    this.localName = "";
    this.sending = false;
    this.closing = false;
    this.errno = 0;
    this.written = (error) => reactor.dispatchWritten(this, error);
  }
}

/** "1.2.3.4:5" or "[::1]:5". The address is unknown when the peer was gone before it was asked for. */
// tidy: cold function, a name once per connection
function endpointName(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "?:0";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

function errnoOf(error: unknown): number {
  const code = (error as { code?: unknown }).code;
  return (typeof code === "string" ? ERRNO[code] : undefined) ?? ERRNO_UNKNOWN;
}

export class NetReactor implements Reactor {
  readonly name: "net";
  readonly blocks: BlockPool;
  readonly blocking: boolean;
  yieldDue: boolean;
  onActivity: (() => void) | null;
  readonly wakeHandle: number;
  acceptErrors: number;
  acceptErrno: number;
  #handler: ReactorHandler | null;
  #servers: Server[];
  #listenerCount: number;
  /** By SocketId; null where the slot is free. */
  #connections: (Connection | null)[];
  #freeIds: SocketId[];
  /** Slabs as Node wants to see them: a Buffer, so that a write makes one view and not two. */
  #slabBuffers: Buffer[];
  #keepAliveMs: number;
  readonly #clock: Clock;
  /** Monotonic microseconds from which to look for descriptors again; 0 when there is no reason to. */
  #probeAtUs: number;
  /** Handler calls since the last poll(). */
  #events: number;
  #destroyed: boolean;

  constructor(clock: Clock) {
    this.name = "net";
    this.blocks = new BlockPool((byteLength) => ({ buffer: new ArrayBuffer(byteLength), address: 0n }));
    this.blocking = false;
    this.yieldDue = false;
    this.onActivity = null;
    this.wakeHandle = -1;
    this.acceptErrors = 0;
    this.acceptErrno = 0;
    this.#handler = null;
    this.#servers = [];
    this.#listenerCount = 0;
    this.#connections = [];
    this.#freeIds = [];
    this.#slabBuffers = [];
    this.#keepAliveMs = 0;
    this.#clock = clock;
    this.#probeAtUs = 0;
    this.#events = 0;
    this.#destroyed = false;
  }

  attach(handler: ReactorHandler): void {
    assert(this.#handler === null, "a reactor has one handler");
    this.#handler = handler;
  }

  // tidy: cold function, start
  async listen(address: ListenAddress): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    assert(this.#handler !== null, "attach comes before listen");
    if (address.kind === "tcp" && isIP(address.host) === 0) {
      throw new ListenError("EINVAL", `${address.host}:${address.port}: the host is no numeric address`);
    }
    if (address.kind === "tcp" && address.shared) {
      if (!(await canSharePort())) throw new ListenError("ENOTSUP", "node:net cannot share a port between shards here");
    }
    const listener = this.#listenerCount++ as ListenerId;
    const path = address.kind === "unix" ? address.path : "";
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket, listener, path);
    });
    // Remembered before it listens, so that destroy() reaches it meanwhile.
    this.#servers.push(server);
    try {
      await startOrReplace(server, address);
      if (address.kind === "unix") chmodSync(address.path, address.mode);
    } catch (error) {
      this.#servers = this.#servers.filter((other) => other !== server);
      if (server.listening) server.close();
      if (error instanceof ListenError) throw error;
      throw new ListenError(errorCode(error), (error as Error).message);
    }
    const bound = server.address();
    return { listener, port: bound !== null && typeof bound === "object" ? bound.port : 0 };
  }

  // tidy: cold function, the end
  stopListening(): void {
    // Closing a server removes its Unix socket's file and leaves accepted sockets alone.
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  poll(_timeoutMs: number): number {
    if (this.#probeAtUs !== 0 && this.#clock.monotonicUs() >= this.#probeAtUs) this.#lookForDescriptors();
    const events = this.#events;
    this.#events = 0;
    return events;
  }

  submit(): void {}

  send(socket: SocketId, block: BlockId, start: number, end: number): void {
    const connection = this.#live(socket);
    assert(!connection.sending && !connection.closing && start < end, "one send at a time, of at least a byte");
    connection.sending = true;
    // view: node:net takes no ranges
    connection.socket.write(this.#slabBuffer(block).subarray(start, end), connection.written);
  }

  sendMany(socket: SocketId, ranges: Int32Array, count: number): void {
    assert(count > 0 && count <= SEND_BLOCKS_MAX, "a send has 1 to SEND_BLOCKS_MAX ranges");
    const connection = this.#live(socket);
    assert(!connection.sending && !connection.closing, "one send at a time");
    connection.sending = true;
    const output = connection.socket;
    output.cork();
    const last = 3 * (count - 1);
    for (let at = 0; at <= last; at += 3) {
      // view: node:net takes no ranges
      const bytes = this.#slabBuffer(ranges[at] as BlockId).subarray(ranges[at + 1], ranges[at + 2]);
      if (at === last) output.write(bytes, connection.written);
      else output.write(bytes);
    }
    output.uncork();
  }

  pauseReading(socket: SocketId): void {
    this.#live(socket).socket.pause();
  }

  resumeReading(socket: SocketId): void {
    this.#live(socket).socket.resume();
  }

  close(socket: SocketId): void {
    const connection = this.#live(socket);
    if (connection.closing) return;
    connection.closing = true;
    // 'close' comes once libuv has given up every write request, so the blocks are free by then.
    connection.socket.destroy();
  }

  peerName(socket: SocketId): string {
    return this.#live(socket).peerName;
  }

  // tidy: cold function, a name once per connection
  localName(socket: SocketId): string {
    const connection = this.#live(socket);
    if (connection.localName === "") {
      const { path, socket: tcp } = connection;
      connection.localName = path !== "" ? `${path}:0` : endpointName(tcp.localAddress, tcp.localPort);
    }
    return connection.localName;
  }

  isLocalPeer(socket: SocketId): boolean {
    return this.#live(socket).isLocalPeer;
  }

  setKeepAlive(seconds: number): void {
    this.#keepAliveMs = seconds * 1000;
  }

  wake(_handle: number): void {
    unreachable("shards on node:net are woken by messages, not by their reactor");
  }

  // tidy: cold function, the end
  destroy(): void {
    this.#destroyed = true;
    this.stopListening();
    for (const connection of this.#connections) connection?.socket.destroy();
    this.#connections = [];
    this.#freeIds = [];
  }

  /**
   * Out of descriptors, libuv takes connections and closes them at once, and tells nobody. So this looks whether there
   * is one left: from time to time after a client came, and until there is one again.
   */
  // tidy: cold function, once a second at most
  #lookForDescriptors(): void {
    this.#probeAtUs = 0;
    if (process.platform === "win32") return;
    try {
      closeSync(openSync(devNull, "r"));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== constants.errno.EMFILE && errno !== constants.errno.ENFILE) return;
      this.acceptErrors++;
      this.acceptErrno = errno;
      this.#probeAtUs = this.#clock.monotonicUs() + DESCRIPTOR_PROBE_MS * 1000;
    }
  }

  /** The last write of a send is done, or failed. For Connection only. */
  dispatchWritten(connection: Connection, error: Error | null | undefined): void {
    // A socket that is being closed reports its end by onClosed, which gives the blocks back as well. Node says
    // "no error" for writes that destroy() cut off, hence the look at the socket.
    if (connection.closing || error || connection.socket.destroyed || this.#destroyed) return;
    connection.sending = false;
    this.#handler?.onSent(connection.id);
    this.#acted();
  }

  #live(socket: SocketId): Connection {
    const connection = this.#connections[socket];
    assert(connection !== null && connection !== undefined, "the socket is open");
    return connection;
  }

  #slabBuffer(block: BlockId): Buffer {
    const buffer = this.#slabBuffers[(block / OUTPUT_BLOCKS_PER_SLAB) | 0];
    if (buffer !== undefined) return buffer;
    while (this.#slabBuffers.length < this.blocks.slabs.length) {
      this.#slabBuffers.push(Buffer.from(this.blocks.slabs[this.#slabBuffers.length].buffer));
    }
    return this.#slabBuffers[(block / OUTPUT_BLOCKS_PER_SLAB) | 0];
  }

  #acted(): void {
    this.#events++;
    if (this.#events === 1 && this.onActivity !== null) this.onActivity();
  }

  // tidy: cold function, callbacks are made once per connection
  #accept(socket: Socket, listener: ListenerId, path: string): void {
    const handler = this.#handler;
    if (this.#destroyed || handler === null) {
      socket.destroy();
      return;
    }
    const id = this.#freeIds.pop() ?? (this.#connections.length as SocketId);
    const connection = new Connection(this, id, socket, listener, path);
    this.#connections[id] = connection;
    if (this.#probeAtUs === 0) this.#probeAtUs = this.#clock.monotonicUs() + DESCRIPTOR_PROBE_MS * 1000;
    if (this.#keepAliveMs > 0 && path === "") socket.setKeepAlive(true, this.#keepAliveMs);
    socket.on("error", (error) => {
      if (connection.errno === 0) connection.errno = errnoOf(error);
    });
    socket.on("close", () => this.#closed(connection));
    socket.on("end", () => {
      if (connection.closing || this.#destroyed) return;
      handler.onEnd(id);
      this.#acted();
    });
    handler.onAccept(id, listener);
    this.#acted();
    // The first byte is asked for only now, so nothing arrives before onAccept.
    socket.on("data", (bytes: Buffer) => {
      if (connection.closing || this.#destroyed) return;
      handler.onData(id, bytes, 0, bytes.length);
      this.#acted();
    });
  }

  #closed(connection: Connection): void {
    if (this.#destroyed) return;
    connection.closing = true;
    this.#handler?.onClosed(connection.id, connection.errno);
    this.#connections[connection.id] = null;
    this.#freeIds.push(connection.id);
    this.#acted();
  }
}
