/**
 * Tests of the router's decisions, between two exchanges over real rings: where a request goes, when it has to wait, and
 * that operations on several shards end even where nobody is left to hear of it.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandId, ShardId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { SharedWords } from "../base/shared.ts";
import { KeyHasher } from "../memory/hash.ts";
import { createMeshMemory, Mesh } from "../mesh/mesh.ts";
import { Argv } from "../resp/argv.ts";
import { Store } from "../store/store.ts";
import type { Reactor } from "../sys/reactor.ts";
import { CommandStats } from "./command-stats.ts";
import { CommandTable } from "./command-table.ts";
import { createCommands } from "./commands.fixture.ts";
import { Conn, Wait } from "./conn.ts";
import { Counters } from "./counters.ts";
import { Effects } from "./effects.ts";
import { Exchange, type ExchangeHandler, type IncomingRequest } from "./exchange.ts";
import { Execution } from "./execution.ts";
import { LatencyMonitor } from "./latency.ts";
import { Output } from "./output.ts";
import { OutputLimits } from "./output-limits.ts";
import { Router } from "./router.ts";
import type { ShardServices } from "./services.ts";
import { SimReactor } from "./shard.fixture.ts";
import { shardOfSlot, slotOf } from "./slots.ts";
import { type SlowCommand, Slowlog } from "./slowlog.ts";
import { Timing } from "./timing.ts";

const CLOCK: Clock = { wallMs: () => 1_700_000_000_000, monotonicUs: () => 0 };
const SHARDS = 2;

/** One shard's router with what it works on. */
class Side implements ExchangeHandler {
  readonly mesh: Mesh;
  readonly exchange: Exchange;
  readonly router: Router;
  readonly output: Output;
  readonly reactor = new SimReactor(0, null, () => {});
  readonly ready: Conn[] = [];
  readonly conns = new Map<number, Conn>();
  readonly slow: string[] = [];
  readonly slowlog: Slowlog;
  readonly stats: CommandStats;
  readonly timing: Timing;

  constructor(mesh: Mesh) {
    this.mesh = mesh;
    this.exchange = new Exchange(mesh, this);
    this.output = new Output(this.reactor as Reactor, new OutputLimits());
    const store = new Store(16, new KeyHasher(1, 2), CLOCK, new Random(1));
    // The commands of the fixture ask nothing of their shard.
    const x = new Execution({} as ShardServices, new Effects(), this.output.writer, store.database(0));
    const table = new CommandTable(createCommands());
    const host = {
      makeReady: (conn: Conn): void => void this.ready.push(conn),
      logSlow: (conn: Conn, command: SlowCommand): void => void this.slow.push(`${conn.id}: ${command.arguments}`),
      clientBytes: (): number => 0,
    };
    const { exchange, output } = this;
    const slowlog = new Slowlog(new SharedWords());
    slowlog.lengthMax = 10;
    this.slowlog = slowlog;
    this.stats = new CommandStats(table.rows);
    this.timing = new Timing(CLOCK, table, this.stats, slowlog, new LatencyMonitor());
    const counters = new Counters();
    this.router = new Router(mesh.shard, SHARDS, table, store, x, output, exchange, counters, this.timing, host);
  }

  connect(id: number): Conn {
    const conn = new Conn(id as SocketId, id, 0);
    this.conns.set(id, conn);
    return conn;
  }

  /** Offers a request; true when it is taken. */
  ask(conn: Conn, ...args: string[]): boolean {
    const argv = Argv.of(args);
    const id: CommandId = this.router.resolve(argv);
    this.output.attach(conn);
    return this.router.request(conn, argv, id, this.router.placeOf(id, argv));
  }

  turn(): void {
    this.exchange.drain();
    this.router.wakeRoomWaiters();
    this.exchange.pump();
    this.mesh.publish();
  }

  /** What stands in the connection's output. */
  written(conn: Conn): string {
    this.output.settle();
    if (conn.outHead < 0) return "";
    assert.equal(conn.outHead, conn.outTail);
    return Buffer.from(this.reactor.blocks.viewOf(conn.outHead).slice(conn.outStart, conn.outEnd)).toString("latin1");
  }

  onNote(): void {
    assert.fail("nothing is slow here");
  }

  onRequest(source: ShardId, socket: number, client: number, seq: number, request: IncomingRequest): void {
    this.router.executeFor(source, socket, client, seq, request);
  }
  onReply(socket: number, _client: number, seq: number, bytes: Uint8Array, view: DataView, s: number, e: number): void {
    const conn = this.conns.get(socket);
    if (conn !== undefined && !conn.closed) this.router.replied(conn, seq, bytes, view, s, e);
  }
  onPart(source: ShardId, operation: number, request: IncomingRequest): void {
    this.router.executePart(source, operation, request);
  }
  onPartReply(source: ShardId, operation: number, bytes: Uint8Array, start: number, end: number): void {
    this.router.partReplied(source, operation, bytes, start, end);
  }
  onStreamSent(socket: number): void {
    const conn = this.conns.get(socket);
    if (conn !== undefined) this.router.streamSent(conn);
  }
}

