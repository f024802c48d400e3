/** The io_uring reactor: the shared suite, and what is particular to it. Skips with the reason where io_uring is not to be had. */

import { equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SystemClock } from "../base/clock.ts";
import { COMPLETION_ENTRIES, RECEIVE_BUFFERS, RING_ENTRIES } from "../base/limits.ts";
import { IPPROTO_TCP, type Libc, openLibc, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE, TCP_NODELAY } from "./libc.ts";
import { probeUring } from "./probe.ts";
import { Harness, WAIT_MS_MAX } from "./reactor.harness.ts";
import { reactorSuite } from "./reactor.suite.ts";
import { UringReactor } from "./reactor-uring.ts";
import { readSocketName } from "./sockaddr.ts";
import { UringRing } from "./uring-ring.ts";

const OP_NOP = 0;
const GROUP = 128;

const fault = probeUring();
const skip = fault ?? false;
const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

function libcHere(): Libc {
  const opened = openLibc();
  ok(opened.ok);
  return opened.libc;
}

const open = (): UringReactor => new UringReactor(libcHere(), new SystemClock());

const source = `
  const { SystemClock } = await import(${url("../base/clock.ts")});
  const { openLibc } = await import(${url("./libc.ts")});
  const { UringReactor } = await import(${url("./reactor-uring.ts")});
  const r = new UringReactor(openLibc().libc, new SystemClock());`;
const options = { source, wakes: true };

reactorSuite("io_uring", async () => open(), fault === null ? options : { ...options, skip: fault });

async function withHarness(body: (h: Harness, reactor: UringReactor) => Promise<void>): Promise<void> {
  const reactor = open();
  const h = new Harness(reactor);
  try {
    await body(h, reactor);
    await h.finish();
    equal(reactor.staleCompletions, 0);
  } finally {
    for (const client of h.clients) client.socket.destroy();
    reactor.destroy();
  }
}

// tidy: long function, a table of tests
describe("UringReactor", { skip, concurrency: false }, () => {
  it("serves more connections than the submission ring has entries", async () => {
    await withHarness(async (h) => {
      await h.listen();
      h.onInput = (peer, bytes) => h.write(peer, bytes);
      await connectInGroups(h, 2 * RING_ENTRIES);
      for (const client of h.clients) client.socket.write("hello");
      await h.until(() => h.clients.every((client) => client.receivedBytes === 5), "every client has its echo");
    });
  });

  it("receives from more sockets at once than there are buffers", async () => {
    await withHarness(async (h) => {
      await h.listen();
      h.recordInput = false;
      const count = RECEIVE_BUFFERS + 100;
      const bytes = Buffer.alloc(48 * 1024, "x");
      await connectInGroups(h, count);
      let written = 0;
      for (const client of h.clients) client.socket.write(bytes, () => written++);
      // The kernel holds it all before the reactor is asked again: the buffers must run out.
      const deadline = performance.now() + WAIT_MS_MAX;
      while (written < count && performance.now() < deadline) await nextTurn();
      await h.until(() => h.peers.every((peer) => peer.receivedBytes === bytes.length), "everything arrives");
    });
  });

  it("accepted sockets inherit TCP_NODELAY and the keep-alive period of that time", async () => {
    const libc = libcHere();
    await withHarness(async (h, reactor) => {
      reactor.setKeepAlive(300);
      await h.listen();
      const first = (await h.connect()).socket.localPort ?? 0;
      reactor.setKeepAlive(0);
      await h.connect();
      const second = h.clients[1].socket.localPort ?? 0;
      const options = (port: number): number[] => {
        const fd = descriptorOfPeer(libc, port, h.port);
        return [
          libc.getOption(fd, IPPROTO_TCP, TCP_NODELAY) === 0 ? 0 : 1,
          libc.getOption(fd, SOL_SOCKET, SO_KEEPALIVE),
          libc.getOption(fd, IPPROTO_TCP, TCP_KEEPIDLE),
        ];
      };
      equal(options(first).join(), "1,1,300");
      equal(options(second).slice(0, 2).join(), "1,0");
    });
  });

  it("a poll that need not wait makes no system call, and yet sees what comes", async () => {
    await withHarness(async (h, reactor) => {
      await h.listen();
      const client = await h.connect();
      await h.turns(5);
      reactor.poll(0);
      const before = reactor.enters;
      let spins = 0;
      client.socket.write("now");
      await nextTurn();
      const deadline = performance.now() + WAIT_MS_MAX;
      while (h.peers[0].receivedBytes < 3 && performance.now() < deadline) {
        reactor.yieldDue = false;
        reactor.poll(0);
        spins++;
      }
      equal(h.peers[0].bytes.toString(), "now");
      const quiet = reactor.enters;
      for (let i = 0; i < 1000; i++) reactor.poll(0);
      ok(reactor.enters - quiet < 10, `${reactor.enters - quiet} system calls in 1000 idle polls`);
      ok(quiet - before <= spins, "at most one system call per poll");
    });
  });

  it("destroy closes sockets, listeners and the ring at once", async () => {
    const reactor = open();
    const h = new Harness(reactor);
    await h.listen();
    const client = await h.connect();
    reactor.destroy();
    await once(client.socket, "end", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
    client.socket.destroy();
    const late = connect({ host: "127.0.0.1", port: h.port });
    const [error] = await once(late, "error", { signal: AbortSignal.timeout(WAIT_MS_MAX) }).catch((e) => [e]);
    equal(error.code, "ECONNREFUSED");
    equal(h.broken, "");
  });
});

describe("UringRing", { skip, concurrency: false }, () => {
  it("loses no completion when the completion ring overflows", () => {
    const ring = new UringRing(libcHere());
    try {
      // Operations that do nothing complete while they are submitted, with nobody reading: more than the ring holds.
      const count = COMPLETION_ENTRIES + 3000;
      const seen = new Uint8Array(count);
      for (let k = 0; k < count; k++) ring.entry(OP_NOP, 0, 0, -1, 0, 0, 0, 0, 0, k, 0);
      let total = 0;
      for (let rounds = 0; rounds < 100 && total < count; rounds++) {
        ring.enter(100);
        while (ring.cqHead !== ring.cqTail) {
          seen[ring.words[ring.cqeWord(ring.cqHead)]]++;
          ring.cqHead = (ring.cqHead + 1) | 0;
          total++;
        }
        ring.publishHead();
      }
      equal(total, count);
      ok(
        seen.every((times) => times === 1),
        "each once",
      );
    } finally {
      ring.close();
    }
  });
});

/** Connects in groups that fit the listener's queue: whoever overflows it is left to the kernel's slow retries. */
async function connectInGroups(h: Harness, count: number): Promise<void> {
  for (let left = count; left > 0; left -= GROUP) await h.connect(Math.min(GROUP, left));
}

/** The descriptor of this process that is connected to a client's port. */
function descriptorOfPeer(libc: Libc, peerPort: number, localPort: number): number {
  for (let fd = 3; fd < 4096; fd++) {
    if (readSocketName(libc, fd, "peer")?.port !== peerPort) continue;
    if (readSocketName(libc, fd, "local")?.port === localPort) return fd;
  }
  throw new Error("no such connection");
}
