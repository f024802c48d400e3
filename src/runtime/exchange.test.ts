/**
 * Tests of the exchange: two and three of them over real rings in one thread, with handlers that note what comes.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CommandId, ShardId } from "../base/brands.ts";
import { viewOf } from "../base/bytes.ts";
import { CREDITS_PER_OWNER } from "../base/limits.ts";
import { createMeshMemory, Mesh, startMeshAt } from "../mesh/mesh.ts";
import { Argv } from "../resp/argv.ts";
import { Exchange, type ExchangeHandler, type IncomingRequest, NO_ROOM, SENT, STREAMING } from "./exchange.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";
const COMMAND = 77 as CommandId;

/** A shard that answers every request with its last argument, as long as `answering`. */
class Peer implements ExchangeHandler {
  readonly id: ShardId;
  readonly mesh: Mesh;
  readonly exchange: Exchange;
  readonly requests: string[];
  /** (client, seq) and length of replies, by sender. */
  readonly replies: string[];
  readonly streamsSent: number[];
  readonly parts: string[];
  readonly notes: string[];
  readonly #held: (() => void)[];
  answering: boolean;

  constructor(mesh: Mesh) {
    this.id = mesh.shard;
    this.mesh = mesh;
    this.exchange = new Exchange(mesh, this);
    this.requests = [];
    this.replies = [];
    this.streamsSent = [];
    this.parts = [];
    this.notes = [];
    this.#held = [];
    this.answering = true;
  }

  onRequest(source: ShardId, socket: number, client: number, seq: number, request: IncomingRequest): void {
    assert.deepEqual([request.command, request.version, request.database], [COMMAND, 3, 15]);
    const { argv } = request;
    this.requests.push(`${client}:${seq}`);
    for (let i = 0; i < argv.count; i++) checkArgument(argv, i, seq);
    const last = argv.count - 1;
    const reply = argv.bytes.slice(argv.starts[last], argv.ends[last]);
    const answer = (): void => this.exchange.sendReply(source, socket, client, seq, viewOf(reply), 0, reply.length);
    if (this.answering) answer();
    else this.#held.push(answer);
  }

  onNote(socket: number, client: number, bytes: Uint8Array, start: number, end: number): void {
    this.notes.push(`${socket}:${client}:${Buffer.from(bytes.subarray(start, end)).toString()}`);
  }

  onReply(
    socket: number,
    client: number,
    seq: number,
    bytes: Uint8Array,
    _view: DataView,
    start: number,
    end: number,
  ): void {
    assert.equal(socket, client % 1000);
    for (let i = start; i < end; i++) assert.equal(bytes[i], seq & 255);
    this.replies.push(`${client}:${seq}:${end - start}`);
  }

  onPart(source: ShardId, operation: number, request: IncomingRequest): void {
    const text = request.argv.text(0);
    this.exchange.sendPartReply(source, operation, viewOf(Buffer.from(text)), 0, text.length);
  }

  onPartReply(source: ShardId, operation: number, bytes: Uint8Array, start: number, end: number): void {
    this.parts.push(`${source}:${operation}:${Buffer.from(bytes.slice(start, end)).toString("latin1")}`);
  }

  onStreamSent(_socket: number, client: number): void {
    this.streamsSent.push(client);
  }

