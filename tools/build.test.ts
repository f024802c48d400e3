/** What the build does to the compiler's output, and that what it builds serves. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { KevyServer } from "../tests/support/kevy-server.ts";
import { RespClient } from "../tests/support/resp-client.ts";
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

test("the built server starts its shards, loads its commands, and serves", { timeout: 60_000 }, async () => {
  const root = join(import.meta.dirname, "..");
  const built = spawnSync(process.execPath, [join(root, "tools", "build.mjs")], { encoding: "utf8" });
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const names = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    names.filter((name) => /(test|fixture|suite|bench|fuzz|harness|cases|model)\.js$/.test(name)),
    [],
  );
  for (const name of names.filter((file) => file.endsWith(".js"))) {
    assert.doesNotMatch(readFileSync(join(root, "dist", name), "utf8"), /new URL\([^)]*\.ts"/, name);
  }
  for (const reactor of ["auto", "net"]) {
    await using server = await KevyServer.start({ entry: "dist/main.js", shards: 2, reactor });
    const client = await RespClient.connect(server.port);
    for (let i = 0; i < 20; i++) assert.equal(await client.value("SET", `k${i}`, `${i}`), "OK");
    assert.deepEqual(await client.value("MGET", "k1", "k2", "k3", "k4"), ["1", "2", "3", "4"]);
    await client.close();
    await server.stop();
    assert.equal(server.stderr, "");
  }
});
