/**
 * Tests of the mesh: where its rings lie, sleeping and waking, and two threads that send each other messages.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { ShardId } from "../base/brands.ts";
import { MESH_BYTES_MAX, RING_BYTES_MAX, RING_BYTES_MIN, SHARDS_MAX } from "../base/limits.ts";
import { createMeshMemory, Mesh, type MeshMemory, startMeshAt } from "./mesh.ts";

const FULL = process.env.KEVY_TEST_DEPTH === "full";

function meshes(memory: MeshMemory, woken: number[][] = []): Mesh[] {
  return Array.from({ length: memory.shards }, (_, shard) => {
    return new Mesh(memory, shard as ShardId, (target, handle) => woken.push([target, handle]));
  });
}

test("rings have a power of two of bytes, between their bounds, within the total", () => {
  for (let shards = 1; shards <= SHARDS_MAX; shards++) {
    const { ringBytes, buffer } = createMeshMemory(shards);
    assert.ok(Number.isInteger(Math.log2(ringBytes)) && ringBytes >= RING_BYTES_MIN && ringBytes <= RING_BYTES_MAX);
    assert.ok(ringBytes * shards * shards <= MESH_BYTES_MAX);
    assert.ok(buffer.byteLength < MESH_BYTES_MAX * 1.1);
  }
  assert.equal(createMeshMemory(8).ringBytes, 1 << 20);
  assert.equal(createMeshMemory(64).ringBytes, 16 << 10);
  assert.throws(() => createMeshMemory(0));
  assert.throws(() => createMeshMemory(65));
  assert.throws(() => createMeshMemory(2, 1000));
});

test("each pair has a ring of its own, and nothing overlaps", () => {
  const memory = createMeshMemory(4, 256);
  startMeshAt(memory, 2 ** 31 - 32);
  const all = meshes(memory);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      for (let n = 0; n < 3; n++) {
        const at = all[from].writers[to].reserve(1, 48, from, to, n);
        assert.ok(at >= 0);
        all[from].writers[to].bytes.fill(from * 16 + to, at, at + 48);
      }
    }
  }
  assert.ok(all.every((mesh) => !mesh.hasInput()));
  for (const mesh of all) mesh.publish();
  for (let to = 0; to < 4; to++) {
    assert.ok(all[to].hasInput());
    for (let from = 0; from < 4; from++) {
      const reader = all[to].readers[from];
      assert.equal(reader.poll(), from !== to);
      for (let n = 0; n < (from === to ? 0 : 3); n++) {
        const at = reader.next();
        assert.deepEqual([reader.first, reader.second, reader.third], [from, to, n]);
        for (let i = at; i < at + 48; i++) assert.equal(reader.bytes[i], from * 16 + to);
      }
      all[to].release(from as ShardId);
    }
    assert.ok(!all[to].hasInput());
  }
});

test("only a parked shard is woken, once, through the handle it published", () => {
  const woken: number[][] = [];
  const [a, b, c] = meshes(createMeshMemory(3, 256), woken);
  const send = (mesh: Mesh): void => {
    assert.ok(mesh.writers[1].reserve(1, 0, 0, 0, 0) >= 0);
    mesh.publish();
  };
  b.publishWakeHandle(0);
  send(a);
  assert.deepEqual(woken, []);
  assert.ok(!b.park(), "a message came before");
  b.readers[0].next();
  b.release(0 as ShardId);
  assert.ok(b.park());
  send(a);
  send(c);
  assert.deepEqual(woken, [[1, 0]]);
  b.unpark();
  send(a);
  assert.deepEqual(woken, [[1, 0]]);
});

test("a shard that waits for room is woken when there is some, and does not sleep if there is", () => {
  const woken: number[][] = [];
  const [a, b] = meshes(createMeshMemory(2, 256), woken);
  a.publishWakeHandle(7);
  const target = 1 as ShardId;
  while (a.writers[1].reserve(1, 48, 0, 0, 0) >= 0);
  a.publish();
  a.needRoom(target, true);
  assert.ok(a.park());
  b.hasInput();
  b.readers[0].next();
  assert.deepEqual(woken, []);
  b.release(0 as ShardId);
  assert.deepEqual(woken, [[0, 7]]);
  assert.ok(!a.park(), "there is room");
  assert.ok(a.writers[1].reserve(1, 48, 0, 0, 0) >= 0);
  assert.equal(a.writers[1].reserve(1, 48, 0, 0, 0), -1);
  a.needRoom(target, false);
  assert.ok(a.park());
  b.readers[0].next();
  b.release(0 as ShardId);
  // One wake-up may be left over from the first question; more would be asked for.
  assert.ok(woken.length <= 2);
});

test("a shard without a handle sleeps on its word and is woken through it", async () => {
  const [a, b] = meshes(createMeshMemory(2, 256), []);
  assert.equal(b.sleep(1000), false, "it is awake");
  assert.ok(b.park());
  const slept = b.sleep(60_000);
  assert.ok(slept !== false);
  a.writers[1].reserve(1, 0, 0, 0, 0);
  a.publish();
  assert.equal(await slept, "ok");
  b.readers[0].poll();
  b.readers[0].next();
  b.release(0 as ShardId);
  assert.ok(b.park());
  assert.equal(await b.sleep(1), "timed-out");
});

/**
 * A thread that sends `count` messages of random lengths and checks those it gets, through rings so small that both
 * ends run full and empty all the time. It sleeps by the protocol; the time-out only makes a lost wake-up a failure.
 */
