/**
 * What a comparison case is: a name and a list of commands whose replies two servers must give alike.
 *
 * A command is a line (words, with "…" as in redis-cli: \r \n \t \" \\ \xHH) or a list of arguments. A reply that may
 * differ for a good reason goes through a normaliser, chosen by name: sorted(), about(), ignored(), scan(), hello().
 *
 * Refuses: to know servers.
 */

import { type Normaliser, REPLIES, scanAll } from "./normalisers.ts";

export type Word = string | Uint8Array;

export interface Command {
  readonly args: readonly Word[];
  /** How the two replies are compared; byte for byte unless told otherwise. */
  readonly normaliser: Normaliser;
  /** The command is a SCAN without its cursor; it is repeated until the cursor is back at 0. */
  readonly scan: boolean;
}

export interface Case {
  readonly name: string;
  readonly commands: readonly Command[];
  /** The case closes its connection, or needs one of its own; it is left out of one-write pipelines. */
  readonly alone: boolean;
}

export type CommandLike = string | readonly Word[] | Command;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

/** Splits a line into latin1 words. @throws Error when a quote is left open */
export function words(line: string): string[] {
  const result: string[] = [];
  let at = 0;
  for (;;) {
    while (line[at] === " ") at++;
    if (at >= line.length) return result;
    if (line[at] !== '"') {
      const end = line.indexOf(" ", at) < 0 ? line.length : line.indexOf(" ", at);
      result.push(line.slice(at, end));
      at = end;
      continue;
    }
    let word = "";
    for (at++; line[at] !== '"'; at++) {
      if (at >= line.length) throw new Error(`open quote in ${line}`);
      if (line[at] !== "\\") {
        word += line[at];
        continue;
      }
      at++;
      if (line[at] === "x") {
        word += String.fromCharCode(Number.parseInt(line.slice(at + 1, at + 3), 16));
        at += 2;
      } else word += ESCAPES[line[at]] ?? line[at];
    }
    at++;
    result.push(word);
  }
}

export function command(what: CommandLike): Command {
  if (typeof what === "string") return { args: words(what), normaliser: REPLIES.exact, scan: false };
  if ("args" in what) return what;
  return { args: what, normaliser: REPLIES.exact, scan: false };
}

function withNormaliser(what: CommandLike, normaliser: Normaliser): Command {
  return { ...command(what), normaliser };
}

/** The elements of the array may come in any order. */
export const sorted = (what: CommandLike): Command => withNormaliser(what, REPLIES.sorted);
/** Whole numbers that depend on the clock: `slack` apart at most; negative ones must be equal. */
export const about = (what: CommandLike, slack: number): Command => withNormaliser(what, REPLIES.about(slack));
/** Only the kind of the reply (its first byte) is compared. The reason says what else differs. */
export const ignored = (reason: string, what: CommandLike): Command => withNormaliser(what, REPLIES.kind(reason));
/** The map of HELLO: version and connection id differ. */
export const hello = (what: CommandLike): Command => withNormaliser(what, REPLIES.hello);
/** A whole scan, compared as a set: `scan("MATCH a* COUNT 5")`. */
export const scan = (options: string): Command => ({ args: words(options), normaliser: scanAll, scan: true });

/** Seconds that a test may take between two commands without being wrong about a TTL. */
export const SLACK_SECONDS = 3;
export const ttl = (key: string): Command => about(["TTL", key], SLACK_SECONDS);
export const pttl = (key: string): Command => about(["PTTL", key], SLACK_SECONDS * 1000);
export const expireTime = (key: string): Command => about(["EXPIRETIME", key], SLACK_SECONDS);
export const pexpireTime = (key: string): Command => about(["PEXPIRETIME", key], SLACK_SECONDS * 1000);

export function define(name: string, commands: readonly CommandLike[]): Case {
  return { name, commands: commands.map(command), alone: false };
}

/** A case on a connection of its own, which it may close. */
export function defineAlone(name: string, commands: readonly CommandLike[]): Case {
  return { ...define(name, commands), alone: true };
}

/** Bytes as one character each. */
export const bytesOf = (word: Word): Buffer =>
  typeof word === "string" ? Buffer.from(word, "latin1") : Buffer.from(word);

export function encode(args: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = bytesOf(arg);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

const SHOWN_MAX = 80;

/** A command as a person would type it. */
export function show(args: readonly Word[]): string {
  return args
    .map((arg) => {
      const text = bytesOf(arg).toString("latin1");
      const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…(${text.length} bytes)` : text;
      return /^[!#-~]+$/.test(cut) ? cut : JSON.stringify(cut);
    })
    .join(" ");
}
