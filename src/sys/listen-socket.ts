/**
 * Listening sockets by way of the C library, for io_uring and epoll: made, bound, listening; and the options that accepted sockets inherit.
 *
 * Linux copies TCP_NODELAY and the keep-alive options from the listening socket to what it accepts, so setting them once
 * here saves up to five foreign calls per connection.
 *
 * Refuses: to accept. The reactor does.
 */

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import {
  AF_INET6,
  AF_UNIX,
  EAGAIN,
  errorName,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type Libc,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
} from "./libc.ts";
import { type ListenAddress, ListenError } from "./reactor.ts";
import { readSocketName, type SocketAddress, writeTcpAddress, writeUnixAddress } from "./sockaddr.ts";

/** As Redis does: the peer is given up after this many unanswered probes. */
const KEEPALIVE_PROBES = 3;

/** Returns the descriptor and the port (0 for a Unix socket). @throws ListenError */
export function openListenSocket(
  libc: Libc,
  address: ListenAddress,
  keepAliveSeconds: number,
): { fd: number; port: number } {
  if (address.kind === "unix") return { fd: openUnix(libc, address.path, address.backlog, address.mode), port: 0 };
  const where = `${address.host}:${address.port}`;
  const target = writeTcpAddress(libc, address.host, address.port);
  if (target === null) throw new ListenError("EINVAL", `${where}: the host is no numeric address`);
  const fd = openSocket(libc, target.family, where);
  const prepared =
    libc.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
    (!address.shared || libc.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
    (target.family !== AF_INET6 || libc.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
    libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!prepared) throw failure(libc, fd, where);
  setKeepAlive(libc, fd, keepAliveSeconds);
  // The options above went through the scratch page, where the address stood.
  writeTcpAddress(libc, address.host, address.port);
  bindAndListen(libc, fd, target, address.backlog, where);
  return { fd, port: readSocketName(libc, fd, "local")?.port ?? address.port };
}

/** Applies a keep-alive period to a listening TCP socket, for what it accepts from now on; 0 is off. */
export function setKeepAlive(libc: Libc, fd: number, seconds: number): void {
  libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0 ? 1 : 0);
  if (seconds <= 0) return;
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, Math.floor(seconds / KEEPALIVE_PROBES)));
  libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

/** Removes the file of a Unix socket, if it is one. */
export function removeSocketFile(path: string): void {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch {
    // Gone already, or not ours to remove: nothing is lost.
  }
}

function openUnix(libc: Libc, path: string, backlog: number, mode: number): number {
  const target = writeUnixAddress(libc, path);
  if (target === null) throw new ListenError("ENAMETOOLONG", `${path}: a Unix socket's path has 1 to 107 bytes`);
  const fd = openSocket(libc, AF_UNIX, path);
  // A file that nobody listens on is left over from a server that was killed; a live one is not ours to take.
  const taken = libc.calls.connect(fd, libc.scratch.address, target.byteLength) === 0 || libc.errno() === EAGAIN;
  libc.calls.close(fd);
  if (taken) throw new ListenError("EADDRINUSE", `${path}: another process listens there`);
  removeSocketFile(path);
  const listener = openSocket(libc, AF_UNIX, path);
  writeUnixAddress(libc, path);
  bindAndListen(libc, listener, target, backlog, path);
  try {
    if (mode !== 0) chmodSync(path, mode);
  } catch (error) {
    libc.calls.close(listener);
    removeSocketFile(path);
    throw new ListenError((error as NodeJS.ErrnoException).code ?? "EACCES", `${path}: mode cannot be set`);
  }
  return listener;
}

function openSocket(libc: Libc, family: number, where: string): number {
  const fd = libc.calls.socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw failure(libc, -1, where);
  return fd;
}

function bindAndListen(libc: Libc, fd: number, target: SocketAddress, backlog: number, where: string): void {
  if (libc.calls.bind(fd, libc.scratch.address, target.byteLength) !== 0) throw failure(libc, fd, where);
  if (libc.calls.listen(fd, backlog) !== 0) throw failure(libc, fd, where);
}

/** The error of the call that just failed; closes what was opened so far. */
function failure(libc: Libc, fd: number, where: string): ListenError {
  const code = errorName(libc.errno());
  if (fd >= 0) libc.calls.close(fd);
  return new ListenError(code, `cannot listen on ${where}: ${code}`);
}