const SOAK = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { memory, shard, count, meshModule, randomModule } = workerData;
  Promise.all([import(meshModule), import(randomModule)]).then(async ([{ Mesh }, { Random }]) => {
    const other = 1 - shard;
    // A promise of Atomics.waitAsync alone does not keep a thread alive.
    const alive = setInterval(() => {}, 1000);
    const mesh = new Mesh(memory, shard, () => {});
    const random = new Random(shard), expected = new Random(other), turn = new Random(77 + shard);
    const writer = mesh.writers[other], reader = mesh.readers[other];
    let sent = 0, got = 0, sleeps = 0, problem = null;
    let length = random.below(mesh.payloadMax + 1);
    while ((sent < count || got < count) && problem === null) {
      let full = false;
      for (let n = turn.below(20); n > 0 && sent < count && !full; n--) {
        const at = writer.reserve(sent & 127, length, sent, ~sent, length);
        if (at < 0) { full = true; break; }
        writer.bytes.fill(sent & 255, at, at + length);
        sent++;
        length = random.below(mesh.payloadMax + 1);
      }
      mesh.needRoom(other, full);
      mesh.publish();
      let work = !full && sent < count;
      if (reader.poll()) {
        work = true;
        for (let at = reader.next(); at >= 0; at = reader.next()) {
          const n = expected.below(mesh.payloadMax + 1);
          if (reader.length !== n || reader.first !== got || reader.second !== ~got || reader.kind !== (got & 127)) {
            problem = "message " + got + " is " + reader.first + " of " + reader.length + " bytes";
          }
          for (let i = 0; i < n; i++) if (reader.bytes[at + i] !== (got & 255)) problem = "message " + got + " is corrupt";
          got++;
          if ((got & 3) === 0) mesh.release(other);
        }
        mesh.release(other);
      }
      if (work || (sent === count && got === count) || !mesh.park()) continue;
      const slept = mesh.sleep(20000);
      sleeps++;
      if (slept !== false && (await slept) === "timed-out") problem = "nobody woke it at " + sent + ", " + got;
      mesh.unpark();
    }
    clearInterval(alive);
    parentPort.postMessage({ sent, got, sleeps, problem });
  });`;

test("two threads exchange messages through the smallest rings, none lost, none late, none changed", async () => {
  const memory = createMeshMemory(2, 256);
  startMeshAt(memory, 2 ** 31 - 4096);
  const count = FULL ? 1_000_000 : 60_000;
  const run = (shard: number): Promise<{ sent: number; got: number; sleeps: number; problem: string | null }> =>
    new Promise((done, failed) => {
      const meshModule = new URL("./mesh.ts", import.meta.url).href;
      const randomModule = new URL("../base/random.ts", import.meta.url).href;
      const workerData = { memory, shard, count, meshModule, randomModule };
      const worker = new Worker(SOAK, { eval: true, workerData });
      worker.once("message", done);
      worker.once("error", failed);
      worker.once("exit", () => failed(new Error("the thread ended without a result")));
    });
  const results = await Promise.all([run(0), run(1)]);
  for (const { sent, got, problem } of results) {
    assert.equal(problem, null);
    assert.deepEqual([sent, got], [count, count]);
  }
});
