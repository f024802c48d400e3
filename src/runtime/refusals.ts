/**
 * Refusals: the error texts of requests that never reach a command, in Redis's words.
 */

import { latin1 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";

const QUOTED_BYTES_MAX = 128;

export const NOAUTH = "NOAUTH Authentication required.";

/** As a C string prints: up to the first NUL. */
function cut(argv: ArgvView, index: number, max: number): string {
  const start = argv.starts[index];
  let text = latin1(argv.bytes, start, Math.min(argv.ends[index], start + max));
  const nul = text.indexOf("\0");
  if (nul >= 0) text = text.slice(0, nul);
  return text;
}

export function unknownCommand(argv: ArgvView): string {
  let args = "";
  for (let i = 1; i < argv.count && args.length < QUOTED_BYTES_MAX; i++) {
    args += "'" + cut(argv, i, QUOTED_BYTES_MAX - args.length) + "' ";
  }
  return "ERR unknown command '" + cut(argv, 0, QUOTED_BYTES_MAX) + "', with args beginning with: " + args;
}

/** `container` is the name of the container's row. */
export function unknownSubcommand(argv: ArgvView, container: string): string {
  return (
    "ERR unknown subcommand '" + cut(argv, 1, QUOTED_BYTES_MAX) + "'. Try " + container.toUpperCase() + " HELP."
  );
}

export function wrongArity(name: string): string {
  return "ERR wrong number of arguments for '" + name + "' command";
}
