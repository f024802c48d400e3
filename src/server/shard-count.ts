/**
 * How many shards a machine is good for when nobody says: as many as it lends us processors, unless memory is short.
 *
 * Looks at the processors that the process may run on, the CPU quota and the memory limit of its cgroups (version 1 and 2,
 * the enclosing ones too), and the machine's memory. Everything comes in through Machine, so it decides on any machine
 * that a test can describe. What cannot be read sets no limit.
 */

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { SHARD_MEMORY_BYTES, SHARDS_MAX } from "../base/limits.ts";

export interface Machine {
  /** The text of a file, or null when it cannot be read. */
  read(path: string): string | null;
  /** For systems that do not tell the processors of a process. */
  readonly processors: number;
  readonly memoryBytes: number;
}

export interface ShardCount {
  readonly shards: number;
  /** What set the number, for the log. */
  readonly because: string;
}

export function thisMachine(): Machine {
  return {
    read(path) {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return null;
      }
    },
    processors: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** The size of a list such as `0-3,8,10-11`, or null if it is none. */
export function listSize(list: string): number | null {
  let size = 0;
  for (const range of list.trim().split(",")) {
    const parts = /^([0-9]+)(?:-([0-9]+))?$/.exec(range);
    if (parts === null) return null;
    const from = Number(parts[1]);
    const to = parts[2] === undefined ? from : Number(parts[2]);
    if (to < from) return null;
    size += to - from + 1;
  }
  return size;
}

function affinity(machine: Machine): number {
  const status = machine.read("/proc/self/status");
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status ?? "");
  const size = list === null ? null : listSize(list[1]);
  return size !== null && size > 0 ? size : Math.max(1, machine.processors);
}

/** A path and all that enclose it, the root (an empty text) last: limits of each hold for what is inside. */
function enclosing(path: string): string[] {
  const paths: string[] = [];
  let at = path === "/" ? "" : path;
  while (at !== "") {
    paths.push(at);
    at = at.slice(0, at.lastIndexOf("/"));
  }
  paths.push("");
  return paths;
}

/** The folders whose files may limit the process for one controller, by version of cgroups. */
function cgroupFolders(machine: Machine, controller: string): { v1: string[]; v2: string[] } {
  const v1: string[] = [];
  const v2: string[] = [];
  for (const line of (machine.read("/proc/self/cgroup") ?? "").split("\n")) {
    const parts = /^([0-9]+):([^:]*):(\/.*)$/.exec(line);
    if (parts === null) continue;
    const [, hierarchy, controllers, path] = parts;
    if (hierarchy === "0" && controllers === "") {
      for (const folder of enclosing(path)) v2.push(`/sys/fs/cgroup${folder}`, `/sys/fs/cgroup/unified${folder}`);
    } else if (controllers.split(",").includes(controller)) {
      for (const folder of enclosing(path)) {
        v1.push(`/sys/fs/cgroup/${controller}${folder}`, `/sys/fs/cgroup/${controllers}${folder}`);
      }
    }
  }
  return { v1, v2 };
}

function positive(text: string | null | undefined): number {
  const trimmed = (text ?? "").trim();
  return /^[0-9]+$/.test(trimmed) && Number(trimmed) > 0 ? Number(trimmed) : Number.POSITIVE_INFINITY;
}

/** Processors that the tightest quota grants, a fraction maybe; Infinity without one. */
function cpuQuota(machine: Machine): number {
  const folders = cgroupFolders(machine, "cpu");
  let quota = Number.POSITIVE_INFINITY;
  for (const folder of folders.v2) {
    const parts = (machine.read(`${folder}/cpu.max`) ?? "").trim().split(/\s+/);
    const [allowed, period] = [positive(parts[0]), positive(parts[1])];
    if (Number.isFinite(period)) quota = Math.min(quota, allowed / period);
  }
  for (const folder of folders.v1) {
    const allowed = positive(machine.read(`${folder}/cpu.cfs_quota_us`));
    const period = positive(machine.read(`${folder}/cpu.cfs_period_us`));
    if (Number.isFinite(period)) quota = Math.min(quota, allowed / period);
  }
  return quota;
}

/** Bytes that the tightest cgroup around the process may use; Infinity where none says less than the machine has. */
export function cgroupMemoryBytes(machine: Machine): number {
  const folders = cgroupFolders(machine, "memory");
  let limit = Number.POSITIVE_INFINITY;
  for (const folder of folders.v2) limit = Math.min(limit, positive(machine.read(`${folder}/memory.max`)));
  for (const folder of folders.v1) limit = Math.min(limit, positive(machine.read(`${folder}/memory.limit_in_bytes`)));
  return limit < machine.memoryBytes ? limit : Number.POSITIVE_INFINITY;
}

/** The number of shards to run on `machine`, 1 to SHARDS_MAX. */
export function shardCount(machine: Machine): ShardCount {
  const processors = affinity(machine);
  const quota = Math.ceil(cpuQuota(machine));
  const byMemory = Math.floor(Math.min(machine.memoryBytes, cgroupMemoryBytes(machine)) / SHARD_MEMORY_BYTES);
  let shards = processors;
  let because = `${processors} processors`;
  if (quota < shards) {
    shards = quota;
    because = `a CPU quota of ${quota} processors, rounded up`;
  }
  if (byMemory < shards) {
    shards = byMemory;
    because = `memory for ${byMemory} shards of ${SHARD_MEMORY_BYTES / 1024 / 1024} MB`;
  }
  if (shards > SHARDS_MAX) {
    shards = SHARDS_MAX;
    because = `a most of ${SHARDS_MAX}`;
  }
  if (shards < 1) shards = 1;
  return { shards, because };
}
