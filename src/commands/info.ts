/**
 * INFO: the state of the server as text. Each shard answers its figures; where the client is, they are put together and
 * printed by section.
 */

import type { ArgvView } from "../resp/argv.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import { CommandFlag, type CommandRow, type Parts } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { commandFiguresOf, figuresOf, mergeFigures, type ShardReport } from "./info-figures.ts";
import { SECTIONS, type Section } from "./info-sections.ts";
import { readParts, writePart } from "./parts.ts";

/** The sections that INFO [section …] asks for, in the order in which they are printed. */
function wantedSections(argv: ArgvView): readonly Section[] {
  const asked = new Set<string>();
  for (let i = 1; i < argv.count; i++) asked.add(argv.text(i).toLowerCase());
  if (asked.has("everything")) return SECTIONS;
  const usual = argv.count === 1 || asked.has("default");
  return SECTIONS.filter(({ name, shown }) => {
    if (asked.has(name) || (usual && shown === "usually")) return true;
    return asked.has("all") && shown !== "with everything";
  });
}

/** A shard's part. */
function part(x: Execution, argv: ArgvView): void {
  const wanted = wantedSections(argv);
  const report: ShardReport = {
    figures: figuresOf(x.shard),
    commands: wanted.some((section) => section.ofCommands) ? commandFiguresOf(x.shard) : [],
  };
  writePart(x.reply, report);
}

/** The whole. */
function print(parts: Parts, reply: ReplyWriter, x: Execution): void {
  const report = mergeFigures(readParts<ShardReport>(parts), x);
  const texts = wantedSections(parts.argv).map((section) => {
    let text = "# " + section.title + "\r\n";
    for (const [name, value] of section.fields(report)) text += name + ":" + value + "\r\n";
    return text;
  });
  reply.verbatim("txt", texts.join("\r\n"));
}

export const infoRows: readonly CommandRow[] = [
  {
    name: "info",
    arity: -1,
    flags: CommandFlag.LOADING | CommandFlag.STALE,
    keys: null,
    place: "all",
    reduce: print,
    run: part,
  },
];
