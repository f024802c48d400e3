/**
 * The option table: every directive of redis.conf that kevy knows, one row each. Flags, file lines, CONFIG GET and SET,
 * the help text and the docs all derive from it.
 *
 * It holds no values and does nothing: config.ts keeps the values, and whoever owns a behaviour reads them.
 */

import type { Option } from "./option.ts";
import { DATA_OPTIONS } from "./options-data.ts";
import { NETWORK_OPTIONS } from "./options-network.ts";
import { SERVER_OPTIONS } from "./options-server.ts";

export type { Option, Status } from "./option.ts";

export const OPTIONS: readonly Option[] = [...SERVER_OPTIONS, ...DATA_OPTIONS, ...NETWORK_OPTIONS];

/** Directives that set no option. `ignored`: Redis takes them for the sake of old files, without any effect. */
export type DirectiveStatus = "include" | "ignored" | "refused" | "sentinel";

export interface Directive {
  readonly name: string;
  readonly status: DirectiveStatus;
  readonly wordsMin: number;
  readonly doc: string;
}

export const DIRECTIVES: readonly Directive[] = [
  { name: "include", status: "include", wordsMin: 1, doc: "Read another file here." },
  { name: "user", status: "refused", wordsMin: 1, doc: "A user and its rights." },
  { name: "rename-command", status: "refused", wordsMin: 2, doc: "Hide or rename a command." },
  { name: "loadmodule", status: "refused", wordsMin: 1, doc: "Load a module." },
  { name: "sentinel", status: "sentinel", wordsMin: 0, doc: "For Sentinel only." },
  { name: "list-max-ziplist-entries", status: "ignored", wordsMin: 1, doc: "Gone from Redis since 3.2." },
  { name: "list-max-ziplist-value", status: "ignored", wordsMin: 1, doc: "Gone from Redis since 3.2." },
  { name: "lua-replicate-commands", status: "ignored", wordsMin: 1, doc: "Gone from Redis since 7.0." },
];

const optionsByName = new Map<string, Option>();
for (const option of OPTIONS) {
  optionsByName.set(option.name, option);
  if (option.alias !== undefined) optionsByName.set(option.alias, option);
}

const directivesByName = new Map<string, Directive>();
for (const directive of DIRECTIVES) directivesByName.set(directive.name, directive);

/** The option of that name or alias; the name is in lower case. */
export function optionNamed(name: string): Option | undefined {
  return optionsByName.get(name);
}

export function directiveNamed(name: string): Directive | undefined {
  return directivesByName.get(name);
}
