/**
 * What a server does with raw bytes on a new connection: all it sends, and whether it closes.
 *
 * Behind the bytes goes an ECHO of a mark. A server that went on answers the mark; one that gave the connection up
 * closes it. So both outcomes are events, and no time is waited for.
 */

import { RespClient } from "../support/resp-client.ts";

const MARK = "-the-mark-of-the-test-";
const MARK_REQUEST = `*2\r\n$4\r\nECHO\r\n$${MARK.length}\r\n${MARK}\r\n`;
const MARK_REPLY = `$${MARK.length}\r\n${MARK}\r\n`;
const SHOWN_BYTES_MAX = 200;
const OUTCOME_MS_MAX = 3_000;

export interface Outcome {
  /** All bytes sent, the reply to the mark included, as latin1. */
  readonly sent: string;
  readonly closed: boolean;
}

export interface OutcomeOptions {
  /** Do not send the mark: the bytes must end the connection, or the mark would complete them. */
  readonly bare?: boolean;
}

/** @throws Error when neither happens in time */
export async function outcome(
  port: number,
  input: string | Uint8Array,
  options: OutcomeOptions = {},
): Promise<Outcome> {
  const client = await RespClient.connect(port);
  try {
    const bytes = typeof input === "string" ? Buffer.from(input, "latin1") : Buffer.from(input);
    const mark = Buffer.from(options.bare === true ? "" : MARK_REQUEST, "latin1");
    client.send(Buffer.concat([bytes, mark]));
    return await settled(client, OUTCOME_MS_MAX);
  } finally {
    await client.close();
  }
}

/** Resolves when the mark has been answered or the connection has ended. */
function settled(client: RespClient, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { socket } = client;
    const finish = (): void => {
      clearTimeout(timer);
      socket.off("data", look).off("close", look).off("end", look);
    };
    const look = (): void => {
      const sent = client.unread().toString("latin1");
      if (!sent.endsWith(MARK_REPLY) && !client.closed) return;
      finish();
      resolve({ sent, closed: !sent.endsWith(MARK_REPLY) });
    };
    const timer = setTimeout(() => {
      finish();
      reject(
        new Error(
          `neither a reply nor an end within ${timeoutMs} ms; so far ${client.unread().subarray(-SHOWN_BYTES_MAX).toString("latin1")}`,
        ),
      );
    }, timeoutMs);
    socket.on("data", look).on("close", look).on("end", look);
    look();
  });
}
