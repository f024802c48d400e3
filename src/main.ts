#!/usr/bin/env node
/**
 * The command line: kevy [file.conf | -] [--directive value …] | ping … | --version | --help | --check-config
 *
 * What is not needed is not loaded: a health check runs often.
 */

import "./base/quiet.ts";
import { writeSync } from "node:fs";
import { KEVY_VERSION, REDIS_VERSION } from "./commands/version.ts";

async function serve(args: readonly string[]): Promise<void> {
  const [{ helpText, parseCommandLine }, { runServer }] = await Promise.all([
    import("./config/command-line.ts"),
    import("./server/server.ts"),
  ]);
  const line = parseCommandLine(args);
  switch (line.action) {
    case "version":
      writeSync(1, "kevy v=" + KEVY_VERSION + " redis=" + REDIS_VERSION + " node=" + process.versions.node + "\n");
      break;
    case "help":
      writeSync(1, helpText());
      break;
    case "error":
      for (const error of line.errors) writeSync(2, error + "\n");
      process.exitCode = 1;
      break;
    case "check":
      for (const warning of line.warnings) writeSync(2, warning + "\n");
      writeSync(1, "The configuration is fine.\n");
      break;
    case "run":
      // What came from standard input cannot be written back.
      await runServer({
        config: line.config,
        file: line.file === null || line.file === "-" ? "" : line.file,
        warnings: line.warnings,
      });
      break;
  }
}

const args = process.argv.slice(2);
if (args[0] === "ping") {
  const { pingCommand } = await import("./server/ping.ts");
  process.exitCode = await pingCommand(args.slice(1), (text) => void writeSync(2, text));
} else {
  await serve(args);
}
