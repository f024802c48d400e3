/**
 * Code: rules on the syntax of every TypeScript file: header, size of files and functions, banned constructs, and tests
 * that are switched off.
 */

import {
  type CallExpression,
  isAsExpression,
  isBinaryExpression,
  isCallExpression,
  isEnumDeclaration,
  isIdentifier,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isTemplateExpression,
  type Node,
  type PropertyAssignment,
  SyntaxKind,
} from "typescript/unstable/ast";
import {
  commentsAt,
  type Finding,
  isAllowed,
  isFunction,
  isTestFile,
  isText,
  lastLineOf,
  lineOf,
  type Parsed,
  walk,
} from "./source.ts";

export const FILE_LINES_SOFT = 500;
export const FILE_LINES_MAX = 800;
export const FUNCTION_LINES_MAX = 70;

/** What the runner's functions and a test's context are called. */
const RUNNER = new Set(["test", "it", "describe", "suite", "t", "context", "ctx"]);
const SUITES = new Set(["describe", "suite"]);

type Report = (node: Node, rule: string, text: string) => void;

/** Checks one file against the rules for all TypeScript. */
export function checkCode(file: Parsed): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (node, rule, text) => {
    const line = lineOf(file, node);
    if (!isAllowed(file.lines, line, rule)) findings.push({ path: file.path, line, rule, text });
  };
  checkSize(file, findings);
  checkFunctions(file, file.tree, report);
  walk(file, (node) => {
    if (isEnumDeclaration(node)) report(node, "enum", "an enum is not erasable: use constants, or a union of texts");
    if (isAsExpression(node) && node.type.kind === SyntaxKind.AnyKeyword) report(node, "any", "a cast to any");
    if (isTestFile(file.path)) checkSwitches(file, node, report);
  });
  return findings;
}

function checkSize(file: Parsed, findings: Finding[]): void {
  const add = (line: number, rule: string, text: string, note = false): void => {
    findings.push({ path: file.path, line, rule, text, note });
  };
  if (/^(?:src|tools)\//.test(file.path) && file.header === "") {
    add(1, "header", "no comment at the top that says what the file holds");
  }
  if (/\btidy: long file, \w/.test(file.header)) return;
  const lines = file.lines.at(-1) === "" ? file.lines.length - 1 : file.lines.length;
  if (lines > FILE_LINES_MAX) add(lines, "long-file", `${lines} lines, ${FILE_LINES_MAX} at most`);
  else if (lines > FILE_LINES_SOFT)
    add(lines, "long-file", `${lines} lines, ${FILE_LINES_SOFT} are a good limit`, true);
}

/** Reports the outermost functions that are too long. The body of a `describe` is a list of functions, not one. */
function checkFunctions(file: Parsed, node: Node, report: Report): void {
  if (isFunction(node) && !isSuiteBody(node)) {
    const first = lineOf(file, node);
    const lines = lastLineOf(file, node) - first + 1;
    if (commentsAt(file.lines, first).some((text) => /\btidy: long function, \w/.test(text))) return;
    if (lines > FUNCTION_LINES_MAX) {
      report(node, "long-function", `${lines} lines, ${FUNCTION_LINES_MAX} at most`);
      return;
    }
  }
  node.forEachChild((child) => checkFunctions(file, child, report));
}

function isSuiteBody(node: Node): boolean {
  const call = node.parent;
  return isCallExpression(call) && isIdentifier(call.expression) && SUITES.has(call.expression.text);
}

/** Tests that run alone, and tests that do not run and do not say why. */
function checkSwitches(file: Parsed, node: Node, report: Report): void {
  if (isCallExpression(node) && isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression;
    if (!isIdentifier(expression) || !RUNNER.has(expression.text)) return;
    if (name.text === "only") report(node, "only", "a test that runs alone hides the others");
    if (name.text === "skip" && !isReasonedSkip(node)) report(node, "skip", SKIP_ADVICE);
  } else if (isPropertyAssignment(node) && isOptionOfRunner(node)) {
    const name = node.name.getText(file.tree);
    if (name === "only") report(node, "only", "a test that runs alone hides the others");
    if (name === "skip" && !mayNameReason(node.initializer)) report(node, "skip", SKIP_ADVICE);
  }
}

const SKIP_ADVICE = 'a skip says why: { skip: "reason" } or t.skip("reason")';

/** `t.skip("reason")`; the other form, `test.skip("name", body)`, has no place for a reason. */
function isReasonedSkip(call: CallExpression): boolean {
  return call.arguments.length === 1 && mayNameReason(call.arguments[0]);
}

/** Is this property in an object that is an argument of `test(…)`, `describe(…)` and their like? */
function isOptionOfRunner(node: PropertyAssignment): boolean {
  const call = node.parent.parent;
  if (!isCallExpression(call)) return false;
  const callee = isPropertyAccessExpression(call.expression) ? call.expression.expression : call.expression;
  return isIdentifier(callee) && RUNNER.has(callee.text);
}

/** Can the value be a reason? A truth value cannot; a text, a choice with a text in it, a name and a call can. */
function mayNameReason(value: Node): boolean {
  if (value.kind === SyntaxKind.TrueKeyword || value.kind === SyntaxKind.PrefixUnaryExpression) return false;
  if (isText(value)) return value.text.trim() !== "";
  if (isTemplateExpression(value)) return true;
  if (isBinaryExpression(value)) return mayNameReason(value.right) && !isComparison(value.operatorToken.kind);
  return true;
}

function isComparison(kind: SyntaxKind): boolean {
  return (
    kind === SyntaxKind.EqualsEqualsEqualsToken ||
    kind === SyntaxKind.ExclamationEqualsEqualsToken ||
    kind === SyntaxKind.LessThanToken ||
    kind === SyntaxKind.LessThanEqualsToken ||
    kind === SyntaxKind.GreaterThanToken ||
    kind === SyntaxKind.GreaterThanEqualsToken
  );
}
