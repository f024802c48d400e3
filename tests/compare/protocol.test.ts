/**
 * Raw bytes against redis-server: replies and whether the connection is closed; a pipeline split at every byte, and sent
 * byte by byte.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KevyServer } from "../support/kevy-server.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { RespClient, replyEnd } from "../support/resp-client.ts";
import { encode } from "./case.ts";
import { PROTOCOL, type RawCase, UNAUTHENTICATED } from "./cases/protocol.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { expectNone, setupName, setups, skipReason, startKevy, startReferee } from "./pair.ts";

const skip = skipReason();
/** A server that fell silent so often is not asked on. */
const SILENCES_MAX = 3;
const GOT_CHARS_MAX = 300;

function shown(got: Outcome): string {
  const text = JSON.stringify(got.sent.slice(0, GOT_CHARS_MAX));
  return `${text}${got.closed ? ", closed" : ", open"}`;
}

/** Ids and versions in HELLO differ. */
const neutral = (sent: string): string =>
  sent.replaceAll(/(\$7\r\nversion\r\n)\$\d+\r\n[\d.]+\r\n/g, "$1…").replaceAll(/(\$2\r\nid\r\n):\d+\r\n/g, "$1…");

async function compareRaw(kevy: number, referee: number, cases: readonly RawCase[]): Promise<void> {
  const failures: string[] = [];
  let silences = 0;
  for (const each of cases) {
    const options = { bare: each.bare === true };
    try {
      const [ours, theirs] = await Promise.all([
        outcome(kevy, each.input, options),
        outcome(referee, each.input, options),
      ]);
      if (neutral(ours.sent) === neutral(theirs.sent) && ours.closed === theirs.closed) continue;
      failures.push(`${each.name}: kevy ${shown(ours)}; referee ${shown(theirs)}`);
    } catch (error) {
      failures.push(`${each.name}: ${error instanceof Error ? error.message : String(error)}`);
      if (++silences === SILENCES_MAX) break;
    }
  }
  expectNone(failures);
}

/** 20 commands with binary values, empty ones, inline lines, one to a closed door. */
const PIPELINE: readonly Buffer[] = [
  encode(["DEL", "a", "b", "c", "d", "bin"]),
  encode(["SET", "a", "1"]),
  Buffer.from("PING\r\n"),
  encode(["SET", "bin", "\r\n$3\r\n\0\xff*1\r\n"]),
  encode(["GET", "bin"]),
  Buffer.from("\r\n"),
  Buffer.from('ECHO "q \\x41"\n'),
  encode(["INCR", "a"]),
  encode(["MSET", "b", "", "c", "3", "d", "4"]),
  encode(["MGET", "d", "a", "none", "b", "c"]),
  Buffer.from("*0\r\n"),
  encode(["NOSUCH", "x\r\ny"]),
  encode(["GET"]),
  encode(["APPEND", "a", "x".repeat(30)]),
  encode(["INCR", "a"]),
  Buffer.from("STRLEN a\r\n"),
  encode(["DEL", "a", "a", "c", "none"]),
  encode(["EXISTS", "a", "b", "b"]),
  encode(["GETSET", "b", "\n"]),
  encode(["GET", "b"]),
];

/** Which of them are answered: an empty line and an empty array are not. */
const ANSWERED = PIPELINE.map((bytes) => !["\r\n", "*0\r\n"].includes(bytes.toString("latin1")));

/** How many replies the first `length` bytes of the pipeline ask for. */
function repliesWithin(length: number): number {
  let end = 0;
  let replies = 0;
  for (let i = 0; i < PIPELINE.length; i++) {
    end += PIPELINE[i].length;
    if (end > length) break;
    if (ANSWERED[i]) replies++;
  }
  return replies;
}

