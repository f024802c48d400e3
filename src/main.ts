#!/usr/bin/env node
/**
 * The command line: kevy [file.conf | -] [--directive value …] | --version | --help | --check-config
 */

import "./base/quiet.ts";
import { writeSync } from "node:fs";
import { KEVY_VERSION, REDIS_VERSION } from "./commands/version.ts";
import { helpText, parseCommandLine } from "./config/command-line.ts";
import { runServer } from "./server/server.ts";

const line = parseCommandLine(process.argv.slice(2));
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
