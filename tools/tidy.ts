/**
 * Tidy: the house rules of STYLE.md as a program. `node tools/tidy.ts` reads every file that git tracks or would track
 * and prints one line for each broken rule, `file:line: rule: text`; it fails if there is one.
 *
 * A line that must break a rule says so, there or just above: `// tidy: allow <rule> – reason`. A long function says
 * `// tidy: long function, <reason>` above it, a function of a hot-path file that no request runs through says
 * `// tidy: cold function, <reason>`, a long file `tidy: long file, <reason>` in its header.
 */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { checkCode } from "./tidy/code.ts";
import { checkHotPath } from "./tidy/hot-path.ts";
import { checkLayers } from "./tidy/layers.ts";
import { type Finding, parse, type Source } from "./tidy/source.ts";
import { checkText, checkTour, FILE_BYTES_MAX } from "./tidy/text.ts";

/** Folders that git ignores, for a copy of the sources without git. */
const IGNORED = new Set(["node_modules", "dist", ".git"]);

/** All findings of all rules, in the order of the files. */
export function check(sources: readonly Source[]): Finding[] {
  const manifest = sources.find((source) => source.path === "package.json");
  const dependencies = new Set(Object.keys((manifest && JSON.parse(manifest.text).dependencies) ?? {}));
  const findings = sources.flatMap(checkText);
  for (const file of parse(sources)) {
    findings.push(...checkCode(file), ...checkHotPath(file), ...checkLayers(file, dependencies));
  }
  findings.push(...checkTour(sources));
  return findings.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line));
}

/** A finding as it is printed. */
export function lineFor({ path, line, rule, text }: Finding): string {
  return `${path}:${line}: ${rule}: ${text}`;
}

/** The files below `root` that git tracks or would track; without git, all but the folders it would ignore. */
export function readSources(root: string): Source[] {
  const git = ["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = spawnSync("git", git, { cwd: root, encoding: "utf8", maxBuffer: 64 * FILE_BYTES_MAX });
  const paths = listed.status === 0 ? listed.stdout.split("\0").filter((path) => path !== "") : walkFolder(root);
  const sources: Source[] = [];
  for (const path of new Set(paths)) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) continue;
    const content = stat.size > FILE_BYTES_MAX ? Buffer.alloc(0) : readFileSync(join(root, path));
    sources.push({ path, bytes: stat.size, text: content.includes(0) ? "" : content.toString("utf8") });
  }
  return sources;
}

function walkFolder(root: string): string[] {
  const names = readdirSync(root, { recursive: true }) as string[];
  const paths = names.map((name) => name.replaceAll(sep, "/"));
  return paths.filter((path) => !path.split("/").some((part) => IGNORED.has(part)));
}

if (import.meta.main) {
  const sources = readSources(fileURLToPath(new URL("..", import.meta.url)));
  const findings = check(sources);
  const broken = findings.filter((finding) => finding.note !== true);
  for (const finding of findings) console.log(`${finding.note === true ? "note: " : ""}${lineFor(finding)}`);
  console.log(`tidy: ${sources.length} files, ${broken.length} findings`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
