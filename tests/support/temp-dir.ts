/** Temporary directories that vanish with the test. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TempDir extends Disposable {
  readonly path: string;
  /** Deletes it with all it holds; again is harmless. */
  remove(): void;
}

/** Makes an empty directory under the system's place for temporary files: `using dir = tempDir("aof")`. */
export function tempDir(purpose: string): TempDir {
  const path = mkdtempSync(join(tmpdir(), `kevy-${purpose}-`));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  return { path, remove, [Symbol.dispose]: remove };
}