  answerHeld(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  send(target: number, client: number, seq: number, ...lengths: number[]): number {
    const args = lengths.map((length) => Buffer.alloc(length, seq & 255));
    return this.exchange.sendRequest(target as ShardId, client % 1000, client, seq, COMMAND, 3, 15, Argv.of(args));
  }

  /** One turn of a shard. */
  turn(): boolean {
    const taken = this.exchange.drain();
    const sent = this.exchange.pump();
    this.mesh.publish();
    return taken > 0 || sent;
  }
}

function checkArgument(argv: Argv, index: number, seq: number): void {
  for (let i = argv.starts[index]; i < argv.ends[index]; i++) assert.equal(argv.bytes[i], seq & 255);
}

function makePeers(count: number, ringBytes = 4096): Peer[] {
  const memory = createMeshMemory(count, ringBytes);
  startMeshAt(memory, 2 ** 31 - 2048);
  return Array.from({ length: count }, (_, id) => new Peer(new Mesh(memory, id as ShardId, () => {})));
}

/** Lets all take turns until nothing moves any more; a bound on turns finds live locks. */
function settle(peers: readonly Peer[]): void {
  for (let turns = 0, idle = 0; idle < 2; turns++) {
    assert.ok(turns < 200_000, "it comes to rest");
    let work = false;
    for (const peer of peers) work = peer.turn() || work;
    idle = work ? 0 : idle + 1;
  }
}

function assertAtRest(peers: readonly Peer[]): void {
  for (const { exchange, mesh } of peers) {
    assert.deepEqual([exchange.outstanding, exchange.backlog], [0, 0]);
    assert.ok(mesh.park(), "it may sleep");
    mesh.unpark();
  }
}

test("a request goes there, its reply comes back; empty arguments, large client ids and all", () => {
  const [a, b] = makePeers(2);
  const client = 2 ** 32 - 5;
  assert.equal(a.send(1, client, -3, 3, 0, 10), SENT);
  assert.equal(a.send(1, client, -2, 0), SENT);
  assert.equal(a.exchange.outstanding, 2);
  settle([a, b]);
  assert.deepEqual(b.requests, [`${client}:-3`, `${client}:-2`]);
  assert.deepEqual(a.replies, [`${client}:-3:10`, `${client}:-2:0`]);
  assertAtRest([a, b]);
});

test("arguments arrive as they stood in a request with gaps between them", () => {
  const [a, b] = makePeers(2);
  const bytes = Buffer.from("..\x05\x05...\x05..");
  const argv = new Argv();
  argv.bytes = bytes;
  argv.view = viewOf(argv.bytes);
  argv.push(2, 4);
  argv.push(5, 5);
  argv.push(7, 8);
  assert.equal(a.exchange.sendRequest(1 as ShardId, 1, 1, 5, COMMAND, 3, 15, argv), SENT);
  settle([a, b]);
  assert.deepEqual(a.replies, ["1:5:1"]);
});

test("parts and their replies, small and large, each to its operation", () => {
  const peers = makePeers(3);
  const large = "x".repeat(100_000);
  for (const [operation, text] of [
    [1, "a"],
    [-2, large],
    [3, ""],
  ] as const) {
    for (const target of [1, 2])
      peers[0].exchange.sendPart(target as ShardId, operation, COMMAND, 2, 0, Argv.of([text]));
  }
  assert.equal(peers[0].exchange.outstanding, 6);
  settle(peers);
  const expected = [1, 2].flatMap((source) => [`${source}:1:a`, `${source}:-2:${large}`, `${source}:3:`]);
  assert.deepEqual(peers[0].parts.sort(), expected.sort());
  assertAtRest(peers);
});

test("a request of 1 MB goes through rings of 4 KiB, beside small ones and other large ones", () => {
  const [a, b] = makePeers(2);
  const megabyte = 1 << 20;
  assert.equal(a.send(1, 1, 11, megabyte), STREAMING);
  assert.equal(a.send(1, 2, 12, 700_000, 300_000), STREAMING);
  a.turn();
  assert.equal(a.send(1, 3, 13, 20), NO_ROOM, "the ring is full of fragments");
  b.turn();
  assert.equal(a.send(1, 3, 13, 20), SENT);
  assert.deepEqual(a.streamsSent, []);
  settle([a, b]);
  assert.deepEqual(a.streamsSent.sort(), [1, 2]);
  assert.equal(a.replies[0], "3:13:20", "a small request does not wait for the large ones");
  assert.deepEqual(a.replies.slice(1).sort(), [`1:11:${megabyte}`, "2:12:300000"]);
  assertAtRest([a, b]);
});

test("lengths around the largest message", () => {
  const [a, b] = makePeers(2);
  const max = a.mesh.payloadMax;
  for (let length = max - 40, seq = 0; length <= max + 4; length++, seq++) {
    assert.notEqual(a.send(1, 5, seq, length), NO_ROOM);
    settle([a, b]);
    assert.equal(a.replies[seq], `5:${seq}:${length}`);
  }
  assertAtRest([a, b]);
});

test("credits run out and come back", () => {
  const [a, b] = makePeers(2, 1 << 20);
  b.answering = false;
  let sent = 0;
  while (a.send(1, 1, sent, 1) === SENT) {
    sent++;
    if (sent % 1000 === 0) settle([a, b]);
  }
  assert.equal(sent, CREDITS_PER_OWNER);
  settle([a, b]);
  assert.ok(!a.exchange.hasRoom(1 as ShardId));
  assert.equal(a.exchange.outstanding, CREDITS_PER_OWNER);
  b.answerHeld();
  b.answering = true;
  settle([a, b]);
  assert.ok(a.exchange.hasRoom(1 as ShardId));
  assert.equal(a.replies.length, sent);
  assert.ok(
    a.replies.every((reply, seq) => reply === `1:${seq}:1`),
    "in order",
  );
  assertAtRest([a, b]);
});

test("both directions full: replies are taken, nothing locks, order holds", () => {
  const [a, b] = makePeers(2);
  let sent = 0;
  for (; a.send(1, 1, sent, 500) === SENT; sent++) assert.equal(b.send(0, 2, sent, 500), SENT);
  assert.equal(b.send(0, 2, sent, 500), NO_ROOM);
  a.mesh.publish();
  b.mesh.publish();
  a.exchange.drain();
  assert.ok(a.exchange.backlog > 0, "replies wait behind requests");
  settle([a, b]);
  for (const { replies } of [a, b]) {
    assert.equal(replies.length, sent);
    assert.ok(replies.every((reply, seq) => reply.endsWith(`:${seq}:500`)));
  }
  assertAtRest([a, b]);
});

test("a request that finds no room has its shard woken although nobody owes it a message", () => {
  const memory = createMeshMemory(2, 4096);
  const woken: number[] = [];
  const [a, b] = [0, 1].map((id) => new Peer(new Mesh(memory, id as ShardId, (target) => woken.push(target))));
  a.mesh.publishWakeHandle(1);
  while (a.mesh.writers[1].reserve(4, 500, 0, 0, 0) >= 0);
  assert.equal(a.send(1, 1, 0, 500), NO_ROOM);
  assert.ok(!a.exchange.hasRoom(1 as ShardId), "a full ring is no room");
  a.exchange.pump();
  a.mesh.publish();
  assert.ok(a.mesh.park());
  assert.ok(b.mesh.readers[0].poll());
  while (b.mesh.readers[0].next() >= 0);
  b.mesh.release(0 as ShardId);
  assert.deepEqual(woken, [0]);
  assert.ok(a.exchange.hasRoom(1 as ShardId));
  assert.ok(!a.mesh.park(), "there is room to use");
  // The client has gone meanwhile: nobody wants the room any more.
  a.turn();
  assert.ok(a.mesh.park());
  a.mesh.unpark();
  assert.equal(a.send(1, 1, 0, 500), SENT);
});

test("a shard with more to send than one turn takes does not sleep while there is room", () => {
  const [a, b] = makePeers(2, 1 << 20);
  a.send(1, 1, 1, 1 << 20);
  a.turn();
  assert.ok(a.exchange.backlog > 0);
  assert.ok(!a.mesh.park());
  settle([a, b]);
  assertAtRest([a, b]);
});

test("any traffic among three shards arrives whole, once, in the order of its client", () => {
  const message = fc.record({
    from: fc.nat(2),
    to: fc.nat(1),
    length: fc.oneof({ weight: 6, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.nat(20_000) }),
    turns: fc.nat(3),
    who: fc.nat(2),
  });
  const property = fc.property(fc.array(message, { maxLength: 120 }), (messages) => {
    const peers = makePeers(3);
    const expected: string[][] = [[], [], []];
    messages.forEach(({ from, to, length, turns, who }, seq) => {
      const target = (from + 1 + to) % 3;
      // One client for each pair and kind, as streams of one client do not overlap with its other requests.
      const client = length > 900 ? 1000 + seq : from * 10 + target;
      while (peers[from].send(target, client, seq, 2, length) === NO_ROOM) for (const peer of peers) peer.turn();
      expected[from].push(`${client}:${seq}:${length}`);
      for (let n = 0; n < turns; n++) peers[who].turn();
    });
    settle(peers);
    peers.forEach(({ replies }, i) => {
      assert.deepEqual([...replies].sort(), [...expected[i]].sort());
      for (const target of [0, 1, 2]) {
        const ofPair = (all: string[]): string[] => all.filter((reply) => reply.startsWith(`${i * 10 + target}:`));
        assert.deepEqual(ofPair(replies), ofPair(expected[i]));
      }
    });
    assertAtRest(peers);
  });
  fc.assert(property, { numRuns: FULL ? 1000 : 60 });
});
