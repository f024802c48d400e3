/**
 * The watch over failed accepts: a server that runs out of descriptors says so, once a minute at most for all its shards.
 *
 * Refuses: to do anything about it. The reactor rests and tries again; clients that are connected are served meanwhile.
 */

import { getSystemErrorMessage } from "node:util";
import { ACCEPT_WARNING_MS } from "../base/limits.ts";
import type { SharedWords } from "../base/shared.ts";
import type { Reactor } from "../sys/reactor.ts";
import type { LogLevel } from "./services.ts";

export class AcceptWatch {
  readonly #reactor: Reactor;
  readonly #shared: SharedWords;
  readonly #log: (level: LogLevel, text: string) => void;
  #seen: number;

  constructor(reactor: Reactor, shared: SharedWords, log: (level: LogLevel, text: string) => void) {
    this.#reactor = reactor;
    this.#shared = shared;
    this.#log = log;
    this.#seen = 0;
  }

  /** Called at every tick. */
  look(nowMs: number): void {
    const errors = this.#reactor.acceptErrors;
    if (errors === this.#seen) return;
    this.#seen = errors;
    if (!this.#shared.claimAcceptWarning(nowMs, ACCEPT_WARNING_MS)) return;
    this.#log("warning", "Accepting client connection: " + getSystemErrorMessage(-this.#reactor.acceptErrno));
  }
}
