/**
 * Socket addresses: the kernel's byte layouts to and from what people read. Linux; the same on x86-64 and arm64.
 *
 *     sockaddr_in   | family u16 | port u16 big-endian | address 4 bytes | zero 8 |                              16 bytes
 *     sockaddr_in6  | family u16 | port u16 big-endian | flow info u32 | address 16 bytes | scope u32 |          28 bytes
 *     sockaddr_un   | family u16 | path, up to 107 bytes and a zero |                                           110 bytes
 *
 * Refuses: names. A host is a numeric address; resolving is for whoever configures.
 */

import { isIP } from "node:net";
import { AF_INET, AF_INET6, AF_UNIX, type Libc } from "./libc.ts";

export const UNIX_PATH_BYTES_MAX = 107;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const SOCKADDR_BYTES_MAX = 112;
/** Where addresses stand in the scratch page: text for the C library behind the address itself. */
const TEXT_OFFSET = 256;
const TEXT_BYTES = 64;
const LENGTH_WORD = 120;

/** An address in libc.scratch, ready for bind or connect. */
export interface SocketAddress {
  readonly family: number;
  readonly byteLength: number;
}

/** Writes a TCP address to the scratch page; null when the host is no numeric address. */
export function writeTcpAddress(libc: Libc, host: string, port: number): SocketAddress | null {
  const version = isIP(host);
  if (version === 0) return null;
  const { scratch, scratchBytes } = libc;
  scratchBytes.fill(0, 0, SOCKADDR_BYTES_MAX);
  const family = version === 4 ? AF_INET : AF_INET6;
  scratchBytes[0] = family;
  scratchBytes[2] = port >> 8;
  scratchBytes[3] = port & 255;
  const text = Buffer.from(host, "latin1");
  if (text.length >= TEXT_BYTES) return null;
  scratchBytes.set(text, TEXT_OFFSET);
  scratchBytes[TEXT_OFFSET + text.length] = 0;
  const at = scratch.address + (version === 4 ? 4n : 8n);
  if (libc.calls.inet_pton(family, scratch.address + BigInt(TEXT_OFFSET), at) !== 1) return null;
  return { family, byteLength: version === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES };
}

/** Writes a Unix socket's address to the scratch page; null when the path is too long (or empty). */
export function writeUnixAddress(libc: Libc, path: string): SocketAddress | null {
  const text = Buffer.from(path, "utf8");
  if (text.length === 0 || text.length > UNIX_PATH_BYTES_MAX) return null;
  const { scratchBytes } = libc;
  scratchBytes.fill(0, 0, SOCKADDR_BYTES_MAX);
  scratchBytes[0] = AF_UNIX;
  scratchBytes.set(text, 2);
  return { family: AF_UNIX, byteLength: 2 + text.length + 1 };
}

/** What a socket's own or its peer's address is. Host is "" for a Unix socket. */
export interface SocketName {
  readonly family: number;
  readonly host: string;
  readonly port: number;
}

/** The name of the peer's end or of ours; null when the socket has none (any more). */
export function readSocketName(libc: Libc, fd: number, end: "peer" | "local"): SocketName | null {
  const { calls, scratch, scratchBytes, scratchWords } = libc;
  scratchWords[LENGTH_WORD] = SOCKADDR_BYTES_MAX;
  const lengthAt = scratch.address + BigInt(LENGTH_WORD * 4);
  const call = end === "peer" ? calls.getpeername : calls.getsockname;
  if (call(fd, scratch.address, lengthAt) !== 0) return null;
  const family = scratchBytes[0];
  if (family !== AF_INET && family !== AF_INET6) return { family, host: "", port: 0 };
  const port = scratchBytes[2] * 256 + scratchBytes[3];
  const from = scratch.address + (family === AF_INET ? 4n : 8n);
  const text = scratch.address + BigInt(TEXT_OFFSET);
  if (calls.inet_ntop(family, from, text, TEXT_BYTES) === 0n) return null;
  const stop = scratchBytes.indexOf(0, TEXT_OFFSET);
  const host = Buffer.from(scratch.buffer, TEXT_OFFSET, stop - TEXT_OFFSET).toString("latin1");
  return { family, host, port };
}

/** What an accepted socket is called in lists; `path` is its listener's Unix socket, or null. */
export function socketLabel(libc: Libc, fd: number, path: string | null, end: "peer" | "local"): string {
  if (path !== null) return `${path}:0`;
  const name = readSocketName(libc, fd, end);
  return name === null ? "?:0" : formatName(name);
}

/** Is the peer of an accepted socket on this machine? */
export function hasLocalPeer(libc: Libc, fd: number, path: string | null): boolean {
  if (path !== null) return true;
  const name = readSocketName(libc, fd, "peer");
  return name !== null && isLoopback(name);
}

/** "127.0.0.1:6379" or "[::1]:6379". */
export function formatName(name: SocketName): string {
  return name.family === AF_INET6 ? `[${name.host}]:${name.port}` : `${name.host}:${name.port}`;
}

/** Is the address one of the machine's loopback (or a Unix socket's)? */
export function isLoopback(name: SocketName): boolean {
  if (name.family === AF_INET) return name.host.startsWith("127.");
  if (name.family === AF_INET6) return name.host === "::1" || name.host.startsWith("::ffff:127.");
  return name.family === AF_UNIX;
}
