/**
 * Text: rules on the text of every file, whatever its language: marks of unfinished work, addresses of one machine or
 * of a registry, size, and the tour of the sources in ARCHITECTURE.md.
 *
 * The words that the rules look for are put together from parts, so that this file does not break them.
 */

import { basename } from "node:path";
import { type Finding, isAllowed, isTestFile, type Source } from "./source.ts";

export const FILE_BYTES_MAX = 1024 * 1024;

interface TextRule {
  readonly rule: string;
  readonly text: string;
  readonly pattern: RegExp;
  /** Files that the rule looks at. */
  readonly applies: (path: string) => boolean;
}

const isCode = (path: string): boolean => /\.(?:ts|mjs|js|cjs|sh|ya?ml)$/.test(path) || path.startsWith(".ci/");
const isAny = (): boolean => true;

const RULES: readonly TextRule[] = [
  {
    rule: "unfinished",
    text: "a mark of unfinished work: finish it, or leave it out",
    pattern: new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`),
    applies: isCode,
  },
  {
    rule: "unchecked",
    text: "the compiler is told to look away",
    pattern: new RegExp(`@ts-(?:${["ig" + "nore", "no" + "check"].join("|")})\\b`),
    applies: isCode,
  },
  {
    rule: "machine-path",
    text: "a path that exists on one machine only",
    pattern: new RegExp(
      `(?<![\\w.~$})\\]-])(?:/(?:${["ho" + "me", "ro" + "ot", "Us" + "ers", "wo" + "rk"].join("|")})/|[A-Z]:\\\\\\\\?Users)`,
    ),
    applies: (path) => path !== "package-lock.json",
  },
  {
    rule: "registry",
    text: "the address of a package registry",
    pattern: new RegExp(`https?://[^\\s/"'\`]*(?:${["npm" + "js\\.org", "yarn" + "pkg", "regis" + "try"].join("|")})`),
    applies: isAny,
  },
  {
    rule: "resolved",
    text: "the lock file names where a package came from",
    pattern: /"resolved"/,
    applies: (path) => basename(path) === "package-lock.json",
  },
];

/** Checks one file line by line. */
export function checkText(source: Source): Finding[] {
  const findings: Finding[] = [];
  if (source.bytes > FILE_BYTES_MAX) {
    const text = `${source.bytes} bytes, ${FILE_BYTES_MAX} at most`;
    findings.push({ path: source.path, line: 1, rule: "file-size", text });
  }
  const lines = source.text.split("\n");
  for (const { rule, text, pattern, applies } of RULES) {
    if (!applies(source.path)) continue;
    lines.forEach((line, index) => {
      if (pattern.test(line) && !isAllowed(lines, index + 1, rule)) {
        findings.push({ path: source.path, line: index + 1, rule, text });
      }
    });
  }
  return findings;
}

/** Every source is named in the tour: by `folder/name.ts`, or by `name.ts` where no other has that name. */
export function checkTour(sources: readonly Source[]): Finding[] {
  const tour = sources.find((source) => source.path === "ARCHITECTURE.md");
  if (tour === undefined) return [];
  const named = new Set(tour.text.match(/[\w./-]+\.ts\b/g) ?? []);
  const files = sources.filter(({ path }) => path.startsWith("src/") && path.endsWith(".ts") && !isTestFile(path));
  const findings: Finding[] = [];
  for (const { path } of files) {
    const name = basename(path);
    const alone = files.filter((other) => basename(other.path) === name).length === 1;
    if (named.has(path) || named.has(path.slice("src/".length)) || (alone && named.has(name))) continue;
    findings.push({ path: tour.path, line: 1, rule: "tour", text: `${path} is not named` });
  }
  return findings;
}
