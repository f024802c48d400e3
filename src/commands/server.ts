/**
 * Commands that concern the server as a process: TIME, SHUTDOWN.
 */

import { isWord } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { endConnection, SYNTAX_ERROR } from "./replies.ts";

const SAVE_FAILED =
  "ERR Errors trying to SHUTDOWN. This server keeps no snapshots: use SHUTDOWN NOSAVE to stop without saving.";

/** Seconds and microseconds since 1970. */
function time(x: Execution): void {
  const ms = x.shard.clock.wallMs();
  const seconds = Math.floor(ms / 1000);
  x.reply.array(2);
  x.reply.bulkInteger(seconds);
  x.reply.bulkInteger(Math.floor((ms - seconds * 1000) * 1000));
}

/**
 * SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] | ABORT. There is nothing to wait for, so that NOW changes nothing, and nothing to
 * save to: SAVE is refused unless FORCE says that failing to save does not matter.
 */
function shutdown(x: Execution, argv: ArgvView): void {
  let save = false;
  let noSave = false;
  let now = false;
  let force = false;
  let abort = false;
  for (let i = 1; i < argv.count; i++) {
    const is = (word: string): boolean => isWord(argv.bytes, argv.starts[i], argv.ends[i], word);
    if (is("nosave")) noSave = true;
    else if (is("save")) save = true;
    else if (is("now")) now = true;
    else if (is("force")) force = true;
    else if (is("abort")) abort = true;
    else {
      x.reply.error(SYNTAX_ERROR);
      return;
    }
  }
  if ((abort && (save || noSave || now || force)) || (save && noSave)) {
    x.reply.error(SYNTAX_ERROR);
  } else if (abort) {
    x.reply.error("ERR No shutdown in progress.");
  } else if (save && !force) {
    x.reply.error(SAVE_FAILED);
  } else {
    if (x.conn !== null) endConnection(x.conn);
    x.shard.requestShutdown("Received SHUTDOWN scheduling shutdown...");
  }
}

const { ADMIN, FAST, LOADING, NOSCRIPT, NO_MULTI, STALE } = CommandFlag;

function row(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

export const serverRows: readonly CommandRow[] = [
  row("time", 1, LOADING | STALE | FAST, time),
  row("shutdown", -1, ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI, shutdown),
];
