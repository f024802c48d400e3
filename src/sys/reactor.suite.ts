/**
 * The conformance suite of all reactors: what reactor.ts promises, tried on one implementation.
 *
 *     reactorSuite("net", async () => new NetReactor(new SystemClock()));
 *
 * Each trial opens its own reactor and ends with an orderly close of everything, after which no output block may be
 * missing. A trial that cannot be made on this machine is skipped with its reason.
 */

import { equal, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { lstatSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import type { ListenerId } from "../base/brands.ts";
import { OUTPUT_BLOCK_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import {
  Client,
  type ClientSocket,
  type Destination,
  Harness,
  LOCAL,
  pattern,
  stalled,
  WAIT_MS_MAX,
} from "./reactor.harness.ts";
import { type ListenAddress, ListenError, type Reactor } from "./reactor.ts";
import { companionTests, loopTrials, pieceTrials, resetTrials } from "./reactor-faults.suite.ts";

export interface ReactorSuiteOptions {
  /** Why nothing of it can run here; absent where it can. */
  readonly skip?: string;
  /** Code that opens the reactor as `r` in another thread or process; absent where that cannot be. */
  readonly source?: string;
  /** Has it a wake handle? */
  readonly wakes?: boolean;
  /** Most bytes that may still arrive after pauseReading: what one receive operation can have taken. */
  readonly afterPauseBytesMax?: number;
  /** How clients reach it, where not over the machine's network. */
  readonly connect?: (to: Destination) => ClientSocket;
  /** Trials that cannot be made of it, by their titles, with the reason. */
  readonly without?: Readonly<Record<string, string>>;
}

const AFTER_PAUSE_BYTES_MAX = 1024 * 1024;
const FULL = process.env["KEVY_TEST_DEPTH"] === "full";

/** A reason why IPv6 cannot be tried, or undefined. */
function missingIPv6(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(`no IPv6 loopback here: ${error.message}`));
    server.listen({ host: "::1", port: 0 }, () => server.close(() => resolve(undefined)));
  });
}

/** The code of the ListenError with which listen() refuses. */
async function refusal(harness: Harness, address: ListenAddress): Promise<string> {
  let code = "";
  await rejects(harness.during(harness.reactor.listen(address)), (error) => {
    ok(error instanceof ListenError, "listen() throws a ListenError");
    code = error.code;
    return true;
  });
  return code;
}

/** A trial that cannot be made here leaves the reason in harness.skipped. */
type Trial = (harness: Harness) => Promise<void>;

export function reactorSuite(name: string, open: () => Promise<Reactor>, options: ReactorSuiteOptions = {}): void {
  const skip = options.skip ?? false;
  const trial = (title: string, body: Trial): void => {
    it(title, { timeout: 6 * WAIT_MS_MAX, skip: options.without?.[title] ?? false }, async (t) => {
      const reactor = await open();
      const harness = new Harness(reactor, options.connect);
      try {
        await body(harness);
        await harness.finish();
        if (harness.skipped !== "") t.skip(harness.skipped);
      } finally {
        for (const client of harness.clients) client.socket.destroy();
        reactor.destroy();
      }
    });
  };
  describe(`reactor ${name}`, { skip, concurrency: false }, () => {
    connectionTrials(trial);
    outputTrials(trial);
    closeTrials(trial);
    inputTrials(trial, options.afterPauseBytesMax ?? AFTER_PAUSE_BYTES_MAX);
    listenTrials(trial);
    unixAndIPv6Trials(trial);
    companyTrials(trial);
    resetTrials(trial);
    pieceTrials(trial);
    loopTrials(trial);
  });
  companionTests(name, open, options);
}

export type DefineTrial = (title: string, body: Trial) => void;

