/**
 * CLUSTER and its company on a server that is no node of a cluster: each is known, and says that. Clients ask at
 * connecting, and tell by this error what they talk to.
 */

import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";

function disabled(x: Execution): void {
  x.reply.error("ERR This instance has cluster support disabled");
}

const { ADMIN, FAST, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE } = CommandFlag;
const READS = STALE;
const READS_NODES = ADMIN | STALE;
const CHANGES = ADMIN | STALE | NO_ASYNC_LOADING;

function row(name: string, arity: number, flags: number): CommandRow {
  return { name, arity, flags, keys: null, place: "connection", reduce: null, run: disabled };
}

const SUBCOMMANDS: readonly (readonly [name: string, arity: number, flags: number])[] = [
  ["addslots", -3, CHANGES],
  ["addslotsrange", -4, CHANGES],
  ["bumpepoch", 2, CHANGES],
  ["count-failure-reports", 3, READS_NODES],
  ["countkeysinslot", 3, READS],
  ["delslots", -3, CHANGES],
  ["delslotsrange", -4, CHANGES],
  ["failover", -2, CHANGES],
  ["flushslots", 2, CHANGES],
  ["forget", 3, CHANGES],
  ["getkeysinslot", 4, READS],
  ["help", 2, LOADING | STALE],
  ["info", 2, READS],
  ["keyslot", 3, READS],
  ["links", 2, READS],
  ["meet", -4, CHANGES],
  ["myid", 2, READS],
  ["nodes", 2, READS],
  ["replicas", 3, READS_NODES],
  ["replicate", 3, CHANGES],
  ["reset", -2, ADMIN | STALE | NOSCRIPT],
  ["saveconfig", 2, CHANGES],
  ["set-config-epoch", 3, CHANGES],
  ["setslot", -4, CHANGES],
  ["shards", 2, READS],
  ["slaves", 3, READS_NODES],
  ["slots", 2, READS],
];

export const clusterRows: readonly CommandRow[] = [
  row("asking", 1, FAST),
  row("readonly", 1, LOADING | STALE | FAST),
  row("readwrite", 1, LOADING | STALE | FAST),
  {
    ...row("cluster", -2, 0),
    subcommands: SUBCOMMANDS.map(([name, arity, flags]) => row("cluster|" + name, arity, flags)),
  },
];
