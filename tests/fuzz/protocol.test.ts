/**
 * Fuzzing the protocol: damaged requests go to kevy and to redis-server, in the same pieces, and both must answer the same
 * bytes and close the connection in the same cases. Meanwhile an undamaged client must be served.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { skipReason, startReferee } from "../compare/pair.ts";
import { depth, FULL } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { Mutator } from "./mutator.ts";

const SETUPS = [
  { shards: 1, reactor: "auto" },
  { shards: 2, reactor: "net" },
];
/** A minute in CI, over all setups. */
const RUN_MS = depth(2_000, 60_000) / SETUPS.length;
/** Each worker has a database of its own: damage makes keys that others would hit as well, the empty one for instance. */
const WORKERS = 15;
/** When both have been silent for so long, all has been said. */
const SILENCE_MS = 25;
const DIFFERENCE_MS_MAX = 5_000;
/** Commands of redis-server that a damaged verb may hit and that kevy has not. */
const NOT_BUILT = /-ERR unknown (sub)?command/;

interface Answer {
  readonly bytes: Buffer;
  readonly closed: boolean;
  /** The server had closed before the last piece was sent: then the system may throw away what it had answered. */
  readonly reset: boolean;
}

/** Sends the stream in its pieces. */
async function send(client: RespClient, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut === from) continue;
    await new Promise<void>((resolve) => client.socket.write(bytes.subarray(from, cut), () => resolve()));
    from = cut;
  }
}

const answerOf = (client: RespClient): Answer => ({
  bytes: Buffer.from(client.unread()),
  closed: client.closed,
  reset: client.errorCode !== "",
});

function same(a: Answer, b: Answer): boolean {
  if (a.closed !== b.closed) return false;
  if (!a.reset && !b.reset) return a.bytes.equals(b.bytes);
  const length = Math.min(a.bytes.length, b.bytes.length);
  const isWhole = (answer: Answer): boolean => answer.reset || answer.bytes.length === length;
  return (
    isWhole(a.bytes.length < b.bytes.length ? a : b) && a.bytes.subarray(0, length).equals(b.bytes.subarray(0, length))
  );
}

/** Both answers, once they are equal and stay so, or when time is up. */
async function answers(kevy: RespClient, referee: RespClient): Promise<readonly [Answer, Answer]> {
  const startedMs = performance.now();
  for (;;) {
    const before = [answerOf(kevy), answerOf(referee)] as const;
    if (before[0].closed && before[1].closed && same(...before)) return before;
    await pause(SILENCE_MS);
    const after = [answerOf(kevy), answerOf(referee)] as const;
    if (same(before[0], after[0]) && same(before[1], after[1]) && same(...after)) return after;
    if (performance.now() - startedMs > DIFFERENCE_MS_MAX) return after;
  }
}

const shown = ({ bytes, closed }: Answer): string =>
  JSON.stringify(bytes.toString("latin1").slice(-400)) + (closed ? ", closed" : "");

/** A connection to an empty database. */
async function connectTo(port: number, database: number): Promise<RespClient> {
  const client = await RespClient.connect(port);
  const replies = await client.pipeline([["SELECT", database], ["FLUSHDB"]]);
  assert.deepEqual(replies.map(String), ["+OK\r\n", "+OK\r\n"]);
  return client;
}

async function compareStream(kevyPort: number, refereePort: number, database: number, seed: number): Promise<void> {
  const { bytes, cuts } = new Mutator(seed).stream();
  const [kevy, referee] = await Promise.all([connectTo(kevyPort, database), connectTo(refereePort, database)]);
  try {
    await Promise.all([send(kevy, bytes, cuts), send(referee, bytes, cuts)]);
    const [ours, theirs] = await answers(kevy, referee);
    if (same(ours, theirs) || NOT_BUILT.test(ours.bytes.toString("latin1"))) return;
    assert.fail(
      `seed ${seed}: ${JSON.stringify(bytes.toString("latin1"))} cut at [${cuts}]\n` +
        `  kevy    ${shown(ours)}\n  referee ${shown(theirs)}`,
    );
  } finally {
    await Promise.all([kevy.close(), referee.close()]);
  }
}

describe("damaged requests, compared with redis-server", { skip: skipReason() }, () => {
  let referee: RedisServer;
  before(async () => {
    referee = await startReferee();
  });
  after(() => referee?.stop());

  for (const { shards, reactor } of SETUPS) {
    test(`${shards} shards, ${reactor}`, { timeout: RUN_MS + 60_000 }, async (t) => {
      await using kevy = await KevyServer.start({ shards, reactor });
      const endMs = performance.now() + RUN_MS;
      // Fixed seeds in a normal run; in CI others each time, and a failure names its own.
      let seed = FULL ? (Date.now() % 1_000_000) * 100_000 : 1;
      const first = seed;
      const fuzz = async (database: number): Promise<void> => {
        while (performance.now() < endMs) await compareStream(kevy.port, referee.port, database, seed++);
      };
      const healthy = async (): Promise<void> => {
        const client = await RespClient.connect(kevy.port);
        for (let i = 0; performance.now() < endMs; i++) {
          assert.equal((await client.command("SET", `healthy:${i % 10}`, i)).toString(), "+OK\r\n");
          assert.equal(String(await client.value("GET", `healthy:${i % 10}`)), String(i));
          await pause(5);
        }
        await client.close();
      };
      await Promise.all([healthy(), ...Array.from({ length: WORKERS }, (_, i) => fuzz(1 + i))]);
      t.diagnostic(`${seed - first} streams`);
      assert.ok(seed - first > 100);
    });
  }
});