async function splitEverywhere(kevy: number, referee: number): Promise<void> {
  const all = Buffer.concat(PIPELINE);
  const total = repliesWithin(all.length);
  const theirs = await RespClient.connect(referee);
  const ours = await RespClient.connect(kevy);
  // A first run leaves the keys that every later one finds.
  for (const client of [theirs, ours]) {
    client.send(Buffer.concat([encode(["FLUSHALL"]), all]));
    await client.readReplies(1 + total);
  }
  theirs.send(all);
  const expected = Buffer.concat(await theirs.readReplies(total)).toString("latin1");
  await theirs.close();
  // A second connection's round trip gives the first part of a command time to be read alone.
  const other = await RespClient.connect(kevy);
  for (let at = 0; at <= all.length; at++) {
    const before = repliesWithin(at);
    ours.send(all.subarray(0, at));
    const replies = await ours.readReplies(before);
    await other.command("PING");
    ours.send(all.subarray(at));
    replies.push(...(await ours.readReplies(total - before)));
    assert.equal(Buffer.concat(replies).toString("latin1"), expected, `split behind byte ${at}`);
  }
  for (let i = 0; i < all.length; i++) ours.send(all.subarray(i, i + 1));
  assert.equal(Buffer.concat(await ours.readReplies(total)).toString("latin1"), expected, "byte by byte");
  assert.equal(ours.unread().length, 0);
  await Promise.all([ours.close(), other.close()]);
}

/** Sets or takes away the password of the server, on a connection that has given it. */
async function setPassword(port: number, old: string, password: string): Promise<void> {
  const client = await RespClient.connect(port);
  if (old !== "") await client.command("AUTH", old);
  assert.equal(await client.value("CONFIG", "SET", "requirepass", password), "OK");
  await client.close();
}

describe("compared with redis-server: raw bytes", { skip }, () => {
  let referee: RedisServer;
  before(async () => {
    referee = await startReferee();
  });
  after(() => referee?.stop());

  for (const setup of setups()) {
    describe(setupName(setup), () => {
      let kevy: KevyServer | RedisServer;
      before(async () => {
        kevy = process.env["KEVY_COMPARE_REFEREE"] === "1" ? await startReferee() : await startKevy(setup);
      });
      after(() => kevy?.stop());

      test("framing, inline commands and protocol errors", () => compareRaw(kevy.port, referee.port, PROTOCOL));

      test("before authentication", async () => {
        const ports = [kevy.port, referee.port];
        for (const port of ports) await setPassword(port, "", "secret");
        try {
          // The mark behind the input is answered only to those who have said the password.
          const cases = UNAUTHENTICATED.map((each) => ({ ...each, input: `${each.input}AUTH secret\r\n` }));
          await compareRaw(kevy.port, referee.port, cases);
        } finally {
          for (const port of ports) await setPassword(port, "secret", "");
        }
      });

      test("a pipeline split behind every byte", () => splitEverywhere(kevy.port, referee.port));

      test("CR and LF never stand inside an error reply", async () => {
        const client = await RespClient.connect(kevy.port);
        for (const args of NASTY) {
          const reply = await client.command(...args);
          assert.equal(reply[0], 45, `${JSON.stringify(args)} is refused`);
          assert.equal(replyEnd(reply), reply.length);
          assert.doesNotMatch(reply.toString("latin1", 0, reply.length - 2), /[\r\n]/);
        }
        assert.equal(await client.value("PING"), "PONG");
        await client.close();
      });
    });
  }
});

/** Refused commands whose words would break the reply's line if they were quoted as they are. */
const NASTY: readonly (readonly string[])[] = [
  ["no\r\nsuch\r\n+OK", "a\r\n+OK\r\nb"],
  ["CONFIG", "SET", "no\r\n+OK\r\nsuch", "1"],
  ["CONFIG", "SET", "timeout", "\r\n+OK"],
  ["CONFIG", "no\r\n+OK"],
  ["CLIENT", "no\r\n+OK"],
  ["CLIENT", "SETINFO", "no\r\n+OK", "x"],
  ["CLIENT", "SETNAME", "a\r\n+OK"],
  ["HELLO", "3\r\n+OK"],
  ["HELLO", "3", "no\r\n+OK"],
  ["SET", "k", "v", "\r\n+OK"],
  ["SELECT", "\r\n+OK"],
  ["COMMAND", "LIST", "FILTERBY", "\r\n+OK", "x"],
  ["DEBUG", "\r\n+OK"],
  ["EXPIRE", "k", "1", "\r\n+OK"],
  ["SCAN", "\r\n+OK"],
  ["ACL", "CAT", "\r\n+OK"],
  ["ACL", "CAT\r\n+OK", "a"],
  ["ACL", "DRYRUN", "nobody\r\n+OK", "GET", "k"],
  ["ACL", "DRYRUN", "default", "no\r\n+OK"],
  ["ACL", "SETUSER", "no\r\n+OK"],
  ["MODULE", "LOAD", "\r\n+OK"],
  ["REPLICAOF", "\r\n+OK", "6379"],
];
