/**
 * The sweep for deaf receives: multishot receives that the kernel has forgotten to end.
 *
 * When data and the peer's end (or reset) arrive back to back, Linux wakes the receive twice; up to 6.18 at least it takes
 * both wake-ups for the data, and the receive stays armed for ever while nothing more will come (measured: one of some
 * hundred connections that are reset in mid-flood). Such a connection would never be closed.
 *
 * So once a second the sweep asks poll() about the sockets that fell silent since: once for each time one does, so that
 * neither busy connections nor idle ones cost anything. Where the peer has ended and the receive does not know, the
 * reactor cancels it and arms another one, which finds the end at once.
 *
 * Refuses: to touch the ring.
 */

import type { SocketId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import { SWEEP_MS, SWEEP_SOCKETS_MAX } from "../base/limits.ts";
import type { MappedMemory } from "./blocks.ts";
import type { Libc } from "./libc.ts";
import {
  CLOSING,
  HEARD,
  OPEN,
  PAUSED,
  QUIET,
  RECEIVING,
  type SlotQueue,
  type SocketTable,
  STOPPING,
} from "./socket-table.ts";

const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;
const GONE = POLLERR | POLLHUP | POLLRDHUP;

export class ReceiveSweep {
  readonly #libc: Libc;
  readonly #clock: Clock;
  /** struct pollfd: descriptor i32, events i16, revents i16. */
  readonly #memory: MappedMemory;
  readonly #words: Int32Array;
  readonly #slots: Int32Array;
  #nextUs: number;

  constructor(libc: Libc, clock: Clock) {
    this.#libc = libc;
    this.#clock = clock;
    this.#memory = libc.allocate(SWEEP_SOCKETS_MAX * 8);
    this.#words = new Int32Array(this.#memory.buffer);
    this.#slots = new Int32Array(SWEEP_SOCKETS_MAX);
    this.#nextUs = 0;
  }

  /** Is it time? */
  due(): boolean {
    const nowUs = this.#clock.monotonicUs();
    if (nowUs < this.#nextUs) return false;
    this.#nextUs = nowUs + SWEEP_MS * 1000;
    return true;
  }

  /** Puts the sockets whose receive is deaf into `deaf`. */
  look(sockets: SocketTable, deaf: SlotQueue): void {
    const { flags, fds, capacity } = sockets;
    let count = 0;
    for (let slot = 0; slot < capacity; slot++) {
      const state = flags[slot];
      if ((state & (OPEN | RECEIVING | STOPPING | PAUSED | CLOSING)) !== (OPEN | RECEIVING)) continue;
      if ((state & HEARD) !== 0) {
        flags[slot] = (state & ~HEARD) | QUIET;
      } else if ((state & QUIET) !== 0) {
        flags[slot] = state & ~QUIET;
        this.#words[2 * count] = fds[slot];
        this.#words[2 * count + 1] = POLLRDHUP;
        this.#slots[count++] = slot;
        if (count === SWEEP_SOCKETS_MAX) {
          this.#ask(count, deaf);
          count = 0;
        }
      }
    }
    if (count > 0) this.#ask(count, deaf);
  }

  #ask(count: number, deaf: SlotQueue): void {
    if (this.#libc.calls.poll(this.#memory.address, BigInt(count), 0) <= 0) return;
    for (let k = 0; k < count; k++) {
      if (((this.#words[2 * k + 1] >>> 16) & GONE) !== 0) deaf.push(this.#slots[k] as SocketId);
    }
  }
}
