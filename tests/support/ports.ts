/** Free loopback ports for servers that tests start. */

import { createServer } from "node:net";

const PORT_MIN = 20_000;
const PORT_MAX = 29_999;
const ATTEMPTS_MAX = 200;

/** Ports given out by this process: two servers of one test never get the same one. */
const given = new Set<number>();

/** True when nobody listens on 127.0.0.1:port just now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A port of 127.0.0.1 from 20000 on that is free now. Random, because test files run side by side; another process may
 * still be faster, so whoever starts a server tries again with another port when it cannot listen.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN + 1));
    if (given.has(port) || !(await isPortFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${PORT_MIN} and ${PORT_MAX} in ${ATTEMPTS_MAX} attempts`);
}
