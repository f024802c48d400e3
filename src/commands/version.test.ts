/**
 * The version constants.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KEVY_VERSION } from "./version.ts";

test("our version is the package's", () => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  assert.equal(KEVY_VERSION, (JSON.parse(text) as { version: string }).version);
});
