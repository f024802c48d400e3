/** Values of many megabytes, at home and on another shard; a big value in small pieces; a heap that does not grow. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { depth } from "../support/depth.ts";
import type { KevyServer } from "../support/kevy-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { drain, flood, open, setGetBlock } from "./flood.ts";
import { LIBRARY_SETUPS, start, TEST_MS_MAX } from "./rig.ts";

const MiB = 1024 * 1024;
const BIG_BYTES = depth(64, 512) * MiB;
const PIECE_BYTES = 1024;
const CHUNK_BYTES = MiB;
const OPERATIONS = depth(1_000_000, 10_000_000);
const PAIRS = 1000;
const GROWTH_BYTES_MAX = 48 * MiB;

/** Bytes of which each stretch is different, so that one in the wrong place shows. */
function pattern(bytes: number): Buffer {
  const result = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 4) result.writeUInt32LE(at >>> 2, at);
  return result;
}

/** Sends SET with the value in pieces, each in its own write, and waits for the reply. */
async function setInPieces(port: number, key: string, value: Buffer, pieceBytes: number): Promise<void> {
  const socket = await open(port);
  const reply = drain(socket, "+OK\r\n".length);
  socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n`);
  for (let at = 0; at < value.length; at += pieceBytes) {
    const room = socket.write(value.subarray(at, at + pieceBytes));
    if (!room) await new Promise<void>((resolve) => socket.once("drain", () => resolve()));
  }
  socket.write("\r\n");
  await reply;
  socket.destroy();
}

/** Reads GET's reply chunk by chunk and compares it as it comes: half a gigabyte need not stand there twice. */
async function expectValue(port: number, key: string, value: Buffer): Promise<void> {
  const socket = await open(port);
  const header = Buffer.from(`$${value.length}\r\n`);
  const total = header.length + value.length + 2;
  await new Promise<void>((resolve, reject) => {
    let at = 0;
    socket.on("data", (data: Buffer) => {
      let from = 0;
      if (at < header.length) from = Math.min(data.length, header.length - at);
      if (from > 0 && !header.subarray(at, at + from).equals(data.subarray(0, from))) reject(new Error("the header"));
      const inValue = at + from - header.length;
      const length = Math.max(0, Math.min(data.length - from, value.length - inValue));
      if (value.compare(data, from, from + length, inValue, inValue + length) !== 0) {
        reject(new Error(`the value differs within ${length} bytes from ${inValue}`));
      }
      at += data.length;
      if (at >= total) resolve();
    });
    socket.on("error", reject).on("end", () => reject(new Error(`the end after ${at} of ${total} bytes`)));
    socket.write(`GET ${key}\r\n`);
  });
  socket.destroy();
}

/** Resident bytes of a process. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

const noProc = process.platform === "linux" ? false : "resident memory is read from /proc";

for (const setup of LIBRARY_SETUPS) {
  describe(`big values, ${setup.name}`, { timeout: TEST_MS_MAX }, () => {
    let server: KevyServer;
    before(async () => {
      server = await start(setup);
    });
    after(() => server?.stop());

    // Of several keys some are at home and some remote, whichever shard accepted the connection.
    test(`${BIG_BYTES / MiB} MB to both shards and back`, async () => {
      const value = pattern(BIG_BYTES);
      for (const key of ["big:a", "big:b", "big:c"]) {
        await setInPieces(server.port, key, value, CHUNK_BYTES);
        await expectValue(server.port, key, value);
        const client = await RespClient.connect(server.port);
        assert.equal(await client.value("STRLEN", key), BIG_BYTES);
        assert.equal(await client.value("DEL", key), 1);
        await client.close();
      }
    });

    // Linear, or it would not be done in time: copying what is there at every piece moves two million megabytes.
    test("64 MB arrive in pieces of 1 KB", async () => {
      const value = pattern(64 * MiB);
      await setInPieces(server.port, "pieces", value, PIECE_BYTES);
      await expectValue(server.port, "pieces", value);
    });

    test(`memory stays flat over ${OPERATIONS} SET and GET`, { skip: noProc }, async () => {
      const small = await start(setup, ["--pipeline-order", "relaxed"]);
      const block = setGetBlock("flat:", PAIRS);
      // Code is compiled, buffers and heaps have their size, before the first look.
      await flood(small.port, block, OPERATIONS / 4);
      const before = residentBytes(small.pid);
      await flood(small.port, block, OPERATIONS);
      const growth = residentBytes(small.pid) - before;
      assert.ok(growth < GROWTH_BYTES_MAX, `resident memory grew by ${(growth / MiB).toFixed(1)} MB`);
      await small.stop();
    });
  });
}
