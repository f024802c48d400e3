/**
 * Replication as of a master that has no replicas: ROLE, WAIT, REPLICAOF NO ONE.
 *
 * Refuses: to follow another server.
 */

import { isWord, parseInteger } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { NOT_AN_INTEGER } from "./arguments.ts";

const PORT_MAX = 65535;
const FOLLOWS_NOBODY = "ERR REPLICAOF is not supported: this server cannot be a replica of another one";

function role(x: Execution): void {
  x.reply.array(3);
  x.reply.bulkText("master");
  x.reply.integer(0);
  x.reply.array(0);
}

/** WAIT numreplicas timeout: nobody can come to acknowledge anything, so that it answers 0 without waiting. */
function wait(x: Execution, argv: ArgvView): void {
  const timeout = parseInteger(argv.bytes, argv.starts[2], argv.ends[2]);
  if (Number.isNaN(parseInteger(argv.bytes, argv.starts[1], argv.ends[1]))) x.reply.error(NOT_AN_INTEGER);
  else if (Number.isNaN(timeout)) x.reply.error("ERR timeout is not an integer or out of range");
  else if (timeout < 0) x.reply.error("ERR timeout is negative");
  else x.reply.integer(0);
}

function replicaOf(x: Execution, argv: ArgvView): void {
  const { bytes, starts, ends } = argv;
  const port = parseInteger(bytes, starts[2], ends[2]);
  if (isWord(bytes, starts[1], ends[1], "no") && isWord(bytes, starts[2], ends[2], "one")) x.reply.ok();
  else if (!(port >= 0 && port <= PORT_MAX)) x.reply.error("ERR Invalid master port");
  else x.reply.error(FOLLOWS_NOBODY);
}

function row(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

const { ADMIN, FAST, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE } = CommandFlag;
const FOLLOW = ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING;

export const replicationRows: readonly CommandRow[] = [
  row("role", 1, NOSCRIPT | LOADING | STALE | FAST, role),
  row("wait", 3, NOSCRIPT, wait),
  row("replicaof", 3, FOLLOW, replicaOf),
  row("slaveof", 3, FOLLOW, replicaOf),
];
