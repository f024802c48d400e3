/**
 * Load: a RESP client that asks one thing, and one that streams SETs of deterministic keys as fast as a bounded window lets it.
 *
 * Keys are 16 bytes, "key:" and twelve digits, the form redis-benchmark uses, so that its GETs find what was loaded here.
 * Refuses: to measure the server, and to parse more of RESP than simple and bulk replies.
 */

import { connect, type Socket } from "node:net";

export const KEY_BYTES = 16;
const KEY_DIGITS = 12;
/** Writes whose replies are outstanding, at most. */
const WINDOW_BATCHES = 8;
/** SETs in one write where only the time counts. */
export const BATCH_COMMANDS = 256;
/** SETs in one write where another client's waiting time is measured: what stands before it in line stays short. */
export const GENTLE_BATCH_COMMANDS = 32;
/** A load that takes longer than this has hung, ms. */
const LOAD_MS_MAX = 120_000;
/** A question that takes longer than this is lost, ms. */
const ASK_MS_MAX = 10_000;
const OK_REPLY_BYTES = "+OK\r\n".length;

/** A command as RESP. */
export function frame(...parts: readonly string[]): string {
  return `*${parts.length}\r\n` + parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("");
}

/** A value of that length that is no integer, so that neither server stores it as one. */
export function valueText(bytes: number): string {
  return "v".repeat(bytes);
}

/** A buffer of SETs whose key numbers are rewritten in place: loading millions of keys makes no garbage. */
export class SetBatch {
  readonly bytes: Buffer;
  readonly frameBytes: number;
  private readonly keyAt: number;

  constructor(valueBytes: number, commands = BATCH_COMMANDS) {
    const one = frame("SET", `key:${"0".repeat(KEY_DIGITS)}`, valueText(valueBytes));
    this.frameBytes = one.length;
    this.keyAt = one.indexOf("key:") + "key:".length;
    this.bytes = Buffer.from(one.repeat(commands), "latin1");
  }

  /** Numbers the keys first, first + 1, …; returns the bytes to send. */
  fill(first: number, commands: number): Buffer {
    for (let i = 0; i < commands; i++) {
      let number = first + i;
      const start = i * this.frameBytes + this.keyAt;
      for (let at = start + KEY_DIGITS - 1; at >= start; at--) {
        this.bytes[at] = 48 + (number % 10);
        number = Math.floor(number / 10);
      }
    }
    return this.bytes.subarray(0, commands * this.frameBytes);
  }
}

/** Length of the first reply in `text` (latin1) once it is whole, else 0. Aggregates count as their first line. */
export function replyLength(text: string): number {
  const lineEnd = text.indexOf("\r\n");
  if (lineEnd < 0) return 0;
  const bulk = text[0] === "$" || text[0] === "=" ? Number(text.slice(1, lineEnd)) : -1;
  const whole = lineEnd + 2 + (bulk >= 0 ? bulk + 2 : 0);
  return text.length >= whole ? whole : 0;
}

/** Sends one command on a connection of its own and resolves to the raw reply (latin1). */
export function ask(port: number, ...parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    let text = "";
    const end = (error: Error | null): void => {
      socket.destroy();
      if (error === null) resolve(text);
      else reject(error);
    };
    socket.setTimeout(ASK_MS_MAX, () => end(new Error(`no reply to ${parts[0]} within ${ASK_MS_MAX / 1000} s`)));
    socket.on("error", end);
    socket.on("close", () => reject(new Error(`connection closed before the reply to ${parts[0]}`)));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (replyLength(text) > 0) end(null);
    });
    socket.write(frame(...parts));
  });
}

/** The number behind `field:` in INFO's answer, or NaN when the server has no such section or field. */
export async function infoNumber(port: number, section: string, field: string): Promise<number> {
  const match = new RegExp(`^${field}:(\\d+)\\r?$`, "m").exec(await ask(port, "INFO", section));
  return match === null ? Number.NaN : Number(match[1]);
}

/** SETs `count` keys numbered from `first` through one pipelined connection; resolves to the seconds it took. */
export function loadKeys(
  port: number,
  first: number,
  count: number,
  valueBytes: number,
  batchCommands = BATCH_COMMANDS,
): Promise<number> {
  return new Promise((resolve, reject) => {
    // One buffer per place in the window: a buffer is rewritten only after its replies are in, so never while it is being sent.
    const window = Array.from({ length: WINDOW_BATCHES }, () => new SetBatch(valueBytes, batchCommands));
    const started = performance.now();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let sent = 0;
    let replyBytes = 0;
    const end = (error: Error | null): void => {
      clearTimeout(deadline);
      socket.destroy();
      if (error === null) resolve((performance.now() - started) / 1000);
      else reject(error);
    };
    const deadline = setTimeout(
      () => end(new Error(`${Math.floor(replyBytes / OK_REPLY_BYTES)} of ${count} keys loaded, then nothing in time`)),
      LOAD_MS_MAX,
    );
    const pump = (): void => {
      const answered = Math.floor(replyBytes / OK_REPLY_BYTES);
      while (sent < count && Math.ceil(sent / batchCommands) - Math.floor(answered / batchCommands) < WINDOW_BATCHES) {
        const commands = Math.min(batchCommands, count - sent);
        const batch = window[(sent / batchCommands) % WINDOW_BATCHES];
        socket.write(batch.fill(first + sent, commands));
        sent += commands;
      }
      if (answered >= count) end(null);
    };
    socket.on("connect", pump);
    socket.on("data", (chunk: Buffer) => {
      const failed = chunk.indexOf("-");
      if (failed >= 0) {
        end(new Error(`SET refused: ${chunk.toString("latin1", failed, failed + 200).split("\r\n")[0]}`));
        return;
      }
      replyBytes += chunk.length;
      pump();
    });
    socket.on("error", end);
    socket.on("close", () =>
      end(new Error(`connection closed after ${Math.floor(replyBytes / OK_REPLY_BYTES)} replies`)),
    );
  });
}
