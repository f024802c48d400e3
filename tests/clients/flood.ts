/**
 * A connection that sends and counts at the speed of the sockets: for loads of millions of commands.
 *
 * Requests are one prepared block, sent again and again; replies are counted by their bytes alone.
 */

import { connect, type Socket } from "node:net";
import { encodeCommand } from "../support/resp-client.ts";

/** A connection as net makes it. */
export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Resolves when that many bytes have come. @throws Error when the connection ends before */
export function drain(socket: Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const onData = (data: Buffer): void => {
      left -= data.length;
      if (left > 0) return;
      finish();
      if (left < 0) reject(new Error(`${-left} bytes too many`));
      else resolve();
    };
    const onEnd = (): void => {
      finish();
      reject(new Error(`the connection ended ${left} bytes too early`));
    };
    const finish = (): void => {
      socket.off("data", onData).off("end", onEnd).off("error", onEnd);
    };
    socket.on("data", onData).on("end", onEnd).on("error", onEnd);
  });
}

/** A block of commands with the bytes of its replies. */
export interface Block {
  readonly request: Buffer;
  readonly replyBytes: number;
  readonly operations: number;
}

const VALUE = "v".repeat(100);

/** SET and GET by turns over `pairs` keys. */
export function setGetBlock(prefix: string, pairs: number): Block {
  const parts: Buffer[] = [];
  for (let i = 0; i < pairs; i++) {
    parts.push(encodeCommand(["SET", `${prefix}${i}`, VALUE]), encodeCommand(["GET", `${prefix}${i}`]));
  }
  const replyBytes = pairs * ("+OK\r\n".length + `$${VALUE.length}\r\n${VALUE}\r\n`.length);
  return { request: Buffer.concat(parts), replyBytes, operations: 2 * pairs };
}

/** Sends the block until at least `operations` are done; each block waits for the replies of the one before. */
export async function flood(port: number, block: Block, operations: number): Promise<void> {
  const socket = await open(port);
  for (let done = 0; done < operations; done += block.operations) {
    const replies = drain(socket, block.replyBytes);
    socket.write(block.request);
    await replies;
  }
  socket.destroy();
}
