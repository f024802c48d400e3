/**
 * MODULE: there are no modules, and none can be loaded. Loading and unloading are refused as Redis refuses them, by
 * enable-module-command first.
 */

import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { helpFunction } from "./replies.ts";

const FORBIDDEN =
  'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local ' +
  "connection, otherwise you need to set this option in the configuration file, and then restart the server.";

function list(x: Execution): void {
  x.reply.array(0);
}

function isAllowed(x: Execution): boolean {
  const allowed = x.shard.config.raw("enable-module-command");
  if (allowed === "local") return x.conn !== null && x.shard.isLocalClient(x.conn);
  return allowed === "yes";
}

function refusal(text: string): CommandFunction {
  return (x) => x.reply.error(isAllowed(x) ? text : FORBIDDEN);
}

const load = refusal("ERR Error loading the extension: this server takes no modules");
const unload = refusal("ERR Error unloading module: no such module with that name");

const help = helpFunction("MODULE", [
  "LIST",
  "    Return a list of loaded modules.",
  "LOAD <path> [<arg> ...]",
  "    Load a module library from <path>, passing to it any optional arguments.",
  "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
  "    Load a module library from <path>, while passing it module configurations and optional arguments.",
  "UNLOAD <name>",
  "    Unload a module.",
]);

const { ADMIN, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE } = CommandFlag;
const CHANGES = ADMIN | NOSCRIPT | NO_ASYNC_LOADING;

function subcommand(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name: "module|" + name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

export const moduleRows: readonly CommandRow[] = [
  {
    name: "module",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("help", 2, LOADING | STALE, help),
      subcommand("list", 2, ADMIN | NOSCRIPT, list),
      subcommand("load", -3, CHANGES, load),
      subcommand("loadex", -3, CHANGES, load),
      subcommand("unload", 3, CHANGES, unload),
    ],
  },
];
