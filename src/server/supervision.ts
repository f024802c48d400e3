/**
 * Supervision: tells systemd, or whoever speaks its protocol, when the server serves and when it ends.
 *
 * The protocol is a datagram of `NAME=value` lines to the Unix socket that NOTIFY_SOCKET names. Node.js has no such
 * sockets: the C library sends, where node:ffi has it, else the program systemd-notify does, else the log says that
 * nobody is told. Whoever is told by systemd-notify sees another process: the unit then needs NotifyAccess=all.
 *
 * Refuses: to keep a server from starting or ending. What cannot be told is logged once.
 */

import { spawnSync } from "node:child_process";
import type { Config } from "../config/config.ts";
import { sendDatagram } from "../sys/datagram.ts";
import { errorName, openLibc } from "../sys/libc.ts";
import type { LogSink } from "./log.ts";

const NOTIFY_MS_MAX = 2_000;

/** Returns what is wrong, or null. */
export type Send = (socket: string, text: string) => string | null;

/** Sends by the C library, else by systemd-notify. */
export const send: Send = (socket, text) => {
  const opened = openLibc();
  if (opened.ok) {
    const errno = sendDatagram(opened.libc, socket, Buffer.from(text));
    return errno === 0 ? null : errorName(errno);
  }
  const result = spawnSync("systemd-notify", text.trimEnd().split("\n"), {
    env: { ...process.env, NOTIFY_SOCKET: socket },
    stdio: "ignore",
    timeout: NOTIFY_MS_MAX,
  });
  if (result.status === 0) return null;
  return `${opened.reason}, and systemd-notify does not serve: ${result.error?.message ?? `exit code ${result.status}`}`;
};

export class Supervision {
  readonly #log: LogSink;
  readonly #send: Send;
  /** Empty: nobody is to be told. */
  readonly #socket: string;
  #failed: boolean;

  constructor(config: Config, environment: NodeJS.ProcessEnv, log: LogSink, via: Send = send) {
    const wanted = config.text("supervised");
    const socket = environment["NOTIFY_SOCKET"] ?? "";
    this.#log = log;
    this.#send = via;
    this.#socket = wanted === "systemd" || wanted === "auto" ? socket : "";
    this.#failed = false;
    // As in Redis, CONFIG GET and INFO say what was found.
    if (wanted === "auto" && socket !== "") config.settle("supervised", "systemd");
    if (wanted === "systemd" && socket === "") {
      log.log("warning", "supervised systemd, but there is no NOTIFY_SOCKET: nobody is told when the server is ready");
    }
  }

  starting(): void {
    this.#tell("STATUS=Starting\n");
  }

  ready(): void {
    this.#tell("STATUS=Ready to accept connections\nREADY=1\n");
  }

  stopping(): void {
    this.#tell("STATUS=Finishing what clients have asked for\nSTOPPING=1\n");
  }

  #tell(text: string): void {
    if (this.#socket === "" || this.#failed) return;
    const wrong = this.#send(this.#socket, text);
    if (wrong === null) return;
    this.#failed = true;
    this.#log.log("warning", `The service manager at ${this.#socket} cannot be told: ${wrong}`);
  }
}
