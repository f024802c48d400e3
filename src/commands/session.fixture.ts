/**
 * For tests of commands: shards without threads, sockets or rings, and a client that calls commands on them as the
 * router would. Replies are bytes; text() shows them as latin1.
 */

import { assert } from "../base/assert.ts";
import type { ShardId, SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { SharedWords } from "../base/shared.ts";
import { Config } from "../config/config.ts";
import { KeyHasher } from "../memory/hash.ts";
import { Argv } from "../resp/argv.ts";
import { ReplyWriter } from "../resp/writer.ts";
import { CommandStats } from "../runtime/command-stats.ts";
import { CommandTable } from "../runtime/command-table.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import { Conn, Mode } from "../runtime/conn.ts";
import { Counters } from "../runtime/counters.ts";
import { Effects } from "../runtime/effects.ts";
import { Execution } from "../runtime/execution.ts";
import { LatencyMonitor } from "../runtime/latency.ts";
import { Pause } from "../runtime/pause.ts";
import { reduceParts } from "../runtime/reduce.ts";
import { NOAUTH, unknownCommand, unknownSubcommand, wrongArity } from "../runtime/refusals.ts";
import type { ClientVisitor, LogLevel, ProcessFacts, ShardServices } from "../runtime/services.ts";
import { Slowlog } from "../runtime/slowlog.ts";
import { Store } from "../store/store.ts";

const FACTS: ProcessFacts = {
  pid: 4711,
  startedMs: 1_000_000,
  runId: "0123456789abcdef0123456789abcdef01234567",
  executable: "/usr/bin/kevy",
  configFile: "",
  tcpPort: 6379,
  reactor: "sim",
  kevyVersion: "0.0.0",
};

export class FakeShard implements ShardServices {
  readonly id: ShardId;
  readonly shardCount: number;
  readonly clock: Clock;
  readonly random = new Random(1);
  readonly shared: SharedWords;
  readonly config = new Config("/");
  facts: ProcessFacts = FACTS;
  readonly store: Store;
  readonly counters = new Counters();
  readonly effects = new Effects();
  readonly table: CommandTable;
  readonly stats: CommandStats;
  readonly slowlog: Slowlog;
  readonly latency = new LatencyMonitor();
  readonly bulkBytesMax = 512 * 1024 * 1024;
  readonly conns: Conn[] = [];
  readonly x: Execution;
  /** What commands told the shard. */
  readonly applied: string[] = [];
  readonly announced: string[] = [];
  readonly logged: string[] = [];
  readonly shutdowns: string[] = [];
  /** Do clients come from this machine? */
  isLocal = true;

  constructor(id: number, shardCount: number, rows: readonly CommandRow[], clock: Clock, shared: SharedWords) {
    this.id = id as ShardId;
    this.shardCount = shardCount;
    this.clock = clock;
    this.shared = shared;
    this.table = new CommandTable({ rows });
    this.stats = new CommandStats(this.table.rows);
    this.slowlog = new Slowlog(shared);
    this.slowlog.lengthMax = 128;
    this.store = new Store(16, new KeyHasher(1, 2), clock, this.random);
    this.x = new Execution(this, this.effects, new ReplyWriter(), this.store.database(0));
  }

  settleCounters(): void {}
  resetStatistics(): void {
    this.counters.reset();
    this.stats.reset();
  }
  visitClients(visitor: ClientVisitor): void {
    for (const conn of [...this.conns]) visitor.visit(conn);
  }
  clientCount(): number {
    return this.conns.length;
  }
  isLocalClient(): boolean {
    return this.isLocal;
  }
  readonly pause = new Pause(() => {});
  readonly closed: Conn[] = [];
  peerName(conn: Conn): string {
    return `127.0.0.1:${20_000 + conn.id}`;
  }
  localName(): string {
    return "127.0.0.1:6379";
  }
  closeClient(conn: Conn): void {
    this.closed.push(conn);
    this.conns.splice(this.conns.indexOf(conn), 1);
  }
  setReplies(conn: Conn, mode: number): void {
    conn.mode = (conn.mode & ~(Mode.MUTED | Mode.SKIP_NEXT | Mode.SKIPPING)) | mode;
  }
  clientPeaks(): { readonly input: number; readonly output: number } {
    return { input: 0, output: 0 };
  }
  describeClient(conn: Conn): string {
    return `id=${conn.id} name=${conn.name} lib-name=${conn.libraryName} lib-ver=${conn.libraryVersion}`;
  }
  applyConfig(names: readonly string[]): void {
    this.applied.push(...names);
  }
  announceConfig(names: readonly string[]): void {
    this.announced.push(...names);
  }
  requestShutdown(reason: string): void {
    this.shutdowns.push(reason);
  }
  log(level: LogLevel, text: string): void {
    this.logged.push(`${level}: ${text}`);
  }
  clientMemory(): { readonly input: number; readonly output: number } {
    return { input: 100, output: 20 };
  }
}

export class FakeServer {
  nowMs = 2_000_000;
  readonly shards: FakeShard[] = [];

  constructor(rows: readonly CommandRow[], shardCount = 1) {
    const clock: Clock = { wallMs: () => this.nowMs, monotonicUs: () => this.nowMs * 1000 };
    const shared = new SharedWords();
    for (let i = 0; i < shardCount; i++) this.shards.push(new FakeShard(i, shardCount, rows, clock, shared));
  }

  /** A client whose connection is on that shard. */
  connect(shard = 0): FakeClient {
    const home = this.shards[shard];
    const conn = new Conn((100 + home.conns.length) as SocketId, home.shared.nextClientId(), this.nowMs);
    conn.authenticated = home.config.raw("requirepass") === "";
    home.conns.push(conn);
    return new FakeClient(this, home, conn);
  }
}

export class FakeClient {
  readonly conn: Conn;
  readonly #server: FakeServer;
  readonly #shard: FakeShard;

  constructor(server: FakeServer, shard: FakeShard, conn: Conn) {
    this.#server = server;
    this.#shard = shard;
    this.conn = conn;
  }

  /** The reply's bytes to a command of these arguments. */
  call(...args: (string | Uint8Array)[]): Buffer {
    const { table, x, config } = this.#shard;
    const argv = Argv.of(args);
    const writer = new ReplyWriter();
    writer.version = this.conn.version;
    const id = table.resolve(argv);
    if (id === -1) writer.error(unknownCommand(argv));
    else if (id < 0) writer.error(unknownSubcommand(argv, argv.text(0).toLowerCase()));
    else if (!table.arityFits(id, argv.count)) writer.error(wrongArity(table.rows[id].name));
    else if (
      config.raw("requirepass") !== "" &&
      !this.conn.authenticated &&
      (table.flags[id] & CommandFlag.NO_AUTH) === 0
    ) {
      writer.error(NOAUTH);
    } else {
      const row = table.rows[id];
      assert(row.place !== "keys", "the fake server does not route by keys");
      if (row.place === "all") this.#spread(row, argv, writer);
      else if (row.place === "connection") this.#run(this.#shard, row, argv, writer);
      else this.#run(this.#server.shards[row.place(argv, this.#server.shards.length)], row, argv, writer);
      x.reply = writer;
    }
    return Buffer.from(writer.bytes.slice(0, writer.pos));
  }

  /** As call(), as latin1 text. */
  text(...args: (string | Uint8Array)[]): string {
    return this.call(...args).toString("latin1");
  }

  #run(shard: FakeShard, row: CommandRow, argv: Argv, writer: ReplyWriter): void {
    const x = shard.x;
    x.reply = writer;
    x.conn = shard === this.#shard ? this.conn : null;
    x.nowMs = this.#server.nowMs;
    x.db = shard.store.database(this.conn.database);
    row.run(x, argv);
  }

  #spread(row: CommandRow, argv: Argv, writer: ReplyWriter): void {
    assert(row.reduce !== null, "a command on all shards has a reduction");
    this.#shard.x.conn = this.conn;
    const wrong = row.validate?.(argv, this.#shard.x) ?? null;
    if (wrong !== null) {
      writer.error(wrong);
      return;
    }
    const replies: Uint8Array[] = [];
    const shards: number[] = [];
    for (const shard of this.#server.shards) {
      const part = new ReplyWriter();
      part.version = this.conn.version;
      this.#run(shard, row, argv, part);
      replies.push(part.bytes.slice(0, part.pos));
      shards.push(shard.id);
    }
    const x = this.#shard.x;
    x.reply = writer;
    x.conn = this.conn;
    reduceParts(row.reduce, row.keys, { argv, shards, replies, shardCount: shards.length }, writer, x);
  }
}

/** A bulk string as it stands in a reply. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}
