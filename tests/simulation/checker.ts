/**
 * The checker: can a history have come from a server that runs one command after the other?
 *
 * It cuts the history into steps (steps.ts) and lets searches (search.ts) find an order for them. Writes are tried in the
 * order in which the server has executed them, as far as that is known. So a good history is found good almost without a
 * search; a bad one is bad whatever is tried first.
 *
 * What is promised today, and so what is checked:
 *   - an operation on one object is atomic; the parts of one on several objects take effect one by one, in any order;
 *   - with pipeline-order strict, operations of a connection take effect in their order: all objects are searched
 *     together, and where that takes too long, two by two;
 *   - with relaxed, that holds for each object: objects are searched one by one.
 * When commands on several shards become atomic, `atomicAcrossShards` says so, and all objects are searched together.
 *
 * Refuses: to run anything.
 */

import type { History, Operation } from "./history.ts";
import { Search } from "./search.ts";
import { byObject, isPrivate, type Step, select, sessionsOf } from "./steps.ts";

/** Nodes of one search; beyond them it is undecided. */
const NODES_MAX = 15_000;

export interface CheckerOptions {
  /** A command on several objects takes effect at one moment. */
  readonly atomicAcrossShards?: boolean;
  readonly nodesMax?: number;
}

export interface Verdict {
  /** What is wrong, or empty. */
  readonly problem: string;
  /** Operations that find no place. */
  readonly misfits: ReadonlySet<Operation>;
  /** Searches that were given up. */
  readonly undecided: number;
  readonly nodes: number;
}
export function check(history: History, options: CheckerOptions = {}): Verdict {
  const nodesMax = options.nodesMax ?? NODES_MAX;
  const atomic = options.atomicAcrossShards ?? false;
  const sessions = sessionsOf(history);
  const objects = new Set<string>();
  for (const session of sessions.values()) {
    for (const step of session) for (const part of step.parts) objects.add(part.object);
  }
  const common = [...objects].filter((object) => !isPrivate(object));
  let nodes = 0;
  let undecided = 0;
  const searchOne = (steps: Step[][]): Verdict | null => {
    const search = new Search(history, steps, { nodesMax, atomic });
    const found = search.run();
    nodes += search.nodes;
    if (found === "undecided") undecided++;
    return found === "no" ? { problem: search.explain(), misfits: search.misfits, undecided, nodes } : null;
  };
  const together = history.strict || atomic;
  if (together && common.length > 0) {
    const verdict = searchOne(select(sessions, new Set(common)));
    if (verdict !== null) return verdict;
    // Too much for one search. What is out of order is so between two objects, as good as always.
    if (undecided > 0) {
      undecided = 0;
      for (const [i, one] of common.entries()) {
        for (const other of common.slice(i + 1)) {
          const found = searchOne(select(sessions, new Set([one, other])));
          if (found !== null) return found;
        }
      }
    }
  }
  for (const [object, steps] of byObject(sessions)) {
    if (together && common.length > 1 && !isPrivate(object)) continue;
    const verdict = searchOne(steps);
    if (verdict !== null) return verdict;
  }
  return { problem: "", misfits: new Set(), undecided, nodes };
}
