/**
 * The parser's benchmark runs.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { measureParser, PARSER_CASES } from "./parser.bench.ts";

test("the benchmark runs", async () => {
  assert.ok((await measureParser(PARSER_CASES[1][1], 1024)) > 0);
});
