/**
 * The command table: the rows of all families, one per command. The Redis command set as the runtime loads it.
 */

import type { CommandRow, Commands } from "../runtime/commands.ts";
import { aclRows } from "./acl.ts";
import { clientRows } from "./client.ts";
import { clusterRows } from "./cluster.ts";
import { commandInfoRows } from "./command-info.ts";
import { configRows } from "./config.ts";
import { connectionRows } from "./connection.ts";
import { debugRows } from "./debug.ts";
import { expiryRows } from "./expiry.ts";
import { infoRows } from "./info.ts";
import { keyRows } from "./keys.ts";
import { latencyRows } from "./latency.ts";
import { lolwutRows } from "./lolwut.ts";
import { memoryRows } from "./memory.ts";
import { moduleRows } from "./module.ts";
import { objectRows } from "./object.ts";
import { sampleRates } from "./rates.ts";
import { replicationRows } from "./replication.ts";
import { serverRows } from "./server.ts";
import { slowlogRows } from "./slowlog.ts";
import { stringRows } from "./strings.ts";

export const rows: readonly CommandRow[] = [
  ...stringRows,
  ...keyRows,
  ...objectRows,
  ...expiryRows,
  ...connectionRows,
  ...clientRows,
  ...configRows,
  ...infoRows,
  ...memoryRows,
  ...serverRows,
  ...debugRows,
  ...slowlogRows,
  ...latencyRows,
  ...commandInfoRows,
  ...aclRows,
  ...moduleRows,
  ...replicationRows,
  ...clusterRows,
  ...lolwutRows,
];

export function createCommands(): Commands {
  return { rows, onTick: sampleRates };
}
