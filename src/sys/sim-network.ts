/**
 * A simulated network: connections as pairs of byte streams in memory, with time and chance given from outside.
 *
 *     client                       connection                       reactor (reactor-sim.ts)
 *       write ───► toServer  [bytes, each with the time at which it arrives] ───► onData
 *       read  ◄─── toClient  [ … ]                                           ◄─── send
 *
 * Bytes of one stream arrive in order, whatever their delays; of two connections, in any. A stream holds so many bytes
 * and no more: who writes faster than the other side reads gets short writes, and then none.
 *
 * Nothing happens by itself: a client acts when its methods are called, a reactor when it polls, and time passes when
 * the clock's owner turns it. Equal seeds and equal calls give equal runs.
 *
 * Refuses: to call anybody back, to wait.
 */

import { isIP } from "node:net";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { type ListenAddress, ListenError } from "./reactor.ts";

/** How a network behaves. Shares are out of 100 opportunities. */
export interface NetworkTraits {
  /** Longest time a piece of bytes, an end or a reset is on its way, µs. */
  readonly delayUsMax: number;
  /** How many pieces take ten times as long. */
  readonly slowShare: number;
  /** Bytes that one stream holds. */
  readonly streamBytes: number;
  /** How many reads and writes move a part only. */
  readonly shortShare: number;
  /** How many polls overlook a socket that has news. */
  readonly idleShare: number;
  /** Longest time from a wake to the moment at which the sleeper may see it, µs. */
  readonly wakeUsMax: number;
}

/** Everything moves whole and at once. */
export const CALM: NetworkTraits = {
  delayUsMax: 0,
  slowShare: 0,
  streamBytes: 1 << 20,
  shortShare: 0,
  idleShare: 0,
  wakeUsMax: 0,
};

const SLOW_FACTOR = 10;
const PORT_FIRST = 20_000;
const CLIENT_PORT_FIRST = 40_000;
const PORT_END = 60_000;
const NEVER = Number.POSITIVE_INFINITY;

/** Bytes on their way in one direction. */
export class ByteStream {
  /** Bytes that were pushed and not taken. */
  held = 0;
  /** When the end arrives. */
  #endUs = NEVER;
  #lastUs = 0;
  readonly #capacity: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #dues: number[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get room(): number {
    return Math.max(0, this.#capacity - this.held);
  }

  get endSent(): boolean {
    return this.#endUs !== NEVER;
  }

  /** Takes the bytes over. They arrive at `dueUs`, or when what was pushed before arrives, if that is later. */
  push(bytes: Uint8Array, dueUs: number): void {
    this.#lastUs = Math.max(this.#lastUs, dueUs);
    this.#chunks.push(bytes);
    this.#dues.push(this.#lastUs);
    this.held += bytes.length;
  }

  end(dueUs: number): void {
    this.#endUs = Math.max(this.#lastUs, dueUs);
  }

  /** Bytes that have arrived. */
  arrived(nowUs: number): number {
    let bytes = 0;
    for (let i = 0; i < this.#chunks.length && this.#dues[i] <= nowUs; i++) bytes += this.#chunks[i].length;
    return bytes;
  }

  /** Takes up to `max` bytes of those that have arrived. */
  take(nowUs: number, max: number): Uint8Array {
    const taken = new Uint8Array(Math.min(max, this.arrived(nowUs)));
    let at = 0;
    while (at < taken.length) {
      const chunk = this.#chunks[0];
      const part = chunk.subarray(0, taken.length - at);
      taken.set(part, at);
      at += part.length;
      if (part.length < chunk.length) this.#chunks[0] = chunk.subarray(part.length);
      else {
        this.#chunks.shift();
        this.#dues.shift();
      }
    }
    this.held -= taken.length;
    return taken;
  }

  /** All bytes are taken and the end has arrived. */
  atEnd(nowUs: number): boolean {
    return this.held === 0 && this.#endUs <= nowUs;
  }

  /** Forgets what arrives after `nowUs`. */
  cut(nowUs: number): void {
    while (this.#chunks.length > 0 && this.#dues[this.#dues.length - 1] > nowUs) {
      this.#dues.pop();
      this.held -= this.#chunks.pop()?.length ?? 0;
    }
  }

  /** When there is, or was, something to take: bytes or the end. */
  get nextUs(): number {
    return this.#dues.length > 0 ? this.#dues[0] : this.#endUs;
  }
}

/** A listening place. */
export interface SimListener {
  readonly host: string;
  readonly port: number;
  /** Of a Unix socket; otherwise empty. */
  readonly path: string;
  readonly shared: boolean;
  /** Connections that nobody has accepted. */
  readonly queue: SimConnection[];
}

/** One connection. What clients call is public and said so; the rest is for the reactor. */
export class SimConnection {
  readonly toServer: ByteStream;
  readonly toClient: ByteStream;
  readonly random: Random;
  readonly clientPort: number;
  readonly listener: SimListener | null;
  /** When the server can accept it, and the client knows that it is connected. */
  readonly openUs: number;
  /** When a reset arrives at either side. */
  resetServerUs = NEVER;
  resetClientUs = NEVER;
  /** The client has closed both directions: who sends to it is reset. */
  clientClosed = false;
  readonly #network: SimNetwork;

