/**
 * The warning of a server whose memory is limited from outside while it sets itself no bound that fits.
 *
 * In a container, data that outgrows the limit ends the process without a word: the kernel kills it. So the log says at
 * the start how much there is, and which maxmemory leaves room for what the server itself needs.
 */

import { PROCESS_MEMORY_BYTES, SHARD_MEMORY_USED_BYTES } from "../base/limits.ts";
import type { Config } from "../config/config.ts";
import { optionNamed } from "../config/options.ts";
import { cgroupMemoryBytes, type Machine } from "./shard-count.ts";

const MiB = 1024 * 1024;
/** Of what is left beside the server's own memory, this share is for data; the rest is for clients and gaps. */
const DATA_SHARE = 0.75;

/** Bytes of data that a limit leaves room for; 0 when the server alone fills it. */
export function dataBytesWithin(limit: number, shards: number): number {
  const left = limit - PROCESS_MEMORY_BYTES - shards * SHARD_MEMORY_USED_BYTES;
  return Math.max(0, Math.floor((left * DATA_SHARE) / MiB) * MiB);
}

/** One line for the log, or null when there is nothing to warn about. */
export function memoryWarning(config: Config, shards: number, machine: Machine): string | null {
  const limit = cgroupMemoryBytes(machine);
  if (!Number.isFinite(limit)) return null;
  const room = dataBytesWithin(limit, shards);
  const bound = config.integer("maxmemory");
  if (bound > 0 && bound <= room) return null;
  const canBound = optionNamed("maxmemory")?.status === "works";
  const advice =
    room === 0
      ? `that is hardly enough for ${shards} shards without any data: raise it, or start fewer shards`
      : canBound
        ? `set maxmemory to ${room / MiB}mb or less`
        : `keep the data below ${room / MiB} MB`;
  const now = bound === 0 ? "maxmemory is 0" : `maxmemory is ${Math.ceil(bound / MiB)} MB`;
  return (
    `WARNING The memory of this process is limited to ${Math.floor(limit / MiB)} MB by its cgroup, and ${now}: ` +
    `beyond the limit the kernel kills it. To be safe, ${advice}.`
  );
}
