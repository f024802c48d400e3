/**
 * `npm start`: runs the server from its sources, in this process, with the arguments it was given.
 *
 * Written in the syntax of Node 12: an old Node gets one line that says what to do instead of a syntax error. Compiled
 * code is cached in node_modules/.cache/kevy, for this thread and, through the environment, for the shards' threads.
 */

import { nodeTooOld } from "./node-version.mjs";

/** When the modules of a started server have been loaded for certain; the cache is then written while it serves. */
const FLUSH_AFTER_MS = 3000;

async function start() {
  const module = await import("node:module");
  const url = await import("node:url");
  const entry = new URL("../src/main.ts", import.meta.url);
  const cache = url.fileURLToPath(new URL("../node_modules/.cache/kevy", import.meta.url));
  if (process.env.NODE_COMPILE_CACHE === undefined && module.enableCompileCache(cache).directory !== undefined) {
    process.env.NODE_COMPILE_CACHE = cache;
    setTimeout(module.flushCompileCache, FLUSH_AFTER_MS).unref();
  }
  process.argv[1] = url.fileURLToPath(entry);
  await import(entry.href);
}

const advice = nodeTooOld(process.versions.node, "start");
if (advice !== "") {
  console.error(advice);
  process.exitCode = 1;
} else {
  start().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
