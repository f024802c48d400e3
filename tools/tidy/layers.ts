/**
 * Layers: which file may import which. Imports go down the list of folders, never up and never to a neighbour on the
 * same level; and some names may be said in a few places only.
 */

import { dirname, posix } from "node:path";
import {
  isCallExpression,
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNewExpression,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { type Finding, isAllowed, isTestFile, isText, lineOf, type Parsed, walk } from "./source.ts";

/** From the bottom up. What stands in one row does not know each other. */
const LEVELS: readonly (readonly string[])[] = [
  ["base"],
  ["config"],
  ["sys", "resp", "memory", "mesh"],
  ["store"],
  ["runtime"],
  ["persistence", "replication", "scripting", "acl", "stats"],
  ["commands"],
  ["server"],
  ["index.ts", "main.ts"],
  ["index.test.ts"],
];

/** The one file that speaks to libc. */
const FFI_FILE = "src/sys/libc.ts";
const FFI_MODULE = "node:" + "ffi";
/** Where memory shared between threads may be touched. */
const SHARED_MEMORY = ["src/base/shared.ts", "src/mesh/", "src/sys/reactor-uring.ts", "src/sys/uring-ring.ts"];
const SHARED_NAMES = new Set(["Atomics", "SharedArrayBuffer"]);

/** A module that a file names, with the node that names it. */
interface Reference {
  readonly name: string;
  readonly node: Node;
}

/** Checks the imports of one file. `dependencies` are the packages that the published package brings along. */
export function checkLayers(file: Parsed, dependencies: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = [];
  const report = (node: Node, rule: string, text: string): void => {
    const line = lineOf(file, node);
    if (!isAllowed(file.lines, line, rule)) findings.push({ path: file.path, line, rule, text });
  };
  for (const { name, node } of references(file)) {
    if (name.startsWith(".")) {
      const reason = refusal(file.path, posix.join(dirname(file.path), name));
      if (reason !== "") report(node, "layers", reason);
    } else if (file.path.startsWith("src/") && !isTestFile(file.path) && !isBrought(name, dependencies)) {
      report(node, "dependencies", `${name} is not among the published package's dependencies`);
    }
  }
  walk(file, (node) => {
    if (isText(node) && node.text === FFI_MODULE && file.path !== FFI_FILE) {
      report(node, "ffi", `${FFI_MODULE} is named in ${FFI_FILE} only`);
    }
    if (isIdentifier(node) && SHARED_NAMES.has(node.text) && file.path.startsWith("src/") && !isTestFile(file.path)) {
      if (!SHARED_MEMORY.some((place) => file.path.startsWith(place))) {
        report(node, "shared-memory", `${node.text} is named in ${SHARED_MEMORY.join(", ")} only`);
      }
    }
  });
  return findings;
}

/** Why `from` may not import `to`, or an empty text if it may. Both are paths from the root. */
export function refusal(from: string, to: string): string {
  if (to.startsWith("tests/")) return isTestFile(from) ? "" : "only tests import from tests/";
  if (isTestFile(to) && !isTestFile(from)) return `${to} is loaded by tests only`;
  if (!from.startsWith("src/")) return "";
  if (!to.startsWith("src/")) return to === "package.json" || isTestFile(from) ? "" : `src/ does not import ${to}`;
  const source = folderOf(from);
  const target = folderOf(to);
  if (levelOf(source) < 0) return `src/${source} is in no layer: tools/tidy/layers.ts lists them`;
  if (levelOf(target) < 0) return `src/${target} is in no layer: tools/tidy/layers.ts lists them`;
  if (source === target || levelOf(target) < levelOf(source)) return "";
  if (levelOf(source) === levelOf(target)) return `${source} and ${target} are on one level and do not know each other`;
  return `${source} is below ${target}: imports go down only`;
}

/** All that a file loads: imports, exports from, import(), import types, and new URL(…, import.meta.url). */
function references(file: Parsed): Reference[] {
  const found: Reference[] = [];
  const add = (node: Node | undefined): void => {
    if (node !== undefined && isText(node)) found.push({ name: node.text, node });
  };
  walk(file, (node) => {
    if (isImportDeclaration(node) || isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (
      isNewExpression(node) &&
      node.arguments?.length === 2 &&
      /\bURL$/.test(node.expression.getText(file.tree))
    ) {
      const [address, base] = node.arguments;
      const isModule = isText(address) && address.text.endsWith(".ts");
      if (isModule && base.getText(file.tree) === "import.meta.url") add(address);
    }
  });
  return found;
}

/** The folder below src/, or the file's own name if it stands in src/ itself. */
function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function levelOf(folder: string): number {
  return LEVELS.findIndex((level) => level.includes(folder));
}

/** Does the published package have this module: Node's own, or a package it depends on? */
function isBrought(name: string, dependencies: ReadonlySet<string>): boolean {
  if (name.startsWith("node:")) return true;
  const parts = name.split("/");
  return dependencies.has(name.startsWith("@") ? `${parts[0]}/${parts[1]}` : parts[0]);
}
