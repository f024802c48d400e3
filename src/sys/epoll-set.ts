/**
 * An epoll set: descriptors that are watched, events out of it, and waking whoever waits for it. Hot path.
 *
 *     epoll_event, x86-64 | events u32 | data u64 |                     12 bytes
 *                  others | events u32 | padding u32 | data u64 |       16 bytes
 *
 * The data of a descriptor are two words that its owner chooses and finds again in the event.
 *
 * Waking: the set holds a descriptor that is always ready, watched for one event at a time. A wake from another thread
 * asks the set to watch it again (EPOLL_CTL_MOD), which ends a wait or is there at the next one; several make one event,
 * and nothing has to be read. What is passed around is the numbers of both descriptors, and here is why it is no plain
 * write to an eventfd: numbers are reused. Whoever wakes a set that was just closed would write eight bytes into another
 * client's socket; epoll_ctl refuses every descriptor that is no epoll set or does not hold the second one.
 *
 * Refuses: to know sockets.
 */

import { EPOLL_EVENTS_MAX } from "../base/limits.ts";
import type { MappedMemory } from "./blocks.ts";
import {
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLONESHOT,
  errorName,
  type Libc,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from "./libc.ts";

/** Words from event to event, and where its data begin. */
export const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
export const DATA_WORD = EVENT_WORDS - 2;
/** Room for the argument of a call, in words: one for this thread's descriptors, one for waking others. */
const ARGUMENT_WORDS = 4;
const WAKE_WORD = ARGUMENT_WORDS;
const EVENTS_WORD = 2 * ARGUMENT_WORDS;
/** A wake handle is the always-ready descriptor's number above the set's. */
const READY_SHIFT = 16;
const SET_MAX = 0xffff;
const READY_MAX = 0x7fff;

/** There is no epoll here, or not such a one as is needed. */
export class EpollUnavailable extends Error {
  override readonly name = "EpollUnavailable";
}

export class EpollSet {
  /** What others pass to wake(); not negative. */
  readonly wakeHandle: number;
  /** Events of the last wait: event k begins at eventWord(k), its data DATA_WORD behind. */
  readonly words: Int32Array;
  /** System calls made to wait, for measurement. */
  waits: number;
  readonly #libc: Libc;
  readonly #wait: Libc["calls"]["epoll_wait"];
  readonly #control: Libc["calls"]["epoll_ctl"];
  readonly #fd: number;
  readonly #ready: number;
  readonly #memory: MappedMemory;
  readonly #wakeAddress: bigint;
  readonly #eventsAddress: bigint;

  /** `wakeData` is the first data word of the event that a wake makes. @throws EpollUnavailable */
  constructor(libc: Libc, wakeData: number) {
    this.#libc = libc;
    this.#wait = libc.calls.epoll_wait;
    this.#control = libc.calls.epoll_ctl;
    this.waits = 0;
    this.#memory = libc.allocate((EVENTS_WORD + EPOLL_EVENTS_MAX * EVENT_WORDS) * 4);
    this.words = new Int32Array(this.#memory.buffer);
    this.#wakeAddress = this.#memory.address + BigInt(WAKE_WORD * 4);
    this.#eventsAddress = this.#memory.address + BigInt(EVENTS_WORD * 4);
    this.#fd = libc.calls.epoll_create1(SOCK_CLOEXEC);
    if (this.#fd < 0) throw new EpollUnavailable("epoll refused by the kernel (" + errorName(libc.errno()) + ")");
    this.#ready = libc.calls.eventfd(1, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const code = this.#ready < 0 ? libc.errno() : this.add(this.#ready, 0, 0, 0);
    const low = this.#fd <= SET_MAX && this.#ready <= READY_MAX;
    if (code !== 0 || !low) {
      this.close();
      const why = code !== 0 ? errorName(code) : "its numbers are too high: too many files are open";
      throw new EpollUnavailable("no descriptor to wake an epoll set with (" + why + ")");
    }
    this.wakeHandle = (this.#ready << READY_SHIFT) | this.#fd;
    this.#fill(WAKE_WORD, EPOLLIN | EPOLLONESHOT, wakeData, 0);
  }

  eventWord(index: number): number {
    return EVENTS_WORD + index * EVENT_WORDS;
  }

  /** Waits at most `timeoutMs` for events and returns how many there are. */
  wait(timeoutMs: number): number {
    this.waits++;
    const count = this.#wait(this.#fd, this.#eventsAddress, EPOLL_EVENTS_MAX, timeoutMs);
    if (count >= 0) return count;
    const errno = this.#libc.errno();
    if (errno !== EINTR) throw new Error("epoll_wait failed: " + errorName(errno));
    return 0;
  }

  /** Begins to watch a descriptor. 0, or the error. */
  add(fd: number, events: number, dataLow: number, dataHigh: number): number {
    return this.#call(EPOLL_CTL_ADD, fd, events, dataLow, dataHigh);
  }

  /** Watches it for something else from now on. 0, or the error. */
  modify(fd: number, events: number, dataLow: number, dataHigh: number): number {
    return this.#call(EPOLL_CTL_MOD, fd, events, dataLow, dataHigh);
  }

  /** Watches it no more; closing a descriptor does so too. 0, or the error. */
  remove(fd: number): number {
    return this.#call(EPOLL_CTL_DEL, fd, 0, 0, 0);
  }

  /** Ends another set's wait, or its next one. Of a set that is closed nothing comes. */
  wake(handle: number): void {
    this.#control(handle & SET_MAX, EPOLL_CTL_MOD, handle >>> READY_SHIFT, this.#wakeAddress);
  }

  close(): void {
    this.#libc.calls.close(this.#fd);
    if (this.#ready >= 0) this.#libc.calls.close(this.#ready);
  }

  #call(operation: number, fd: number, events: number, dataLow: number, dataHigh: number): number {
    this.#fill(0, events, dataLow, dataHigh);
    return this.#control(this.#fd, operation, fd, this.#memory.address) === 0 ? 0 : this.#libc.errno();
  }

  #fill(word: number, events: number, dataLow: number, dataHigh: number): void {
    this.words[word] = events;
    this.words[word + DATA_WORD] = dataLow;
    this.words[word + DATA_WORD + 1] = dataHigh;
  }
}
