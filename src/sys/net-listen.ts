/**
 * Listening through node:net: starting a server, replacing a stale Unix socket, finding out whether ports can be shared.
 *
 * Refuses: to accept. The reactor does.
 */

import { lstatSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { type ListenAddress, ListenError } from "./reactor.ts";

export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : "EIO";
}

/** Starts listening. Later errors of the server (no descriptor left for an accept) cost only the connection concerned. */
function startServer(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(new ListenError(errorCode(error), error.message));
    server.once("error", refuse);
    const done = (): void => {
      server.removeListener("error", refuse);
      server.on("error", ignore);
      resolve();
    };
    try {
      if (address.kind === "unix") server.listen({ path: address.path, backlog: address.backlog }, done);
      else {
        const { host, port, backlog, shared } = address;
        // Never both families on one socket: "0.0.0.0" and "::" are two listeners, as in Redis.
        server.listen({ host, port, backlog, exclusive: true, ipv6Only: true, reusePort: shared }, done);
      }
    } catch (error) {
      refuse(error as Error);
    }
  });
}

function ignore(): void {}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/**
 * Whether several servers may share a port here. Tried, not looked up: old Nodes ignore the option in silence,
 * new ones refuse it where the kernel does not spread connections.
 */
async function probeSharedPort(): Promise<boolean> {
  const first = createServer();
  const second = createServer();
  const address = { kind: "tcp", host: "127.0.0.1", backlog: 1, shared: true } as const;
  try {
    await startServer(first, { ...address, port: 0 });
    const bound = first.address();
    const port = bound !== null && typeof bound === "object" ? bound.port : 0;
    await startServer(second, { ...address, port });
    await closeServer(second);
    return true;
  } catch {
    return false;
  } finally {
    if (first.listening) await closeServer(first);
  }
}

/** True when somebody accepts connections at the Unix socket `path`. */
function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refusal says that nobody is there; whatever else happened, the file is not ours to remove.
    socket.once("error", (error) => resolve(errorCode(error) !== "ECONNREFUSED"));
  });
}

function isSocketFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

let sharedPort: Promise<boolean> | null = null;

/** Whether several servers may share a port; asked once per thread. */
export function canSharePort(): Promise<boolean> {
  sharedPort ??= probeSharedPort();
  return sharedPort;
}

/** A Unix socket's file survives a server that was killed: it is replaced when nobody answers behind it. @throws ListenError */
export async function startOrReplace(server: Server, address: ListenAddress): Promise<void> {
  try {
    await startServer(server, address);
  } catch (error) {
    const taken = error instanceof ListenError && error.code === "EADDRINUSE";
    if (!taken || address.kind !== "unix" || !isSocketFile(address.path)) throw error;
    if (await someoneListens(address.path)) throw error;
    unlinkSync(address.path);
    await startServer(server, address);
  }
}
