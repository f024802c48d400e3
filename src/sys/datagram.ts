/**
 * One datagram to a Unix socket, which Node.js cannot send: for telling a service manager.
 *
 * An address that begins with `@` is an abstract one: it lies in no folder, and its name has no end but its length.
 */

import { AF_UNIX, EAGAIN, EINVAL, type Libc, SOCK_CLOEXEC, SOCK_NONBLOCK } from "./libc.ts";
import { writeUnixAddress } from "./sockaddr.ts";

const SOCK_DGRAM = 2;
/** Where the text stands in the scratch page, behind the address. */
const TEXT_OFFSET = 512;
const TEXT_BYTES_MAX = 2048;

/** Sends at once or not at all; a receiver that is full is EAGAIN. Returns 0 or the system's error number. */
export function sendDatagram(libc: Libc, to: string, text: Uint8Array): number {
  const { calls, scratch, scratchBytes } = libc;
  const isAbstract = to.startsWith("@");
  const address = writeUnixAddress(libc, isAbstract ? `\0${to.slice(1)}` : to);
  if (address === null || text.length > TEXT_BYTES_MAX) return EINVAL;
  const socket = calls.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return libc.errno();
  let errno = 0;
  if (calls.connect(socket, scratch.address, isAbstract ? address.byteLength - 1 : address.byteLength) !== 0) {
    errno = libc.errno();
  } else {
    scratchBytes.set(text, TEXT_OFFSET);
    const sent = calls.write(socket, scratch.address + BigInt(TEXT_OFFSET), BigInt(text.length));
    if (sent === -1n) errno = libc.errno();
    else if (sent !== BigInt(text.length)) errno = EAGAIN;
  }
  calls.close(socket);
  return errno;
}
