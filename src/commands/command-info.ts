/**
 * COMMAND: what the server says of its own commands, and their ACL categories. All of it is derived from the rows of the
 * command table, the metadata in docs-data.ts, and how commands are written in usage-data.ts.
 */

import { bytesOf, isWord } from "../base/bytes.ts";
import { globMatches } from "../base/glob.ts";
import { Argv, type ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { UNKNOWN_COMMAND } from "../runtime/command-table.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { writeDocs } from "./command-docs.ts";
import { docsOf, HIDDEN_COMMANDS } from "./docs-data.ts";
import type { CommandDocs } from "./docs-row.ts";
import { helpFunction, SYNTAX_ERROR } from "./replies.ts";

/** Flags by their names in the order in which COMMAND INFO shows them; allow_busy stands at the end. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [CommandFlag.WRITE, "write"],
  [CommandFlag.READONLY, "readonly"],
  [CommandFlag.DENYOOM, "denyoom"],
  [CommandFlag.ADMIN, "admin"],
  [CommandFlag.PUBSUB, "pubsub"],
  [CommandFlag.NOSCRIPT, "noscript"],
  [CommandFlag.BLOCKING, "blocking"],
  [CommandFlag.LOADING, "loading"],
  [CommandFlag.STALE, "stale"],
  [CommandFlag.SKIP_MONITOR, "skip_monitor"],
  [CommandFlag.SKIP_SLOWLOG, "skip_slowlog"],
  [CommandFlag.FAST, "fast"],
  [CommandFlag.NO_AUTH, "no_auth"],
  [CommandFlag.NO_MANDATORY_KEYS, "no_mandatory_keys"],
  [CommandFlag.NO_ASYNC_LOADING, "no_async_loading"],
  [CommandFlag.NO_MULTI, "no_multi"],
  [CommandFlag.MOVABLE_KEYS, "movablekeys"],
];

/** ACL categories in the order in which COMMAND INFO shows them. */
export const CATEGORIES: readonly string[] = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
];

const NO_KEYS = "ERR The command has no key arguments";

function flagsOf(row: CommandRow, docs: CommandDocs | undefined): string[] {
  const names: string[] = [];
  for (const [bit, name] of FLAG_NAMES) if ((row.flags & bit) !== 0) names.push(name);
  if (docs?.allowBusy === true) names.push("allow_busy");
  return names;
}

/** The ACL categories of a command, in the order of CATEGORIES. */
export function categoriesOf(row: CommandRow): string[] {
  const docs = docsOf(row.name);
  const has = new Set(docs?.categories ?? []);
  const flags = row.flags;
  if ((flags & CommandFlag.WRITE) !== 0) has.add("write");
  if ((flags & CommandFlag.READONLY) !== 0 && !has.has("scripting")) has.add("read");
  if ((flags & CommandFlag.ADMIN) !== 0) has.add("admin").add("dangerous");
  if ((flags & CommandFlag.PUBSUB) !== 0) has.add("pubsub");
  if ((flags & CommandFlag.BLOCKING) !== 0) has.add("blocking");
  has.add((flags & CommandFlag.FAST) !== 0 ? "fast" : "slow");
  return CATEGORIES.filter((name) => has.has(name));
}

function writeStates(reply: ReplyWriter, names: readonly string[], prefix: string): void {
  reply.set(names.length);
  for (const name of names) reply.simple(prefix + name);
}

function writeKeySpecs(reply: ReplyWriter, row: CommandRow, docs: CommandDocs | undefined): void {
  const keys = row.keys;
  if (keys === null) {
    reply.set(0);
    return;
  }
  const notes = docs?.keyNotes ?? "";
  reply.set(1);
  reply.map(notes === "" ? 3 : 4);
  if (notes !== "") {
    reply.bulkText("notes");
    reply.bulkText(notes);
  }
  reply.bulkText("flags");
  writeStates(reply, docs?.keyFlags ?? [], "");
  writeSearch(reply, "begin_search", "index", [["index", keys.first]]);
  writeSearch(reply, "find_keys", "range", [
    ["lastkey", keys.last < 0 ? keys.last : keys.last - keys.first],
    ["keystep", keys.step],
    ["limit", 0],
  ]);
}

