/**
 * The conformance suite's second half: what goes wrong between a reactor and its peers, and what it shares a thread with.
 *
 *     resets and half closes at every point · transfers cut anywhere · churn · descriptors running out ·
 *     wakes from other threads · Node's own loop in the same thread
 *
 * reactor.suite.ts runs it for every reactor.
 */

import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { Worker } from "node:worker_threads";
import { OUTPUT_BLOCK_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { Client, type Harness, LOCAL, type Peer, pattern, WAIT_MS_MAX } from "./reactor.harness.ts";
import type { DefineTrial, ReactorSuiteOptions } from "./reactor.suite.ts";
import type { Reactor } from "./reactor.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";
const DESCRIPTORS = 64;
const MiB = 1024 * 1024;

/** Turns Node's loop alone, so that clients and the kernel act while the reactor does not look. */
async function withoutReactor(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS_MAX} ms in vain until: ${what}`);
    await nextTurn();
  }
}

/** A new client of the harness's port, connected while the reactor did not look, as far as it can be kept from it. */
async function unseenClient(h: Harness): Promise<Client> {
  const client = new Client({ port: h.port }, h.open);
  h.clients.push(client);
  await withoutReactor(() => client.connected, "the kernel has connected the client");
  return client;
}

/** The connections that are there are served. */
async function servesAnother(h: Harness): Promise<void> {
  const before = h.onInput;
  h.onInput = (peer, bytes) => h.write(peer, bytes);
  const accepted = h.peers.length;
  const client = await h.connect();
  client.socket.write("still there?");
  await h.until(() => client.receivedBytes === 12, "another client is served");
  ok(h.peers.length > accepted);
  h.onInput = before;
}

/**
 * Nothing happens, and so polls wait: what is reported for ever would end each of them at once. Node's own loop may have
 * work for a moment (V8's threads give it some).
 */
async function staysQuiet(h: Harness): Promise<void> {
  // A simulated poll never waits.
  if (!h.reactor.blocking || h.reactor.name === "sim") return;
  let long = 0;
  const deadline = performance.now() + WAIT_MS_MAX / 4;
  while (long < 3) {
    const start = performance.now();
    equal(h.reactor.poll(20), 0);
    long = performance.now() - start >= 15 ? long + 1 : 0;
    ok(long > 0 || performance.now() < deadline, "no poll waits: something is reported again and again");
    if (h.reactor.yieldDue) await nextTurn();
    h.reactor.yieldDue = false;
  }
}

/** The harness's side of a client's connection. Several that connect at one moment are accepted in any order. */
function peerOf(h: Harness, client: Client): Peer {
  const suffix = `:${client.socket.localPort}`;
  const peer = h.peers.find((each) => !each.closed && h.reactor.peerName(each.id).endsWith(suffix));
  ok(peer !== undefined, "the client's connection was accepted");
  return peer;
}

// tidy: long function, a table of tests
export function resetTrials(trial: DefineTrial): void {
  trial("a reset before the reactor has accepted", async (h) => {
    await h.listen();
    for (let i = 0; i < 5; i++) {
      const client = await unseenClient(h);
      if (i % 2 === 0) client.socket.write("never mind");
      client.socket.resetAndDestroy();
      await withoutReactor(() => client.closed, "the client is gone");
    }
    await servesAnother(h);
    // Those that the kernel still handed out are closed by themselves.
    await h.until(() => h.peers.slice(0, -1).every((peer) => peer.closed), "what was reset is closed");
    for (const peer of h.peers.slice(0, -1)) ok(peer.errno > 0, "a reset is no orderly close");
  });

  trial("a reset after any number of bytes received", async (h) => {
    await h.listen();
    for (const bytes of [0, 1, 1000, 65_536, 65_537, MiB]) {
      const client = await h.connect();
      const peer = h.peers[h.peers.length - 1];
      if (bytes > 0) client.socket.write(pattern(bytes + 4, bytes).subarray(0, bytes));
      await h.until(() => peer.receivedBytes >= bytes, "input arrives");
      client.socket.resetAndDestroy();
      await h.until(() => peer.closed, "the reset is reported");
      ok(peer.errno > 0);
      ok(peer.bytes.equals(pattern(bytes + 4, bytes).subarray(0, bytes)), "what came before is intact");
    }
  });

  trial("a reset in the middle of input", async (h) => {
    await h.listen();
    for (let i = 0; i < 10; i++) {
      const client = await h.connect();
      const peer = h.peers[h.peers.length - 1];
      const all = pattern(2 * MiB, i);
      client.socket.write(all);
      await h.until(() => peer.receivedBytes > i * 50_000, "input begins");
      client.socket.resetAndDestroy();
      await h.until(() => peer.closed, "the reset is reported");
      ok(peer.bytes.equals(all.subarray(0, peer.receivedBytes)), "what came is a prefix");
    }
  });

  trial("a reset after any number of bytes sent", async (h) => {
    await h.listen();
    for (const bytes of [1, 1000, OUTPUT_BLOCK_BYTES, 8 * OUTPUT_BLOCK_BYTES + 1, 4 * MiB]) {
      const client = await h.connect();
      const peer = h.peers[h.peers.length - 1];
      h.write(peer, pattern(bytes + 4, 1).subarray(0, bytes));
      await h.until(() => client.receivedBytes > 0, "output begins");
      client.socket.resetAndDestroy();
      await h.until(() => peer.closed, "the reset is reported");
      equal(h.reactor.blocks.inUse, 0);
    }
  });

  trial("a reset of a connection that is paused or has ended does not keep polls from waiting", async (h) => {
    await h.listen();
    await h.connect(3);
    const [paused, ended, both] = h.clients.map((client) => peerOf(h, client));
    h.reactor.pauseReading(paused.id);
    h.clients[1].socket.end("bye");
    h.clients[2].socket.end();
    await h.until(() => ended.ended === 1 && both.ended === 1, "two have ended");
    h.reactor.pauseReading(both.id);
    await h.turns(3);
    await staysQuiet(h);
    h.clients[0].socket.write("unread");
    for (const client of h.clients) client.socket.resetAndDestroy();
    await withoutReactor(() => h.clients.every((client) => client.closed), "the clients are gone");
    await h.turns(5);
    await staysQuiet(h);
    // Whether a reactor sees the reset of a connection that it does not read is its own affair; a send does.
    for (const peer of [paused, ended, both]) {
      if (!peer.closed) h.write(peer, pattern(1000, 3));
    }
    await h.turns(3);
    for (const peer of [paused, ended, both]) {
      if (!peer.closed) h.write(peer, pattern(1000, 3));
    }
    await h.until(() => h.peers.every((peer) => peer.closed), "all three are closed");
  });

  trial("half close while paused: the end comes after the resume, behind all input", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    h.reactor.pauseReading(peer.id);
    await h.turns(3);
    const before = peer.receivedBytes;
    client.socket.end(pattern(10_000, 4));
    await h.turns(10);
    equal(peer.receivedBytes, before, "nothing is read");
    equal(peer.ended, 0);
    await staysQuiet(h);
    h.reactor.resumeReading(peer.id);
    await h.until(() => peer.ended === 1, "the end arrives");
    ok(peer.bytes.equals(pattern(10_000, 4)), "behind all input");
    await staysQuiet(h);
  });

  trial("a close while the peer goes on sending", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    client.socket.write("first");
    await h.until(() => peer.receivedBytes === 5, "input arrives");
    h.close(peer);
    await h.until(() => peer.closed && client.ended, "the client sees the end");
    equal(client.errorCode, "");
    // Its own direction is still open as far as it knows.
    client.socket.write("into the void");
    await h.until(() => client.closed || client.errorCode !== "" || client.socket.bytesWritten === 18, "it is told");
    await servesAnother(h);
  });
}

// tidy: long function, a table of tests
export function pieceTrials(trial: DefineTrial): void {
  trial("a message cut in two at every offset", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    const message = pattern(64, 5);
    for (let cut = 1; cut < message.length; cut++) {
      const start = peer.receivedBytes;
      client.socket.write(message.subarray(0, cut));
      await h.until(() => peer.receivedBytes === start + cut, "the first piece arrives by itself");
      client.socket.write(message.subarray(cut));
      await h.until(() => peer.receivedBytes === start + message.length, "the second piece arrives");
    }
    const all = Buffer.concat(new Array(message.length - 1).fill(message));
    ok(peer.bytes.equals(all), "bytes are intact");
  });

  trial("sends from every offset of a block, of every length", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    const { blocks } = h.reactor;
    const bytes = pattern(OUTPUT_BLOCK_BYTES, 6);
    const expected: Buffer[] = [];
    for (let from = 0; from < 34; from++) {
      const length = from % 2 === 0 ? 1 + from : OUTPUT_BLOCK_BYTES - from;
      const block = blocks.take();
      const start = blocks.startOf(block);
      blocks.viewOf(block).set(bytes, start);
      peer.blocks.push(block);
      peer.sending = true;
      h.reactor.send(peer.id, block, start + from, start + from + length);
      expected.push(bytes.subarray(from, from + length));
      await h.until(() => !peer.sending, "the send is reported");
    }
    const all = Buffer.concat(expected);
    await h.until(() => client.receivedBytes >= all.length, "everything has arrived");
    ok(client.bytes.equals(all), "bytes are intact");
  });

  trial("a reader in gulps: sends stop and go on anywhere", async (h) => {
    await h.listen();
    const client = await h.connect();
    const peer = h.peers[0];
    const random = new Random(17);
    const sent: Buffer[] = [];
    let bytes = 0;
    const more = (): void => {
      // Many odd pieces, so that a send has ranges of all sizes.
      for (let k = 0; k < SEND_BLOCKS_MAX; k++) {
        const piece = pattern(4 + random.below(OUTPUT_BLOCK_BYTES), bytes);
        sent.push(piece);
        bytes += piece.length;
        h.write(peer, piece);
      }
    };
    client.socket.pause();
    for (let gulp = 0; gulp < (FULL ? 200 : 30); gulp++) {
      while (peer.output.length < 4 * SEND_BLOCKS_MAX && bytes < 24 * MiB) more();
      const until = client.receivedBytes + random.below(300_000);
      client.socket.resume();
      await h.until(() => client.receivedBytes >= Math.min(until, bytes), "the reader takes a gulp");
      client.socket.pause();
      await h.turns(1 + random.below(3));
    }
    client.socket.resume();
    await h.until(() => client.receivedBytes >= bytes && !peer.sending, "everything has arrived");
    ok(client.bytes.equals(Buffer.concat(sent)), "bytes are intact");
  });

  trial("all send at once, more than there is room for", async (h) => {
    await h.listen();
    h.recordInput = false;
    await h.connect(64);
    const bytes = Buffer.alloc(MiB / 2, "x");
    let written = 0;
    for (const client of h.clients) {
      client.socket.write(bytes);
      written += bytes.length;
    }
    for (let i = 0; i < 50; i++) await nextTurn();
    await h.until(() => h.peers.reduce((sum, peer) => sum + peer.receivedBytes, 0) === written, "everything arrives");
    ok(h.peers.every((peer) => peer.receivedBytes === bytes.length));
  });

  trial("many connections come and go at once; descriptors and ids are reused, bytes are not mixed up", async (h) => {
    await h.listen();
    h.onInput = (peer, bytes) => {
      if (!peer.closed && !peer.closing) h.write(peer, bytes);
    };
    const random = new Random(19);
    for (let round = 0; round < (FULL ? 60 : 8); round++) {
      const first = h.clients.length;
      const accepted = h.peers.length;
      await h.connect(40);
      const clients = h.clients.slice(first);
      const peers = h.peers.slice(accepted);
      clients.forEach((client, i) => {
        client.socket.write(`${round}:${i};`);
      });
      // Some leave before their answer, in each of the ways there are.
      for (let i = 0; i < 10; i++) clients[random.below(20)].socket.destroy();
      for (let i = 0; i < 10; i++) clients[random.below(20)].socket.resetAndDestroy();
      const stay = clients.slice(20);
      const length = (client: Client): number => `${round}:${clients.indexOf(client)};`.length;
      await h.until(
        () => stay.every((client) => client.receivedBytes === length(client)),
        "those who stay are answered",
      );
      stay.forEach((client) => {
        equal(client.bytes.toString(), `${round}:${clients.indexOf(client)};`);
      });
      for (const peer of peers) if (!peer.closed && !peer.closing && random.below(2) === 0) h.close(peer);
      for (const client of clients) client.socket.destroy();
      await h.until(() => peers.every((peer) => peer.closed || peer.ended > 0), "all have left");
      for (const peer of peers) if (!peer.closed && !peer.closing) h.close(peer);
    }
    await h.until(() => h.peers.every((peer) => peer.closed), "all are closed");
    const largest = Math.max(...h.peers.map((peer: Peer) => peer.id));
    ok(largest < 160, `40 connections at a time used ids up to ${largest}`);
  });
}

// tidy: long function, a table of tests
export function loopTrials(trial: DefineTrial): void {
  trial("a poll waits as long as it may, and not at all when it may not", async (h) => {
    if (!h.reactor.blocking) {
      h.skipped = "a reactor that does not block has no time-out";
      return;
    }
    await h.listen();
    await h.turns(5);
    h.reactor.yieldDue = false;
    let start = performance.now();
    for (let i = 0; i < 100; i++) equal(h.reactor.poll(0), 0);
    ok(performance.now() - start < WAIT_MS_MAX / 2, "polls that may not wait");
    await staysQuiet(h);
    start = performance.now();
    h.reactor.poll(25);
    await nextTurn();
    h.reactor.yieldDue = false;
    ok(performance.now() - start < WAIT_MS_MAX / 2, "the time-out holds");
  });

  trial("a wake that came before the poll ends it, however many there were, and none is left over", async (h) => {
    if (h.reactor.wakeHandle < 0) {
      h.skipped = "shards on this reactor are woken another way";
      return;
    }
    await h.turns(3);
    for (const count of [1, 2, 1000]) {
      for (let i = 0; i < count; i++) h.reactor.wake(h.reactor.wakeHandle);
      h.reactor.yieldDue = false;
      const start = performance.now();
      // On io_uring a wake goes out with the poll, and a thousand of them may take two.
      equal(h.reactor.poll(WAIT_MS_MAX), 0, "a wake-up is no work");
      ok(performance.now() - start < WAIT_MS_MAX / 2, "the wake-up ends the wait");
      // What is not coalesced comes out in some more polls.
      for (let i = 0; i < 200; i++) h.reactor.poll(0);
      await staysQuiet(h);
    }
  });

  trial("a TLS handshake of Node's own goes on while it runs", async (h) => {
    await h.listen();
    const identity = { identity: "suite", psk: Buffer.alloc(32, 7) };
    const options = { ciphers: "PSK+HIGH", maxVersion: "TLSv1.2" } as const;
    const server = createTlsServer({ ...options, pskCallback: () => identity.psk }, (socket) => {
      socket.end("secret");
      socket.on("error", () => {});
    });
    server.listen(0, "127.0.0.1");
    await h.during(once(server, "listening"));
    const address = server.address();
    ok(address !== null && typeof address === "object");
    const client = connectTls({
      ...options,
      host: "127.0.0.1",
      port: address.port,
      pskCallback: () => identity,
      checkServerIdentity: () => undefined,
    });
    let text = "";
    client.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    await h.during(once(client, "close"));
    equal(text, "secret");
    server.close();
  });
}

/** What needs the reactor on another thread, or a process of its own. `options.source` opens it there as `r`. */
// tidy: long function, a table of tests
export function companionTests(name: string, open: () => Promise<Reactor>, options: ReactorSuiteOptions): void {
  const { source } = options;
  const skip = options.skip ?? (source === undefined ? "it cannot be opened in another thread or process" : false);
  describe(`reactor ${name} and others`, { skip, concurrency: false }, () => {
    it("out of descriptors it rests, serves who is there, and accepts again", {
      timeout: 6 * WAIT_MS_MAX,
    }, async (t) => {
      if (process.platform === "win32") t.skip("Windows has no limit of descriptors to set");
      else await runOutOfDescriptors(source ?? "");
    });

    const blocking = options.wakes === true ? false : "it is driven by libuv, and woken by messages";

    it("wakes another and is woken, out of a wait that is longer than the test", { skip: blocking }, async () => {
      const reactor = await open();
      const body = `let peer = -1; parentPort.on("message", (n) => { peer = n; parentPort.postMessage("ready"); });
        woken = () => { r.wake(peer); r.submit(); };`;
      const worker = new Worker(shell(source ?? "", 60_000, body));
      try {
        const handle = Number(await answer(worker));
        worker.postMessage(reactor.wakeHandle);
        equal(await answer(worker), "ready");
        await nextTurn();
        reactor.yieldDue = false;
        const begun = performance.now();
        for (let round = 0; round < 200; round++) {
          reactor.wake(handle);
          equal(reactor.poll(WAIT_MS_MAX), 0, "a wake-up is no work");
          reactor.yieldDue = false;
        }
        ok(performance.now() - begun < WAIT_MS_MAX, "no wake-up was lost");
      } finally {
        await worker.terminate();
        reactor.destroy();
      }
    });

    it("loses no wake of several threads at once", { skip: blocking }, async () => {
      const reactor = await open();
      const threads = 3;
      const wakes = FULL ? 200_000 : 20_000;
      const counter = new Int32Array(new SharedArrayBuffer(8));
      const body = `const counter = new Int32Array(workerData.counter);
        Atomics.wait(counter, 1, 0, 10_000);
        for (let i = 0; i < ${wakes}; i++) { Atomics.add(counter, 0, 1); r.wake(workerData.handle); r.submit(); }
        process.exit(0);`;
      const data = { workerData: { counter: counter.buffer, handle: reactor.wakeHandle } };
      const workers = Array.from({ length: threads }, () => new Worker(shell(source ?? "", 1, body), data));
      try {
        await nextTurn();
        Atomics.store(counter, 1, 1);
        Atomics.notify(counter, 1);
        // What was counted before a wake must be seen after it: the last wait ends at the last wake, or does not begin.
        let longestMs = 0;
        while (Atomics.load(counter, 0) < threads * wakes) {
          const start = performance.now();
          reactor.poll(WAIT_MS_MAX);
          reactor.submit();
          longestMs = Math.max(longestMs, performance.now() - start);
          if (reactor.yieldDue) {
            reactor.yieldDue = false;
            await nextTurn();
          }
        }
        ok(longestMs < WAIT_MS_MAX - 100, `a poll waited for ${longestMs} ms`);
      } finally {
        await Promise.all(workers.map((worker) => worker.terminate()));
        reactor.destroy();
      }
    });

    it("a wake of a reactor that is gone does nothing", { skip: blocking }, async () => {
      const reactor = await open();
      const gone = await open();
      const handle = gone.wakeHandle;
      gone.destroy();
      for (let i = 0; i < 3; i++) {
        reactor.wake(handle);
        reactor.submit();
        reactor.poll(0);
      }
      reactor.destroy();
    });

    it("serves messages, files and timers while it blocks, and terminates", { skip: blocking }, async () => {
      const body = `parentPort.on("message", (path) => {
          readFile(path, (error, bytes) => setTimeout(() => parentPort.postMessage(error ? String(error) : bytes.length), 5));
        });`;
      const worker = new Worker(shell(source ?? "", 100, body));
      try {
        await answer(worker);
        for (let round = 0; round < 3; round++) {
          worker.postMessage(new URL(import.meta.url).pathname);
          ok(Number(await answer(worker)) > 1000, "the file was read");
        }
      } finally {
        const begun = performance.now();
        await worker.terminate();
        ok(performance.now() - begun < WAIT_MS_MAX / 2, "it ends within a few ticks");
      }
    });
  });
}

/** The shell of a shard, as short as can be: blocks in the reactor `r`, returns to libuv when that is due. */
function shell(source: string, tickMs: number, body: string): URL {
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    import { readFile } from "node:fs";
    ${source}
    let woken = () => {};
    let laps = 0;
    ${body}
    function run() {
      for (;;) {
        r.poll(${tickMs});
        laps++;
        if (!r.yieldDue) woken();
        if (r.yieldDue || laps % 8 === 0) { r.yieldDue = false; r.submit(); setImmediate(run); return; }
      }
    }
    parentPort.postMessage(r.wakeHandle);
    run();`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

async function answer(worker: Worker): Promise<unknown> {
  return (await once(worker, "message", { signal: AbortSignal.timeout(WAIT_MS_MAX) }))[0];
}

/** An echo server: prints its port, then the errno of its first failed accept, and at a line of input how often it polled. */
function echoServer(source: string): string[] {
  const code = `
    ${source}
    const blocks = [];
    r.attach({
      onAccept() {},
      onData(socket, bytes, start, end) {
        const block = (blocks[socket] = r.blocks.take());
        const at = r.blocks.startOf(block);
        r.blocks.viewOf(block).set(bytes.subarray(start, end), at);
        r.send(socket, block, at, at + end - start);
      },
      onSent(socket) { r.blocks.give(blocks[socket]); },
      onEnd(socket) { r.close(socket); },
      onClosed() {},
    });
    const { port } = await r.listen(${JSON.stringify(LOCAL)});
    console.log(port);
    let polls = 0;
    let told = false;
    process.stdin.on("data", () => console.log(polls));
    function step() {
      r.poll(100);
      polls++;
      if (r.acceptErrors > 0 && !told) { told = true; console.log(r.acceptErrno); }
      r.yieldDue = false;
      r.submit();
    }
    function run() { step(); setImmediate(run); }
    if (r.blocking) run();
    else { r.onActivity = () => setImmediate(step); setInterval(step, 100); }`;
  return ["--input-type=module", "-e", code];
}

// tidy: long function, one story
async function runOutOfDescriptors(source: string): Promise<void> {
  const limit = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
  const child = spawn("sh", ["-c", limit, process.execPath, ...echoServer(source)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const number = async (): Promise<number> => Number((await lines.next()).value);
  const clients: Socket[] = [];
  const signal = AbortSignal.timeout(4 * WAIT_MS_MAX);
  const watch = setTimeout(() => child.kill("SIGKILL"), 4 * WAIT_MS_MAX);
  const echo = async (client: Socket, text: string): Promise<void> => {
    client.write(text);
    equal(String((await once(client, "data", { signal }))[0]), text);
  };
  try {
    const port = await number();
    const open = (): Socket => {
      const client = connect({ host: "127.0.0.1", port }).on("error", () => {});
      clients.push(client);
      return client;
    };
    const first = open();
    await echo(first, "first");
    const crowd = Array.from({ length: 2 * DESCRIPTORS }, open);
    const settled = (client: Socket): Promise<unknown> =>
      new Promise((resolve) => client.once("connect", resolve).once("close", resolve));
    await Promise.all(crowd.map(settled));
    await echo(first, "in the crowd");
    const errno = await number();
    ok(errno === 24 || errno === 23, `errno ${errno} says that there are no descriptors left`);
    child.stdin.write("report\n");
    const polls = await number();
    ok(polls < 5000, `${polls} polls are no hot loop`);
    await echo(first, "while it rests");
    for (const client of crowd) client.destroy();
    // Descriptors come back one by one, so the first attempts may be too early for a reactor that turns clients away.
    let served = "";
    for (let i = 0; i < 1000 && served === ""; i++) served = await attempt(open());
    equal(served, "again", "new clients are served again");
    await echo(first, "afterwards");
  } finally {
    clearTimeout(watch);
    for (const client of clients) client.destroy();
    child.kill("SIGKILL");
    await exited;
  }
}

/** What a new connection echoes of "again": nothing when it is turned away. */
function attempt(client: Socket): Promise<string> {
  return new Promise((resolve) => {
    client.once("close", () => resolve("")).once("data", (bytes: Buffer) => resolve(String(bytes)));
    client.write("again");
  });
}
