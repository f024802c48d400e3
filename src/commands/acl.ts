/**
 * ACL, as far as there is one user: "default", who may do everything, with the password of `requirepass`.
 *
 * Refuses: to make or change users (SETUSER), rather than to keep a restriction that nothing enforces.
 */

import { createHash, randomBytes } from "node:crypto";
import { isWord, latin1, parseInteger } from "../base/bytes.ts";
import { Argv, type ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { wrongArity } from "../runtime/refusals.ts";
import { NOT_AN_INTEGER } from "./arguments.ts";
import { CATEGORIES, categoriesOf, isListed } from "./command-info.ts";
import { helpFunction, quoted, quotingError } from "./replies.ts";

const DEFAULT_USER = "default";
const NOTHING_SET =
  "ERR ACL SETUSER is not supported: the only user is 'default', who may do everything; its password is requirepass";
const NO_FILE =
  "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER " +
  "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users " +
  "in the Redis configuration.";
const GENPASS_RANGE =
  "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
const GENPASS_BITS_DEFAULT = 256;
const GENPASS_BITS_MAX = 4096;
const BITS_PER_DIGIT = 4;

/** SHA-256 of the password in hexadecimal digits, or null without one. */
function passwordDigest(x: Execution): string | null {
  if (x.shard.config.raw("requirepass") === "") return null;
  return createHash("sha256").update(x.shard.config.bytes("requirepass")).digest("hex");
}

function flagsOf(digest: string | null): string[] {
  return digest === null ? ["on", "nopass", "sanitize-payload"] : ["on", "sanitize-payload"];
}

const isDefault = (argv: ArgvView, index: number): boolean => argv.text(index) === DEFAULT_USER;

function unknownForm(x: Execution, argv: ArgvView): void {
  quotingError(
    x.reply,
    "ERR unknown subcommand or wrong number of arguments for '" + quoted(argv, 1) + "'. Try ACL HELP.",
  );
}

function whoAmI(x: Execution): void {
  x.reply.bulkText(DEFAULT_USER);
}

function users(x: Execution): void {
  x.reply.array(1);
  x.reply.bulkText(DEFAULT_USER);
}

function list(x: Execution): void {
  const digest = passwordDigest(x);
  const words = ["user", DEFAULT_USER, ...flagsOf(digest)];
  if (digest !== null) words.push("#" + digest);
  x.reply.array(1);
  x.reply.bulkText([...words, "~*", "&*", "+@all"].join(" "));
}

function getUser(x: Execution, argv: ArgvView): void {
  const reply = x.reply;
  if (!isDefault(argv, 2)) {
    reply.nil();
    return;
  }
  const digest = passwordDigest(x);
  const flags = flagsOf(digest);
  reply.map(6);
  reply.bulkText("flags");
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText("passwords");
  reply.array(digest === null ? 0 : 1);
  if (digest !== null) reply.bulkText(digest);
  for (const [name, value] of [
    ["commands", "+@all"],
    ["keys", "~*"],
    ["channels", "&*"],
  ]) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
  reply.bulkText("selectors");
  reply.array(0);
}

/** ACL CAT [category] */
function categories(x: Execution, argv: ArgvView): void {
  let names: readonly string[] = CATEGORIES;
  if (argv.count === 3) {
    const category = argv.text(2).toLowerCase();
    if (!CATEGORIES.includes(category)) {
      quotingError(x.reply, "ERR Unknown category '" + quoted(argv, 2) + "'");
      return;
    }
    names = x.shard.table.rows
      .filter((row) => isListed(row) && categoriesOf(row).includes(category))
      .map((row) => row.name);
  } else if (argv.count > 3) {
    unknownForm(x, argv);
    return;
  }
  x.reply.array(names.length);
  for (const name of names) x.reply.bulkText(name);
}

/** ACL GENPASS [bits] */
function generatePassword(x: Execution, argv: ArgvView): void {
  let bits = GENPASS_BITS_DEFAULT;
  if (argv.count > 3) {
    unknownForm(x, argv);
    return;
  }
  if (argv.count === 3) {
    bits = parseInteger(argv.bytes, argv.starts[2], argv.ends[2]);
    if (Number.isNaN(bits)) {
      x.reply.error(NOT_AN_INTEGER);
      return;
    }
    if (bits < 1 || bits > GENPASS_BITS_MAX) {
      x.reply.error(GENPASS_RANGE);
      return;
    }
  }
  const digits = Math.ceil(bits / BITS_PER_DIGIT);
  x.reply.bulkText(
    randomBytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits),
  );
}

