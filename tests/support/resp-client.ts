/**
 * A raw RESP client: what goes over the wire, byte for byte.
 *
 * It frames replies (RESP2 and RESP3) without interpreting them, so that a test may compare two servers' bytes; parseReply()
 * is the second step, for tests that want values. Every wait is bounded. Nothing here knows kevy.
 *
 *     const client = await RespClient.connect(port);
 *     (await client.command("SET", "k", "v")).toString();   // "+OK\r\n"
 *     await client.value("GET", "k");                       // "v"
 *
 * Refuses: to reconnect, to guess which reply belongs to which request (pushes included: they are replies here).
 */

import { connect, type Socket } from "node:net";

/** How long one reply may take unless told otherwise. */
const REPLY_MS_MAX = 5_000;
const NESTING_MAX = 64;

/** A reply that the server reports as an error ("-" or "!"). */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** A RESP3 map, kept as pairs because keys may be anything. */
export class ReplyMap {
  readonly pairs: (readonly [ReplyValue, ReplyValue])[];
  constructor(pairs: (readonly [ReplyValue, ReplyValue])[]) {
    this.pairs = pairs;
  }
  /** The value of a key that is a string. */
  get(key: string): ReplyValue | undefined {
    return this.pairs.find((pair) => pair[0] === key)?.[1];
  }
}

/** A RESP3 set. */
export class ReplySet {
  readonly items: ReplyValue[];
  constructor(items: ReplyValue[]) {
    this.items = items;
  }
}

/** A RESP3 push message. */
export class ReplyPush {
  readonly items: ReplyValue[];
  constructor(items: ReplyValue[]) {
    this.items = items;
  }
}

/** Strings are byte strings: one character per byte (latin1), so nothing is lost. */
export type ReplyValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | ReplyMap
  | ReplySet
  | ReplyPush
  | ReplyValue[];

/** The framing went wrong: these bytes are not RESP. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const LINE_TYPES = "+-:_,#(";
const BLOB_TYPES = "$!=";
const LIST_TYPES = "*~>%|";

/** Position after the CRLF of the line that starts at `start`, or -1 when it is not all there. */
function lineEnd(bytes: Buffer, start: number): number {
  const at = bytes.indexOf("\r\n", start, "latin1");
  return at < 0 ? -1 : at + 2;
}

function count(bytes: Buffer, start: number, end: number): number {
  const text = bytes.toString("latin1", start, end);
  if (!/^-?\d+$/.test(text)) throw new ProtocolError(`${JSON.stringify(text)} is no length`);
  return Number(text);
}

/**
 * Finds where a reply ends. Framing only, no interpretation; an attribute ("|") belongs to the reply after it. It goes
 * on where it stopped for lack of bytes, so a big reply in small pieces costs linear time.
 */
class Framer {
  /** How many replies are still to be skipped; a count and no recursion, so nesting costs no stack. */
  #missing = 1;
  #at = 0;

  /** The end of the reply at the start of `bytes`, or -1 when it is not all there. @throws ProtocolError */
  end(bytes: Buffer): number {
    while (this.#missing > 0) {
      const next = this.#skip(bytes, this.#at);
      if (next < 0) return -1;
      this.#at = next;
    }
    return this.#at;
  }

  #skip(bytes: Buffer, at: number): number {
    if (at >= bytes.length) return -1;
    const type = String.fromCharCode(bytes[at]);
    if (!(LINE_TYPES + BLOB_TYPES + LIST_TYPES).includes(type)) {
      throw new ProtocolError(`a reply begins with ${JSON.stringify(bytes.toString("latin1", at, at + 20))}`);
    }
    const end = lineEnd(bytes, at);
    if (end < 0) return -1;
    let next = end;
    let parts = 0;
    if (!LINE_TYPES.includes(type)) {
      const length = count(bytes, at + 1, end - 2);
      if (BLOB_TYPES.includes(type)) {
        if (length >= 0) next = end + length + 2;
        if (next > bytes.length) return -1;
        if (length >= 0 && bytes.toString("latin1", next - 2, next) !== "\r\n") {
          throw new ProtocolError("a bulk string without its CRLF");
        }
      } else if (length > 0) parts = type === "%" || type === "|" ? 2 * length : length;
    }
    this.#missing += parts - (type === "|" ? 0 : 1);
    return next;
  }
}

