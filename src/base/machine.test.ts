/**
 * Tests of what stands for the machine: random numbers, clocks, shared words.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { SystemClock } from "./clock.ts";
import { Random } from "./random.ts";
import { blockThread, SharedWords } from "./shared.ts";

test("equal seeds give equal sequences, neighbouring seeds do not", () => {
  const draw = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => random.int32());
  };
  assert.deepEqual(draw(7), draw(7));
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => draw(seed)[0]));
  assert.equal(firsts.size, 1000);
  assert.notDeepEqual(draw(0), Array(20).fill(0));
});

test("below stays below and reaches everything", () => {
  const random = new Random(1);
  const counts = new Int32Array(10);
  for (let i = 0; i < 100_000; i++) counts[random.below(10)]++;
  for (const count of counts) assert.ok(count > 9000 && count < 11_000, `${counts}`);
  for (let i = 0; i < 1000; i++) {
    assert.equal(random.below(1), 0);
    const wide = random.below(2 ** 32);
    assert.ok(wide >= 0 && wide < 2 ** 32 && Number.isInteger(wide));
  }
  assert.notEqual(Random.fromEntropy().int32(), Random.fromEntropy().int32());
});

test("clocks advance, and a blocked thread does not", () => {
  const clock = new SystemClock();
  assert.ok(Math.abs(clock.wallMs() - Date.now()) < 1000);
  const before = clock.monotonicUs();
  blockThread(20);
  assert.ok(clock.monotonicUs() - before >= 19_000);
});

test("clients are counted, up to the bound", () => {
  const words = new SharedWords();
  const same = new SharedWords(words.buffer);
  assert.equal(words.nextClientId(), 1);
  assert.equal(same.nextClientId(), 2);
  assert.ok(words.admitClient(2) && same.admitClient(2));
  assert.ok(!words.admitClient(2));
  assert.equal(same.clients(), 2);
  same.releaseClient();
  assert.ok(words.admitClient(2));
  assert.ok(!words.stopping);
  same.raiseStopping();
  assert.ok(words.stopping);
});

test("client ids go on behind 2^31", () => {
  const words = new SharedWords();
  new Int32Array(words.buffer)[0] = 2 ** 31 - 2;
  assert.deepEqual(
    [words.nextClientId(), words.nextClientId(), words.nextClientId()],
    [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1],
  );
});

test("two threads admit exactly as many as there may be", async () => {
  const words = new SharedWords();
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.module).then(({ SharedWords }) => {
      const words = new SharedWords(workerData.buffer);
      let admitted = 0;
      for (let i = 0; i < 20000; i++) if (words.admitClient(30000)) admitted++;
      parentPort.postMessage(admitted);
    });`;
  const run = (): Promise<number> =>
    new Promise((done, failed) => {
      const module = new URL("./shared.ts", import.meta.url).href;
      const worker = new Worker(source, { eval: true, workerData: { buffer: words.buffer, module } });
      worker.once("message", done);
      worker.once("error", failed);
    });
  const [first, second] = await Promise.all([run(), run()]);
  assert.equal(first + second, 30_000);
  assert.equal(words.clients(), 30_000);
});