  constructor(network: SimNetwork, listener: SimListener | null, clientPort: number, random: Random) {
    this.#network = network;
    this.listener = listener;
    this.clientPort = clientPort;
    this.random = random;
    this.toServer = new ByteStream(network.traits.streamBytes);
    this.toClient = new ByteStream(network.traits.streamBytes);
    this.openUs = this.laterUs();
  }

  // The client's side.

  get connected(): boolean {
    return this.listener !== null && this.openUs <= this.#network.clock.monotonicUs();
  }

  /** ECONNREFUSED, ECONNRESET, or empty. Bytes that arrived before a reset can still be read. */
  get errorCode(): string {
    const nowUs = this.#network.clock.monotonicUs();
    if (this.listener === null) return this.openUs <= nowUs ? "ECONNREFUSED" : "";
    return this.resetClientUs <= nowUs ? "ECONNRESET" : "";
  }

  /** Sends a part of the bytes, a copy of them; returns how many: as many as there is room, or fewer by chance. */
  write(bytes: Uint8Array): number {
    if (!this.connected || this.clientClosed || this.toServer.endSent || this.errorCode !== "") return 0;
    const length = this.#network.shorten(this.random, Math.min(bytes.length, this.toServer.room));
    if (length > 0) this.toServer.push(bytes.slice(0, length), this.laterUs());
    return length;
  }

  /** Half close: the client sends no more. */
  end(): void {
    if (!this.toServer.endSent) this.toServer.end(this.laterUs());
  }

