/**
 * A client for tests that compare whole replies as text, whatever their form: a mark behind each command shows where its
 * reply ends.
 */

import { connect, type Socket } from "node:net";

const bulk = (text: string): string => `$${Buffer.byteLength(text, "latin1")}\r\n${text}\r\n`;
const MARK = "7f3a-end-of-reply";
const MARK_REPLY = bulk(MARK);

/** Raw replies of the referee: what stands before the echo of a mark. */
export class RawClient {
  readonly #socket: Socket;
  #input: string;
  #wanted: ((reply: string) => void) | null;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#input = "";
    this.#wanted = null;
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => {
      this.#input += text;
      if (!this.#input.endsWith(MARK_REPLY)) return;
      const reply = this.#input.slice(0, -MARK_REPLY.length);
      this.#input = "";
      this.#wanted?.(reply);
    });
  }

  call(...args: string[]): Promise<string> {
    const request = (words: string[]): string => `*${words.length}\r\n${words.map(bulk).join("")}`;
    return new Promise((done) => {
      this.#wanted = done;
      this.#socket.write(request(args) + request(["echo", MARK]), "latin1");
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