/** The end of the first full reply in `bytes`, or -1 when it is not all there. @throws ProtocolError */
export function replyEnd(bytes: Buffer): number {
  return new Framer().end(bytes);
}

/** Values of framed bytes, one reply after the other. */
class Parser {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(depth = 0): ReplyValue {
    if (depth > NESTING_MAX) throw new ProtocolError("a reply is nested too deeply");
    const type = String.fromCharCode(this.#bytes[this.at]);
    const end = lineEnd(this.#bytes, this.at);
    if (end < 0) throw new ProtocolError("a reply is cut off");
    const line = this.#bytes.toString("latin1", this.at + 1, end - 2);
    this.at = end;
    if (BLOB_TYPES.includes(type)) return this.#blob(type, Number(line));
    if (LIST_TYPES.includes(type)) return this.#list(type, Number(line), depth);
    return scalar(type, line);
  }

  #blob(type: string, length: number): ReplyValue {
    if (length < 0) return null;
    const text = this.#bytes.toString("latin1", this.at, this.at + length);
    this.at += length + 2;
    if (type === "!") return new ReplyError(text);
    // A verbatim string begins with its format and a colon.
    return type === "=" ? text.slice(4) : text;
  }

  #list(type: string, length: number, depth: number): ReplyValue {
    if (length < 0) return null;
    if (type === "%" || type === "|") {
      const pairs: [ReplyValue, ReplyValue][] = [];
      for (let i = 0; i < length; i++) {
        const key = this.next(depth + 1);
        pairs.push([key, this.next(depth + 1)]);
      }
      // An attribute says something about the reply after it, which is the value.
      return type === "%" ? new ReplyMap(pairs) : this.next(depth + 1);
    }
    const items: ReplyValue[] = [];
    for (let i = 0; i < length; i++) items.push(this.next(depth + 1));
    if (type === "~") return new ReplySet(items);
    return type === ">" ? new ReplyPush(items) : items;
  }
}

function scalar(type: string, line: string): ReplyValue {
  switch (type) {
    case "+":
      return line;
    case "-":
      return new ReplyError(line);
    case ":":
      return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
    case "_":
      return null;
    case "#":
      return line === "t";
    case ",":
      return line === "inf" ? Infinity : line === "-inf" ? -Infinity : Number(line);
    case "(":
      return BigInt(line);
    default:
      throw new ProtocolError(`a reply begins with ${JSON.stringify(type)}`);
  }
}

/** The value of one framed reply. @throws ProtocolError when bytes are missing or left over */
export function parseReply(bytes: Buffer): ReplyValue {
  if (replyEnd(bytes) !== bytes.length) throw new ProtocolError("not exactly one reply");
  return new Parser(bytes).next();
}

