/**
 * Which reactor this machine can have: tried with the real parameters, not guessed from version numbers.
 *
 * Containers often forbid io_uring (Docker's default seccomp profile answers EPERM) and older kernels lack parts of it:
 * then epoll serves. Node.js before 26 has no node:ffi, and other systems have neither: then node:net does. One line
 * says which and why.
 *
 * Refuses: to fall back when the user asked for a reactor by name.
 */

import { createServer, isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { DATA_WORD, EpollSet, EpollUnavailable } from "./epoll-set.ts";
import {
  AF_UNIX,
  EPOLLIN,
  EPOLLOUT,
  errorName,
  type Libc,
  openLibc,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "./libc.ts";
import { highWord, lowWord } from "./native-address.ts";
import type { Reactor } from "./reactor.ts";
import {
  ACCEPT_MULTISHOT,
  CQE_BUFFER_SHIFT,
  CQE_HAS_BUFFER,
  CQE_MORE,
  OP_ACCEPT,
  OP_MSG_RING,
  OP_RECV,
  RECV_MULTISHOT,
  SQE_BUFFER_SELECT,
  SQE_SKIP_SUCCESS,
} from "./uring-layout.ts";
import { UringRing, UringUnavailable } from "./uring-ring.ts";

/** The reactors that a server can have. */
export type ServerReactor = "io_uring" | "epoll" | "net";

/** `name` is null when what was asked for is not to be had; `why` is fit for a log line either way. */
export type ReactorChoice =
  | { readonly name: ServerReactor; readonly why: string }
  | { readonly name: null; readonly why: string };

/** Decides once, before the shards start: io_uring, else epoll, else node:net. What it opens it closes again. */
export async function chooseReactor(wanted: "auto" | ServerReactor): Promise<ReactorChoice> {
  if (wanted === "net") return { name: "net", why: "node:net, as configured" };
  if (wanted !== "auto") {
    const fault = wanted === "io_uring" ? probeUring() : probeEpoll();
    if (fault === null) return { name: wanted, why: `${wanted}, as configured` };
    return { name: null, why: `${wanted} is not available: ${fault}` };
  }
  const uring = probeUring();
  if (uring === null) return { name: "io_uring", why: "io_uring works here" };
  const epoll = probeEpoll();
  if (epoll === null) return { name: "epoll", why: `epoll, because ${uring}` };
  return { name: "net", why: `node:net, because ${epoll === uring ? uring : `${uring}, and ${epoll}`}` };
}

/**
 * Opens the reactor chosen before, on the shard's own thread.
 * @throws UringUnavailable or EpollUnavailable where the machine changed its mind
 */
export async function openReactor(name: ServerReactor, clock: Clock): Promise<Reactor> {
  if (name === "net") {
    const { NetReactor } = await import("./reactor-net.ts");
    return new NetReactor(clock);
  }
  const opened = openLibc();
  if (name === "epoll") {
    if (!opened.ok) throw new EpollUnavailable(opened.reason);
    const { EpollReactor } = await import("./reactor-epoll.ts");
    return new EpollReactor(opened.libc, clock);
  }
  if (!opened.ok) throw new UringUnavailable(opened.reason);
  const { UringReactor } = await import("./reactor-uring.ts");
  return new UringReactor(opened.libc, clock);
}

/**
 * Would a listener of ours have the port for itself? With SO_REUSEPORT a second server on a port gets half of the
 * connections and nobody an error, so each port is bound once without it first.
 * Null: free. Otherwise the code of the error: EADDRINUSE, EACCES, EADDRNOTAVAIL, …
 */
export function portIsFree(host: string, port: number): Promise<string | null> {
  if (port === 0) return Promise.resolve(null);
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EINVAL"));
    server.listen({ host, port, exclusive: true, ipv6Only: isIPv6(host) }, () => server.close(() => resolve(null)));
  });
}

