/** The texts of refused connections against those in the redis-server program. Needs redis-server; skips without. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { DENIED, TOO_MANY_CLIENTS } from "./refusals.ts";

/** The bytes of the first redis-server in the search path. */
function program(): Buffer | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    try {
      return readFileSync(join(folder, "redis-server"));
    } catch {
      // It is in another folder, or in none.
    }
  }
  return null;
}

const binary = program();
const skip = binary === null ? "redis-server is not installed" : false;

test("clients that are turned away read Redis's words, byte for byte", { skip }, () => {
  assert.ok(binary !== null);
  // A C string stands between two NULs.
  assert.ok(binary.includes(`\0${DENIED}\0`, 0, "latin1"), "protected mode");
  assert.ok(binary.includes(`\0${TOO_MANY_CLIENTS.trimEnd()}`, 0, "latin1"), "maxclients");
});
