/**
 * Commands of the connection itself: PING, ECHO, QUIT, RESET, SELECT, AUTH, HELLO; and the two words that give away an
 * HTTP request sent to us by a browser.
 *
 * There is one user, "default", whose password is `requirepass`; without one, everybody is that user.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { assert } from "../base/assert.ts";
import { isWord, parseInteger, parseInteger64 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { RESP2, RESP3, type RespVersion } from "../resp/writer.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import { type Conn, Mode } from "../runtime/conn.ts";
import type { Execution } from "../runtime/execution.ts";
import { isClientText, NAME_ERROR } from "./client.ts";
import { endConnection, quoted, quotingError, SYNTAX_ERROR } from "./replies.ts";
import { REDIS_VERSION } from "./version.ts";

const DEFAULT_USER = "default";
const WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_PASSWORD_SET =
  "ERR AUTH <password> called without any password configured for the default user. " +
  "Are you sure your configuration is correct?";
const HELLO_NOAUTH =
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option " +
  "can be used to authenticate the client and select the RESP protocol version at the same time";
const ATTACK =
  "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely " +
  "due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection aborted.";
/** Attacks come in numbers; one line in this time is enough. */
const ATTACK_LOG_MS = 60_000;
const INT32_MIN = -2147483648;
const INT32_MAX = 2147483647;

/** The client of a command that runs where the client is. */
function connOf(x: Execution): Conn {
  assert(x.conn !== null, "a command of the connection runs where the connection is");
  return x.conn;
}

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** Is argv[index] the password? The time this takes tells nothing about it. */
function isPassword(x: Execution, argv: ArgvView, index: number): boolean {
  const given = argv.bytes.slice(argv.starts[index], argv.ends[index]);
  return timingSafeEqual(digest(given), digest(x.shard.config.bytes("requirepass")));
}

const hasPassword = (x: Execution): boolean => x.shard.config.raw("requirepass") !== "";

/** Makes the client the user named by argv[user] if argv[password] is right. Without a password set, any is. */
function logIn(x: Execution, argv: ArgvView, user: number, password: number): boolean {
  const isDefault = user < 0 || argv.text(user) === DEFAULT_USER;
  const isRight = !hasPassword(x) || isPassword(x, argv, password);
  if (isDefault && isRight) connOf(x).authenticated = true;
  return isDefault && isRight;
}

function ping(x: Execution, argv: ArgvView): void {
  if (argv.count > 2) x.reply.error("ERR wrong number of arguments for 'ping' command");
  else if (argv.count === 2) x.reply.bulk(argv.bytes, argv.starts[1], argv.ends[1]);
  else x.reply.simple("PONG");
}

function echo(x: Execution, argv: ArgvView): void {
  x.reply.bulk(argv.bytes, argv.starts[1], argv.ends[1]);
}

function quit(x: Execution): void {
  x.reply.ok();
  endConnection(connOf(x));
}

function speak(x: Execution, version: RespVersion): void {
  connOf(x).version = version;
  x.reply.version = version;
}

/** What the client library told of itself stays: it is still the same one. */
function reset(x: Execution): void {
  const conn = connOf(x);
  speak(x, RESP2);
  conn.database = 0;
  conn.name = "";
  // A reply that CLIENT REPLY SKIP takes away stays away.
  x.shard.setReplies(conn, conn.mode & Mode.SKIPPING);
  conn.mode &= ~Mode.NO_TOUCH;
  conn.evictable = true;
  conn.authenticated = !hasPassword(x);
  x.reply.simple("RESET");
}

