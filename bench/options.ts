/**
 * Options: the command line of the benchmark. Refuses what it does not know, with a sentence.
 */

import { parseArgs } from "node:util";
import type { ReactorChoice } from "./servers.ts";

export const SECTIONS = ["single", "mesh", "memory", "ready", "idle", "growth"] as const;
export type Section = (typeof SECTIONS)[number];
const REACTORS: readonly ReactorChoice[] = ["auto", "io_uring", "net", "epoll"];
const PORT_DEFAULT = 20400;
const PORT_MAX = 65_000;

export interface Options {
  readonly reactor: ReactorChoice;
  readonly json: boolean;
  readonly quick: boolean;
  readonly only: readonly Section[];
  /** First port tried; each server takes the next free one. */
  readonly port: number;
  readonly help: boolean;
}

export const USAGE = `npm run bench -- [options]      kevy and redis-server in turn, about 3 minutes

  --reactor NAME   ${REACTORS.join(", ")} (default auto)
  --only LIST      some of ${SECTIONS.join(",")}
  --quick          about 40 seconds: one round, short runs, rough figures
  --json           the figures as JSON instead of Markdown
  --port N         first port to try (default ${PORT_DEFAULT})
  --help

Needs redis-server, redis-benchmark (package redis-tools) and taskset (package util-linux).
KEVY_BENCH_COMMAND="COMMAND {port} {shards} {reactor} {order}" puts another server in kevy's place.
`;

function isSection(name: string): name is Section {
  return (SECTIONS as readonly string[]).includes(name);
}

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      reactor: { type: "string", default: "auto" },
      only: { type: "string" },
      port: { type: "string", default: String(PORT_DEFAULT) },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      types: { type: "boolean", default: false },
    },
  });
  if (values.types) throw new Error("--types: there are no figures by data type yet");
  const reactor = REACTORS.find((name) => name === values.reactor);
  if (reactor === undefined) throw new Error(`--reactor ${values.reactor}: not one of ${REACTORS.join(", ")}`);
  const only = values.only === undefined ? [...SECTIONS] : values.only.split(",").filter(isSection);
  if (values.only !== undefined && only.length !== values.only.split(",").length) {
    throw new Error(`--only ${values.only}: not all of these are among ${SECTIONS.join(", ")}`);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) throw new Error(`--port ${values.port}: not a port`);
  return { reactor, json: values.json, quick: values.quick, only, port, help: values.help };
}
