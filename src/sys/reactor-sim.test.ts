/** The simulated reactor: the shared suite over a calm and over rough networks, and what is particular to it. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import type { SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { RECEIVE_BUFFER_BYTES } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import type { ClientSocket, Destination } from "./reactor.harness.ts";
import { LOCAL } from "./reactor.harness.ts";
import { reactorSuite } from "./reactor.suite.ts";
import type { ReactorHandler } from "./reactor.ts";
import { SimReactor } from "./reactor-sim.ts";
import { CALM, type NetworkTraits, type SimConnection, SimNetwork } from "./sim-network.ts";

const ROUGH: NetworkTraits = {
  delayUsMax: 300,
  slowShare: 5,
  streamBytes: 96 * 1024,
  shortShare: 20,
  idleShare: 25,
  wakeUsMax: 100,
};

/** Time that passes a little with each look at it, and not otherwise. */
class LookedAtClock implements Clock {
  us = 0;
  wallMs(): number {
    return this.monotonicUs() / 1000;
  }
  monotonicUs(): number {
    return this.us++;
  }
}

/** A simulated connection as the suite's clients know one. */
class SimStream extends Duplex implements ClientSocket {
  readonly #connection: SimConnection;
  #wanted = false;
  #pending: Uint8Array = new Uint8Array(0);
  #written: (() => void) | null = null;
  #told = false;
  bytesWritten = 0;

  constructor(connection: SimConnection) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    setImmediate(() => this.#turn());
  }

  get localPort(): number {
    return this.#connection.clientPort;
  }

  resetAndDestroy(): this {
    this.#connection.reset();
    return this.destroy();
  }

  override _read(): void {
    this.#wanted = true;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.#pending = chunk;
    this.#written = done;
  }

  override _final(done: () => void): void {
    this.#connection.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection.close();
    done(error);
  }