/** ACL DRYRUN user command [arg …]: what may be run is what there is. */
function dryRun(x: Execution, argv: ArgvView): void {
  if (!isDefault(argv, 2)) {
    quotingError(x.reply, "ERR User '" + quoted(argv, 2) + "' not found");
    return;
  }
  const call = new Argv();
  call.bytes = argv.bytes;
  call.view = argv.view;
  for (let i = 3; i < argv.count; i++) call.push(argv.starts[i], argv.ends[i]);
  const table = x.shard.table;
  const id = table.resolve(call);
  if (id < 0 || !isListed(table.rows[id])) quotingError(x.reply, "ERR Command '" + quoted(argv, 3) + "' not found");
  else if (!table.arityFits(id, call.count)) x.reply.error(wrongArity(table.rows[id].name));
  else x.reply.ok();
}

/** ACL LOG [count | RESET]: nothing is refused to the one user, and a wrong password is not written down. */
function log(x: Execution, argv: ArgvView): void {
  if (argv.count > 3) {
    unknownForm(x, argv);
  } else if (argv.count === 3 && isWord(argv.bytes, argv.starts[2], argv.ends[2], "reset")) {
    x.reply.ok();
  } else if (argv.count === 3 && Number.isNaN(parseInteger(argv.bytes, argv.starts[2], argv.ends[2]))) {
    x.reply.error(NOT_AN_INTEGER);
  } else {
    x.reply.array(0);
  }
}

function setUser(x: Execution, argv: ArgvView): void {
  if (/[\s\0]/.test(latin1(argv.bytes, argv.starts[2], argv.ends[2]))) {
    x.reply.error("ERR Usernames can't contain spaces or null characters");
  } else {
    x.reply.error(NOTHING_SET);
  }
}

/** There is nobody else to delete. */
function deleteUsers(x: Execution, argv: ArgvView): void {
  for (let i = 2; i < argv.count; i++) {
    if (isDefault(argv, i)) {
      x.reply.error("ERR The 'default' user cannot be removed");
      return;
    }
  }
  x.reply.integer(0);
}

function noFile(x: Execution): void {
  x.reply.error(NO_FILE);
}

const help = helpFunction("ACL", [
  "CAT [<category>]",
  "    List all commands that belong to <category>, or all command categories",
  "    when no category is specified.",
  "DELUSER <username> [<username> ...]",
  "    Delete a list of users.",
  "DRYRUN <username> <command> [<arg> ...]",
  "    Returns whether the user can execute the given command without executing the command.",
  "GETUSER <username>",
  "    Get the user's details.",
  "GENPASS [<bits>]",
  "    Generate a secure 256-bit user password. The optional `bits` argument can",
  "    be used to specify a different size.",
  "LIST",
  "    Show users details in config file format.",
  "LOAD",
  "    Reload users from the ACL file.",
  "LOG [<count> | RESET]",
  "    Show the ACL log entries.",
  "SAVE",
  "    Save the current config to the ACL file.",
  "USERS",
  "    List all the registered usernames.",
  "WHOAMI",
  "    Return the current connection username.",
]);

const { ADMIN, LOADING, NOSCRIPT, STALE } = CommandFlag;
const FOR_ALL = NOSCRIPT | LOADING | STALE;
const FOR_ADMINS = ADMIN | FOR_ALL;

function subcommand(name: string, arity: number, flags: number, run: CommandFunction): CommandRow {
  return { name: "acl|" + name, arity, flags, keys: null, place: "connection", reduce: null, run };
}

export const aclRows: readonly CommandRow[] = [
  {
    name: "acl",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      subcommand("cat", -2, FOR_ALL, categories),
      subcommand("deluser", -3, FOR_ADMINS, deleteUsers),
      subcommand("dryrun", -4, FOR_ADMINS, dryRun),
      subcommand("genpass", -2, FOR_ALL, generatePassword),
      subcommand("getuser", 3, FOR_ADMINS, getUser),
      subcommand("help", 2, LOADING | STALE, help),
      subcommand("list", 2, FOR_ADMINS, list),
      subcommand("load", 2, FOR_ADMINS, noFile),
      subcommand("log", -2, FOR_ADMINS, log),
      subcommand("save", 2, FOR_ADMINS, noFile),
      subcommand("setuser", -3, FOR_ADMINS, setUser),
      subcommand("users", 2, FOR_ADMINS, users),
      subcommand("whoami", 2, FOR_ALL, whoAmI),
    ],
  },
];
