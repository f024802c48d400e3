/**
 * COMMAND DOCS: a command's documentation as a map, for clients that show or complete commands. It joins the row of the
 * command table, its metadata (docs-data.ts) and its usage (usage-data.ts).
 *
 * Refuses: to decide which commands are asked for; command-info.ts does.
 */

import { assert } from "../base/assert.ts";
import type { ReplyWriter } from "../resp/writer.ts";
import type { CommandRow } from "../runtime/commands.ts";
import { type Argument, readArguments } from "./command-usage.ts";
import { docsOf } from "./docs-data.ts";
import { usageOf } from "./usage-data.ts";

type Field = readonly [name: string, write: (reply: ReplyWriter) => void];

function textField(name: string, value: string): Field[] {
  return value === "" ? [] : [[name, (reply) => reply.bulkText(value)]];
}

function states(values: readonly string[]): (reply: ReplyWriter) => void {
  return (reply) => {
    reply.set(values.length);
    for (const value of values) reply.simple(value);
  };
}

function writeMap(reply: ReplyWriter, fields: readonly Field[]): void {
  reply.map(fields.length);
  for (const [name, write] of fields) {
    reply.bulkText(name);
    write(reply);
  }
}

function writeArguments(reply: ReplyWriter, list: readonly Argument[]): void {
  reply.array(list.length);
  for (const each of list) {
    const fields = [...textField("name", each.name), ...textField("type", each.type)];
    // No command has more than one key specification.
    if (each.type === "key") fields.push(["key_spec_index", (to) => to.integer(0)]);
    fields.push(...textField("token", each.token), ...textField("since", each.since));
    fields.push(...textField("deprecated_since", each.deprecatedSince));
    if (each.flags.length > 0) fields.push(["flags", states(each.flags)]);
    if (each.parts.length > 0) fields.push(["arguments", (to) => writeArguments(to, each.parts)]);
    writeMap(reply, fields);
  }
}

function writeHistory(reply: ReplyWriter, history: readonly (readonly [string, string])[]): void {
  reply.set(history.length);
  for (const [version, change] of history) {
    reply.array(2);
    reply.bulkText(version);
    reply.bulkText(change);
  }
}

/** Writes a name and the documentation behind it: one pair of a map. */
export function writeDocs(reply: ReplyWriter, row: CommandRow): void {
  const docs = docsOf(row.name);
  const usage = usageOf(row.name);
  assert(docs !== undefined && usage !== undefined, "every command that is listed is described");
  const fields = [...textField("summary", usage.summary), ...textField("since", docs.since)];
  fields.push(...textField("group", docs.group), ...textField("complexity", docs.complexity));
  if (usage.docFlags.length > 0) fields.push(["doc_flags", states(usage.docFlags)]);
  if (usage.deprecated !== null) {
    fields.push(...textField("deprecated_since", usage.deprecated[0]));
    fields.push(...textField("replaced_by", usage.deprecated[1]));
  }
  if (usage.history.length > 0) fields.push(["history", (to) => writeHistory(to, usage.history)]);
  const list = readArguments(usage.arguments);
  if (list.length > 0) fields.push(["arguments", (to) => writeArguments(to, list)]);
  const subcommands = row.subcommands ?? [];
  if (subcommands.length > 0) {
    fields.push([
      "subcommands",
      (to) => {
        to.map(subcommands.length);
        for (const subcommand of subcommands) writeDocs(to, subcommand);
      },
    ]);
  }
  reply.bulkText(row.name);
  writeMap(reply, fields);
}
