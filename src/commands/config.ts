/**
 * CONFIG: reading and changing options while the server runs. What an option is and which values it takes is in config/;
 * whoever owns a behaviour learns of the change from its shard.
 *
 * Every shard has the options for itself, so that CONFIG SET and RESETSTAT run on all of them and answer the same. The
 * configuration file has one writer, the first shard: two clients on two shards cannot write it at one time.
 */

import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";
import { CONFIG_FILE_BYTES_MAX } from "../base/limits.ts";
import type { Pair } from "../config/config.ts";
import { optionNamed } from "../config/options.ts";
import { rewriteConfig } from "../config/rewrite.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow, type Reduction } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { replaceFile } from "../sys/replace-file.ts";
import { helpFunction, quotingError, SYNTAX_ERROR } from "./replies.ts";

const FIRST_SHARD = 0;

/** CONFIG GET pattern … */
function get(x: Execution, argv: ArgvView): void {
  const patterns: string[] = [];
  for (let i = 2; i < argv.count; i++) patterns.push(argv.text(i));
  const pairs = x.shard.config.get(patterns);
  x.reply.map(pairs.length);
  for (const [name, value] of pairs) {
    x.reply.bulkText(name);
    x.reply.bulkText(value);
  }
}

/** A working folder must be one that can be entered. */
function unusable(name: string, value: string): string | null {
  if (name !== "dir") return null;
  const path = Buffer.from(value, "latin1");
  try {
    if (!statSync(path).isDirectory()) return "Not a directory";
    accessSync(path, constants.X_OK);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Options without an effect say so in the log, as they do at the start. */
function warnOf(x: Execution, names: readonly string[]): void {
  for (const name of names) {
    const warning = x.shard.config.warningOf(name);
    if (warning !== null) x.shard.log("warning", "CONFIG SET: " + warning);
  }
}

/** CONFIG SET name value …: all or none. */
function set(x: Execution, argv: ArgvView): void {
  if (argv.count % 2 !== 0) {
    x.reply.error(SYNTAX_ERROR);
    return;
  }
  const pairs: Pair[] = [];
  for (let i = 2; i < argv.count; i += 2) {
    pairs.push([argv.text(i), argv.text(i + 1)]);
  }
  const { config } = x.shard;
  // Only one shard knows the client, and all must decide alike: with several shards no client counts as local.
  const isLocal = x.shard.shardCount === 1 && x.conn !== null && x.shard.isLocalClient(x.conn);
  const result = config.set(pairs, isLocal, unusable);
  if ("error" in result) {
    quotingError(x.reply, result.error);
    return;
  }
  x.shard.applyConfig(result.changed);
  if (x.shard.id === FIRST_SHARD) warnOf(x, result.changed);
  x.shard.announceConfig(pairs.map(([name]) => config.nameOf(name)));
  x.reply.ok();
}

/** The value of an option that must appear nowhere. */
function isSecretValue(argv: ArgvView, index: number): boolean {
  return index > 2 && index % 2 === 1 && optionNamed(argv.text(index - 1).toLowerCase())?.secret === true;
}

function resetStatistics(x: Execution): void {
  x.shard.resetStatistics();
  x.reply.ok();
}

/** The content of the file; nothing where there is none any more. @throws as node:fs does */
function contentOf(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= CONFIG_FILE_BYTES_MAX) return bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return new Uint8Array(0);
  }
  throw new Error("File too large");
}

/** Why a file could not be read or written, in the system's words. */
function reasonOf(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (code === "EISDIR") return "Is a directory";
  const text = errno === undefined ? message : getSystemErrorMessage(errno);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** CONFIG REWRITE: the file says from now on what the server does. */
function rewrite(x: Execution): void {
  const { config, facts } = x.shard;
  if (facts.configFile === "") {
    x.reply.error("ERR The server is running without a config file");
    return;
  }
  try {
    replaceFile(facts.configFile, rewriteConfig(contentOf(facts.configFile), config));
  } catch (error) {
    const reason = reasonOf(error);
    x.shard.log("warning", "CONFIG REWRITE failed: " + reason);
    x.reply.error("ERR Rewriting config file: " + reason);
    return;
  }
  x.shard.log("warning", "CONFIG REWRITE executed with success.");
  x.reply.ok();
}

const help = helpFunction("CONFIG", [
  "GET <pattern>",
  "    Return parameters matching the glob-like <pattern> and their values.",
  "SET <directive> <value>",
  "    Set the configuration <directive> to <value>.",
  "RESETSTAT",
  "    Reset statistics reported by the INFO command.",
  "REWRITE",
  "    Rewrite the configuration file.",
]);

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;
const OWN = ADMIN | NOSCRIPT | LOADING | STALE;

function subcommand(
  name: string,
  arity: number,
  flags: number,
  run: CommandFunction,
  reduce: Reduction | null = null,
): CommandRow {
  const place = reduce === null ? "connection" : "all";
  return { name: "config|" + name, arity, flags, keys: null, place, reduce, run };
}

export const configRows: readonly CommandRow[] = [
  {
    name: "config",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("get", -3, OWN, get),
      subcommand("help", 2, LOADING | STALE, help),
      subcommand("resetstat", 2, OWN, resetStatistics, "first"),
      { ...subcommand("rewrite", 2, OWN, rewrite), place: () => FIRST_SHARD },
      { ...subcommand("set", -4, OWN, set, "first"), secret: isSecretValue },
    ],
  },
];
