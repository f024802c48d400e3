/**
 * Sources: the files that the house rules look at, and the syntax trees of the TypeScript ones.
 *
 * Trees come from the compiler's own parser, through its API: one compiler process, 20 ms to start, reads the files
 * from memory in a fraction of a millisecond each. Nothing is resolved or type checked.
 */

import {
  isArrowFunction,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isMethodDeclaration,
  isNoSubstitutionTemplateLiteral,
  isSetAccessorDeclaration,
  isStringLiteral,
  type Node,
  type NoSubstitutionTemplateLiteral,
  type SourceFile,
  type StringLiteral,
} from "typescript/unstable/ast";
import type { FileSystem } from "typescript/unstable/fs";
import { API } from "typescript/unstable/sync";

/** Syntax alone: no library, no other modules. */
const SETTINGS = {
  compilerOptions: { noLib: true, noResolve: true, types: [], allowImportingTsExtensions: true, noEmit: true },
};

const FILE_SYSTEM: FileSystem = {
  readFile: (path) => files.get(path) ?? null,
  fileExists: (path) => files.has(path),
  directoryExists: () => false,
  getAccessibleEntries: () => ({ files: [], directories: [] }),
  realpath: (path) => path,
};

/** One file of the repository. `text` is empty for a file that is not text. */
export interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly bytes: number;
}

/** One broken rule. A note is worth reading and breaks nothing. */
export interface Finding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly text: string;
  readonly note?: boolean;
}

/** A TypeScript file with its lines and its tree. */
export interface Parsed extends Source {
  readonly lines: readonly string[];
  readonly tree: SourceFile;
  /** The comment at the top, or an empty text. */
  readonly header: string;
}

/** What the compiler may read: the files of the call in progress. */
const files = new Map<string, string>();
/** The compiler's process; it ends with this one. */
let compiler: API | undefined;
let calls = 0;

/** Parses the TypeScript files among `sources`. */
export function parse(sources: readonly Source[]): Parsed[] {
  const typescript = sources.filter((source) => source.path.endsWith(".ts"));
  if (typescript.length === 0) return [];
  // A folder of its own for each call: the compiler remembers what it has read.
  const folder = `/${++calls}`;
  const config = `${folder}/tsconfig.json`;
  for (const source of typescript) files.set(`${folder}/${source.path}`, source.text);
  files.set(config, JSON.stringify({ ...SETTINGS, files: typescript.map((source) => source.path) }));
  compiler ??= new API({ cwd: "/", fs: FILE_SYSTEM });
  const program = compiler.updateSnapshot({ openProjects: [config] }).getProject(config)?.program;
  const parsed = typescript.map((source) => {
    const tree = program?.getSourceFile(`${folder}/${source.path}`);
    if (tree === undefined) throw new Error(`the compiler did not read ${source.path}`);
    return { ...source, lines: source.text.split("\n"), tree, header: headerOf(source.text) };
  });
  compiler.updateSnapshot({ closeProjects: [config] });
  files.clear();
  return parsed;
}

/** The comment that a file begins with, after a `#!` line, or an empty text. */
export function headerOf(text: string): string {
  const match = /^(?:#![^\n]*\n)?\s*(\/\*[\s\S]*?\*\/|(?:\/\/[^\n]*\n?)+)/.exec(text);
  return match?.[1] ?? "";
}

/** Line of a node's first token, from 1. */
export function lineOf(file: Parsed, node: Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1;
}

/** Line of a node's last token, from 1. */
export function lastLineOf(file: Parsed, node: Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.end).line + 1;
}

/** Calls `visit` for each node of a file, parents first. */
export function walk(file: Parsed, visit: (node: Node) => void): void {
  const step = (node: Node): void => {
    visit(node);
    node.forEachChild(step);
  };
  step(file.tree);
}

/** Is the node a function with a body of its own: a declaration, an expression, an arrow, a method, an accessor? */
export function isFunction(node: Node): boolean {
  return (
    isFunctionDeclaration(node) ||
    isFunctionExpression(node) ||
    isArrowFunction(node) ||
    isMethodDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isGetAccessorDeclaration(node) ||
    isSetAccessorDeclaration(node)
  );
}

/** Is the node a constant text, in whichever quotes? */
export function isText(node: Node): node is StringLiteral | NoSubstitutionTemplateLiteral {
  return isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node);
}

/** The innermost function around a node, or undefined at the top of a module. */
export function functionAround(node: Node): Node | undefined {
  let at: Node | undefined = node.parent;
  while (at !== undefined && !isFunction(at)) at = at.parent;
  return at;
}

/** Does the line, or a comment line just above it, hold `tidy: allow <rule> – reason`? */
export function isAllowed(lines: readonly string[], line: number, rule: string): boolean {
  return commentsAt(lines, line).some((text) => {
    const match = /\btidy: allow ([\w-]+) (?:[–—:-]|--) *\S/.exec(text);
    return match !== null && match[1] === rule;
  });
}

/** The line itself and the comment lines just above it. */
export function commentsAt(lines: readonly string[], line: number): string[] {
  const found = [lines[line - 1] ?? ""];
  for (let above = line - 2; above >= 0 && /^\s*(?:\/\/|\/\*|\*)/.test(lines[above]); above--) found.push(lines[above]);
  return found;
}

/** Is this a file of tests, or one that only tests load? */
export function isTestFile(path: string): boolean {
  return path.startsWith("tests/") || /\.(?:test|suite|fuzz|bench)\.ts$/.test(path);
}