  #turn(): void {
    if (this.destroyed) return;
    const connection = this.#connection;
    if (connection.connected && !this.#told) {
      this.#told = true;
      this.emit("connect");
    }
    while (this.#wanted && connection.readable > 0) this.#wanted = this.push(connection.read(RECEIVE_BUFFER_BYTES));
    if (connection.errorCode !== "") {
      this.destroy(Object.assign(new Error(connection.errorCode), { code: connection.errorCode }));
      return;
    }
    if (this.#wanted && connection.ended) {
      this.#wanted = false;
      this.push(null);
    }
    const done = this.#written;
    if (done !== null) {
      const written = connection.write(this.#pending);
      this.bytesWritten += written;
      this.#pending = this.#pending.subarray(written);
      if (this.#pending.length === 0) {
        this.#written = null;
        done();
      }
    }
    setImmediate(() => this.#turn());
  }
}

function suite(name: string, traits: NetworkTraits, without: Readonly<Record<string, string>> = {}): void {
  let network = new SimNetwork(new LookedAtClock(), new Random(1), traits);
  const open = async (): Promise<SimReactor> => {
    network = new SimNetwork(new LookedAtClock(), new Random(1), traits);
    return new SimReactor(network);
  };
  reactorSuite(name, open, {
    connect: (to: Destination) => new SimStream(network.connect(to)),
    without: {
      "a poll waits as long as it may, and not at all when it may not": "a simulated poll never waits",
      "a blocked poll comes back for Node's own loop, and at its time-out": "a simulated poll never waits",
      "serves a Unix socket with a mode, replaces a stale file, refuses a used one": "a simulated socket has no file",
      ...without,
    },
  });
}

suite("sim (calm)", CALM);
suite("sim (rough)", ROUGH, {
  "one flooding connection does not starve another": "its handler knows a ping that came whole, and here it is cut",
});

/** Writes down what it is told, and sends some of it back. */
class Scribe implements ReactorHandler {
  readonly notes: string[] = [];
  readonly #reactor: SimReactor;
  readonly #sending = new Set<SocketId>();
  /** In the order of acceptance: ids of sockets are used again. */
  readonly #names: number[] = [];
  #accepted = 0;

  constructor(reactor: SimReactor) {
    this.#reactor = reactor;
    reactor.attach(this);
  }
  onAccept(socket: SocketId): void {
    this.#names[socket] = this.#accepted++;
    this.notes.push(`accept ${this.#names[socket]}`);
  }
  onData(socket: SocketId, bytes: Uint8Array, start: number, end: number): void {
    this.notes.push(
      `data ${this.#names[socket]} ${start} ${Buffer.from(bytes.subarray(start, end)).toString("latin1")}`,
    );
    if (this.#sending.has(socket)) return;
    this.#sending.add(socket);
    this.#reactor.pauseReading(socket);
    const { blocks } = this.#reactor;
    const block = blocks.take();
    const at = blocks.startOf(block);
    blocks.viewOf(block).set(bytes.subarray(start, end), at);
    this.#reactor.send(socket, block, at, at + end - start);
  }
  onSent(socket: SocketId): void {
    this.notes.push(`sent ${this.#names[socket]}`);
    this.#sending.delete(socket);
    this.#reactor.resumeReading(socket);
  }
  onEnd(socket: SocketId): void {
    this.notes.push(`end ${this.#names[socket]}`);
    this.#reactor.close(socket);
  }
  onClosed(socket: SocketId, errno: number): void {
    this.notes.push(`closed ${this.#names[socket]} ${errno}`);
  }
}

/** What a reactor told in a run of some clients on a rough network. */
function notesOf(seed: number): string[] {
  const clock = new LookedAtClock();
  const network = new SimNetwork(clock, new Random(seed), ROUGH);
  const reactor = new SimReactor(network);
  const scribe = new Scribe(reactor);
  void reactor.listen({ ...LOCAL, port: 6379 });
  const clients = [1, 2, 3].map(() => network.connect({ port: 6379 }));
  const texts = clients.map((_, i) => Buffer.from(`this is what client ${i} says; `.repeat(10)));
  for (let turn = 0; turn < 2000; turn++) {
    for (const [i, client] of clients.entries()) {
      texts[i] = texts[i].subarray(client.write(texts[i]));
      client.read(5);
      if (texts[i].length === 0) client.end();
    }
    reactor.poll(0);
  }
  return scribe.notes;
}

describe("SimReactor", () => {
  it("does the same for the same seed, and something else for another one", () => {
    deepEqual(notesOf(7), notesOf(7));
    ok(notesOf(7).join() !== notesOf(8).join(), "chance comes from the seed");
  });

  it("cuts what is sent and brings it in order", () => {
    let cuts = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const notes = notesOf(seed);
      for (const name of [0, 1, 2]) {
        const pieces = notes.filter((note) => note.startsWith(`data ${name} `));
        const text = pieces.map((note) => note.replace(/^data \d+ \d+ /, "")).join("");
        ok(/^(this is what client \d says; ){10}$/.test(text), text);
        ok(notes.includes(`closed ${name} 0`));
        cuts += pieces.length - 1;
      }
    }
    ok(cuts > 20, "many came in pieces");
  });

  it("says when its next turn is worth it, a wake included", () => {
    const clock = { us: 1000, wallMs: () => 0, monotonicUs: () => clock.us };
    const network = new SimNetwork(clock, new Random(3), { ...CALM, delayUsMax: 500, wakeUsMax: 500 });
    const reactor = new SimReactor(network);
    const scribe = new Scribe(reactor);
    equal(reactor.dueUs, Number.POSITIVE_INFINITY);
    reactor.wake(reactor.wakeHandle);
    ok(reactor.dueUs >= 1000 && reactor.dueUs < 1500);
    clock.us = reactor.dueUs;
    equal(reactor.poll(0), 0, "a wake is no work");
    equal(reactor.dueUs, Number.POSITIVE_INFINITY);
    void reactor.listen({ ...LOCAL, port: 6379 });
    const client = network.connect({ port: 6379 });
    clock.us = reactor.dueUs;
    equal(reactor.poll(0), 1);
    client.write(Buffer.from("x"));
    const dueUs = reactor.dueUs;
    if (dueUs > clock.us) equal(reactor.poll(0), 0, "what has not arrived is not told");
    clock.us = dueUs;
    ok(reactor.poll(0) > 0);
    ok(scribe.notes.some((note) => note.startsWith("data 0")));
  });
});
