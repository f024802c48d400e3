/**
 * Node's own event loop as something a blocking reactor can watch: one descriptor, readable when libuv has work.
 *
 * A shard blocks in its reactor and not in libuv; when this descriptor is ready it returns to libuv for one pass, so that
 * files, MessagePorts and worker.terminate() work. Timers do not show here (uv_backend_timeout is 0 inside an
 * immediate): the shard returns at every tick for them.
 *
 * Refuses: to run libuv. Only returning to it does.
 */

import type { Libc } from "./libc.ts";

/** The loop's descriptor on this thread, or -1 where libuv's symbols are not to be had. */
export function libuvDescriptor(libc: Libc): number {
  const backendFd = libc.bindPointerCall("uv_backend_fd");
  return backendFd === null ? -1 : backendFd(libc.currentEventLoop());
}
