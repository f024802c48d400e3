/**
 * The access clock: when, or how often, keys are used, in the 24 bits that an entry has for it. Hot path.
 *
 *     least recently used     seconds, 24 bits: they wrap after 194 days
 *     least frequently used   minutes, 16 bits (they wrap after 45 days) | counter, 8 bits
 *
 * The counter is a logarithm: it starts at 5, grows the more rarely the larger it is (lfu-log-factor), and falls by one
 * for every lfu-decay-time minutes without an access. Which of the two the bits are depends on maxmemory-policy alone:
 * after a change they are read as the other, and mend with use.
 *
 * Refuses: to know entries or databases.
 */

import type { Random } from "../base/random.ts";

const CLOCK_BITS_MASK = 0xffffff;
const MINUTES_MASK = 0xffff;
const COUNTER_MASK = 0xff;
const COUNTER_FIRST = 5;
const COUNTER_MAX = 255;
/** A wall clock that is set back by no more than this makes no key look idle. */
const BACKWARD_SECONDS_MAX = 3600;
const BACKWARD_MINUTES_MAX = 60;

export class AccessClock {
  /** What a new entry's clock is. */
  current: number;
  /** An entry whose clock is this one needs no touched(). */
  seen: number;
  /** Accesses by frequency, not by time. */
  frequent: boolean;
  /** False while commands run that leave no trace: those of a client with CLIENT NO-TOUCH. */
  touching: boolean;
  logFactor: number;
  decayMinutes: number;
  #seconds: number;
  #minutes: number;
  readonly #random: Random;

  constructor(random: Random) {
    this.current = 0;
    this.seen = 0;
    this.frequent = false;
    this.touching = true;
    this.logFactor = 10;
    this.decayMinutes = 1;
    this.#seconds = 0;
    this.#minutes = 0;
    this.#random = random;
  }

  /** Seconds, 24 bits: INFO's lru_clock. */
  get seconds(): number {
    return this.#seconds;
  }

  setTime(nowMs: number): void {
    const seconds = Math.floor(nowMs / 1000);
    this.#seconds = seconds & CLOCK_BITS_MASK;
    if (!this.frequent) {
      this.current = this.#seconds;
      this.seen = this.#seconds;
      return;
    }
    this.#minutes = Math.floor(seconds / 60) & MINUTES_MASK;
    this.current = (this.#minutes << 8) | COUNTER_FIRST;
    // No access goes unseen, but for those of a counter at its end in one minute of 45 days.
    this.seen = CLOCK_BITS_MASK;
  }

  /** The clock of an entry that is accessed now, from the one it has. */
  touched(clock: number): number {
    if (!this.touching) return clock;
    if (!this.frequent) return this.#seconds;
    let counter = this.frequencyOf(clock);
    if (counter < COUNTER_MAX) {
      const above = counter > COUNTER_FIRST ? counter - COUNTER_FIRST : 0;
      // Grows with a probability of 1 in above · factor + 1.
      if ((this.#random.int32() >>> 0) * (above * this.logFactor + 1) < 4294967296) counter++;
    }
    return (this.#minutes << 8) | counter;
  }

  /** Seconds since the last access, from an entry's clock. */
  idleSeconds(clock: number): number {
    const idle = (this.#seconds - clock) & CLOCK_BITS_MASK;
    return idle > CLOCK_BITS_MASK - BACKWARD_SECONDS_MAX ? 0 : idle;
  }

  /** The counter in an entry's clock as it stands now, with what has fallen away since the last access. */
  frequencyOf(clock: number): number {
    const counter = clock & COUNTER_MASK;
    if (this.decayMinutes === 0) return counter;
    const elapsed = (this.#minutes - (clock >>> 8)) & MINUTES_MASK;
    if (elapsed > MINUTES_MASK - BACKWARD_MINUTES_MAX) return counter;
    const fallen = Math.floor(elapsed / this.decayMinutes);
    return fallen > counter ? 0 : counter - fallen;
  }
}
