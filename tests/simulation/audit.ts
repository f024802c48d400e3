/**
 * The audit: when everybody is gone, one more client reads all keys in several ways, and they must agree.
 *
 * Its single look-ups are part of the history like any others. Beside that, what KEYS and DBSIZE walk over must be what
 * GET finds, less what expires between the first look and the last one: a key that is only in one of the two views is
 * one that growth or expiry has lost.
 */

import type { Operation } from "./history.ts";
import { keysOf, NIL } from "./model.ts";
import type { ClientPlan, Scenario } from "./scenario.ts";
import { elementsOf, isPrivate, objectOf } from "./steps.ts";

const AUDITOR = 1000;
const KEYS_PER_COMMAND = 24;

/** A client that reads a database. `salt` picks its shard. */
export function auditPlan(scenario: Scenario, database: number, salt: number): ClientPlan {
  const keys = new Set<string>();
  for (const client of scenario.clients) {
    if (client.database !== database) continue;
    for (const command of client.batches.flatMap((batch) => batch.commands)) {
      const where = keysOf(command);
      if (where !== "all") for (const at of where) keys.add(command[at]);
    }
  }
  const few = [...keys].filter((key) => !isPrivate(objectOf(database, key)));
  const many = [...keys].filter((key) => isPrivate(objectOf(database, key)));
  const commands = few.map((key) => ["get", key]);
  for (let at = 0; at < many.length; at += KEYS_PER_COMMAND) {
    commands.push(["mget", ...many.slice(at, at + KEYS_PER_COMMAND)]);
  }
  return {
    id: AUDITOR + database,
    shard: salt % scenario.shards,
    startUs: 0,
    database,
    resp: 2,
    batches: [
      { pauseUs: 0, waits: true, commands },
      { pauseUs: 0, waits: true, commands: few.map((key) => ["pttl", key]) },
      { pauseUs: 0, waits: true, commands: [["keys", "*"]] },
      { pauseUs: 0, waits: true, commands: [["dbsize"]] },
      { pauseUs: 0, waits: true, commands },
    ],
    readBytesMax: 65_536,
    readPauseUs: 0,
    resetAfter: -1,
    resetPauseUs: 0,
    halfCloses: false,
  };
}

/** What the audit's replies disagree on, or empty. */
export function auditProblem(operations: readonly Operation[]): string {
  const before = new Set<string>();
  const after = new Set<string>();
  let listed: string[] | null = null;
  let size = -1;
  for (const { command, reply } of operations) {
    const found = listed === null ? before : after;
    if (command[0] === "get" && reply !== NIL) found.add(command[1]);
    else if (command[0] === "mget") {
      for (const [i, one] of elementsOf(reply).entries()) if (one !== NIL) found.add(command[i + 1]);
    } else if (command[0] === "keys") listed = bulksOf(reply);
    else if (command[0] === "dbsize") size = Number(reply.slice(1));
  }
  if (listed === null) return "KEYS was not answered";
  const names = new Set(listed);
  const unlisted = [...after].filter((key) => !names.has(key));
  const unfound = [...names].filter((key) => !before.has(key));
  if (unlisted.length > 0) return `GET finds keys that KEYS does not list: ${unlisted.join(", ")}`;
  if (unfound.length > 0) return `KEYS lists keys that GET does not find: ${unfound.join(", ")}`;
  if (listed.length !== names.size) return `KEYS lists a key twice: ${listed.sort().join(", ")}`;
  const fits = size >= after.size && size <= before.size;
  return fits ? "" : `DBSIZE says ${size}; there were ${before.size} keys and then ${after.size}`;
}

function bulksOf(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]);
}
