/**
 * Which reactor this machine can have: tried with the real parameters, not guessed from version numbers.
 *
 * Containers often forbid io_uring (Docker's default seccomp profile answers EPERM), older kernels lack parts of it, and
 * Node.js before 26 has no node:ffi. Then node:net serves, and one line says why.
 *
 * Refuses: to fall back silently when the user asked for io_uring by name.
 */

import { createServer, isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { AF_UNIX, errorName, type Libc, openLibc, SOCK_CLOEXEC, SOCK_STREAM } from "./libc.ts";
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

/** `name` is null when what was asked for is not to be had; `why` is fit for a log line either way. */
export type ReactorChoice =
  | { readonly name: "io_uring" | "net"; readonly why: string }
  | { readonly name: null; readonly why: string };

/** Decides once, before the shards start. Opens a ring and closes it again. */
export async function chooseReactor(wanted: "auto" | "io_uring" | "net"): Promise<ReactorChoice> {
  if (wanted === "net") return { name: "net", why: "node:net, as configured" };
  const fault = probeUring();
  if (fault === null)
    return { name: "io_uring", why: wanted === "auto" ? "io_uring works here" : "io_uring, as configured" };
  if (wanted === "io_uring") return { name: null, why: `io_uring is not available: ${fault}` };
  return { name: "net", why: `node:net, because ${fault}` };
}

/** Opens the reactor chosen before, on the shard's own thread. @throws UringUnavailable where the machine changed its mind */
export async function openReactor(name: "io_uring" | "net", clock: Clock): Promise<Reactor> {
  if (name === "net") {
    const { NetReactor } = await import("./reactor-net.ts");
    return new NetReactor();
  }
  const opened = openLibc();
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

/** Multishot accept on a nameless Unix socket, then a multishot receive into the buffer ring. */
function testSockets(libc: Libc, ring: UringRing, descriptors: number[]): string | null {
  const { calls, scratch, scratchBytes, scratchWords } = libc;
  const listener = calls.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
  if (!bound) return `a Unix socket for the probe: ${errorName(libc.errno())}`;

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
