/**
 * Loaded into each process that runs a test file: leaves a note with its pid, by which tools/test.mjs finds and ends a
 * file that exceeds its bound. Node's own time-outs do not reach a file that never gives up the thread.
 */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

const notes = process.env.KEVY_TEST_NOTES;
if (isMainThread && notes !== undefined && process.env.NODE_TEST_CONTEXT !== undefined) {
  const note = join(notes, String(process.pid));
  writeFileSync(note, process.argv[1] ?? "");
  process.on("exit", () => rmSync(note, { force: true }));
}
