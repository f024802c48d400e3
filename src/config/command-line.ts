/**
 * The command line: `[file.conf | -] [--directive value …]`, by redis-server's rules.
 *
 * It decides what is to be done and with which values, and does nothing of it: no output, no exit.
 *
 * node:util's parseArgs does not fit: a flag here takes one to many values, the first of which may begin with dashes
 * (a password may), `--save --port 7000` gives --save no value at all, and `"--port 7000"` may be a single word.
 */

import { bytesOf, latin1 } from "../base/bytes.ts";
import { splitArgs } from "../base/split-args.ts";
import { byteString, Config } from "./config.ts";
import { DIRECTIVES, OPTIONS, type Option, type Status } from "./options.ts";
import { expandPattern, FILES, type Files, readRedisConf } from "./redis-conf.ts";

/** What the command line asks for. `check`: the values are fine, say so and stop. `error`: print and exit with code 1. */
export type CommandLine =
  | {
      readonly action: "run" | "check";
      readonly config: Config;
      readonly file: string | null;
      readonly warnings: readonly string[];
    }
  | { readonly action: "version" | "help" }
  | { readonly action: "error"; readonly errors: readonly string[] };

const readable = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

interface Flag {
  readonly name: string;
  readonly words: string[];
}

/** Groups words into flags; the words are byte strings. Anything before the first flag is an error text. */
function flagsOf(words: readonly string[]): Flag[] | string {
  const flags: Flag[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (!word.startsWith("--")) {
      if (flags.length === 0) return `unexpected argument '${word}': one file, then --directive value`;
      flags[flags.length - 1].words.push(word);
      continue;
    }
    const bytes = bytesOf(word.slice(2));
    const split = splitArgs(bytes, 0, bytes.length);
    if (split === null || split.length === 0) return `unbalanced quotes or no name in a flag`;
    const parts = split.map((part) => latin1(part, 0, part.length));
    const flag = { name: parts[0], words: parts.slice(1) };
    flags.push(flag);
    const next = words[i + 1];
    // The first word behind a name is its value whatever it looks like; only --save may stand without one.
    const alone = flag.name.toLowerCase() === "save" || flag.name === "check-config";
    if (parts.length === 1 && next !== undefined && !(alone && next.startsWith("--"))) {
      flag.words.push(next);
      i++;
    }
  }
  return flags;
}

/** Reads the arguments behind the program's name. `folder` is the working folder, a byte string. */
export function parseCommandLine(args: readonly string[], files: Files = FILES, folder?: string): CommandLine {
  if (args.length === 1 && (args[0] === "-v" || args[0] === "--version")) return { action: "version" };
  if (args.length === 1 && (args[0] === "-h" || args[0] === "--help")) return { action: "help" };
  let action: "run" | "check" = "run";
  if (args[0] === "--check-config") {
    action = "check";
    args = args.slice(1);
  }
  const hasFile = args.length > 0 && (args[0] === "-" || !args[0].startsWith("-"));
  const file = hasFile ? args[0] : null;
  const flags = flagsOf(args.slice(hasFile ? 1 : 0).map(byteString));
  if (typeof flags === "string") return { action: "error", errors: [readable(flags)] };

  const config = folder === undefined ? new Config() : new Config(folder);
  const errors = file === null ? [] : readRedisConf(file, config, files);
  for (const flag of flags) {
    if (flag.name.toLowerCase() === "check-config" && flag.words.length === 0) {
      action = "check";
      continue;
    }
    if (flag.name.toLowerCase() === "include" && flag.words.length === 1) {
      for (const path of expandPattern(readable(flag.words[0]), files))
        errors.push(...readRedisConf(path, config, files));
      continue;
    }
    // What follows an equals sign may be a password.
    const origin = `--${flag.name.replace(/=.*/s, "")}`;
    const error = config.assign(flag.name, flag.words, readable(origin));
    if (error !== null) errors.push(readable(`${origin}: ${error}`));
  }
  const findings = config.check();
  errors.push(...findings.errors);
  if (errors.length > 0) return { action: "error", errors };
  return { action, config, file, warnings: findings.warnings };
}

const HELP_COLUMNS = 100;
const HELP_LINE_MAX = 140;

/** Names, wrapped and indented. */
function paragraph(names: readonly string[]): string {
  const lines: string[] = [];
  let line = " ";
  for (const name of names) {
    if (line.length + 1 + name.length > HELP_COLUMNS) {
      lines.push(line);
      line = " ";
    }
    line += ` ${name}`;
  }
  lines.push(line);
  return lines.join("\n");
}

function described(option: Option): string {
  const usage = `  --${option.name} <${option.kind.shape}>`;
  const initial = option.initial === "" ? "" : ` [${option.initial}]`;
  // A long choice, or a long default, has a line of its own.
  const gap = usage.length > HELP_COLUMNS ? "\n".padEnd(46) : " ";
  const line = usage.padEnd(44) + gap + option.doc;
  return line.length + initial.length <= HELP_LINE_MAX || gap !== " "
    ? line + initial
    : `${line}\n${" ".repeat(44)}${initial}`;
}

/** The text of --help. */
export function helpText(): string {
  const listed = (status: Status): readonly Option[] =>
    OPTIONS.filter((option) => option.status === status && option.hidden !== true);
  const refused = DIRECTIVES.filter((directive) => directive.status === "refused").map((directive) => directive.name);
  return `Usage: kevy [file.conf | -] [--directive value ...]

  kevy                               with the defaults
  kevy redis.conf --port 7777        flags come after the file and win over it
  echo 'port 7777' | kevy -          directives from standard input

  kevy ping [file.conf] [--port N]   exit code 0 if a server answers, for health checks

  -v, --version                      say which version this is
  -h, --help                         say this
  --check-config                     read file and flags, say what is wrong, and stop

Directives, in a file or as flags [default]:
${listed("works").map(described).join("\n")}

Accepted, but without effect yet (kevy warns when the value is not the default):
${paragraph(listed("tuning").map((option) => option.name))}

Not supported yet: kevy does not start with another value than the default:
${paragraph([...listed("refused").map((option) => option.name), ...refused])}
`;
}
