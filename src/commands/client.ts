/**
 * CLIENT: what a connection says of itself, and who is connected.
 */

import { assert } from "../base/assert.ts";
import { isWord, parseInteger, parseInteger64 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Parts } from "../runtime/commands.ts";
import type { Conn } from "../runtime/conn.ts";
import type { Execution } from "../runtime/execution.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";
import type { ClientVisitor } from "../runtime/services.ts";
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

function info(x: Execution): void {
  x.reply.verbatim("txt", x.shard.describeClient(connOf(x)) + "\n");
}

/** What CLIENT LIST was asked for: the error it deserves, else whether normal clients are wanted. */
function readListArguments(argv: ArgvView): { readonly error: string } | { readonly normal: boolean } {
  const { bytes, starts, ends } = argv;
  const is = (index: number, word: string): boolean => isWord(bytes, starts[index], ends[index], word);
  if (argv.count === 2) return { normal: true };
  if (argv.count === 4 && is(2, "type")) {
    if (is(3, "normal")) return { normal: true };
    // Nobody follows, is followed or subscribes yet.
    if (is(3, "master") || is(3, "replica") || is(3, "slave") || is(3, "pubsub")) return { normal: false };
    return { error: "ERR Unknown client type '" + quoted(argv, 3) + "'" };
  }
  if (argv.count > 3 && is(2, "id")) {
    for (let i = 3; i < argv.count; i++) {
      if (parseInteger64(bytes, starts[i], ends[i]) === null) return { error: "ERR Invalid client ID" };
    }
    return { normal: true };
  }
  return { error: SYNTAX_ERROR };
}

class Lines implements ClientVisitor {
  text: string;
  readonly #x: Execution;

  constructor(x: Execution) {
    this.text = "";
    this.#x = x;
  }

  visit(conn: Conn): void {
    this.text += this.#x.shard.describeClient(conn) + "\n";
  }
}

/** A shard's part: the lines of its clients. CLIENT LIST [TYPE normal|master|replica|pubsub] [ID id …] */
function list(x: Execution, argv: ArgvView): void {
  const asked = readListArguments(argv);
  if ("error" in asked) {
    quotingError(x.reply, asked.error);
    return;
  }
  const lines = new Lines(x);
  if (asked.normal) x.shard.visitClients(lines);
  x.reply.bulkText(lines.text);
}

/** The whole: all lines by id, or those of the ids asked for, in that order. */
function joinLists(parts: Parts, reply: Execution["reply"]): void {
  const lines = new Map<number, string>();
  for (const part of parts.replies) {
    const start = behindLine(part, 0);
    const text = Buffer.from(part.buffer, part.byteOffset + start, headNumber(part, 0)).toString("latin1");
    for (const line of text.split("\n")) {
      if (line !== "") lines.set(Number.parseInt(line.slice("id=".length), 10), line);
    }
  }
  const { argv } = parts;
  const ids: number[] = [];
  if (argv.count > 3 && isWord(argv.bytes, argv.starts[2], argv.ends[2], "id")) {
    for (let i = 3; i < argv.count; i++) ids.push(parseInteger(argv.bytes, argv.starts[i], argv.ends[i]));
  } else {
    ids.push(...[...lines.keys()].sort((a, b) => a - b));
  }
  let text = "";
  for (const each of ids) {
    const line = lines.get(each);
    if (line !== undefined) text += line + "\n";
  }
  reply.verbatim("txt", text);
}

const HELP = [
  "GETNAME",
  "    Return the name of the current connection.",
  "ID",
  "    Return the ID of the current connection.",
  "INFO",
  "    Return information about the current client connection.",
  "LIST [options ...]",
  "    Return information about client connections. Options:",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Return clients of specified type.",
  "    * ID <id> [<id> ...]",
  "      Return clients with the specified IDs.",
  "SETINFO <option> <value>",
  "    Set client meta attr. Options are:",
  "    * LIB-NAME: the client lib name.",
  "    * LIB-VER: the client lib version.",
  "SETNAME <name>",
  "    Assign the name <name> to the current connection.",
];

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;
const OWN = NOSCRIPT | LOADING | STALE;

function subcommand(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name: "client|" + name, arity, flags, keys: null, place: "connection", reduce: null, run };
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
      subcommand("help", 2, LOADING | STALE, help),
      subcommand("id", 2, OWN, id),
      subcommand("info", 2, OWN, info),
      {
        name: "client|list",
        arity: -2,
        flags: ADMIN | OWN,
        keys: null,
        place: "all",
        reduce: joinLists,
        run: list,
      },
      subcommand("setinfo", 4, OWN, setInfo),
      subcommand("setname", 3, OWN, setName),
    ],
  },
];
