/**
 * A Unix datagram socket that listens, as systemd's does. Node.js has none, so that it is made through the C library;
 * where that cannot be called, missingDatagrams() says why.
 */

import { AF_UNIX, EAGAIN, errorName, type Libc, openLibc, SOCK_CLOEXEC, SOCK_NONBLOCK } from "../../src/sys/libc.ts";
import { writeUnixAddress } from "../../src/sys/sockaddr.ts";

const SOCK_DGRAM = 2;
const TEXT_OFFSET = 512;
const TEXT_BYTES_MAX = 2048;

export function missingDatagrams(): string | false {
  const opened = openLibc();
  return opened.ok ? false : `no C library to receive datagrams with: ${opened.reason}`;
}

export class DatagramReceiver implements Disposable {
  readonly #libc: Libc;
  readonly #socket: number;

  /** A path, or `@name` for an abstract address. */
  constructor(address: string) {
    const opened = openLibc();
    if (!opened.ok) throw new Error(opened.reason);
    this.#libc = opened.libc;
    const { calls, scratch } = this.#libc;
    const isAbstract = address.startsWith("@");
    this.#socket = calls.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const written = writeUnixAddress(this.#libc, isAbstract ? `\0${address.slice(1)}` : address);
    if (written === null) throw new Error(`no address: ${address}`);
    const length = isAbstract ? written.byteLength - 1 : written.byteLength;
    if (calls.bind(this.#socket, scratch.address, length) !== 0) throw new Error(errorName(this.#libc.errno()));
  }

  /** The next datagram as text; null: none has come. */
  receive(): string | null {
    const { calls, scratch, scratchBytes } = this.#libc;
    const got = calls.read(this.#socket, scratch.address + BigInt(TEXT_OFFSET), BigInt(TEXT_BYTES_MAX));
    if (got === -1n) {
      const errno = this.#libc.errno();
      if (errno === EAGAIN) return null;
      throw new Error(errorName(errno));
    }
    return Buffer.from(scratchBytes.slice(TEXT_OFFSET, TEXT_OFFSET + Number(got))).toString("utf8");
  }

  /** Collects datagrams until one holds `text`. @throws Error after `timeoutMs` */
  async awaitText(text: string, timeoutMs: number): Promise<string[]> {
    const all: string[] = [];
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const datagram = this.receive();
      if (datagram !== null) {
        all.push(datagram);
        if (datagram.includes(text)) return all;
        continue;
      }
      if (performance.now() > deadline)
        throw new Error(`no ${text} within ${timeoutMs} ms, but ${JSON.stringify(all)}`);
      // The socket cannot be watched by Node's loop.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  [Symbol.dispose](): void {
    this.#libc.calls.close(this.#socket);
  }
}
