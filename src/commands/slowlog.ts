/**
 * SLOWLOG: the slow commands of all shards, as one list.
 */

import { parseInteger64 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Parts, type Reduction } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import type { SlowEntry } from "../runtime/slowlog.ts";
import { readParts, writePart } from "./parts.ts";
import { helpFunction } from "./replies.ts";

const COUNT_DEFAULT = 10;
const BAD_COUNT = "ERR count should be greater than or equal to -1";
/** How many entries SLOWLOG GET [count] asks for, or an error. */
function countOf(argv: ArgvView): number | string {
  if (argv.count === 2) return COUNT_DEFAULT;
  if (argv.count > 3) {
    return `ERR unknown subcommand or wrong number of arguments for '${argv.text(1)}'. Try SLOWLOG HELP.`;
  }
  const count = parseInteger64(argv.bytes, argv.starts[2], argv.ends[2]);
  if (count === null || count < -1n) return BAD_COUNT;
  return count === -1n ? Number.POSITIVE_INFINITY : Number(count);
}

/** A shard's part. */
function get(x: Execution, argv: ArgvView): void {
  const count = countOf(argv);
  if (typeof count === "string") x.reply.error(count);
  else writePart(x.reply, x.shard.slowlog.newest().slice(0, count));
}

/** The whole: the newest entries of all shards. */
function mergeEntries(parts: Parts, reply: ReplyWriter): void {
  const count = countOf(parts.argv) as number;
  const entries = readParts<SlowEntry[]>(parts).flat();
  entries.sort((a, b) => b.id - a.id);
  const shown = entries.slice(0, count);
  reply.array(shown.length);
  for (const entry of shown) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.time);
    reply.integer(entry.microseconds);
    reply.array(entry.arguments.length);
    for (const argument of entry.arguments) reply.bulkText(argument);
    reply.bulkText(entry.peer);
    reply.bulkText(entry.name);
  }
}

function len(x: Execution): void {
  x.reply.integer(x.shard.slowlog.newest().length);
}

function reset(x: Execution): void {
  x.shard.slowlog.reset();
  x.reply.ok();
}

const help = helpFunction("SLOWLOG", [
  "GET [<count>]",
  "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
  "    Entries are made of:",
  "    id, timestamp, time in microseconds, arguments array, client IP and port,",
  "    client name",
  "LEN",
  "    Return the length of the slowlog.",
  "RESET",
  "    Reset the slowlog.",
]);

const { ADMIN, LOADING, STALE } = CommandFlag;

function subcommand(
  name: string,
  arity: number,
  flags: number,
  run: CommandFunction,
  reduce: Reduction | null,
): CommandRow {
  const place = reduce === null ? "connection" : "all";
  return { name: "slowlog|" + name, arity, flags, keys: null, place, reduce, run };
}

export const slowlogRows: readonly CommandRow[] = [
  {
    name: "slowlog",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("get", -2, ADMIN | LOADING | STALE, get, mergeEntries),
      subcommand("help", 2, LOADING | STALE, help, null),
      subcommand("len", 2, ADMIN | LOADING | STALE, len, "sum"),
      subcommand("reset", 2, ADMIN | LOADING | STALE, reset, "first"),
    ],
  },
];
