/**
 * The pause: since CLIENT PAUSE, requests of this shard's clients, all or those that write, wait until it ends.
 *
 * A held request was not taken: its connection stands still, and offers it again afterwards. Refusals are not held.
 */

import { type Conn, Wait } from "./conn.ts";

/** What is paused, from nothing to everything. */
export const PauseKind = { NONE: 0, WRITE: 1, ALL: 2 } as const;

export class Pause {
  /** One of PauseKind. */
  kind: number;
  /** Wall clock in ms at which it ends. */
  untilMs: number;
  #held: Set<Conn>;
  readonly #goOn: (conn: Conn) => void;

  /** `goOn` lets a connection offer its request again. */
  constructor(goOn: (conn: Conn) => void) {
    this.kind = PauseKind.NONE;
    this.untilMs = 0;
    this.#held = new Set();
    this.#goOn = goOn;
  }

  /** As in Redis, the later end and the stricter kind of the pause that holds and the new one hold. */
  begin(kind: number, untilMs: number, nowMs: number): void {
    if (this.kind !== PauseKind.NONE && this.untilMs <= nowMs) this.end();
    if (this.untilMs <= nowMs && untilMs <= nowMs) return;
    this.kind = Math.max(this.kind, kind);
    this.untilMs = Math.max(this.untilMs, untilMs);
  }

  /** How many connections it holds back: Redis counts them among the blocked ones. */
  get held(): number {
    return this.#held.size;
  }

  end(): void {
    this.kind = PauseKind.NONE;
    this.untilMs = 0;
    const held = this.#held;
    this.#held = new Set();
    for (const conn of held) {
      conn.waits &= ~Wait.PAUSE;
      this.#goOn(conn);
    }
  }

  /** The connection's request waits for the end. */
  hold(conn: Conn): void {
    conn.waits |= Wait.PAUSE;
    this.#held.add(conn);
  }

  /** Forgets those that are gone, so that clients that come and go during a long pause leave nothing behind. */
  forget(conn: Conn): void {
    this.#held.delete(conn);
  }
}
