/**
 * Bench: nanoseconds that one shard spends on a pipelined command, without a network.
 *
 *     node src/server/shard.bench.ts [keys] [pipeline] [rounds]
 *
 * Requests are fed to a shard as its reactor would; replies go nowhere. Prints the best round of each command.
 */

import type { BlockId, ListenerId, ShardId, SocketId } from "../base/brands.ts";
import { SystemClock } from "../base/clock.ts";
import { Random } from "../base/random.ts";
import { SharedWords } from "../base/shared.ts";
import { createCommands } from "../commands/table.ts";
import { Config } from "../config/config.ts";
import { KeyHasher } from "../memory/hash.ts";
import { createMeshMemory, Mesh } from "../mesh/mesh.ts";
import { Shard } from "../runtime/shard.ts";
import { Store } from "../store/store.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { Reactor, ReactorHandler } from "../sys/reactor.ts";
import { systemPages } from "../sys/system-pages.ts";

const SOCKET = 0 as SocketId;

/** A network with one client, who takes every reply at once. */
class NullReactor implements Reactor {
  readonly name = "sim";
  readonly blocks = new BlockPool((byteLength) => ({ buffer: new ArrayBuffer(byteLength), address: 0n }));
  readonly blocking = true;
  yieldDue = false;
  onActivity = null;
  readonly wakeHandle = -1;
  readonly acceptErrors = 0;
  readonly acceptErrno = 0;
  handler: ReactorHandler | null = null;
  sending = false;
  bytesOut = 0;

  attach(handler: ReactorHandler): void {
    this.handler = handler;
  }
  listen(): Promise<{ readonly listener: ListenerId; readonly port: number }> {
    return Promise.resolve({ listener: 0 as ListenerId, port: 0 });
  }
  stopListening(): void {}
  poll(): number {
    if (this.sending) {
      this.sending = false;
      this.handler?.onSent(SOCKET);
    }
    return 0;
  }
  submit(): void {}
  send(_socket: SocketId, _block: BlockId, start: number, end: number): void {
    this.sending = true;
    this.bytesOut += end - start;
  }
  sendMany(_socket: SocketId, ranges: Int32Array, count: number): void {
    this.sending = true;
    for (let i = 0; i < count; i++) this.bytesOut += ranges[3 * i + 2] - ranges[3 * i + 1];
  }
  pauseReading(): void {}
  resumeReading(): void {}
  close(): void {}
  peerName(): string {
    return "";
  }
  localName(): string {
    return "";
  }
  isLocalPeer(): boolean {
    return true;
  }
  setKeepAlive(): void {}
  wake(): void {}
  destroy(): void {}
}

/** A shard alone, and the client at its door. */
export function loneShard(): { readonly shard: Shard; readonly reactor: NullReactor } {
  const reactor = new NullReactor();
  const clock = new SystemClock();
  const random = new Random(1);
  const id = 0 as ShardId;
  const config = new Config("/");
  const shard = new Shard({
    id,
    shardCount: 1,
    reactor,
    mesh: new Mesh(createMeshMemory(1), id, () => undefined),
    clock,
    random,
    shared: new SharedWords(),
    config,
    commands: createCommands(),
    facts: {
      pid: 1,
      startedMs: 0,
      runId: "",
      executable: "",
      configFile: "",
      tcpPort: 0,
      reactor: "sim",
      kevyVersion: "",
    },
    store: new Store(16, new KeyHasher(1, 2), clock, random, systemPages()),
    log: () => undefined,
    requestShutdown: () => undefined,
  });
  shard.onAccept(SOCKET, 0 as ListenerId);
  return { shard, reactor };
}

/** Nanoseconds per command of the best round: `batches` writes of `pipeline` commands on random ones of `keys` keys. */
export function measureCommand(verb: "GET" | "SET", keys: number, pipeline: number, rounds: number): number {
  const { shard } = loneShard();
  const random = new Random(7);
  const key = (n: number): string => "key:" + String(n).padStart(12, "0");
  const set = (n: number): string => "*3\r\n$3\r\nSET\r\n$16\r\n" + key(n) + "\r\n$32\r\n" + "x".repeat(32) + "\r\n";
  const get = (n: number): string => "*2\r\n$3\r\nGET\r\n$16\r\n" + key(n) + "\r\n";
  const feed = (text: string): void => {
    const bytes = new Uint8Array(Buffer.from(text, "latin1"));
    shard.onData(SOCKET, bytes, 0, bytes.length);
    shard.step(false);
  };
  for (let n = 0; n < keys; n++) feed(set(n));
  const batches: Uint8Array[] = [];
  for (let b = 0; b < Math.ceil(200_000 / pipeline); b++) {
    let text = "";
    for (let i = 0; i < pipeline; i++) text += verb === "GET" ? get(random.below(keys)) : set(random.below(keys));
    batches.push(new Uint8Array(Buffer.from(text, "latin1")));
  }
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const started = process.hrtime.bigint();
    for (const batch of batches) {
      shard.onData(SOCKET, batch, 0, batch.length);
      shard.step(false);
    }
    best = Math.min(best, Number(process.hrtime.bigint() - started) / (batches.length * pipeline));
  }
  return best;
}

if (import.meta.main) {
  const [keys, pipeline, rounds] = process.argv.slice(2).map(Number);
  for (const verb of ["GET", "SET"] as const) {
    const ns = measureCommand(verb, keys || 100_000, pipeline || 64, rounds || 15);
    console.log(verb + ": " + ns.toFixed(1) + " ns");
  }
}
