/**
 * The start lock: of all servers on this machine that are about to listen on one port, one goes at a time.
 *
 * Several shards listen on one port by SO_REUSEPORT, and then the kernel refuses nobody: two servers that look for a
 * free port at the same moment would both find it free, and share its clients. So looking and listening happen under a
 * lock, and whoever comes second looks when the first one listens already.
 *
 * The lock is an abstract Unix socket, which Linux has: its name is taken by one socket at a time, in the same network
 * namespace that ports live in, and it vanishes with the process however that ends. Elsewhere ports are not shared
 * between threads, and the kernel itself refuses the second server.
 *
 * Refuses: to keep anyone from starting. A lock that is not to be had in time is passed by; it only closes a gap.
 */

import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { START_LOCK_POLL_MS, START_LOCK_WAIT_MS_MAX } from "../base/limits.ts";

export type Unlock = () => void;

/** Tries once. Null: another server holds the lock. */
function tryLock(port: number): Promise<Unlock | null> {
  return new Promise((resolve) => {
    const holder = createServer();
    holder.unref();
    holder.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRINUSE" ? null : () => undefined);
    });
    holder.listen({ path: "\0kevy-start-" + port, exclusive: true }, () => resolve(() => void holder.close()));
  });
}

/** Resolves once this server may look whether `port` is free, and until the returned function is called nobody else does. */
export async function lockStart(port: number): Promise<Unlock> {
  if (process.platform !== "linux") return () => undefined;
  const deadline = performance.now() + START_LOCK_WAIT_MS_MAX;
  for (;;) {
    const unlock = await tryLock(port);
    if (unlock !== null) return unlock;
    if (performance.now() >= deadline) return () => undefined;
    await sleep(START_LOCK_POLL_MS);
  }
}
