/**
 * The example in the doc comment of kevy/resp runs and gives what it says.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as resp from "./index.ts";

test("the example works", () => {
  const source = readFileSync(new URL("./index.ts", import.meta.url), "utf8");
  const lines = /```ts\n([\s\S]*?)```/
    .exec(source)?.[1]
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, ""));
  assert.ok(lines !== undefined);
  const imported = /^import \{ (.*) \} from "kevy\/resp";$/.exec(lines[0])?.[1].split(", ");
  assert.ok(imported !== undefined);
  const body = lines.slice(1).join("\n");
  const said = /\/\/ reply is (".*")/.exec(body)?.[1];
  assert.ok(said !== undefined);
  const run = new Function(...imported, `${body}\nreturn reply;`);
  const door: Record<string, unknown> = { ...resp };
  assert.equal(run(...imported.map((name) => door[name])), JSON.parse(said));
});