function keyOn(shard: number): string {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`k${i}`);
    if (shardOfSlot(slotOf(key, 0, key.length), SHARDS) === shard) return key.toString();
  }
}

const NEAR = keyOn(0);
const FAR = keyOn(1);

function pair(ringBytes = 4096): [Side, Side] {
  const memory = createMeshMemory(SHARDS, ringBytes);
  return [new Side(new Mesh(memory, 0 as ShardId, () => {})), new Side(new Mesh(memory, 1 as ShardId, () => {}))];
}

function settle(sides: readonly Side[]): void {
  for (let turn = 0; turn < 50; turn++) for (const side of sides) side.turn();
}

test("strict: a request for elsewhere waits for those under way, one for the same shard does not", () => {
  const [here, there] = pair();
  const conn = here.connect(7);
  assert.ok(here.ask(conn, "set", FAR, "1"));
  assert.ok(here.ask(conn, "get", FAR));
  assert.equal(conn.outstanding, 2);
  for (const args of [["get", NEAR], ["ping"], ["mget", NEAR, FAR], ["dbsize"], ["nonsense"], ["get"]]) {
    conn.waits = 0;
    assert.equal(here.ask(conn, ...args), false, args.join(" "));
    assert.equal(conn.waits, Wait.ORDER);
  }
  settle([here, there]);
  assert.deepEqual([conn.outstanding, conn.waits, here.ready.length], [0, 0, 1]);
  assert.ok(here.ask(conn, "get", NEAR));
  assert.equal(here.written(conn), "+OK\r\n$1\r\n1\r\n$-1\r\n");
});

test("relaxed: requests with keys on one shard overlap, all others wait; replies keep their order", () => {
  const [here, there] = pair();
  here.router.strict = false;
  const conn = here.connect(7);
  assert.ok(here.ask(conn, "set", FAR, "1"));
  assert.ok(here.ask(conn, "set", NEAR, "2"));
  assert.ok(here.ask(conn, "get", FAR));
  assert.equal(here.written(conn), "", "what is done early does not overtake");
  for (const args of [["ping"], ["mget", NEAR, FAR], ["dbsize"], ["nonsense"]]) {
    conn.waits = 0;
    assert.equal(here.ask(conn, ...args), false, args.join(" "));
    assert.equal(conn.waits, Wait.ORDER);
  }
  settle([here, there]);
  assert.equal(here.written(conn), "+OK\r\n+OK\r\n$1\r\n1\r\n");
  assert.ok(conn.late?.empty);
});

test("an operation on several shards ends, and is forgotten, also when its client has gone", () => {
  const [here, there] = pair();
  const conn = here.connect(7);
  const gone = here.connect(8);
  assert.ok(here.ask(conn, "mset", NEAR, "1", FAR, "2"));
  assert.ok(here.ask(gone, "mget", FAR, NEAR));
  assert.deepEqual([conn.waits, gone.waits, here.router.operations], [Wait.PARTS, Wait.PARTS, 2]);
  assert.ok(here.router.waitsForOthers);
  gone.closed = true;
  here.output.discard(gone);
  settle([here, there]);
  assert.deepEqual([conn.waits, here.router.operations, here.exchange.outstanding], [0, 0, 0]);
  assert.equal(here.router.waitsForOthers, false);
  assert.equal(here.written(conn), "+OK\r\n");
  assert.deepEqual(here.ready, [conn]);
  here.output.discard(conn);
  assert.equal(here.reactor.blocks.inUse, 0);
});

test("without room a request is not taken; the connection goes on when there is some, unless it has gone", () => {
  const [here, there] = pair(256);
  const conns = [here.connect(1), here.connect(2), here.connect(3)];
  const [first, second, third] = conns;
  while (here.ask(first, "set", FAR, "value"));
  assert.equal(first.waits, Wait.ROOM);
  assert.equal(here.ask(second, "get", FAR), false);
  assert.equal(here.ask(third, "get", FAR), false);
  third.closed = true;
  assert.ok(here.router.waitsForOthers);
  settle([here, there]);
  assert.deepEqual([first.waits, second.waits], [0, 0]);
  assert.equal(here.router.waitsForOthers, false);
  assert.ok(here.ready.includes(first) && here.ready.includes(second));
  assert.ok(here.ask(second, "get", FAR));
  settle([here, there]);
  assert.equal(here.written(second), "$5\r\nvalue\r\n");
});