/** A request as an array of bulk strings. Strings are sent as UTF-8, numbers as decimal. */
export function encodeCommand(args: readonly (string | number | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "object" ? Buffer.from(arg) : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

export type Argument = string | number | Uint8Array;

export class RespClient {
  readonly socket: Socket;
  /** The peer has ended its side, or the connection is gone. */
  closed = false;
  /** The system's name of the error that ended it (ECONNRESET, …), or empty. */
  errorCode = "";
  #chunks: Buffer[] = [];
  #input: Buffer = Buffer.alloc(0);
  /** Called when bytes arrive or the connection ends. */
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#chunks.push(bytes);
      this.#wake?.();
    });
    const end = (): void => {
      this.closed = true;
      this.#wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? "unknown";
      end();
    });
  }

  /** Connects to a port of 127.0.0.1, or to a Unix socket's path. */
  static connect(to: number | string | { host: string; port: number }, timeoutMs = REPLY_MS_MAX): Promise<RespClient> {
    const target =
      typeof to === "number" ? { host: "127.0.0.1", port: to } : typeof to === "string" ? { path: to } : to;
    return new Promise((resolve, reject) => {
      const socket = connect({ ...target, noDelay: true });
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`no connection to ${JSON.stringify(target)} within ${timeoutMs} ms`));
      }, timeoutMs);
      socket.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners("error");
        resolve(new RespClient(socket));
      });
    });
  }

  /** Sends bytes as they are; a string is latin1, one byte per character. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Reads exactly one full reply as raw bytes. @throws Error at the time-out or when the connection ends before */
  async readReply(timeoutMs = REPLY_MS_MAX): Promise<Buffer> {
    const framer = new Framer();
    let end = -1;
    await this.#until(timeoutMs, "a reply", () => {
      this.#join();
      end = framer.end(this.#input);
      return end >= 0;
    });
    return this.#take(end);
  }

  /** Reads exactly `length` bytes. */
  async readBytes(length: number, timeoutMs = REPLY_MS_MAX): Promise<Buffer> {
    await this.#until(timeoutMs, `${length} bytes`, () => {
      this.#join();
      return this.#input.length >= length;
    });
    return this.#take(length);
  }

  async readReplies(howMany: number, timeoutMs = REPLY_MS_MAX): Promise<Buffer[]> {
    const replies: Buffer[] = [];
    for (let i = 0; i < howMany; i++) replies.push(await this.readReply(timeoutMs));
    return replies;
  }

  /** Sends one command and reads one reply, raw. */
  command(...args: Argument[]): Promise<Buffer> {
    this.send(encodeCommand(args));
    return this.readReply();
  }

  /** Sends one command and reads one reply as a value. Error replies are values too: see ReplyError. */
  async value(...args: Argument[]): Promise<ReplyValue> {
    return parseReply(await this.command(...args));
  }

  /** Sends all commands in one write and reads as many replies, raw. */
  pipeline(commands: readonly (readonly Argument[])[], timeoutMs = REPLY_MS_MAX): Promise<Buffer[]> {
    this.send(Buffer.concat(commands.map((args) => encodeCommand(args))));
    return this.readReplies(commands.length, timeoutMs);
  }

  /** Waits until the server closes; returns what it had sent and nobody had read. */
  async readToEnd(timeoutMs = REPLY_MS_MAX): Promise<Buffer> {
    await this.#until(timeoutMs, "the end of the connection", () => this.closed);
    this.#join();
    return this.#take(this.#input.length);
  }

  /** What has arrived and was not read yet; empty if a server is silent. */
  unread(): Buffer {
    this.#join();
    return this.#input;
  }

  /** Closes for good and resolves when the socket is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.closed) return resolve();
      this.socket.once("close", () => resolve());
      this.socket.destroy();
    });
  }

  #join(): void {
    if (this.#chunks.length === 0) return;
    this.#input = Buffer.concat([this.#input, ...this.#chunks]);
    this.#chunks = [];
  }

  #take(length: number): Buffer {
    const bytes = this.#input.subarray(0, length);
    this.#input = this.#input.subarray(length);
    return bytes;
  }

  #until(timeoutMs: number, what: string, condition: () => boolean): Promise<void> {
    if (this.#wake !== null) throw new Error("one read at a time");
    return new Promise((resolve, reject) => {
      const finish = (error: unknown): void => {
        clearTimeout(timer);
        this.#wake = null;
        if (error === null) resolve();
        else reject(error);
      };
      const check = (): void => {
        try {
          if (condition()) finish(null);
          else if (this.closed) finish(new Error(`${what}: the connection ended first ${this.errorCode}`.trimEnd()));
        } catch (error) {
          finish(error);
        }
      };
      const timer = setTimeout(() => {
        finish(new Error(`${what}: not within ${timeoutMs} ms; so far ${JSON.stringify(this.#glimpse())}`));
      }, timeoutMs);
      this.#wake = check;
      check();
    });
  }

  #glimpse(): string {
    this.#join();
    return this.#input.toString("latin1", 0, 200);
  }
}
