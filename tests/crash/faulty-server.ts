/** kevy as a process with the command set that kills shards: the same entry as src/main.ts but for that. */

import "../../src/base/quiet.ts";
import { parseCommandLine } from "../../src/config/command-line.ts";
import { runServer } from "../../src/server/server.ts";

const line = parseCommandLine(process.argv.slice(2));
if (line.action !== "run") throw new Error(`a server is to run: ${JSON.stringify(line)}`);
const commands = new URL(process.env["KEVY_TEST_COMMANDS"] ?? "./faulty-set.ts", import.meta.url);
await runServer({ config: line.config, file: "", warnings: line.warnings, commands });
