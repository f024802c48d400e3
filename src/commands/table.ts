/**
 * The command table: the rows of all families, one per command. The Redis command set as the runtime loads it.
 */

import type { CommandRow, Commands } from "../runtime/commands.ts";
import { expiryRows } from "./expiry.ts";
import { keyRows } from "./keys.ts";
import { stringRows } from "./strings.ts";

export const rows: readonly CommandRow[] = [...stringRows, ...keyRows, ...expiryRows];

export function createCommands(): Commands {
  return { rows };
}