function writeSearch(
  reply: ReplyWriter,
  name: string,
  type: string,
  spec: readonly (readonly [string, number])[],
): void {
  reply.bulkText(name);
  reply.map(2);
  reply.bulkText("type");
  reply.bulkText(type);
  reply.bulkText("spec");
  reply.map(spec.length);
  for (const [field, value] of spec) {
    reply.bulkText(field);
    reply.integer(value);
  }
}

function writeInfo(reply: ReplyWriter, row: CommandRow | null): void {
  if (row === null) {
    reply.nil();
    return;
  }
  const docs = docsOf(row.name);
  reply.array(10);
  reply.bulkText(row.name);
  reply.integer(row.arity);
  writeStates(reply, flagsOf(row, docs), "");
  reply.integer(row.keys?.first ?? 0);
  reply.integer(row.keys?.last ?? 0);
  reply.integer(row.keys?.step ?? 0);
  writeStates(reply, categoriesOf(row), "@");
  const tips = docs?.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  writeKeySpecs(reply, row, docs);
  const subcommands = row.subcommands ?? [];
  reply.set(subcommands.length);
  for (const subcommand of subcommands) writeInfo(reply, subcommand);
}

export const isListed = (row: CommandRow): boolean => !HIDDEN_COMMANDS.includes(row.name);

/** Top-level commands in table order. */
function topRows(x: Execution): CommandRow[] {
  return x.shard.table.rows.filter((row) => !row.name.includes("|") && isListed(row));
}

/** The command of that name, "container|name" for a subcommand, in any case; or null. */
function rowNamed(x: Execution, argv: ArgvView, index: number): CommandRow | null {
  const start = argv.starts[index];
  const end = argv.ends[index];
  let bar = start;
  while (bar < end && argv.bytes[bar] !== 124) bar++;
  const table = x.shard.table;
  const id = table.find(argv.bytes, start, bar);
  if (id === UNKNOWN_COMMAND || !isListed(table.rows[id])) return null;
  const row = table.rows[id];
  if (bar === end) return row;
  const wanted = row.subcommands?.find((sub) => isWord(argv.bytes, start, end, sub.name));
  return wanted ?? null;
}

function command(x: Execution): void {
  const rows = topRows(x);
  x.reply.array(rows.length);
  for (const row of rows) writeInfo(x.reply, row);
}

function count(x: Execution): void {
  x.reply.integer(topRows(x).length);
}

function info(x: Execution, argv: ArgvView): void {
  if (argv.count === 2) {
    command(x);
    return;
  }
  x.reply.array(argv.count - 2);
  for (let i = 2; i < argv.count; i++) writeInfo(x.reply, rowNamed(x, argv, i));
}

/** COMMAND DOCS [name …]: a map; names that nobody knows are left out. */
function documentation(x: Execution, argv: ArgvView): void {
  const rows: CommandRow[] = [];
  if (argv.count === 2) rows.push(...topRows(x));
  for (let i = 2; i < argv.count; i++) {
    const row = rowNamed(x, argv, i);
    if (row !== null) rows.push(row);
  }
  x.reply.map(rows.length);
  for (const row of rows) writeDocs(x.reply, row);
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob] */
function list(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  const is = (index: number, word: string): boolean => isWord(bytes, starts[index], ends[index], word);
  const names = (wanted: (row: CommandRow) => boolean): void => {
    const rows = x.shard.table.rows.filter((row) => isListed(row) && wanted(row));
    x.reply.array(rows.length);
    for (const row of rows) x.reply.bulkText(row.name);
  };
  if (argv.count === 2) {
    names(() => true);
  } else if (argv.count !== 5 || !is(2, "filterby")) {
    x.reply.error(SYNTAX_ERROR);
  } else if (is(3, "module")) {
    // There are no modules.
    names(() => false);
  } else if (is(3, "aclcat")) {
    const category = argv.text(4).toLowerCase();
    names((row) => categoriesOf(row).includes(category));
  } else if (is(3, "pattern")) {
    names((row) => {
      const name = bytesOf(row.name);
      return globMatches(bytes, starts[4], ends[4], name, 0, name.length, true);
    });
  } else {
    x.reply.error(SYNTAX_ERROR);
  }
}

