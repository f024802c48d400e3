/** What the client tests share: the setups they run in, starting kevy, and small helpers for raw sockets. */

import { FULL } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { REACTORS } from "../support/reactors.ts";

export interface Setup {
  readonly name: string;
  readonly shards: number;
  readonly reactor: string;
}

/** Every reactor at two shards: every second key is remote. */
export const SETUPS: readonly Setup[] = REACTORS.map((reactor) => ({
  name: `2 shards, ${reactor}`,
  shards: 2,
  reactor,
}));

/** For client libraries, which see little of a reactor: in a normal run the one on completions and the one on streams. */
export const LIBRARY_SETUPS: readonly Setup[] = FULL ? SETUPS : SETUPS.filter(({ reactor }) => reactor !== "epoll");

export function start(setup: Setup, args: readonly string[] = []): Promise<KevyServer> {
  return KevyServer.start({ shards: setup.shards, reactor: setup.reactor, args });
}

/** The bound of one test, in milliseconds. */
export const TEST_MS_MAX = FULL ? 240_000 : 60_000;

/** Rejects when the promise takes longer; so a test that would hang fails with a name. */
export function within<T>(what: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: not within ${timeoutMs} ms`)), timeoutMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Keys of a prefix, `count` of them. */
export function keysOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Resolves at the next event of that name; unlike node:events' once() it takes an error event for no answer. */
export function next(emitter: { once(event: string, listener: () => void): unknown }, event: string): Promise<void> {
  return new Promise((resolve) => {
    emitter.once(event, () => resolve());
  });
}
