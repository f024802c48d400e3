/**
 * The reporter of a whole run: one line a file, every failure and every skip with its reason in full, and at the end
 * the closing lines of Node's test runner as its own `spec` reporter writes them.
 */

import { relative } from "node:path";
import { inspect } from "node:util";

/** What a failure shows: what was thrown, not the runner's wrapping of it. */
function causeOf(error) {
  return error?.failureType !== undefined && error.cause instanceof Error ? error.cause : error;
}

/** Is this the failure of a parent, whose children have been reported already? */
function isEcho(details) {
  return details.error?.failureType === "subtestsFailed";
}

/** Turns the runner's events into lines. */
export default async function* report(events) {
  const files = new Map();
  const failures = [];
  const fileOf = (path) => {
    if (!files.has(path)) files.set(path, { pass: 0, fail: 0, skip: 0 });
    return files.get(path);
  };
  for await (const { type, data } of events) {
    if (type === "test:pass" || type === "test:fail") {
      const counts = fileOf(data.entryFile ?? data.file);
      const file = relative(process.cwd(), data.file ?? "");
      // A file that fails as a whole is named by its absolute path.
      const where = data.name === data.file ? file : `${data.name} (${file}:${data.line})`;
      if (data.skip !== undefined) {
        counts.skip++;
        yield `﹣ ${where} # ${data.skip === true ? "SKIP" : data.skip}\n`;
      } else if (type === "test:pass") {
        if (data.details.type !== "suite") counts.pass++;
      } else if (!isEcho(data.details)) {
        counts.fail++;
        failures.push(`✖ ${where}\n`);
        yield `✖ ${where}\n${inspect(causeOf(data.details.error)).replace(/^/gm, "    ")}\n`;
      }
    } else if (type === "test:stderr" || type === "test:stdout") {
      yield data.message;
    } else if (type === "test:summary" && data.file !== undefined) {
      const { pass, fail, skip } = fileOf(data.file);
      const seconds = (data.duration_ms / 1000).toFixed(1);
      const rest = `${fail > 0 ? `, ${fail} failed` : ""}${skip > 0 ? `, ${skip} skipped` : ""}`;
      yield `${fail > 0 ? "✖" : "✔"} ${relative(process.cwd(), data.file)}: ${pass} passed${rest} (${seconds} s)\n`;
    } else if (type === "test:diagnostic" && data.file !== undefined) {
      yield `    ${data.message}\n`;
    } else if (type === "test:diagnostic") {
      if (data.message.startsWith("tests ") && failures.length > 0) yield `\nfailing tests:\n${failures.join("")}\n`;
      yield `ℹ ${data.message}\n`;
    }
  }
}
