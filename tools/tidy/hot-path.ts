/**
 * Hot paths: what a file whose header calls it a hot path must not contain inside its functions, because it allocates
 * for each request. Free to allocate is what does not run for a request: the top of a module, constructors, what a
 * `throw` says, and a function with `// tidy: cold function, <reason>` above it (growth, start, rare values).
 */

import {
  isArrowFunction,
  isBigIntLiteral,
  isCallExpression,
  isConstructorDeclaration,
  isForOfStatement,
  isFunctionDeclaration,
  isFunctionExpression,
  isIfStatement,
  isPropertyAccessExpression,
  isRegularExpressionLiteral,
  isSpreadAssignment,
  isSpreadElement,
  isTemplateExpression,
  isThrowStatement,
  type Node,
} from "typescript/unstable/ast";
import { commentsAt, type Finding, functionAround, isAllowed, lineOf, type Parsed, walk } from "./source.ts";

/** Does the header declare the file a hot path? A sentence that only mentions "the hot path" does not. */
export function isHotPath(header: string): boolean {
  return /(?<!\b(?:the|a|any|this|that|no|not|every|off|on)\s)\bhot path\b/i.test(header);
}

/** Checks one file; one that is no hot path has no findings. */
export function checkHotPath(file: Parsed): Finding[] {
  const findings: Finding[] = [];
  if (!isHotPath(file.header)) return findings;
  walk(file, (node) => {
    const found = bannedConstruct(file, node);
    if (found === undefined || isCold(file, node)) return;
    const line = lineOf(file, node);
    if (!isAllowed(file.lines, line, found.rule)) findings.push({ path: file.path, line, ...found });
  });
  return findings;
}

function bannedConstruct(file: Parsed, node: Node): { rule: string; text: string } | undefined {
  if (isSpreadElement(node) || isSpreadAssignment(node)) return { rule: "spread", text: "a spread makes an array" };
  if (isForOfStatement(node)) return { rule: "for-of", text: "for…of makes an iterator: count an index" };
  if (isTemplateExpression(node) && !isThrown(node)) return { rule: "template", text: "a template makes a string" };
  if (isArrowFunction(node) || isFunctionExpression(node) || isFunctionDeclaration(node)) {
    return { rule: "closure", text: "a function inside a function is made anew at each call" };
  }
  if (isRegularExpressionLiteral(node)) return { rule: "regex", text: "a match makes an array and strings" };
  if (isBigIntLiteral(node)) return { rule: "bigint", text: "arithmetic with BigInt allocates" };
  if (isViewCall(node) && !isBigCopy(file, node) && !hasViewReason(file, node)) {
    return { rule: "view", text: "subarray() makes a view: pass (buffer, start, end), or say `// view: why`" };
  }
  return undefined;
}

/** Does the node stand outside all functions, in a constructor, or in a function that is marked as cold? */
function isCold(file: Parsed, node: Node): boolean {
  for (let around = functionAround(node); around !== undefined; around = functionAround(around)) {
    if (isConstructorDeclaration(around)) return true;
    const comments = commentsAt(file.lines, lineOf(file, around));
    if (comments.some((text) => /\btidy: cold function, \w/.test(text))) return true;
  }
  return functionAround(node) === undefined;
}

function isThrown(node: Node): boolean {
  let at: Node | undefined = node;
  while (at !== undefined && !isThrowStatement(at)) at = at.parent;
  return at !== undefined;
}

function isViewCall(node: Node): boolean {
  return (
    isCallExpression(node) && isPropertyAccessExpression(node.expression) && node.expression.name.text === "subarray"
  );
}

function hasViewReason(file: Parsed, node: Node): boolean {
  return commentsAt(file.lines, lineOf(file, node)).some((text) => /\/\/.*\bview: \w/.test(text));
}

/** `to.set(from.subarray(…), at)` behind a comparison with a named bound: there the copy pays for its view. */
function isBigCopy(file: Parsed, node: Node): boolean {
  const call = node.parent;
  if (!isCallExpression(call) || !isPropertyAccessExpression(call.expression)) return false;
  if (call.expression.name.text !== "set" || call.arguments[0] !== node) return false;
  const around = functionAround(node);
  for (let at: Node = call; at !== around && at.parent !== undefined; at = at.parent) {
    const branch = at.parent;
    if (!isIfStatement(branch)) continue;
    if (/[<>]=?\s*[A-Z][A-Z0-9_]{3,}\b/.test(branch.expression.getText(file.tree))) return true;
  }
  return false;
}