  /** What has arrived, at most `max` bytes. */
  read(max: number): Uint8Array {
    return this.toClient.take(this.#network.clock.monotonicUs(), max);
  }

  /** Bytes that read() would give. */
  get readable(): number {
    return this.toClient.arrived(this.#network.clock.monotonicUs());
  }

  /** The server has sent its last byte, and the client has read it. */
  get ended(): boolean {
    return this.toClient.atEnd(this.#network.clock.monotonicUs());
  }

  /** The connection breaks. */
  reset(): void {
    if (this.clientClosed) return;
    this.clientClosed = true;
    this.resetServerUs = Math.min(this.resetServerUs, this.laterUs());
  }

  /** The client is through with it: an end, or a reset when it leaves bytes unread. */
  close(): void {
    if (this.clientClosed) return;
    if (this.toClient.held > 0) this.reset();
    else this.end();
    this.clientClosed = true;
  }

  /** The next moment at which the client has something to read or to learn; it may have passed. */
  get clientDueUs(): number {
    if (this.clientClosed) return NEVER;
    if (this.listener === null) return this.openUs;
    return Math.min(this.toClient.nextUs, this.resetClientUs);
  }

  // The reactor's side.

  get peerName(): string {
    const { path, host } = this.#place;
    if (path !== "") return `${path}:0`;
    return host.includes(":") ? `[${host}]:${this.clientPort}` : `${host}:${this.clientPort}`;
  }

  get localName(): string {
    const { path, host, port } = this.#place;
    if (path !== "") return `${path}:0`;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** The server closes: what it has sent still arrives; input left unread makes it a reset. */
  closeServer(): void {
    if (this.toServer.held > 0) {
      this.resetClient();
    } else this.toClient.end(this.laterUs());
  }

  resetClient(): void {
    this.resetClientUs = Math.min(this.resetClientUs, this.laterUs());
    this.toClient.cut(this.resetClientUs);
  }

  /** When what happens now is seen on the other side. */
  laterUs(): number {
    const { traits, clock } = this.#network;
    if (traits.delayUsMax === 0) return clock.monotonicUs();
    const factor = this.random.below(100) < traits.slowShare ? SLOW_FACTOR : 1;
    return clock.monotonicUs() + factor * this.random.below(traits.delayUsMax);
  }

  get #place(): SimListener {
    assert(this.listener !== null, "a refused connection has no name");
    return this.listener;
  }
}

/** Whom a network can wake. */
export interface Sleeper {
  /** Somebody wakes it; it sees that at `dueUs`. */
  woken(dueUs: number): void;
}

export class SimNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly traits: NetworkTraits;
  readonly sleepers: Sleeper[] = [];
  readonly #listeners: SimListener[] = [];
  #nextPort = PORT_FIRST;
  #nextClientPort = CLIENT_PORT_FIRST;

  constructor(clock: Clock, random: Random, traits: NetworkTraits = CALM) {
    this.clock = clock;
    this.random = random;
    this.traits = traits;
  }

  /** Connects a client; `random` decides what happens to this connection. Nobody listens there: it will be refused. */
  connect(
    to: { readonly port: number; readonly host?: string } | { readonly path: string },
    random: Random = new Random(this.random.int32()),
  ): SimConnection {
    const found = this.#listeners.filter((listener) =>
      "path" in to ? listener.path === to.path : listener.port === to.port && reaches(to.host, listener.host),
    );
    const listener = found.length === 0 ? null : found[found.length === 1 ? 0 : random.below(found.length)];
    const port = this.#nextClientPort++;
    if (this.#nextClientPort === PORT_END) this.#nextClientPort = CLIENT_PORT_FIRST;
    const connection = new SimConnection(this, listener, port, random);
    listener?.queue.push(connection);
    return connection;
  }

  /** @throws ListenError */
  listen(address: ListenAddress): SimListener {
    const listener = address.kind === "unix" ? this.#unixListener(address.path) : this.#tcpListener(address);
    this.#listeners.push(listener);
    return listener;
  }

  /** Nobody connects there any more; who waited to be accepted is reset. */
  stop(listener: SimListener): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
    for (const connection of listener.queue) connection.resetClient();
    listener.queue.length = 0;
  }

  /** Wakes a sleeper by its number, some time later. */
  wake(number: number): void {
    const delayUs = this.traits.wakeUsMax === 0 ? 0 : this.random.below(this.traits.wakeUsMax);
    this.sleepers[number].woken(this.clock.monotonicUs() + delayUs);
  }

  /** How many of `length` bytes one read or write moves: at least one, if there are any. */
  shorten(random: Random, length: number): number {
    if (length <= 1 || this.traits.shortShare === 0 || random.below(100) >= this.traits.shortShare) return length;
    // Small pieces are as likely as large ones: they cut a request in its first bytes.
    return 1 + random.below(random.below(2) === 0 ? Math.min(length, 12) : length);
  }

  #unixListener(path: string): SimListener {
    if (this.#listeners.some((other) => other.path === path)) throw new ListenError("EADDRINUSE", `${path} is taken`);
    return { host: "", port: 0, path, shared: false, queue: [] };
  }

  #tcpListener(address: Extract<ListenAddress, { kind: "tcp" }>): SimListener {
    const { host, shared } = address;
    if (isIP(host) === 0) throw new ListenError("EINVAL", `${host} is no address`);
    if (!isOurs(host)) throw new ListenError("EADDRNOTAVAIL", `${host} is not an address of this machine`);
    const taken = (port: number): boolean =>
      this.#listeners.some(
        (other) => other.path === "" && other.port === port && other.host === host && !(shared && other.shared),
      );
    let port = address.port;
    if (port === 0)
      do port = this.#nextPort++;
      while (taken(port));
    if (taken(port)) throw new ListenError("EADDRINUSE", `${host}:${port} is taken`);
    return { host, port, path: "", shared, queue: [] };
  }
}

function isOurs(host: string): boolean {
  return host.startsWith("127.") || host === "::1" || host === "0.0.0.0" || host === "::";
}

function reaches(wanted: string | undefined, host: string): boolean {
  return host === (wanted ?? "127.0.0.1") || host === "0.0.0.0" || host === "::";
}
