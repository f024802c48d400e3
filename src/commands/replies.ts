/**
 * Replies and arguments that several commands of the server's own families share: help texts, cut quotations, local
 * clients, the end of a connection.
 */

import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import type { CommandFunction } from "../runtime/commands.ts";
import { type Conn, Wait } from "../runtime/conn.ts";

export const SYNTAX_ERROR = "ERR syntax error";

/** An error reply stands in one output block, so that what a client sent is quoted up to this length. */
const ERROR_CHARS_MAX = 8 * 1024;

/** Writes an error that quotes what a client sent. As a C string prints, a quotation ends at its first NUL. */
export function quotingError(reply: ReplyWriter, text: string): void {
  reply.error(text.length > ERROR_CHARS_MAX ? text.slice(0, ERROR_CHARS_MAX) : text);
}

/** The argument as it stands in an error text. */
export function quoted(argv: ArgvView, index: number): string {
  const text = argv.text(index);
  const nul = text.indexOf("\0");
  return nul < 0 ? text : text.slice(0, nul);
}

/** The HELP of a container; lines that begin with a blank explain the line above. */
export function helpFunction(container: string, lines: readonly string[]): CommandFunction {
  const all = [
    container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    ...lines,
    "HELP",
    "    Prints this help.",
  ];
  return (x) => {
    x.reply.array(all.length);
    for (const line of all) x.reply.simple(line);
  };
}

/** Nothing more of this client is read; it is closed when its replies are sent. */
export function endConnection(conn: Conn): void {
  conn.waits |= Wait.CLOSING;
  conn.closeWhenFlushed = true;
}