// tidy: long function, a table of tests
function connectionTrials(trial: DefineTrial): void {
  trial("accepts and names a connection", async (h) => {
    const listener = await h.listen();
    ok(h.port > 0, "port 0 lets the system choose");
    const client = await h.connect();
    const peer = h.peers[0];
    equal(peer.listener, listener);
    equal(h.reactor.peerName(peer.id), `127.0.0.1:${client.socket.localPort}`);
    equal(h.reactor.localName(peer.id), `127.0.0.1:${h.port}`);
    equal(h.reactor.isLocalPeer(peer.id), true);
  });

  for (const count of [1, 100, 500]) {
    trial(`echoes on ${count} connections`, async (h) => {
      await h.listen();
      h.onInput = (peer, bytes) => h.write(peer, bytes);
      await h.connect(count);
      for (let round = 1; round <= 3; round++) {
        h.clients.forEach((client, i) => {
          client.socket.write(`round ${round} of ${i}\n`);
        });
        const expected = h.clients.map((_, i) => `round ${round} of ${i}\n`);
        await h.until(
          () => h.clients.every((client, i) => client.receivedBytes >= round * expected[i].length),
          "every client has its echo",
        );
        h.clients.forEach((client, i) => {
          ok(client.bytes.toString().endsWith(expected[i]), "the echo is the client's own");
        });
      }
    });
  }

  trial("reuses a socket id only after onClosed, and does reuse it", async (h) => {
    await h.listen();
    const rounds = 50;
    for (let i = 0; i < rounds; i++) {
      const client = await h.connect();
      client.socket.end("bye");
      const peer = h.peers[i];
      await h.until(() => peer.ended === 1, "the end arrives");
      equal(peer.bytes.toString(), "bye");
      h.close(peer);
      await h.until(() => peer.closed, "it is closed");
    }
    const largest = Math.max(...h.peers.map((peer) => peer.id));
    ok(largest < rounds / 2, `50 connections one after the other used ids up to ${largest}`);
  });

  trial("random connects, closes from both sides and resets leave nothing behind", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => h.write(peer, bytes);
    const random = new Random(7);
    for (let i = 0; i < (FULL ? 2000 : 200); i++) {
      const client = await h.connect();
      const peer = h.peers[h.peers.length - 1];
      client.socket.write(pattern(1 + random.below(40_000), i));
      const kind = random.below(4);
      if (kind === 0) client.socket.destroy();
      else if (kind === 1) client.socket.resetAndDestroy();
      else if (kind === 2) h.close(peer);
      else await h.turns(random.below(4));
      if (peer.ended > 0 && !peer.closing && !peer.closed) h.close(peer);
    }
  });
}

// tidy: long function, a table of tests
function outputTrials(trial: DefineTrial): void {
  trial("sends one after the other, in order", async (h) => {
    await h.listen();
    const client = await h.connect();
    const expected: Buffer[] = [];
    for (let i = 0; i < 300; i++) {
      const bytes = pattern(1 + ((i * 37) % 900), i);
      expected.push(bytes);
      h.write(h.peers[0], bytes);
    }
    const all = Buffer.concat(expected);
    await h.until(() => client.receivedBytes >= all.length, "everything has arrived");
    ok(client.bytes.equals(all), "bytes are intact");
    await h.until(() => !h.peers[0].sending, "the last send is reported");
    ok(h.peers[0].sentCount >= 2);
  });

  trial("sends 8 full blocks and 8 ragged ranges at once", async (h) => {
    await h.listen();
    const client = await h.connect();
    const whole = pattern(SEND_BLOCKS_MAX * OUTPUT_BLOCK_BYTES, 1);
    h.write(h.peers[0], whole);
    await h.until(() => client.receivedBytes >= whole.length && !h.peers[0].sending, "8 blocks have arrived");
    equal(h.peers[0].sentCount, 1, "one onSent for one sendMany");
    const pool = h.reactor.blocks;
    const ranges = new Int32Array(3 * SEND_BLOCKS_MAX);
    const ragged: Buffer[] = [];
    for (let i = 0; i < SEND_BLOCKS_MAX; i++) {
      const block = pool.take();
      h.peers[0].blocks.push(block);
      const bytes = pattern(1 + i * 1999, 10 + i);
      const start = pool.startOf(block) + i * 3;
      pool.viewOf(block).set(bytes, start);
      ranges.set([block, start, start + bytes.length], 3 * i);
      ragged.push(bytes);
    }
    h.peers[0].sending = true;
    h.reactor.sendMany(h.peers[0].id, ranges, SEND_BLOCKS_MAX);
    const all = Buffer.concat([whole, ...ragged]);
    await h.until(() => client.receivedBytes >= all.length && !h.peers[0].sending, "the ragged ranges have arrived");
    ok(client.bytes.equals(all), "bytes are intact");
  });

  trial("output to a slow reader is complete and intact", async (h) => {
    await h.listen();
    const client = await h.connect();
    client.socket.pause();
    const all = pattern(16 * 1024 * 1024, 3);
    h.write(h.peers[0], all);
    // The kernel's buffers are far smaller, so the sends come to a stop.
    await stalled(h, () => h.peers[0].sentCount);
    ok(h.peers[0].sending, "a send waits for the reader");
    client.socket.resume();
    await h.until(() => client.receivedBytes >= all.length, "everything has arrived");
    ok(client.bytes.equals(all), "bytes are intact");
  });

  trial("small sends to a slow reader are complete and intact", async (h) => {
    await h.listen();
    const client = await h.connect();
    client.socket.pause();
    const peer = h.peers[0];
    const all = pattern(1000, 4);
    let sends = 0;
    const more = (): void => {
      if (!peer.sending) {
        sends++;
        h.write(peer, all);
      }
    };
    // More than the kernel's buffers hold, until a send waits for the reader.
    let waited = 0;
    await h.until(() => {
      for (let i = 0; i < 100; i++) more();
      waited = peer.sending ? waited + 1 : 0;
      return waited >= 50;
    }, "a small send waits");
    client.socket.resume();
    await h.until(() => client.receivedBytes >= sends * all.length && !peer.sending, "everything has arrived");
    ok(client.bytes.equals(Buffer.concat(new Array(sends).fill(all))), "bytes are intact");
    equal(peer.sentCount, sends);
  });

  trial("a slow reader does not hold up others", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => h.write(peer, bytes);
    const slow = await h.connect();
    slow.socket.pause();
    h.write(h.peers[0], pattern(16 * 1024 * 1024, 3));
    await stalled(h, () => h.peers[0].sentCount);
    const quick = await h.connect();
    quick.socket.write("ping");
    await h.until(() => quick.receivedBytes === 4, "the other client is served");
    ok(h.peers[0].sending, "the slow one still waits");
  });
}

