/**
 * DEBUG: what tests of servers and clients need, for those whom enable-debug-command allows it.
 *
 * It runs on every shard: each creates its own keys for POPULATE, and each stops expiring. What concerns one key happens
 * where that is, what concerns one place only where the client is. A shard with nothing to say answers null.
 */

import { isWord, parseInteger64, viewOf } from "../base/bytes.ts";
import { blockThread } from "../base/shared.ts";
import type { ArgvView } from "../resp/argv.ts";
import { RESP2, type ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandRow, type Parts } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { OUT_OF_MEMORY } from "../runtime/refusals.ts";
import { shardOfSlot, slotOf } from "../runtime/slots.ts";
import { NO_EXPIRY } from "../store/database.ts";
import { stringEncodingName, stringEncodingOf } from "../store/encoding.ts";
import { helpFunction, quoted, quotingError } from "./replies.ts";

const FORBIDDEN =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local ' +
  "connection, otherwise you need to set this option in the configuration file, and then restart the server.";
const NO_SUCH_KEY = "ERR no such key";
const NOT_POSITIVE = "ERR value is out of range, must be positive";
const NO_SUCH_TYPE =
  "ERR Wrong protocol type name. Please use one of the following: " +
  "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";

/** What DEBUG PROTOCOL answers, for clients that test their parsers. */
const SAMPLES: Readonly<Record<string, (reply: ReplyWriter) => void>> = {
  string: (reply) => reply.bulkText("Hello World"),
  integer: (reply) => reply.integer(12345),
  double: (reply) => reply.doubleText("3.141"),
  null: (reply) => reply.nil(),
  array: (reply) => {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set: (reply) => {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map: (reply) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: (reply) => {
    if (reply.version !== RESP2) {
      reply.attribute(1);
      reply.bulkText("key-popularity");
      reply.array(2);
      reply.bulkText("key:123");
      reply.integer(90);
    }
    reply.bulkText("Some real reply following the attribute");
  },
  push: (reply) => {
    if (reply.version === RESP2) {
      reply.error("ERR RESP2 is not supported by this command");
      return;
    }
    reply.push(2);
    reply.bulkText("server-cpu-usage");
    reply.integer(42);
    reply.bulkText("Some real reply following the push reply");
  },
  verbatim: (reply) => reply.verbatim("txt", "This is a verbatim\nstring"),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
  bignum: (reply) => reply.bigNumber(1234567999999999999999999999999999999n),
};

/** The error for those who may not, or null. The client's own shard decides, before any other one is asked. */
function forbids(_argv: ArgvView, x: Execution): string | null {
  const allowed = x.shard.config.raw("enable-debug-command");
  const may = allowed === "local" ? x.conn !== null && x.shard.isLocalClient(x.conn) : allowed === "yes";
  return may ? null : FORBIDDEN;
}

/** DEBUG SLEEP seconds: stops the shard of the client that asks, as a slow command would; the others go on. */
function sleep(x: Execution, argv: ArgvView): void {
  // As strtod reads: what is no number is 0.
  const seconds = Number.parseFloat(argv.text(2));
  if (x.conn !== null && seconds > 0 && Number.isFinite(seconds)) blockThread(seconds * 1000);
  x.reply.ok();
}

function protocol(x: Execution, argv: ArgvView): void {
  const type = argv.text(2).toLowerCase();
  if (Object.hasOwn(SAMPLES, type)) SAMPLES[type](x.reply);
  else x.reply.error(NO_SUCH_TYPE);
}

/** The value of key number `i`: value:i, cut or filled up with zero bytes where a length is asked for. */
function sampleValue(i: number, byteLength: number): Uint8Array {
  const text = Buffer.from("value:" + i, "latin1");
  if (byteLength === 0) return text;
  const value = new Uint8Array(byteLength);
  value.set(text.subarray(0, byteLength));
  return value;
}

/** DEBUG POPULATE count [prefix] [size]: keys prefix:0 … that are not there yet. Each shard makes those it owns. */
function populate(x: Execution, argv: ArgvView): void {
  const numberAt = (index: number): number | null => {
    const value = parseInteger64(argv.bytes, argv.starts[index], argv.ends[index]);
    return value === null || value < 0n || value > 2n ** 31n ? null : Number(value);
  };
  const count = numberAt(2);
  const byteLength = argv.count > 4 ? numberAt(4) : 0;
  if (count === null || byteLength === null) {
    x.reply.error(NOT_POSITIVE);
    return;
  }
  const prefix = argv.count > 3 ? argv.text(3) : "key";
  const { db, shard } = x;
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(prefix + ":" + i, "latin1");
    if (shardOfSlot(slotOf(key, 0, key.length), shard.shardCount) !== shard.id) continue;
    const view = viewOf(key);
    if (db.find(view, 0, key.length)) continue;
    const value = sampleValue(i, byteLength);
    const encoding = stringEncodingOf(value, 0, value.length);
    if (!db.setString(view, 0, key.length, viewOf(value), 0, value.length, encoding, NO_EXPIRY)) {
      x.reply.error(OUT_OF_MEMORY);
      return;
    }
    x.effects.changed("set", key, 0, key.length);
  }
  x.reply.ok();
}

/**
 * DEBUG OBJECT key: where its entry is, its encoding, its access clock. Redis's serializedlength is not told: nothing is
 * serialized here.
 */
function object(x: Execution, argv: ArgvView): void {
  const { db, reply, shard } = x;
  const start = argv.starts[2];
  const end = argv.ends[2];
  if (shardOfSlot(slotOf(argv.bytes, start, end), shard.shardCount) !== shard.id) reply.nil();
  else if (!db.peek(argv.view, start, end)) reply.error(NO_SUCH_KEY);
  else {
    const encoding = stringEncodingName(db.encoding);
    const { clock } = db;
    const idle = shard.store.access.idleSeconds(clock);
    const address = "0x" + db.address.toString(16);
    reply.simple(`Value at:${address} refcount:1 encoding:${encoding} lru:${clock} lru_seconds_idle:${idle}`);
  }
}

/** What the first shard says that says anything. */
function firstAnswer({ replies }: Parts, reply: ReplyWriter): void {
  const told = replies.find((part) => !isNull(part)) ?? replies[0];
  reply.rawBytes(told, 0, told.length);
}

/** $-1 or _ */
function isNull(part: Uint8Array): boolean {
  return part[0] === 95 || (part[0] === 36 && part[1] === 45);
}

function setActiveExpire(x: Execution, argv: ArgvView): void {
  x.shard.store.activeExpire = argv.text(2) !== "0";
  x.reply.ok();
}

function log(x: Execution, argv: ArgvView): void {
  if (x.conn !== null) x.shard.log("warning", "DEBUG LOG: " + argv.text(2));
  x.reply.ok();
}

const help = helpFunction("DEBUG", [
  "ERROR <string>",
  "    Return a Redis protocol error with <string> as message. Useful for clients",
  "    unit tests to simulate Redis errors.",
  "LOG <message>",
  "    Write <message> to the server log.",
  "OBJECT <key>",
  "    Show low level info about <key> and its value.",
  "POPULATE <count> [<prefix>] [<size>]",
  "    Create <count> string keys named key:<num>. If <prefix> is specified then",
  "    it is used instead of the 'key' prefix.",
  "PROTOCOL <type>",
  "    Reply with a test value of the specified type. <type> can be: string,",
  "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
  "    true, false.",
  "SET-ACTIVE-EXPIRE <0|1>",
  "    Setting it to 0 disables expiring keys in background when they are not",
  "    accessed. Setting it to 1 reenables back the default.",
  "SLEEP <seconds>",
  "    Stop the shard of this connection for <seconds>. Decimals allowed.",
]);

interface Subcommand {
  readonly name: string;
  /** Arguments with DEBUG and the name. */
  readonly counts: readonly number[];
  readonly run: (x: Execution, argv: ArgvView) => void;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: "help", counts: [2], run: help },
  { name: "error", counts: [3], run: (x, argv) => quotingError(x.reply, argv.text(2)) },
  { name: "log", counts: [3], run: log },
  { name: "object", counts: [3], run: object },
  { name: "populate", counts: [3, 4, 5], run: populate },
  { name: "protocol", counts: [3], run: protocol },
  { name: "set-active-expire", counts: [3], run: setActiveExpire },
  { name: "sleep", counts: [3], run: sleep },
];

function debug(x: Execution, argv: ArgvView): void {
  for (const { name, counts, run } of SUBCOMMANDS) {
    if (!isWord(argv.bytes, argv.starts[1], argv.ends[1], name) || !counts.includes(argv.count)) continue;
    run(x, argv);
    return;
  }
  quotingError(
    x.reply,
    "ERR unknown subcommand or wrong number of arguments for '" + quoted(argv, 1) + "'. Try DEBUG HELP.",
  );
}

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;

export const debugRows: readonly CommandRow[] = [
  {
    name: "debug",
    arity: -2,
    flags: ADMIN | NOSCRIPT | LOADING | STALE,
    keys: null,
    place: "all",
    reduce: firstAnswer,
    validate: forbids,
    run: debug,
  },
];
