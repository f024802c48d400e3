/** The filter of warnings, in processes and workers of their own: what reaches stderr is what counts. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const quiet = new URL("./quiet.ts", import.meta.url).href;
// Written in two parts: only one file may name the module.
const ffi = JSON.stringify("node:" + "ffi");

/** Runs `code` as a module with the repository's Node and returns what it wrote to stderr. */
function stderrOf(code: string): string {
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stderr;
}

const load = `process.getBuiltinModule(${ffi});`;
const available = process.getBuiltinModule("module").isBuiltin("node:" + "ffi");

test("node:ffi says nothing once the filter is loaded", { skip: available ? false : "this Node has no ffi" }, () => {
  assert.match(stderrOf(load), /ExperimentalWarning: FFI/);
  assert.equal(stderrOf(`await import("${quiet}"); ${load}`), "");
});

test("a worker that loads the filter is quiet too", { skip: available ? false : "this Node has no ffi" }, () => {
  const inWorker = (code: string): string =>
    `import { Worker } from "node:worker_threads"; import { once } from "node:events";
     const worker = new Worker(${JSON.stringify(code)}, { eval: true }); await once(worker, "exit");`;
  assert.match(stderrOf(inWorker(load)), /ExperimentalWarning: FFI/);
  assert.equal(stderrOf(inWorker(`import("${quiet}").then(() => { ${load} });`)), "");
});

test("every other warning still reaches stderr", () => {
  const text = stderrOf(
    `await import("${quiet}");
     process.emitWarning("something else", "ExperimentalWarning");
     process.emitWarning("plain");
     process.emitWarning(new Error("as an error"));
     process.emitWarning("with options", { code: "K1", detail: "and detail" });`,
  );
  assert.match(text, /ExperimentalWarning: something else/);
  assert.match(text, /Warning: plain/);
  assert.match(text, /as an error/);
  assert.match(text, /\[K1\] Warning: with options\nand detail/);
});
