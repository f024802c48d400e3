/**
 * Benchmark of the ring, both ends in one thread: `node src/mesh/ring.bench.ts`. Nanoseconds per message for writing,
 * publishing, taking and releasing batches; what crossing cores costs beside it is the machine's.
 */

import { measure } from "mitata";
import { RingReader, RingWriter } from "./ring.ts";

/** Mean nanoseconds per message of `length` bytes in batches of `batch`. */
export async function measureRing(length: number, batch: number): Promise<number> {
  const byteLength = 1 << 20;
  const memory = new SharedArrayBuffer(192 + byteLength);
  const place = { start: 192, byteLength, headWord: 0, waitWord: 1, tailWord: 16 };
  const writer = new RingWriter(memory, place, 16_368);
  const reader = new RingReader(memory, place);
  const run = (): number => {
    let sum = 0;
    for (let i = 0; i < batch; i++) {
      if (writer.reserve(1, length, i, 2, 3) < 0) throw new Error("a batch fits");
    }
    writer.publish();
    reader.poll();
    for (let at = reader.next(); at >= 0; at = reader.next()) sum += reader.first;
    reader.release();
    return sum;
  };
  const stats = await measure(run);
  return stats.p50 / batch;
}

if (import.meta.main) {
  for (const [length, batch] of [
    [48, 1],
    [48, 16],
    [48, 256],
    [1024, 16],
  ]) {
    console.log(`${length} bytes, batches of ${batch}: ${(await measureRing(length, batch)).toFixed(1)} ns`);
  }
}
