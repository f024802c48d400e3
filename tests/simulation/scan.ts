/**
 * SCAN's promise: a key that is there from the first call of a walk to the last one is found, and found once; a key that
 * is not there at any time of it is not.
 *
 * A walk is one operation of the history, SCAN_ALL with COUNT; its reply is an array of all keys that were found. Judged
 * are keys of which it is certain when they were there: the filler's, which only one client writes and deletes.
 */

import { EOL } from "node:os";
import type { History, Operation } from "./history.ts";
import { bulk, keysOf } from "./model.ts";

/** Not a command of the server: the client makes as many calls of SCAN of it as it takes. */
export const SCAN_ALL = "scan-all";

const PRIVATE = "f:";

/** One call of a walk. */
export function scanCall(cursor: string, walk: readonly string[]): string[] {
  return ["scan", cursor, "count", walk[1]];
}

/** What one call has found: the cursor to go on with, and keys. */
export function scanned(reply: string): { readonly cursor: string; readonly keys: string[] } {
  const [cursor, ...keys] = [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]);
  return { cursor, keys };
}

/** The reply of a whole walk. */
export function walkReply(keys: readonly string[]): string {
  return `*${keys.length}\r\n${keys.map(bulk).join("")}`;
}

/** What is wrong with the walks of a history, or empty. */
export function scanProblem(history: History): string {
  const changes = changesOf(history);
  const problems: string[] = [];
  for (const walk of history.operations) {
    if (walk.command[0] !== SCAN_ALL || walk.reply === "") continue;
    const found = new Map<string, number>();
    for (const [, key] of walk.reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)) found.set(key, (found.get(key) ?? 0) + 1);
    for (const [key, operations] of changes) {
      const times = found.get(key) ?? 0;
      const there = presence(operations, walk);
      if (there === "always" && times !== 1)
        problems.push(`${key} was there all the time and was found ${times} times`);
      if (there === "never" && times !== 0) problems.push(`${key} was not there at any time and was found`);
    }
    if (problems.length > 0) {
      return [
        `client ${walk.client}'s walk from ${walk.invokedUs} to ${walk.completedUs} µs:`,
        ...problems.slice(0, 8),
      ].join(EOL);
    }
  }
  return "";
}

/** The operations that set or delete each of the filler's keys, in their order. */
function changesOf(history: History): Map<string, Operation[]> {
  const changes = new Map<string, Operation[]>();
  for (const operation of history.operations) {
    const { command } = operation;
    if (command[0] !== "mset" && command[0] !== "del") continue;
    for (const at of keysOf(command)) {
      const key = command[Number(at)];
      if (!key.startsWith(PRIVATE)) continue;
      const known = changes.get(key);
      if (known === undefined) changes.set(key, [operation]);
      else known.push(operation);
    }
  }
  return changes;
}

/** Was a key there while a walk went on? One client has made all its changes, one after the other. */
function presence(operations: readonly Operation[], walk: Operation): "always" | "never" | "unknown" {
  let there = false;
  for (const { command, invoked, completed } of operations) {
    if (invoked > walk.completed) break;
    if (completed > walk.invoked) return "unknown";
    there = command[0] === "mset";
  }
  return there ? "always" : "never";
}
