/**
 * One line of CLIENT LIST, with Redis 7.2's fields in their order; and bytes of a client as the log shows them.
 */

import { OUTPUT_BLOCK_BYTES, RECEIVE_BUFFER_BYTES } from "../base/limits.ts";
import { BlockPool } from "../sys/blocks.ts";
import type { Reactor } from "../sys/reactor.ts";
import type { CommandTable } from "./command-table.ts";
import { type Conn, Mode, Wait } from "./conn.ts";

/** What is known of a client besides its Conn. */
export interface ClientFigures {
  /** Bytes of its last read while they are being parsed, the command that asks included; else 0. */
  readonly parsedBytes: number;
  /** Bytes of the arguments of the command that asks; 0 for other clients. */
  readonly argvBytes: number;
  /** Unsent bytes in its first output block. */
  readonly headBytes: number;
  /** Memory that it takes in all. */
  readonly memoryBytes: number;
  readonly nowMs: number;
}

/** The letters of Redis's field `flags`, in their order. */
function flagsOf(conn: Conn, isUnix: boolean): string {
  const closes = conn.closeWhenFlushed && !conn.closing;
  const flags =
    ((conn.waits & Wait.PAUSE) !== 0 ? "b" : "") +
    (closes ? "c" : "") +
    (conn.closing || (conn.mode & Mode.CUT) !== 0 ? "A" : "") +
    (isUnix ? "U" : "") +
    (conn.evictable ? "" : "e") +
    ((conn.mode & Mode.NO_TOUCH) !== 0 ? "T" : "");
  return flags === "" ? "N" : flags;
}

/** Ages are in whole seconds. Output beyond the first block counts as Redis's list of replies. */
export function describeClient(conn: Conn, table: CommandTable, reactor: Reactor, figures: ClientFigures): string {
  const { nowMs, parsedBytes } = figures;
  const peer = reactor.peerName(conn.socket);
  const pending = conn.inputEnd - conn.inputStart;
  const room = parsedBytes > 0 ? RECEIVE_BUFFER_BYTES - parsedBytes : conn.input.length - pending;
  const blocksBehind = Math.max(0, conn.outBlocks - 1);
  const isSending = conn.sendLast !== BlockPool.NONE;
  const fields: [string, string | number][] = [
    ["id", conn.id],
    ["addr", peer],
    ["laddr", reactor.localName(conn.socket)],
    ["fd", conn.socket],
    ["name", conn.name],
    ["age", Math.max(0, Math.floor((nowMs - conn.createdMs) / 1000))],
    ["idle", Math.max(0, Math.floor((nowMs - conn.lastMs) / 1000))],
    ["flags", flagsOf(conn, isUnixName(peer))],
    ["db", conn.database],
    ["sub", 0],
    ["psub", 0],
    ["ssub", 0],
    ["multi", -1],
    ["qbuf", parsedBytes > 0 ? parsedBytes : pending],
    ["qbuf-free", Math.max(0, room)],
    ["argv-mem", figures.argvBytes],
    ["multi-mem", 0],
    ["rbs", conn.outBlocks > 0 ? OUTPUT_BLOCK_BYTES : 0],
    ["rbp", figures.headBytes],
    ["obl", figures.headBytes],
    ["oll", blocksBehind],
    ["omem", blocksBehind * OUTPUT_BLOCK_BYTES],
    ["tot-mem", figures.memoryBytes],
    ["events", (conn.readingPaused ? "" : "r") + (isSending ? "w" : "")],
    ["cmd", conn.lastCommand < 0 ? "NULL" : table.rows[conn.lastCommand].name],
    ["user", "default"],
    ["redir", -1],
    ["resp", conn.version],
    ["lib-name", conn.libraryName],
    ["lib-ver", conn.libraryVersion],
  ];
  return fields.map(([key, value]) => key + "=" + value).join(" ");
}

/** A Unix socket's name is its path and ":0". */
function isUnixName(name: string): boolean {
  return name.startsWith("/") || (name.endsWith(":0") && !/^[0-9[?]/.test(name));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
};

/** bytes[start, end) in quotes, what cannot be printed as \xHH. */
export function quotedBytes(bytes: Uint8Array, start: number, end: number): string {
  let text = '"';
  for (const byte of bytes.subarray(start, end)) {
    const char = String.fromCharCode(byte);
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    text += ESCAPES[char] ?? (isPrintable ? char : "\\x" + byte.toString(16).padStart(2, "0"));
  }
  return text + '"';
}
