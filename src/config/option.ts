/**
 * One option: its row in the table, and the short constructors that the rows are written with.
 *
 * A row says what kevy does with the option (Status), so that accepting a directive never promises what is not built.
 */

import type { Kind } from "./kinds.ts";
import { choice, integer, MEMORY, memory, TEXT, YES_NO } from "./kinds.ts";

/**
 * works: the behaviour is there. tuning: accepted, has no effect here, one warning when it is given another value than its
 * default. refused: it restricts access, or promises safety or data, and is not built: another value than its default is
 * an error.
 */
export type Status = "works" | "tuning" | "refused";

/** `live`: CONFIG SET may change it; `start`: only a file or a flag may. */
export type Traits = `${"live" | "start"} ${Status}`;

export interface Extras {
  /** The older name of the same option; both are listed. */
  readonly alias?: string;
  /** Not listed by patterns, only by its exact name. */
  readonly hidden?: boolean;
  /** CONFIG SET needs enable-protected-configs. */
  readonly isProtected?: boolean;
  /** CONFIG REWRITE keeps a line whose value is empty; without this, an empty value means that there is no line. */
  readonly keepsEmpty?: boolean;
  /** Its value appears in no message. */
  readonly secret?: boolean;
  /** `start` only: CONFIG SET takes the value that the option has, and refuses any other. */
  readonly repeatable?: boolean;
  /** Which values are an error, where that is not simply every value but the default of a refused option. */
  readonly refuses?: (value: string) => boolean;
  /** What a warning says instead of the general text. */
  readonly warning?: string;
}

export interface Option extends Extras {
  readonly name: string;
  readonly kind: Kind;
  readonly initial: string;
  readonly live: boolean;
  readonly status: Status;
  readonly doc: string;
}

export function option(
  name: string,
  kind: Kind,
  initial: string,
  traits: Traits,
  doc: string,
  extras: Extras = {},
): Option {
  const [when, status] = traits.split(" ") as ["live" | "start", Status];
  return { name, kind, initial, live: when === "live", status, doc, ...extras };
}

export function flag(name: string, initial: "yes" | "no", traits: Traits, doc: string, extras: Extras = {}): Option {
  return option(name, YES_NO, initial, traits, doc, extras);
}

/** `bounds` is [default, least, most]. */
export function number(
  name: string,
  bounds: readonly [number, number | bigint, number | bigint],
  traits: Traits,
  doc: string,
  extras: Extras = {},
): Option {
  return option(name, integer(bounds[1], bounds[2]), String(bounds[0]), traits, doc, extras);
}

/** `bounds` is [default] or [default, least, most]. */
export function bytes(
  name: string,
  bounds: readonly [number] | readonly [number, number | bigint, number | bigint],
  traits: Traits,
  doc: string,
  extras: Extras = {},
): Option {
  const kind = bounds.length === 1 ? MEMORY : memory(bounds[1], bounds[2]);
  return option(name, kind, String(bounds[0]), traits, doc, extras);
}

export function text(name: string, initial: string, traits: Traits, doc: string, extras: Extras = {}): Option {
  return option(name, TEXT, initial, traits, doc, extras);
}

/** One of `names`; the first is the default unless `initial` says otherwise. */
export function oneOf(
  name: string,
  names: readonly string[],
  traits: Traits,
  doc: string,
  extras: Extras & { readonly initial?: string } = {},
): Option {
  const { initial, ...rest } = extras;
  return option(name, choice(names), initial ?? names[0], traits, doc, rest);
}
