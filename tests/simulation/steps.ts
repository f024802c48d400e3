/**
 * Steps: a history cut into what a search puts in order.
 *
 *     session     the operations of one connection, in their order; or the steps of one shard's clock
 *     step        one operation; done when all its parts are
 *     part        what it does to one object
 *     object      a key, or the keys of one hash tag: what is certainly on one shard
 */

import { type ClockStep, executionNames, type History, type Operation } from "./history.ts";
import { isRead, keysOf, OK } from "./model.ts";

const NEVER = Number.POSITIVE_INFINITY;

export interface Part {
  readonly object: string;
  /** Where the object is: its time is that shard's. */
  readonly shard: number;
  readonly command: readonly string[];
  /** The reply of this part; empty: unknown. */
  readonly reply: string;
  /** The reply is a number to which all parts of the step add up; this many keys are here. */
  readonly keys: number;
  /** Its turn among all executions, as far as that is known: the order in which things are tried. */
  readonly rank: number;
}

export interface Step {
  readonly invoked: number;
  readonly completed: number;
  readonly parts: readonly Part[];
  /** The sum of the parts, or -1. */
  readonly sum: number;
  /** Keys of the step that are not in this search: they may add to the sum. */
  readonly keysElsewhere: number;
  readonly operation: Operation | null;
  /** Of a clock. */
  readonly clock: ClockStep | null;
}
/** The object that a key belongs to: its hash tag, or itself. */
export function objectOf(database: number, key: string): string {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key);
  return `${database}/${tag === null ? key : `{${tag[1]}}`}`;
}

/** Keys that only one client uses and that are many: searched one by one, always. */
export function isPrivate(object: string): boolean {
  return object.includes("/f:");
}
/** The sessions of the clients, by client. */
export function sessionsOf(history: History): Map<number, Step[]> {
  // Objects of each database, with their shards.
  const everything = new Map<number, Map<string, number>>();
  for (const op of history.operations) {
    const where = keysOf(op.command);
    if (where === "all") continue;
    const known = everything.get(op.database) ?? new Map<string, number>();
    everything.set(op.database, known);
    for (const at of where) known.set(objectOf(op.database, op.command[at]), history.ownerOf(op.command[at]));
  }
  const sessions = new Map<number, Step[]>();
  const taken = new Map<string, number>();
  const rankOf = (command: readonly string[], shard: number): number => {
    const [name] = executionNames(command, shard);
    const count = taken.get(name) ?? 0;
    taken.set(name, count + 1);
    return history.ranks.get(name)?.[count] ?? NEVER;
  };
  for (const op of history.operations) {
    const parts = partsOf(history, op, everything, rankOf);
    if (parts.length === 0) continue;
    const session = sessions.get(op.client) ?? [];
    sessions.set(op.client, session);
    const sum = parts.length > 1 && op.reply.startsWith(":") ? Number(op.reply.slice(1)) : -1;
    session.push({
      invoked: op.invoked,
      completed: op.completed,
      parts,
      sum,
      keysElsewhere: 0,
      operation: op,
      clock: null,
    });
  }
  return sessions;
}

function partsOf(
  history: History,
  op: Operation,
  everything: ReadonlyMap<number, ReadonlyMap<string, number>>,
  rankOf: (command: readonly string[], shard: number) => number,
): Part[] {
  const { command, database } = op;
  const where = keysOf(command);
  const read = isRead(command);
  // Nobody saw what a lost read saw.
  if (read && op.reply === "") return [];
  if (where === "all") {
    const databases = command[0] === "flushall" ? [...everything.keys()] : [database];
    const objects = databases.flatMap((one) => [...(everything.get(one) ?? [])]);
    const ranks = new Map<number, number>();
    return objects.map(([object, shard]) => {
      const rank = ranks.get(shard) ?? rankOf(command, shard);
      ranks.set(shard, rank);
      return { object, shard, command, reply: op.reply, keys: 1, rank };
    });
  }
  const groups = new Map<string, number[]>();
  for (const at of where) {
    const object = objectOf(database, command[at]);
    const group = groups.get(object);
    if (group === undefined) groups.set(object, [at]);
    else group.push(at);
  }
  if (groups.size === 0) return [];
  if (groups.size === 1) {
    const shard = history.ownerOf(command[where[0]]);
    const rank = rankOf(command, shard);
    return [{ object: [...groups.keys()][0], shard, command, reply: op.reply, keys: where.length, rank }];
  }
  const elements = command[0] === "mget" && op.reply !== "" ? elementsOf(op.reply) : [];
  return [...groups].map(([object, places]) => {
    const width = command[0] === "mset" ? 2 : 1;
    const own = [command[0], ...places.flatMap((at) => command.slice(at, at + width))];
    let reply = "";
    if (elements.length > 0) reply = `*${places.length}\r\n${places.map((at) => elements[at - 1]).join("")}`;
    else if (op.reply === OK) reply = OK;
    const shard = history.ownerOf(own[1]);
    return { object, shard, command: own, reply, keys: places.length, rank: rankOf(own, shard) };
  });
}

/** The elements of an array of bulk strings. */
export function elementsOf(reply: string): string[] {
  const elements: string[] = [];
  for (let at = reply.indexOf("\n") + 1; at < reply.length; ) {
    const line = reply.indexOf("\n", at) + 1;
    const length = Number(reply.slice(at + 1, line - 2));
    const end = length < 0 ? line : line + length + 2;
    elements.push(reply.slice(at, end));
    at = end;
  }
  return elements;
}

/** The sessions as far as they concern some objects. */
export function select(sessions: ReadonlyMap<number, readonly Step[]>, objects: ReadonlySet<string>): Step[][] {
  const selected: Step[][] = [];
  for (const session of sessions.values()) {
    const steps: Step[] = [];
    for (const step of session) {
      const parts = step.parts.filter((part) => objects.has(part.object));
      if (parts.length === 0) continue;
      let keysElsewhere = 0;
      for (const part of step.parts) if (!objects.has(part.object)) keysElsewhere += part.keys;
      steps.push({ ...step, parts, keysElsewhere });
    }
    if (steps.length > 0) selected.push(steps);
  }
  return selected;
}

/** The same for each object alone, in one pass: there may be thousands. */
export function byObject(sessions: ReadonlyMap<number, readonly Step[]>): Map<string, Step[][]> {
  const all = new Map<string, Map<number, Step[]>>();
  for (const [client, session] of sessions) {
    for (const step of session) {
      let keys = 0;
      for (const part of step.parts) keys += part.keys;
      for (const part of step.parts) {
        const ofObject = all.get(part.object) ?? new Map<number, Step[]>();
        all.set(part.object, ofObject);
        const steps = ofObject.get(client) ?? [];
        ofObject.set(client, steps);
        steps.push({ ...step, parts: [part], keysElsewhere: keys - part.keys });
      }
    }
  }
  return new Map([...all].map(([object, ofObject]) => [object, [...ofObject.values()]]));
}
