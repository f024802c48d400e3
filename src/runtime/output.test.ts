/**
 * Tests of the output: replies of several connections through one writer, sends that complete late and in pieces, the
 * log's gate, and blocks that all come back.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockId, SocketId } from "../base/brands.ts";
import { OUTPUT_BLOCK_BYTES, SEND_BLOCKS_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { Reactor } from "../sys/reactor.ts";
import { Conn } from "./conn.ts";
import { Output, type OutputHandler } from "./output.ts";
import { OutputLimits } from "./output-limits.ts";
import { SimReactor } from "./shard.fixture.ts";

const FULL = process.env["KEVY_TEST_DEPTH"] === "full";

class Rig implements OutputHandler {
  readonly reactor = new SimReactor(0, null, () => {});
  readonly limits = new OutputLimits();
  readonly output = new Output(this.reactor as Reactor, this.limits);
  readonly drained: number[] = [];
  readonly cut: number[] = [];

  onDrained(conn: Conn): void {
    assert.equal(conn.outHead, BlockPool.NONE, "nothing waits");
    assert.equal(conn.sendLast, BlockPool.NONE, "nothing is in flight");
    this.drained.push(conn.id);
  }

  onCut(conn: Conn): void {
    this.cut.push(conn.id);
  }

  connect(): Conn {
    const client = this.reactor.connect(true);
    client.accepted = true;
    return new Conn(client.socket, client.socket + 1, 0);
  }

  write(conn: Conn, bytes: Uint8Array): void {
    this.output.attach(conn);
    this.output.writer.rawBytes(bytes, 0, bytes.length);
  }

  flush(durable = 0): void {
    this.output.flush(durable, this);
  }

  /** The kernel takes what is in flight, and says so; returns its bytes. */
  take(conn: Conn): Buffer {
    const client = this.reactor.clients[conn.socket];
    assert.ok(client !== null && client !== undefined);
    const parts: Uint8Array[] = [];
    for (let i = 0; i < client.inFlight.length; i += 3) {
      const [block, start, end] = client.inFlight.slice(i, i + 3);
      parts.push(this.reactor.blocks.viewOf(block as BlockId).slice(start, end));
    }
    client.inFlight.length = 0;
    if (parts.length > 0) this.output.sent(conn);
    return Buffer.concat(parts);
  }

  flying(conn: Conn): boolean {
    return (this.reactor.clients[conn.socket as SocketId]?.inFlight.length ?? 0) > 0;
  }
}

function bytesOf(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = random.below(256);
  return bytes;
}

test("what is written leaves, once and in order, whatever the sends do; all blocks come back", () => {
  for (let seed = 1; seed <= (FULL ? 200 : 20); seed++) {
    const random = new Random(seed);
    const rig = new Rig();
    const conns = [rig.connect(), rig.connect(), rig.connect()];
    const written = conns.map(() => [] as Buffer[]);
    const received = conns.map(() => [] as Buffer[]);
    for (let turn = 0; turn < 60; turn++) {
      for (let n = random.below(6); n > 0; n--) {
        const i = random.below(3);
        const size = random.below(10) === 0 ? random.below(12 * OUTPUT_BLOCK_BYTES) : random.below(200);
        const bytes = bytesOf(random, 1 + size);
        rig.write(conns[i], bytes);
        written[i].push(bytes);
      }
      rig.flush();
      conns.forEach((conn, i) => {
        if (random.below(2) === 0) received[i].push(rig.take(conn));
      });
    }
    for (let turn = 0; turn < 40; turn++) {
      rig.flush();
      conns.forEach((conn, i) => {
        received[i].push(rig.take(conn));
      });
    }
    rig.drained.length = 0;
    rig.flush();
    conns.forEach((conn, i) => {
      assert.ok(Buffer.concat(written[i]).equals(Buffer.concat(received[i])), `seed ${seed}, connection ${i}`);
      assert.equal(conn.outBlocks, 0);
    });
    assert.equal(rig.reactor.blocks.inUse, 0);
    assert.equal(
      rig.output.bytesSent,
      received.flat().reduce((sum, bytes) => sum + bytes.length, 0),
    );
  }
});

test("a send takes a bounded number of blocks, and the rest follows when it is complete", () => {
  const rig = new Rig();
  const conn = rig.connect();
  const bytes = bytesOf(new Random(1), (SEND_BLOCKS_MAX * 2 + 1) * OUTPUT_BLOCK_BYTES);
  rig.write(conn, bytes);
  rig.flush();
  const first = rig.take(conn);
  assert.equal(first.length, SEND_BLOCKS_MAX * OUTPUT_BLOCK_BYTES);
  assert.deepEqual(rig.drained, []);
  rig.flush();
  const second = rig.take(conn);
  rig.flush();
  const third = rig.take(conn);
  assert.ok(Buffer.concat([first, second, third]).equals(bytes));
  rig.flush();
  assert.deepEqual(rig.drained, [conn.id]);
  assert.equal(rig.reactor.blocks.inUse, 0);
});

test("output that depends on the log waits until the log is durable, and then needs no other reason to leave", () => {
  const rig = new Rig();
  const [gated, free] = [rig.connect(), rig.connect()];
  rig.write(gated, Buffer.from("later"));
  gated.gate = 10;
  rig.write(free, Buffer.from("now"));
  rig.flush(9);
  assert.ok(!rig.flying(gated) && rig.flying(free));
  assert.deepEqual(rig.drained, [], "a connection whose output waits for the log has not drained");
  rig.flush(9);
  rig.write(gated, Buffer.from(" on"));
  rig.flush(10);
  assert.equal(rig.take(gated).toString(), "later on");
  assert.equal(rig.take(free).toString(), "now");
  rig.flush(10);
  assert.deepEqual(rig.drained.sort(), [gated.id, free.id].sort());
});

test("a connection that is being closed is sent to no more; its blocks come back with the close", () => {
  const rig = new Rig();
  const conn = rig.connect();
  rig.write(conn, Buffer.alloc(3 * OUTPUT_BLOCK_BYTES));
  rig.flush();
  assert.ok(rig.flying(conn));
  rig.write(conn, Buffer.from("more"));
  conn.closing = true;
  rig.flush();
  const quiet = rig.connect();
  rig.write(quiet, Buffer.from("x"));
  quiet.closing = true;
  quiet.gate = 100;
  rig.flush();
  assert.ok(!rig.flying(quiet));
  assert.deepEqual(rig.drained, []);
  for (const gone of [conn, quiet]) {
    gone.closed = true;
    rig.output.discard(gone);
    rig.output.touch(gone);
  }
  rig.flush();
  assert.equal(rig.reactor.blocks.inUse, 0);
  assert.deepEqual(rig.drained, []);
});

test("one writer serves connections in turn, each in its own version of the protocol", () => {
  const rig = new Rig();
  const [two, three] = [rig.connect(), rig.connect()];
  three.version = 3;
  for (let i = 0; i < 3; i++) {
    for (const conn of [two, three]) {
      rig.output.attach(conn);
      rig.output.writer.nil();
    }
  }
  rig.flush();
  assert.equal(rig.take(two).toString(), "$-1\r\n".repeat(3));
  assert.equal(rig.take(three).toString(), "_\r\n".repeat(3));
});