// tidy: long function, a table of tests
function closeTrials(trial: DefineTrial): void {
  trial("half close: the peer ends, output still goes", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    client.socket.end("last words");
    await h.until(() => peer.ended === 1, "the end is reported");
    equal(peer.bytes.toString(), "last words");
    h.write(peer, pattern(100_000, 5));
    await h.until(() => client.receivedBytes === 100_000, "output arrives after the half close");
    equal(peer.closed, false, "the reactor does not decide to close");
    h.close(peer);
    await h.until(() => peer.closed && client.gone, "both sides are closed");
    equal(peer.errno, 0);
  });

  trial("peer reset: onClosed with an errno, once", async (h) => {
    await h.listen();
    const client = await h.connect();
    client.socket.write("x");
    await h.until(() => h.peers[0].receivedBytes === 1, "a byte arrives");
    client.socket.resetAndDestroy();
    await h.until(() => h.peers[0].closed, "the reset is reported");
    ok(h.peers[0].errno > 0, "a reset is no orderly close");
    await h.turns(5);
  });

  trial("peer reset with a send in flight gives the blocks back", async (h) => {
    await h.listen();
    const client = await h.connect();
    client.socket.pause();
    h.write(h.peers[0], pattern(16 * 1024 * 1024, 6));
    await stalled(h, () => h.peers[0].sentCount);
    client.socket.resetAndDestroy();
    await h.until(() => h.peers[0].closed, "the reset is reported");
    ok(h.peers[0].errno > 0);
    equal(h.reactor.blocks.inUse, 0);
  });

  trial("close: what onSent acknowledged arrives, then the end", async (h) => {
    await h.listen();
    const client = await h.connect();
    const bytes = pattern(200_000, 8);
    h.write(h.peers[0], bytes);
    await h.until(() => !h.peers[0].sending && h.peers[0].output.length === 0, "everything is sent");
    h.close(h.peers[0]);
    await h.until(() => client.ended, "the client sees the end");
    await h.until(() => h.peers[0].closed, "onClosed comes");
    ok(client.bytes.equals(bytes), "bytes are intact");
    equal(client.errorCode, "");
    equal(h.peers[0].errno, 0);
  });

  trial("close within onData", async (h) => {
    await h.listen();
    h.onInput = (peer) => h.close(peer);
    const client = await h.connect();
    client.socket.write("go away");
    await h.until(() => h.peers[0].closed && client.gone, "both sides are closed");
  });

  trial("close within onData while more input is on its way", async (h) => {
    await h.listen();
    h.onInput = (peer) => h.close(peer);
    const client = await h.connect();
    client.socket.write(pattern(4 * 1024 * 1024, 9));
    await h.until(() => h.peers[0].closed && client.gone, "both sides are closed");
    // The harness has checked that no onData came after the close.
  });

  trial("close with a send in flight cuts it off", async (h) => {
    await h.listen();
    const client = await h.connect();
    client.socket.pause();
    const all = pattern(16 * 1024 * 1024, 11);
    h.write(h.peers[0], all);
    await stalled(h, () => h.peers[0].sentCount);
    ok(h.peers[0].sending);
    h.close(h.peers[0]);
    await h.until(() => h.peers[0].closed, "onClosed does not wait for the reader");
    equal(h.reactor.blocks.inUse, 0);
    client.socket.resume();
    await h.until(() => client.gone, "the client sees the end");
    ok(client.receivedBytes < all.length, "the rest was cut off");
    ok(client.bytes.equals(all.subarray(0, client.receivedBytes)), "what came is a prefix");
  });
}

