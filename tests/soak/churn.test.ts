/**
 * Hours in little: keys come, change and expire as fast as a few clients can make them, and the memory of the server must
 * stay where it was when it had settled. Twenty minutes and 5 % with KEVY_TEST_DEPTH=soak; otherwise seconds, to see that
 * the test works and nothing grows grossly.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Random } from "../../src/base/random.ts";
import { FULL, SOAK } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { encodeCommand, RespClient } from "../support/resp-client.ts";

const RUN_MS = SOAK ? 20 * 60_000 : FULL ? 20_000 : 5_000;
/** A short run ends while the arena and V8's heaps still settle. */
const GROWTH_MAX = SOAK ? 0.05 : FULL ? 0.15 : 0.3;
const SAMPLE_MS = RUN_MS / 60;
const CLIENTS = 4;
const PIPELINE = 64;
const KEYS = 200_000;
const VALUE_BYTES_MAX = 600;
const TTL_MS_MAX = SOAK ? 10_000 : 1_000;
const KIB = 1024;

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  assert.ok(line !== null);
  return Number(line[1]) * KIB;
}

/** One command: mostly writes that expire, of all lengths; some reads, counters and deletions. */
function someCommand(random: Random): Buffer {
  const key = `churn:${random.below(KEYS)}`;
  const kind = random.below(10);
  if (kind < 5) {
    const value = "x".repeat(random.below(VALUE_BYTES_MAX));
    return encodeCommand(["SET", key, value, "PX", 1 + random.below(TTL_MS_MAX)]);
  }
  if (kind < 7) return encodeCommand(["GET", key]);
  if (kind < 8) return encodeCommand(["DEL", key, `churn:${random.below(KEYS)}`]);
  if (kind < 9) return encodeCommand(["APPEND", key, "0123456789"]);
  return encodeCommand(["PEXPIRE", key, 1 + random.below(TTL_MS_MAX)]);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test("memory is flat while keys come and expire", {
  skip: process.platform === "linux" ? false : "reads /proc",
  timeout: RUN_MS + 120_000,
}, async (t) => {
  await using server = await KevyServer.start({ shards: 2 });
  const endMs = performance.now() + RUN_MS;
  let commands = 0;
  const churn = async (seed: number): Promise<void> => {
    const random = new Random(seed);
    let client = await RespClient.connect(server.port);
    for (let round = 1; performance.now() < endMs; round++) {
      client.send(Buffer.concat(Array.from({ length: PIPELINE }, () => someCommand(random))));
      await client.readReplies(PIPELINE);
      commands += PIPELINE;
      // Clients come and go as well.
      if (round % 500 !== 0) continue;
      await client.close();
      client = await RespClient.connect(server.port);
    }
    await client.close();
  };
  const samples: number[] = [];
  const watch = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await pause(SAMPLE_MS);
      samples.push(residentBytes(server.pid));
    }
  };
  await Promise.all([watch(), ...Array.from({ length: CLIENTS }, (_, i) => churn(i + 1))]);

  const third = Math.floor(samples.length / 3);
  const middle = mean(samples.slice(third, 2 * third));
  const last = mean(samples.slice(2 * third));
  const growth = last / middle - 1;
  const mib = (bytes: number): string => (bytes / KIB / KIB).toFixed(1);
  t.diagnostic(`${commands} commands; resident ${mib(middle)}, then ${mib(last)} MiB: ${(growth * 100).toFixed(1)} %`);
  assert.ok(growth < GROWTH_MAX, `grew by ${(growth * 100).toFixed(1)} %: ${samples.map(mib).join(" ")}`);
});
