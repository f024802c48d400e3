/** What the build does to the compiler's output; the package as a whole is tested where it is installed. */

import assert from "node:assert/strict";
import { test } from "node:test";
// @ts-expect-error -- plain JavaScript without declarations
import { rewriteModuleAddresses } from "./build.mjs";

test("a module's address is rewritten to its built name", () => {
  assert.equal(
    rewriteModuleAddresses(`new Worker(new URL("./shard-thread.ts", import.meta.url), {})`),
    `new Worker(new URL("./shard-thread.js", import.meta.url), {})`,
  );
  assert.equal(
    rewriteModuleAddresses(`new URL('../commands/index.ts', import.meta.url)`),
    `new URL('../commands/index.js', import.meta.url)`,
  );
});

test("other texts that end in .ts stay", () => {
  for (const code of [`new URL("./x.ts", base)`, `log("./x.ts")`, `new URL("https://example.org/x.ts")`]) {
    assert.equal(rewriteModuleAddresses(code), code);
  }
});