// tidy: long function, a table of tests
function inputTrials(trial: DefineTrial, afterPauseBytesMax: number): void {
  trial("input split anywhere arrives whole and in order", async (h) => {
    await h.listen();
    const client = await h.connect();
    const all = pattern(300_000, 12);
    const random = new Random(13);
    for (let at = 0; at < all.length; ) {
      const size = 1 + random.below(random.below(2) === 0 ? 7 : 9000);
      client.socket.write(all.subarray(at, at + size));
      at += size;
      if (random.below(4) === 0) await h.turn();
    }
    await h.until(() => h.peers[0].receivedBytes >= all.length, "everything has arrived");
    ok(h.peers[0].bytes.equals(all), "bytes are intact");
  });

  trial("pause stops input soon, resume loses nothing", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    const all = pattern(12 * 1024 * 1024, 14);
    let pausedAt = -1;
    h.onInput = () => {
      if (pausedAt >= 0) return;
      h.reactor.pauseReading(peer.id);
      pausedAt = peer.receivedBytes;
    };
    client.socket.end(all);
    await h.until(() => pausedAt >= 0, "input begins");
    await stalled(h, () => peer.receivedBytes);
    const extra = peer.receivedBytes - pausedAt;
    ok(extra <= afterPauseBytesMax, `${extra} bytes arrived after the pause`);
    equal(peer.ended, 0);
    h.reactor.resumeReading(peer.id);
    await h.until(() => peer.ended === 1, "all input and the end arrive");
    ok(peer.bytes.equals(all), "bytes are intact");
  });

  trial("pause and resume many times", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    const all = pattern(3 * 1024 * 1024, 15);
    let paused = false;
    h.onInput = () => {
      if (!paused) h.reactor.pauseReading(peer.id);
      paused = true;
    };
    client.socket.end(all);
    await h.until(() => {
      if (paused) h.reactor.resumeReading(peer.id);
      paused = false;
      return peer.ended === 1;
    }, "all input and the end arrive");
    ok(peer.bytes.equals(all), "bytes are intact");
  });

  trial("a paused connection can be sent to and closed", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    h.reactor.pauseReading(peer.id);
    h.write(peer, Buffer.from("hello"));
    await h.until(() => client.receivedBytes === 5, "output arrives");
    await h.until(() => !peer.sending, "the send is reported");
    h.close(peer);
    await h.until(() => peer.closed && client.gone, "both sides are closed");
  });

  trial("one flooding connection does not starve another", async (h) => {
    await h.listen();
    h.recordInput = false;
    await h.connect(2);
    const [flooder, other] = h.clients;
    h.onInput = (peer, bytes) => {
      if (bytes.length < 100 && bytes.includes("ping")) h.write(peer, bytes);
    };
    const flood = Buffer.alloc(256 * 1024, "f");
    const pump = (): void => {
      while (!flooder.socket.destroyed && flooder.socket.write(flood));
    };
    flooder.socket.on("drain", pump);
    pump();
    const rounds = FULL ? 1000 : 100;
    for (let i = 1; i <= rounds; i++) {
      other.socket.write("ping");
      await h.until(() => other.receivedBytes === 4 * i, `answer ${i} arrives during the flood`);
    }
    const flooded = h.peers.reduce((sum, peer) => sum + peer.receivedBytes, 0) - 4 * rounds;
    ok(flooded > flood.length, "the flood was one");
  });
}