/** Key flags of the call in argv[2, …): some commands do less without an optional word. */
function keyFlagsOf(row: CommandRow, call: ArgvView): readonly string[] {
  const docs = docsOf(row.name);
  if (docs === undefined) return [];
  const without = docs.without;
  const shown = docs.keyFlags.filter((flag) => flag !== "variable_flags");
  if (without === null) return shown;
  for (let i = 3; i < call.count; i++) {
    if (isWord(call.bytes, call.starts[i], call.ends[i], without[0])) return shown;
  }
  return without[1];
}

function writeKeys(x: Execution, argv: ArgvView, withFlags: boolean): void {
  const call = new Argv();
  call.bytes = argv.bytes;
  call.view = argv.view;
  for (let i = 2; i < argv.count; i++) call.push(argv.starts[i], argv.ends[i]);
  const table = x.shard.table;
  const id = table.resolve(call);
  if (id < 0 || !isListed(table.rows[id])) {
    x.reply.error("ERR Invalid command specified");
    return;
  }
  const row = table.rows[id];
  const keys = row.keys;
  if (keys === null) {
    x.reply.error(NO_KEYS);
    return;
  }
  if (!table.arityFits(id, call.count)) {
    x.reply.error("ERR Invalid number of arguments specified for command");
    return;
  }
  const last = table.lastKey(id, call.count);
  const flags = withFlags ? keyFlagsOf(row, call) : [];
  x.reply.array(Math.floor((last - keys.first) / keys.step) + 1);
  for (let i = keys.first; i <= last; i += keys.step) {
    if (withFlags) x.reply.array(2);
    x.reply.bulk(call.bytes, call.starts[i], call.ends[i]);
    if (withFlags) writeStates(x.reply, flags, "");
  }
}

const HELP = [
  "(no subcommand)",
  "    Return details about all Redis commands.",
  "COUNT",
  "    Return the total number of commands in this Redis server.",
  "LIST",
  "    Return a list of all commands in this Redis server.",
  "INFO [<command-name> ...]",
  "    Return details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "DOCS [<command-name> ...]",
  "    Return documentation details about multiple Redis commands.",
  "    If no command names are given, documentation details for all",
  "    commands are returned.",
  "GETKEYS <full-command>",
  "    Return the keys from a full Redis command.",
  "GETKEYSANDFLAGS <full-command>",
  "    Return the keys and the access flags from a full Redis command.",
];

function subcommand(name: string, arity: number, run: CommandRow["run"]): CommandRow {
  const flags = CommandFlag.LOADING | CommandFlag.STALE;
  return { name: "command|" + name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

export const commandInfoRows: readonly CommandRow[] = [
  {
    name: "command",
    arity: -1,
    flags: CommandFlag.LOADING | CommandFlag.STALE,
    keys: null,
    place: "connection",
    reduce: null,
    run: command,
    subcommands: [
      subcommand("count", 2, count),
      subcommand("docs", -2, documentation),
      subcommand("getkeys", -4, (x, argv) => writeKeys(x, argv, false)),
      subcommand("getkeysandflags", -4, (x, argv) => writeKeys(x, argv, true)),
      subcommand("help", 2, helpFunction("COMMAND", HELP)),
      subcommand("info", -2, info),
      subcommand("list", -2, list),
    ],
  },
];