/** Why io_uring cannot serve here, or null when it can. */
export function probeUring(): string | null {
  const opened = openLibc();
  if (!opened.ok) return opened.reason;
  let ring: UringRing | null = null;
  const descriptors: number[] = [];
  try {
    ring = new UringRing(opened.libc);
    return testWake(ring) ?? testSockets(opened.libc, ring, descriptors);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return reason.includes("EPERM") ? `${reason}; containers often forbid it` : reason;
  } finally {
    for (const fd of descriptors) opened.libc.calls.close(fd);
    ring?.close();
  }
}

/** Why epoll cannot serve here, or null when it can. */
export function probeEpoll(): string | null {
  const opened = openLibc();
  if (!opened.ok) return opened.reason;
  if (!opened.libc.ignoresBrokenPipes()) return "this process does not ignore SIGPIPE";
  let set: EpollSet | null = null;
  const descriptors: number[] = [];
  try {
    set = new EpollSet(opened.libc, DATA_WAKE);
    return testEpollWake(set) ?? testEpollSockets(opened.libc, set, descriptors);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    for (const fd of descriptors) opened.libc.calls.close(fd);
    set?.close();
  }
}

const WAIT_MS = 1000;
const DATA_WAKE = 1;
const DATA_ACCEPT = 2;
const DATA_RECEIVE = 3;

/** A ring can wake itself by the road on which others will. */
function testWake(ring: UringRing): string | null {
  ring.entry(OP_MSG_RING, SQE_SKIP_SUCCESS, 0, ring.fd, DATA_WAKE, 0, 0, 0, 0, 0, 0);
  const w = nextCompletion(ring, DATA_WAKE);
  return w < 0 || ring.words[w + 2] < 0 ? "the kernel's io_uring has no usable MSG_RING" : null;
}

/** A nameless Unix socket that listens, and a client that is connected to it; or what the system refused. */
function connectedClient(libc: Libc, descriptors: number[]): { listener: number; client: number } | string {
  const { calls, scratch, scratchBytes, scratchWords } = libc;
  const listener = calls.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const client = calls.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || client < 0) return `socket: ${errorName(libc.errno())}`;
  descriptors.push(listener, client);
  // Bound with a family alone, a Unix socket gets an abstract address from the kernel.
  scratchBytes.fill(0, 0, 128);
  scratchBytes[0] = AF_UNIX;
  scratchWords[32] = 112;
  const bound =
    calls.bind(listener, scratch.address, 2) === 0 &&
    calls.listen(listener, 1) === 0 &&
    calls.getsockname(listener, scratch.address, scratch.address + 128n) === 0 &&
    calls.connect(client, scratch.address, scratchWords[32]) === 0;
  return bound ? { listener, client } : `a Unix socket for the probe: ${errorName(libc.errno())}`;
}

/** Multishot accept on a nameless Unix socket, then a multishot receive into the buffer ring. */
function testSockets(libc: Libc, ring: UringRing, descriptors: number[]): string | null {
  const { calls, scratch, scratchBytes } = libc;
  const connected = connectedClient(libc, descriptors);
  if (typeof connected === "string") return connected;
  const { listener, client } = connected;
  ring.entry(OP_ACCEPT, 0, ACCEPT_MULTISHOT, listener, 0, 0, 0, 0, SOCK_CLOEXEC, DATA_ACCEPT, 0);
  const accepted = nextCompletion(ring, DATA_ACCEPT);
  if (accepted < 0 || ring.words[accepted + 2] < 0) return "the kernel's io_uring has no multishot accept";
  const peer = ring.words[accepted + 2];
  descriptors.push(peer);

  scratchBytes[0] = 0x5a;
  calls.write(client, scratch.address, 1n);
  ring.entry(OP_RECV, SQE_BUFFER_SELECT, RECV_MULTISHOT, peer, 0, 0, 0, 0, 0, DATA_RECEIVE, 0);
  const received = nextCompletion(ring, DATA_RECEIVE);
  const flags = received < 0 ? 0 : ring.words[received + 3];
  const wanted = CQE_HAS_BUFFER | CQE_MORE;
  if (
    received < 0 ||
    ring.words[received + 2] !== 1 ||
    (flags & wanted) !== wanted ||
    flags >>> CQE_BUFFER_SHIFT !== 0
  ) {
    return "the kernel's io_uring has no multishot receive";
  }
  return ring.bufferBytes[0] === 0x5a ? null : "a received byte is not where it should be";
}

