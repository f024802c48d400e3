/**
 * How a command is written: its arguments in a short notation, and reading that notation. One row per command in
 * usage-data.ts.
 *
 * Notation, blanks between arguments:
 *
 *     name                a string        name:integer        of another type (see TYPES)
 *     name=TOKEN          the word alone  name:integer=TOKEN  the word, then the value
 *     name<a b>           one of them     name(a b)           all of them, in this order
 *     [a]                 may be absent   a...                may come again; a...= with its word each time
 *     name@6.0.0          since           name!6.0.0          deprecated since
 *
 * Refuses: to know what the arguments mean to the command.
 */

import { assert } from "../base/assert.ts";

export interface CommandUsage {
  readonly summary: string;
  /** In the notation above. */
  readonly arguments: string;
  readonly docFlags: readonly string[];
  /** Version of Redis that deprecated it, and what takes its place in Redis's words. */
  readonly deprecated: readonly [since: string, replacedBy: string] | null;
  /** Versions of Redis and what they changed, in Redis's words. */
  readonly history: readonly (readonly [version: string, change: string])[];
}

type More = Partial<Omit<CommandUsage, "summary" | "arguments">>;

export function usage(summary: string, args = "", more: More = {}): CommandUsage {
  return {
    summary,
    arguments: args,
    docFlags: more.docFlags ?? (more.deprecated === undefined ? [] : ["deprecated"]),
    deprecated: more.deprecated ?? null,
    history: more.history ?? [],
  };
}

export interface Argument {
  readonly name: string;
  readonly type: string;
  /** Empty for none, as the two versions are. */
  readonly token: string;
  readonly since: string;
  readonly deprecatedSince: string;
  readonly flags: readonly string[];
  readonly parts: readonly Argument[];
}

const TYPES = "string|integer|double|key|pattern|unix-time";
const HEAD = new RegExp(
  `^([^ =@!<>()[\\]]+?)(?::(${TYPES}))?(?:=([A-Za-z-]+))?(?:@(\\d+\\.\\d+\\.\\d+))?(?:!(\\d+\\.\\d+\\.\\d+))?(?=[ <>()\\].]|$)`,
);
const CLOSING: Readonly<Record<string, string>> = { "<": ">", "(": ")" };

class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = 0;
  }

  /** Arguments up to that character, or to the end. */
  list(end: string): Argument[] {
    const items: Argument[] = [];
    for (;;) {
      this.#take(" ");
      if (end === "" ? this.#at === this.#text.length : this.#take(end)) return items;
      items.push(this.#argument());
    }
  }

  #argument(): Argument {
    const optional = this.#take("[");
    const head = HEAD.exec(this.#text.slice(this.#at));
    assert(head !== null, "an argument begins with its name");
    const [whole, name, type = "", token = "", since = "", deprecatedSince = ""] = head;
    this.#at += whole.length;
    const opening = this.#text[this.#at];
    const parts = this.#take("<") || this.#take("(") ? this.list(CLOSING[opening]) : [];
    const flags = optional ? ["optional"] : [];
    if (this.#take("...")) flags.push("multiple");
    if (this.#take("=")) flags.push("multiple_token");
    assert(!optional || this.#take("]"), "an optional argument ends with a bracket");
    return { name, type: type || typeOf(opening, token), token, since, deprecatedSince, flags, parts };
  }

  #take(text: string): boolean {
    const found = this.#text.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }
}

function typeOf(opening: string | undefined, token: string): string {
  if (opening === "<") return "oneof";
  if (opening === "(") return "block";
  return token === "" ? "string" : "pure-token";
}

/** @throws AssertionFailure when the notation is broken: a mistake of ours, found by the tests of the tables */
export function readArguments(notation: string): Argument[] {
  return new Reader(notation).list("");
}