// tidy: long function, a table of tests
function listenTrials(trial: DefineTrial): void {
  trial("stopListening refuses new connections and keeps accepted ones", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => h.write(peer, bytes);
    const client = await h.connect();
    h.reactor.stopListening();
    // Node's loop closes the descriptor in its next turns.
    await h.turns(3);
    const late = new Client({ port: h.port }, h.open);
    h.clients.push(late);
    await h.until(() => late.closed, "the late client is refused");
    equal(late.errorCode, "ECONNREFUSED");
    client.socket.write("still here");
    await h.until(() => client.receivedBytes === 10, "the accepted one is served");
  });

  trial("listen errors: a taken port, an address that is not ours, a name", async (h) => {
    await h.listen();
    equal(await refusal(h, { ...LOCAL, port: h.port }), "EADDRINUSE");
    // TEST-NET-1: no machine has this address.
    equal(await refusal(h, { ...LOCAL, host: "192.0.2.1" }), "EADDRNOTAVAIL");
    equal(await refusal(h, { ...LOCAL, host: "not-an-address" }), "EINVAL");
    await h.connect();
  });

  trial("a shared port is shared, or refused with ENOTSUP", async (h) => {
    let first: ListenerId;
    try {
      first = await h.listen({ ...LOCAL, shared: true });
    } catch (error) {
      ok(error instanceof ListenError);
      equal(error.code, "ENOTSUP");
      h.skipped = "no port can be shared here";
      return;
    }
    const second = await h.listen({ ...LOCAL, shared: true, port: h.port });
    ok(first !== second, "two listeners");
    await h.connect(64);
    for (const listener of [first, second]) {
      ok(
        h.peers.some((peer) => peer.listener === listener),
        "the kernel spreads connections",
      );
    }
  });

  trial("two listeners are told apart", async (h) => {
    const first = await h.listen();
    const firstPort = h.port;
    const second = await h.listen();
    await h.connect(1, { port: firstPort });
    await h.connect();
    equal(h.peers[0].listener, first);
    equal(h.peers[1].listener, second);
  });

  trial("keep-alive can be switched on and off", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => h.write(peer, bytes);
    for (const seconds of [300, 0]) {
      h.reactor.setKeepAlive(seconds);
      const client = await h.connect();
      client.socket.write("x");
      await h.until(() => client.receivedBytes === 1, "the connection works");
    }
  });
}

