/**
 * One line of CLIENT LIST, with Redis 7.2's fields in their order.
 */

import type { Reactor } from "../sys/reactor.ts";
import type { CommandTable } from "./command-table.ts";
import { type Conn, Wait } from "./conn.ts";

/** `outputBytes` is the memory of the output chain; ages are in whole seconds. */
export function describeClient(
  conn: Conn,
  table: CommandTable,
  reactor: Reactor,
  outputBytes: number,
  nowMs: number,
): string {
  const pending = conn.inputEnd - conn.inputStart;
  const fields: [string, string | number][] = [
    ["id", conn.id],
    ["addr", reactor.peerName(conn.socket)],
    ["laddr", reactor.localName(conn.socket)],
    ["fd", conn.socket],
    ["name", conn.name],
    ["age", Math.max(0, Math.floor((nowMs - conn.createdMs) / 1000))],
    ["idle", Math.max(0, Math.floor((nowMs - conn.lastMs) / 1000))],
    ["flags", (conn.waits & Wait.CLOSING) !== 0 ? "c" : "N"],
    ["db", conn.database],
    ["sub", 0],
    ["psub", 0],
    ["ssub", 0],
    ["multi", -1],
    ["qbuf", pending],
    ["qbuf-free", conn.input.length - pending],
    ["argv-mem", 0],
    ["multi-mem", 0],
    ["rbs", 0],
    ["rbp", 0],
    ["obl", 0],
    ["oll", conn.outBlocks],
    ["omem", outputBytes],
    ["tot-mem", conn.input.length + outputBytes],
    ["events", conn.readingPaused ? "" : "r"],
    ["cmd", conn.lastCommand < 0 ? "NULL" : table.rows[conn.lastCommand].name],
    ["user", "default"],
    ["redir", -1],
    ["resp", conn.version],
    ["lib-name", conn.libraryName],
    ["lib-ver", conn.libraryVersion],
  ];
  return fields.map(([key, value]) => key + "=" + value).join(" ");
}
