/**
 * How many clients the limit of open files (RLIMIT_NOFILE) leaves room for.
 *
 * Node.js raises the soft limit to the hard one when it starts, so that there is nothing left to raise. What a server of
 * that many shards needs for itself is set aside: Redis's 32 for files, the log and look-ups, and what threads, rings and
 * listeners were measured to use. Texts and the moment of the warnings are Redis's.
 *
 * Refuses: to guess. Where the limit cannot be read (it is in /proc on Linux), nothing is lowered, and the log says so.
 */

import { DESCRIPTORS_OF_PROCESS, DESCRIPTORS_PER_SHARD, DESCRIPTORS_RESERVED } from "../base/limits.ts";
import type { Config } from "../config/config.ts";
import type { LogSink } from "./log.ts";
import type { Machine } from "./shard-count.ts";

/** The soft limit of open files; Infinity where there is none, null where it is unknown. */
export function openFilesMax(machine: Machine): number | null {
  const limits = machine.read("/proc/self/limits");
  const soft = /^Max open files\s+(\S+)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return null;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Descriptors that are not for clients. Each shard has a listener for each address. */
export function descriptorsReserved(shards: number, addresses: number): number {
  return DESCRIPTORS_RESERVED + DESCRIPTORS_OF_PROCESS + shards * (DESCRIPTORS_PER_SHARD + addresses);
}

/**
 * Lowers `maxclients` to what there is room for, and has CONFIG SET refuse more. Returns why the server cannot start, or
 * null.
 */
export function fitClients(config: Config, shards: number, machine: Machine, log: LogSink): string | null {
  const files = openFilesMax(machine);
  if (files === null) {
    log.log("verbose", "The limit of open files is unknown on this system: maxclients is taken as it is");
    return null;
  }
  const reserved = descriptorsReserved(shards, config.list("bind").length);
  const wanted = config.integer("maxclients");
  const most = files - reserved;
  if (most < 1) {
    return (
      `Your current 'ulimit -n' of ${files} is not enough for the server to start. ` +
      `Please increase your open file limit to at least ${wanted + reserved}. Exiting.`
    );
  }
  const advice = `The operating system is not able to handle the specified number of clients, try with ${most}`;
  config.allowAtMost("maxclients", most, advice);
  if (wanted <= most) return null;
  log.log(
    "warning",
    `You requested maxclients of ${wanted} requiring at least ${wanted + reserved} max file descriptors.`,
  );
  log.log(
    "warning",
    `Current maximum open files is ${files}. maxclients has been reduced to ${most} to compensate for low ulimit. ` +
      "If you need higher maxclients increase 'ulimit -n'.",
  );
  config.settle("maxclients", String(most));
  return null;
}