// tidy: long function, a table of tests
function unixAndIPv6Trials(trial: DefineTrial): void {
  trial("serves a Unix socket with a mode, replaces a stale file, refuses a used one", async (h) => {
    if (process.platform === "win32") {
      h.skipped = "Windows has no Unix sockets with modes";
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), "kevy-reactor-"));
    try {
      const path = join(directory, "s");
      await leaveStaleSocket(h, path);
      const address: ListenAddress = { kind: "unix", path, backlog: 16, mode: 0o640 };
      await h.listen(address);
      equal(statSync(path).mode & 0o777, 0o640);
      h.onInput = (peer, bytes) => h.write(peer, bytes);
      const client = await h.connect(1, { path });
      equal(h.reactor.peerName(h.peers[0].id), `${path}:0`);
      equal(h.reactor.localName(h.peers[0].id), `${path}:0`);
      equal(h.reactor.isLocalPeer(h.peers[0].id), true);
      const bytes = pattern(500_000, 16);
      client.socket.write(bytes);
      await h.until(() => client.receivedBytes === bytes.length, "the echo arrives");
      ok(client.bytes.equals(bytes));
      const accepted = h.peers.length;
      equal(await refusal(h, address), "EADDRINUSE");
      await h.turns(2);
      for (const probe of h.peers.slice(accepted)) if (!probe.closed) h.close(probe);
      h.reactor.stopListening();
      await h.turns(3);
      equal(lstatSync(path, { throwIfNoEntry: false }), undefined, "the file is removed");
      const plain = join(directory, "plain");
      writeFileSync(plain, "mine");
      equal(await refusal(h, { ...address, path: plain }), "EADDRINUSE");
      ok(lstatSync(plain).isFile(), "a file that is no socket is left alone");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  trial("serves the IPv6 loopback, and IPv4 on the same port beside it", async (h) => {
    const missing = await missingIPv6();
    if (missing !== undefined) {
      h.skipped = missing;
      return;
    }
    await h.listen({ ...LOCAL, host: "::1" });
    const client = await h.connect(1, { port: h.port, host: "::1" });
    equal(h.reactor.peerName(h.peers[0].id), `[::1]:${client.socket.localPort}`);
    equal(h.reactor.localName(h.peers[0].id), `[::1]:${h.port}`);
    equal(h.reactor.isLocalPeer(h.peers[0].id), true);
    const again = await h.listen({ ...LOCAL, port: h.port });
    ok(again >= 0, "the same port is free in the other family");
  });
}

/** Leaves a socket file behind that nobody listens at, as a killed server does. */
async function leaveStaleSocket(h: Harness, path: string): Promise<void> {
  const code = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", code], { stdio: "ignore" });
  await h.during(new Promise((resolve) => child.once("exit", resolve)));
  ok(lstatSync(path).isSocket(), "the killed server left its file");
}

// tidy: long function, a table of tests
function companyTrials(trial: DefineTrial): void {
  trial("files, timers and message ports go on while it runs", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => h.write(peer, bytes);
    const client = await h.connect();
    let echoes = 0;
    client.socket.on("data", () => {
      echoes++;
      client.socket.write("again");
    });
    client.socket.write("again");
    const { port1, port2 } = new MessageChannel();
    let messages = 0;
    port2.on("message", (n: number) => {
      messages = n;
      if (n < 20) port1.postMessage(n + 1);
    });
    port1.postMessage(1);
    let timers = 0;
    const timer = setInterval(() => timers++, 1);
    try {
      const text = await h.during(readFile(new URL(import.meta.url), "utf8"));
      ok(text.includes("reactorSuite"));
      await h.until(() => messages === 20, "messages arrive");
      await h.until(() => timers >= 5, "timers fire");
      await h.until(() => echoes >= 100, "the sockets are served");
    } finally {
      clearInterval(timer);
      port1.close();
    }
  });

  trial("a blocked poll comes back for Node's own loop, and at its time-out", async (h) => {
    if (!h.reactor.blocking) {
      equal(h.reactor.poll(1000), 0, "a reactor that does not block returns at once");
      return;
    }
    const { port1, port2 } = new MessageChannel();
    let arrived = false;
    port2.on("message", () => {
      arrived = true;
    });
    await h.turns(3);
    port1.postMessage("wake up");
    // Waits for longer than the test may take: only the yield can end it in time.
    for (let i = 0; i < 10 && !arrived; i++) {
      h.reactor.poll(WAIT_MS_MAX);
      h.reactor.yieldDue = false;
      h.reactor.submit();
      await nextTurn();
    }
    ok(arrived, "the message came through");
    port1.close();
    await h.turns(3);
    const before = performance.now();
    equal(h.reactor.poll(30), 0);
    ok(performance.now() - before < WAIT_MS_MAX / 2, "the time-out holds");
  });

  trial("tells of activity once until the next poll", async (h) => {
    let calls = 0;
    if (!h.reactor.blocking) h.reactor.onActivity = () => calls++;
    await h.listen();
    const before = calls;
    await h.connect(20);
    if (!h.reactor.blocking) {
      ok(calls > before, "it calls after events");
      h.reactor.poll(0);
      const start = calls;
      for (const client of h.clients) client.socket.write("x");
      const deadline = performance.now() + WAIT_MS_MAX;
      while (h.peers.some((peer) => peer.receivedBytes === 0) && performance.now() < deadline) await nextTurn();
      equal(calls, start + 1, "once for twenty events");
      equal(h.reactor.poll(0), 20, "and poll counts them");
      equal(h.reactor.poll(0), 0);
    }
  });
}