/** Waits for the completion with this user data and returns its word, or -1. */
function nextCompletion(ring: UringRing, data: number): number {
  const deadline = performance.now() + WAIT_MS;
  while (performance.now() < deadline) {
    ring.enter(WAIT_MS);
    while (ring.cqHead !== ring.cqTail) {
      const w = ring.cqeWord(ring.cqHead);
      ring.cqHead = (ring.cqHead + 1) | 0;
      ring.publishHead();
      if (ring.words[w] === data) return w;
    }
  }
  return -1;
}

/** A set can wake itself by the road on which others will: once for each wake. */
function testEpollWake(set: EpollSet): string | null {
  for (let round = 0; round < 2; round++) {
    set.wake(set.wakeHandle);
    set.wake(set.wakeHandle);
    const woken = set.wait(WAIT_MS) === 1 && set.words[set.eventWord(0) + DATA_WORD] === DATA_WAKE;
    if (!woken || set.wait(0) !== 0) return "a wake-up does not come out of an epoll set once";
  }
  return null;
}

/** Accept, read, write and writev as the reactor does them, and data words through the set, which tell its layout. */
function testEpollSockets(libc: Libc, set: EpollSet, descriptors: number[]): string | null {
  const { calls, transfers, scratch, scratchBytes, scratchWords } = libc;
  const connected = connectedClient(libc, descriptors);
  if (typeof connected === "string") return connected;
  const { listener, client } = connected;
  const low = 0x0123_4567;
  const high = 0x89ab_cdef | 0;
  const reported = (what: number): boolean => {
    const w = set.eventWord(0);
    if (set.wait(WAIT_MS) !== 1 || set.words[w] !== what) return false;
    return set.words[w + DATA_WORD] === low && set.words[w + DATA_WORD + 1] === high;
  };
  if (set.add(listener, EPOLLIN, low, high) !== 0) return `epoll_ctl: ${errorName(libc.errno())}`;
  if (!reported(EPOLLIN)) return "epoll does not report a connection with its data";
  const peer = calls.accept4(listener, 0n, 0n, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (peer < 0) return `accept4: ${errorName(libc.errno())}`;
  descriptors.push(peer);
  const empty = calls.accept4(listener, 0n, 0n, SOCK_CLOEXEC | SOCK_NONBLOCK) === -1;
  if (!empty || set.remove(listener) !== 0 || set.add(peer, EPOLLOUT, low, high) !== 0 || !reported(EPOLLOUT)) {
    return "epoll does not report room for output";
  }
  scratchBytes[0] = 0x5a;
  const { address } = scratch;
  scratchWords[16] = lowWord(address);
  scratchWords[17] = highWord(address);
  scratchWords[18] = 1;
  scratchWords[19] = 0;
  const passed =
    set.modify(peer, EPOLLIN, low, high) === 0 &&
    set.wait(0) === 0 &&
    transfers.write(client, address, 1) === 1 &&
    transfers.writev(client, address + 64n, 1) === 1 &&
    reported(EPOLLIN) &&
    transfers.read(peer, address + 8n, 8) === 2 &&
    transfers.read(peer, address + 8n, 8) === -1;
  return passed && scratchBytes[8] === 0x5a && scratchBytes[9] === 0x5a
    ? null
    : "bytes do not pass where epoll watches";
}
