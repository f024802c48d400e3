/**
 * Replaces a file as a whole: whoever reads it, also after a power cut, sees the old content or the new one.
 *
 * The new content is written beside the file, synced, and renamed over it. Permissions and owner stay, as far as this
 * process may give them; a file that was not there is for its owner alone. A symbolic link stays, and what it leads to
 * is replaced.
 *
 * Refuses: to leave its own file behind when something fails. It throws as node:fs does.
 */

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

const PERMISSIONS = 0o777;
const PRIVATE = 0o600;

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** The file itself behind links, and what is known of it; null when it is not there. */
function lookUp(path: string): { path: string; stats: Stats } | null {
  try {
    const real = realpathSync(path);
    return { path: real, stats: statSync(real) };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes `bytes` into the open file, with what the old one had. */
function fill(fd: number, bytes: Uint8Array, old: Stats | null): void {
  writeFileSync(fd, bytes);
  if (old !== null) {
    try {
      fchownSync(fd, old.uid, old.gid);
    } catch {
      // Only root may give a file away; the one who replaces it owns it then.
    }
    fchmodSync(fd, old.mode & PERMISSIONS);
  }
  fsyncSync(fd);
}

/** `bytes` are the content of the file at `path` once this returns. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const old = lookUp(path);
  const target = old?.path ?? path;
  const temporary = `${target}.${process.pid}.tmp`;
  // Of this process one thread at a time writes a file: what is there is left of one that was killed.
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, "wx", PRIVATE);
  try {
    try {
      fill(fd, bytes, old?.stats ?? null);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  syncFolder(dirname(target));
}
