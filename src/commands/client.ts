/**
 * CLIENT: what a connection says of itself and how it wants to be treated; pauses. Who is connected: client-list.ts.
 *
 * Refuses: CLIENT TRACKING and CACHING. Nothing is tracked, and a client is told that there is no such command.
 */

import { assert } from "../base/assert.ts";
import { isWord } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type ReduceFunction } from "../runtime/commands.ts";
import { type Conn, Mode } from "../runtime/conn.ts";
import type { Execution } from "../runtime/execution.ts";
import { PauseKind } from "../runtime/pause.ts";
import { TIME_OUT_OF_RANGE, timeInMs } from "./arguments.ts";
import { argvBytes, joinKilled, joinLists, kill, list, unblock } from "./client-list.ts";
import { helpFunction, quoted, quotingError, SYNTAX_ERROR } from "./replies.ts";

export const NAME_ERROR = "ERR Client names cannot contain spaces, newlines or special characters.";

/** Plain characters only, so that a line of CLIENT LIST stays one line of fields. */
export function isClientText(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function connOf(x: Execution): Conn {
  assert(x.conn !== null, "CLIENT runs where the client is");
  return x.conn;
}

function id(x: Execution): void {
  x.reply.integer(connOf(x).id);
}

function getName(x: Execution): void {
  const name = connOf(x).name;
  if (name === "") x.reply.nil();
  else x.reply.bulkText(name);
}

function setName(x: Execution, argv: ArgvView): void {
  const name = argv.text(2);
  if (!isClientText(name)) {
    x.reply.error(NAME_ERROR);
    return;
  }
  connOf(x).name = name;
  x.reply.ok();
}

/** CLIENT SETINFO LIB-NAME name | LIB-VER version */
function setInfo(x: Execution, argv: ArgvView): void {
  const conn = connOf(x);
  const isName = isWord(argv.bytes, argv.starts[2], argv.ends[2], "lib-name");
  if (!isName && !isWord(argv.bytes, argv.starts[2], argv.ends[2], "lib-ver")) {
    quotingError(x.reply, "ERR Unrecognized option '" + quoted(argv, 2) + "'");
    return;
  }
  const value = argv.text(3);
  if (!isClientText(value)) {
    x.reply.error("ERR " + argv.text(2) + " cannot contain spaces, newlines or special characters.");
    return;
  }
  if (isName) conn.libraryName = value;
  else conn.libraryVersion = value;
  x.reply.ok();
}

function info(x: Execution, argv: ArgvView): void {
  x.reply.verbatim("txt", x.shard.describeClient(connOf(x), argvBytes(argv)) + "\n");
}

/** CLIENT REPLY ON|OFF|SKIP. Only ON is answered. */
function replies(x: Execution, argv: ArgvView): void {
  const conn = connOf(x);
  const is = (word: string): boolean => isWord(argv.bytes, argv.starts[2], argv.ends[2], word);
  if (is("on")) {
    x.shard.setReplies(conn, 0);
    x.reply.ok();
  } else if (is("off")) x.shard.setReplies(conn, Mode.MUTED);
  else if (!is("skip")) x.reply.error(SYNTAX_ERROR);
  else if ((conn.mode & Mode.MUTED) === 0) x.shard.setReplies(conn, Mode.SKIP_NEXT);
}

/** A subcommand of ON or OFF. */
function switchFunction(turn: (conn: Conn, on: boolean) => void): CommandFunction {
  return (x, argv) => {
    const is = (word: string): boolean => isWord(argv.bytes, argv.starts[2], argv.ends[2], word);
    if (is("on") || is("off")) {
      turn(connOf(x), is("on"));
      x.reply.ok();
    } else x.reply.error(SYNTAX_ERROR);
  };
}

const noEvict = switchFunction((conn, on) => {
  conn.evictable = !on;
});

const noTouch = switchFunction((conn, on) => {
  conn.mode = on ? conn.mode | Mode.NO_TOUCH : conn.mode & ~Mode.NO_TOUCH;
});

/** A shard's part. CLIENT PAUSE milliseconds [WRITE|ALL] */
function pause(x: Execution, argv: ArgvView): void {
  const is = (word: string): boolean => isWord(argv.bytes, argv.starts[3], argv.ends[3], word);
  const writes = argv.count === 4 && is("write");
  if (argv.count === 4 && !writes && !is("all")) {
    x.reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    return;
  }
  // The clock itself: the time of the turn may be some milliseconds ago, and a pause is never shorter than asked for.
  const nowMs = Math.ceil(x.shard.clock.wallMs());
  const untilMs = timeInMs(argv, 2, 1, nowMs);
  if (Number.isNaN(untilMs)) x.reply.error("ERR timeout is not an integer or out of range");
  else if (untilMs < nowMs) x.reply.error("ERR timeout is negative");
  else if (untilMs === TIME_OUT_OF_RANGE) x.reply.error("ERR timeout is out of range");
  else {
    x.shard.pause.begin(writes ? PauseKind.WRITE : PauseKind.ALL, untilMs, nowMs);
    x.reply.ok();
  }
}

function unpause(x: Execution): void {
  x.shard.pause.end();
  x.reply.ok();
}

/** Nothing is tracked, so that nobody gets what it finds. */
function getRedirection(x: Execution): void {
  x.reply.integer(-1);
}

function trackingInfo(x: Execution): void {
  const { reply } = x;
  reply.map(3);
  reply.bulkText("flags");
  reply.set(1);
  reply.bulkText("off");
  reply.bulkText("redirect");
  reply.integer(-1);
  reply.bulkText("prefixes");
  reply.array(0);
}

/** The containers' subcommands have few arguments, so that their arity says how many at least. */
function atMost(count: number, run: CommandFunction): CommandFunction {
  return (x, argv) => {
    if (argv.count <= count) run(x, argv);
    else {
      const text = "ERR unknown subcommand or wrong number of arguments for '" + quoted(argv, 1).slice(0, 128);
      quotingError(x.reply, text + "'. Try CLIENT HELP.");
    }
  };
}

const HELP = [
  "GETREDIR",
  "    Return the client ID we are redirecting to when tracking is enabled.",
  "GETNAME",
  "    Return the name of the current connection.",
  "ID",
  "    Return the ID of the current connection.",
  "INFO",
  "    Return information about the current client connection.",
  "KILL <ip:port>",
  "    Kill connection made from <ip:port>.",
  "KILL <option> <value> [<option> <value> [...]]",
  "    Kill connections. Options are:",
  "    * ADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made from the specified address",
  "    * LADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made to specified local address",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Kill connections by type.",
  "    * USER <username>",
  "      Kill connections authenticated by <username>.",
  "    * SKIPME (YES|NO)",
  "      Skip killing current connection (default: yes).",
  "    * ID <client-id>",
  "      Kill connections by client id.",
  "    * MAXAGE <maxage>",
  "      Kill connections older than the specified age.",
  "LIST [options ...]",
  "    Return information about client connections. Options:",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Return clients of specified type.",
  "    * ID <id> [<id> ...]",
  "      Return clients with the specified IDs.",
  "UNPAUSE",
  "    Stop the current client pause, resuming traffic.",
  "PAUSE <timeout> [WRITE|ALL]",
  "    Suspend all, or just write, clients for <timeout> milliseconds.",
  "REPLY (ON|OFF|SKIP)",
  "    Control the replies sent to the current connection.",
  "SETNAME <name>",
  "    Assign the name <name> to the current connection.",
  "SETINFO <option> <value>",
  "    Set client meta attr. Options are:",
  "    * LIB-NAME: the client lib name.",
  "    * LIB-VER: the client lib version.",
  "UNBLOCK <clientid> [TIMEOUT|ERROR]",
  "    Unblock the specified blocked client.",
  "TRACKINGINFO",
  "    Report tracking status for the current connection.",
  "NO-EVICT (ON|OFF)",
  "    Protect current client connection from eviction.",
  "NO-TOUCH (ON|OFF)",
  "    Will not touch LRU/LFU stats when this mode is on.",
];

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;
const OWN = NOSCRIPT | LOADING | STALE;

function subcommand(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name: "client|" + name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

/** One that concerns the clients of all shards. */
function everywhere(
  name: string,
  arity: number,
  run: CommandFunction,
  reduce: "first" | ReduceFunction,
  rest: Partial<CommandRow> = {},
): CommandRow {
  return { ...rest, name: "client|" + name, arity, flags: ADMIN | OWN, keys: null, place: "all", reduce, run };
}

const help = helpFunction("CLIENT", HELP);

export const clientRows: readonly CommandRow[] = [
  {
    name: "client",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("getname", 2, OWN, getName),
      subcommand("getredir", 2, OWN, getRedirection),
      subcommand("help", 2, LOADING | STALE, help),
      subcommand("id", 2, OWN, id),
      subcommand("info", 2, OWN, info),
      everywhere("kill", -3, kill, joinKilled),
      everywhere("list", -2, list, joinLists),
      subcommand("no-evict", 3, ADMIN | OWN, noEvict),
      subcommand("no-touch", 3, OWN, noTouch),
      everywhere("pause", -3, atMost(4, pause), "first", { fences: true }),
      subcommand("reply", 3, OWN, replies),
      subcommand("setinfo", 4, OWN, setInfo),
      subcommand("setname", 3, OWN, setName),
      subcommand("trackinginfo", 2, OWN, trackingInfo),
      subcommand("unblock", -3, ADMIN | OWN, atMost(4, unblock)),
      everywhere("unpause", 2, unpause, "first"),
    ],
  },
];
