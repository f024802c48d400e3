/**
 * Benchmark of the request parser: `node src/resp/parser.bench.ts`. Nanoseconds per request in a pipeline of 16 KiB, as
 * one receive buffer holds it.
 */

import { measure } from "mitata";
import { encodeRequest } from "./fixture.ts";
import { REQUEST, RequestParser } from "./parser.ts";

/** Mean nanoseconds to parse one of these requests, repeated to fill `byteLength` bytes. */
export async function measureParser(args: readonly string[], byteLength: number): Promise<number> {
  const request = encodeRequest(args);
  const count = Math.max(1, Math.floor(byteLength / request.length));
  const bytes = new Uint8Array(Buffer.concat(Array(count).fill(request)));
  const parser = new RequestParser();
  const run = (): number => {
    let pos = 0;
    let keys = 0;
    while (pos < bytes.length) {
      if (parser.parse(bytes, pos, bytes.length) !== REQUEST) throw new Error("it is a request");
      keys += parser.argv.starts[1];
      pos = parser.position;
    }
    return keys;
  };
  const stats = await measure(run);
  return stats.p50 / count;
}

export const PARSER_CASES: readonly [string, readonly string[]][] = [
  ["GET, key of 16 bytes", ["GET", "key:000000000042"]],
  ["SET, key of 16 and value of 3 bytes", ["SET", "key:000000000042", "xxx"]],
  ["SET, value of 128 bytes", ["SET", "key:000000000042", "x".repeat(128)]],
  ["MSET, 10 pairs", ["MSET", ...Array(20).fill("key:000000000042")]],
];

if (import.meta.main) {
  for (const [name, args] of PARSER_CASES) {
    console.log(`${name}: ${(await measureParser(args, 16_384)).toFixed(1)} ns`);
  }
}
