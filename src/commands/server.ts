/**
 * Commands that concern the server as a process: TIME, DEBUG, SHUTDOWN.
 */

import { isWord } from "../base/bytes.ts";
import { blockThread } from "../base/shared.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { endConnection, helpFunction, quoted, quotingError, SYNTAX_ERROR } from "./replies.ts";

const DEBUG_FORBIDDEN =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local ' +
  "connection, otherwise you need to set this option in the configuration file, and then restart the server.";
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

function mayDebug(x: Execution): boolean {
  const allowed = x.shard.config.raw("enable-debug-command");
  if (allowed === "local") return x.conn !== null && x.shard.isLocalClient(x.conn);
  return allowed === "yes";
}

const debugHelp = helpFunction("DEBUG", ["SLEEP <seconds>", "    Stop the server for <seconds>. Decimals allowed."]);

/** DEBUG SLEEP blocks the shard of the connection that asks for it, as a slow command would; the others go on. */
function debug(x: Execution, argv: ArgvView): void {
  const is = (word: string): boolean => isWord(argv.bytes, argv.starts[1], argv.ends[1], word);
  if (!mayDebug(x)) {
    x.reply.error(DEBUG_FORBIDDEN);
  } else if (argv.count === 2 && is("help")) {
    debugHelp(x, argv);
  } else if (argv.count === 3 && is("sleep")) {
    // As strtod reads: what is no number is 0.
    const seconds = Number.parseFloat(argv.text(2));
    if (seconds > 0 && Number.isFinite(seconds)) blockThread(seconds * 1000);
    x.reply.ok();
  } else {
    quotingError(
      x.reply,
      "ERR unknown subcommand or wrong number of arguments for '" + quoted(argv, 1) + "'. Try DEBUG HELP.",
    );
  }
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
  row("debug", -2, ADMIN | NOSCRIPT | LOADING | STALE, debug),
  row("shutdown", -1, ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI, shutdown),
];