function select(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  const index = parseInteger(bytes, starts[1], ends[1]);
  if (index >= 0 && index < x.shard.store.databaseCount) {
    connOf(x).database = index;
    x.reply.ok();
  } else if (index >= INT32_MIN && index <= INT32_MAX) {
    x.reply.error("ERR DB index is out of range");
  } else if (parseInteger64(bytes, starts[1], ends[1]) !== null) {
    x.reply.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else {
    x.reply.error("ERR value is not an integer or out of range");
  }
}

/** AUTH [user] password */
function auth(x: Execution, argv: ArgvView): void {
  if (argv.count > 3) x.reply.error(SYNTAX_ERROR);
  else if (argv.count === 2 && !hasPassword(x)) x.reply.error(NO_PASSWORD_SET);
  else if (logIn(x, argv, argv.count === 3 ? 1 : -1, argv.count - 1)) x.reply.ok();
  else x.reply.error(WRONG_PASSWORD);
}

/** HELLO [2|3 [AUTH user password] [SETNAME name] …] */
function hello(x: Execution, argv: ArgvView): void {
  const conn = connOf(x);
  const { bytes, starts, ends } = argv;
  let version = conn.version;
  if (argv.count > 1) {
    const asked = parseInteger(bytes, starts[1], ends[1]);
    if (asked !== RESP2 && asked !== RESP3) {
      const isInteger = parseInteger64(bytes, starts[1], ends[1]) !== null;
      x.reply.error(
        isInteger ? "NOPROTO unsupported protocol version" : "ERR Protocol version is not an integer or out of range",
      );
      return;
    }
    version = asked;
  }
  let user = -1;
  let name: string | null = null;
  for (let i = 2; i < argv.count; i++) {
    const more = argv.count - 1 - i;
    if (more >= 2 && isWord(bytes, starts[i], ends[i], "auth")) {
      user = i + 1;
      i += 2;
    } else if (more >= 1 && isWord(bytes, starts[i], ends[i], "setname")) {
      name = argv.text(++i);
      if (!isClientText(name)) {
        x.reply.error(NAME_ERROR);
        return;
      }
    } else {
      quotingError(x.reply, "ERR Syntax error in HELLO option '" + quoted(argv, i) + "'");
      return;
    }
  }
  if (user >= 0 && !logIn(x, argv, user, user + 1)) {
    x.reply.error(WRONG_PASSWORD);
    return;
  }
  if (hasPassword(x) && !conn.authenticated) {
    x.reply.error(HELLO_NOAUTH);
    return;
  }
  if (name !== null) conn.name = name;
  speak(x, version);
  introduce(x, conn);
}

function introduce(x: Execution, conn: Conn): void {
  const reply = x.reply;
  const field = (name: string, value: string): void => {
    reply.bulkText(name);
    reply.bulkText(value);
  };
  reply.map(7);
  field("server", "redis");
  field("version", REDIS_VERSION);
  reply.bulkText("proto");
  reply.integer(conn.version);
  reply.bulkText("id");
  reply.integer(conn.id);
  field("mode", "standalone");
  field("role", "master");
  reply.bulkText("modules");
  reply.array(0);
}

/** POST and Host: end the connection without a word, before what follows them is taken for commands. */
function attack(): CommandFunction {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (x) => {
    if (x.nowMs - loggedMs >= ATTACK_LOG_MS) {
      loggedMs = x.nowMs;
      x.shard.log("warning", ATTACK);
    }
    endConnection(connOf(x));
  };
}

/** The two arguments behind AUTH. */
function followsAuth(argv: ArgvView, index: number): boolean {
  const isAuth = (at: number): boolean => at > 1 && isWord(argv.bytes, argv.starts[at], argv.ends[at], "auth");
  return isAuth(index - 1) || (isAuth(index - 2) && !isAuth(index));
}

function row(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

const { FAST, LOADING, NOSCRIPT, NO_AUTH, STALE } = CommandFlag;
const BEFORE_AUTH = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH;
const refuseAttack = attack();

export const connectionRows: readonly CommandRow[] = [
  row("ping", -1, FAST, ping),
  row("echo", 2, LOADING | STALE | FAST, echo),
  { ...row("hello", -1, BEFORE_AUTH, hello), secret: followsAuth },
  { ...row("auth", -2, BEFORE_AUTH, auth), secret: (_argv, index) => index > 0 },
  row("quit", -1, BEFORE_AUTH, quit),
  row("reset", 1, BEFORE_AUTH, reset),
  row("select", 2, LOADING | STALE | FAST, select),
  row("post", -1, BEFORE_AUTH, refuseAttack),
  row("host:", -1, BEFORE_AUTH, refuseAttack),
];
