/**
 * A limit of memory for a server of a test: a cgroup below the one this process is in, where the system lets it be made,
 * otherwise a scope of systemd's.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CGROUPS = "/sys/fs/cgroup";
const SYSTEMD_MS_MAX = 15_000;

/** Where this process is in the hierarchy of a controller ("" is that of version 2), or null. */
function ownGroup(controller: string): string | null {
  if (!existsSync("/proc/self/cgroup")) return null;
  for (const line of readFileSync("/proc/self/cgroup", "latin1").split("\n")) {
    const [, controllers, path] = line.split(":");
    if (controllers?.split(",").includes(controller)) return path;
  }
  return null;
}

/** The folder in which a cgroup can be made, and the file that holds its limit. */
function places(): { readonly folder: string; readonly limit: string }[] {
  const found: { folder: string; limit: string }[] = [];
  const first = ownGroup("memory");
  if (first !== null) found.push({ folder: join(CGROUPS, "memory", first), limit: "memory.limit_in_bytes" });
  const second = ownGroup("");
  if (second !== null) found.push({ folder: join(CGROUPS, second), limit: "memory.max" });
  return found;
}

export class MemoryLimit implements Disposable {
  /** The program to start, and what stands before its own arguments. */
  readonly command: string;
  readonly before: readonly string[];
  readonly #folder: string | null;

  private constructor(command: string, before: readonly string[], folder: string | null) {
    this.command = command;
    this.before = before;
    this.#folder = folder;
  }

  /** A limit for `program`, or the reason why there can be none. */
  static of(bytes: number, program: string): MemoryLimit | string {
    for (const { folder, limit } of places()) {
      const group = join(folder, `kevy-test-${process.pid}`);
      try {
        mkdirSync(group);
      } catch {
        continue;
      }
      try {
        writeFileSync(join(group, limit), String(bytes));
        const script = `echo $$ > '${join(group, "cgroup.procs")}' && exec "$0" "$@"`;
        return new MemoryLimit("/bin/sh", ["-c", script, program], group);
      } catch {
        rmdirSync(group);
      }
    }
    const scope = ["--scope", "--quiet", "-p", `MemoryMax=${bytes}`, "-p", "MemorySwapMax=0"];
    if (existsSync("/run/systemd/system")) {
      const tried = spawnSync("systemd-run", [...scope, "true"], { timeout: SYSTEMD_MS_MAX });
      if (tried.status === 0) return new MemoryLimit("systemd-run", [...scope, program], null);
    }
    return "no cgroup can be made here, and systemd does not run or lends none";
  }

  /** Once its processes have ended. */
  [Symbol.dispose](): void {
    if (this.#folder !== null) rmdirSync(this.#folder);
  }
}
