/** All scripted cases. */

import type { Case } from "../case.ts";
import { CONNECTION } from "./connection.ts";
import { EXPIRY } from "./expiry.ts";
import { KEYS } from "./keys.ts";
import { MEMORY } from "./memory.ts";
import { NUMBERS } from "./numbers.ts";
import { SERVER } from "./server.ts";
import { STRINGS } from "./strings.ts";

export const FAMILIES: Readonly<Record<string, readonly Case[]>> = {
  strings: STRINGS,
  numbers: NUMBERS,
  keys: KEYS,
  expiry: EXPIRY,
  connection: CONNECTION,
  memory: MEMORY,
  server: SERVER,
};
