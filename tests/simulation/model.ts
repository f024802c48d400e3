/**
 * The model: what one key, or one group of keys that is always on one shard, does in a sequential server.
 *
 * A written-out second opinion on the string, key and expiry commands, in as few lines as possible and with nothing of
 * kevy's code. Replies are raw RESP2 text; the wall clock is a parameter.
 *
 * A key whose time has come is gone for everybody who looks, but it may stay in memory until somebody does, so that it
 * lives again when the clock is put back. Such a key is `doubtful`, and a look at it has two possible outcomes.
 *
 * Refuses: to know shards, connections and the order of anything.
 */

export interface Entry {
  readonly value: string;
  /** Milliseconds since 1970, or -1. */
  readonly deadlineMs: number;
  /** Its time had come once: it may have been removed. */
  readonly doubtful: boolean;
}

/** The keys of one object that exist. */
export type State = ReadonlyMap<string, Entry>;

export interface Outcome {
  readonly reply: string;
  readonly state: State;
}

export const EMPTY: State = new Map();
export const OK = "+OK\r\n";
export const NIL = "$-1\r\n";
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n";

export function integer(value: number): string {
  return `:${value}\r\n`;
}

export function bulk(value: string): string {
  return `$${value.length}\r\n${value}\r\n`;
}

/** Commands that change nothing, whatever they find. */
const READS = new Set(["get", "strlen", "getrange", "mget", "exists", "touch", "type", "pttl", "pexpiretime"]);

export function isRead(command: readonly string[]): boolean {
  return READS.has(command[0]);
}

/** Commands that have changed nothing if they say 0. */
const CONDITIONAL = new Set(["setnx", "persist", "pexpire", "pexpireat", "del", "unlink"]);

/** Did the command change nothing, wherever it took effect? */
export function hasChangedNothing(command: readonly string[], reply: string): boolean {
  return READS.has(command[0]) || (reply === ":0\r\n" && CONDITIONAL.has(command[0]));
}

const COMMANDS = new Set([
  ...READS,
  ...["set", "setnx", "psetex", "getset", "getdel", "getex", "append", "setrange", "incr", "decr", "incrby", "mset"],
  ...["del", "unlink", "pexpire", "pexpireat", "persist", "flushall", "flushdb"],
]);

/** Does the model know the command? */
export function isModelled(name: string): boolean {
  return COMMANDS.has(name);
}

/** Can the command give a key an expiry? */
export function setsTime(command: readonly string[]): boolean {
  const name = command[0];
  if (name === "set" || name === "getex") return command.includes("px") || command.includes("pxat");
  return name === "psetex" || name === "pexpire" || name === "pexpireat";
}

/** Positions of the keys among the arguments: "all" where a command concerns every key. */
export function keysOf(command: readonly string[]): readonly number[] | "all" {
  switch (command[0]) {
    case "ping":
    case "echo":
    case "hello":
    case "select":
    case "keys":
    case "dbsize":
    case "scan-all":
    case "nosuchcommand":
      return [];
    case "flushall":
    case "flushdb":
      return "all";
    case "mget":
    case "del":
    case "unlink":
    case "exists":
    case "touch":
      return command.slice(1).map((_, i) => i + 1);
    case "mset":
      return command.flatMap((_, i) => (i % 2 === 1 ? [i] : []));
    default:
      return command.length > 1 ? [1] : [];
  }
}

/** The state after the clock was put to `nowMs`. */
export function atTime(state: State, nowMs: number): State {
  let changed: Map<string, Entry> | null = null;
  for (const [key, entry] of state) {
    if (entry.deadlineMs < 0 || entry.deadlineMs > nowMs || entry.doubtful) continue;
    changed ??= new Map(state);
    changed.set(key, { ...entry, doubtful: true });
  }
  return changed ?? state;
}

/** What a command on keys of one object can do at a time: one outcome, or more where a key is doubtful. */
export function outcomes(state: State, command: readonly string[], nowMs: number): Outcome[] {
  const where = keysOf(command);
  if (where === "all") return [{ reply: OK, state: EMPTY }];
  let settled: State[] = [state];
  for (const at of where) settled = settled.flatMap((one) => settle(one, command[at], nowMs));
  return settled.map((one) => run(one, command, nowMs));
}

/** The state once somebody has looked for a key: it is there for certain, or not. */
function settle(state: State, key: string, nowMs: number): State[] {
  const entry = state.get(key);
  if (entry === undefined) return [state];
  const due = entry.deadlineMs >= 0 && entry.deadlineMs <= nowMs;
  if (!due && !entry.doubtful) return [state];
  const gone = put(state, key, null);
  return due ? [gone] : [put(state, key, { ...entry, doubtful: false }), gone];
}

function put(state: State, key: string, entry: Entry | null): State {
  const next = new Map(state);
  if (entry === null) next.delete(key);
  else next.set(key, entry);
  return next;
}

function run(state: State, command: readonly string[], nowMs: number): Outcome {
  switch (command[0]) {
    case "mget": {
      const elements = command.slice(1).map((key) => valueReply(state.get(key)));
      return { reply: `*${elements.length}\r\n${elements.join("")}`, state };
    }
    case "mset": {
      let next = state;
      for (let i = 1; i < command.length; i += 2) next = put(next, command[i], entryOf(command[i + 1]));
      return { reply: OK, state: next };
    }
    case "exists":
    case "touch":
      return { reply: integer(command.slice(1).filter((key) => state.has(key)).length), state };
    case "del":
    case "unlink": {
      const next = new Map(state);
      const removed = command.slice(1).filter((key) => next.delete(key)).length;
      return { reply: integer(removed), state: removed === 0 ? state : next };
    }
    default: {
      const key = command[1];
      const old = state.get(key) ?? null;
      const { reply, entry } = runSingle(old, command, nowMs);
      return { reply, state: entry === old ? state : put(state, key, entry) };
    }
  }
}

interface Single {
  readonly reply: string;
  readonly entry: Entry | null;
}

function entryOf(value: string, deadlineMs = -1): Entry {
  return { value, deadlineMs, doubtful: false };
}

function valueReply(entry: Entry | null | undefined): string {
  return entry === null || entry === undefined ? NIL : bulk(entry.value);
}

/** The same key with another value; its expiry stays. */
function changed(entry: Entry | null, value: string): Entry {
  return entry === null ? entryOf(value) : { ...entry, value };
}

// tidy: long function, one case for each command
function runSingle(old: Entry | null, command: readonly string[], nowMs: number): Single {
  const [name, , ...rest] = command;
  const same = (reply: string): Single => ({ reply, entry: old });
  switch (name) {
    case "get":
      return same(valueReply(old));
    case "strlen":
      return same(integer(old === null ? 0 : old.value.length));
    case "type":
      return same(old === null ? "+none\r\n" : "+string\r\n");
    case "set":
      return set(old, rest, nowMs);
    case "setnx":
      return old === null ? { reply: integer(1), entry: entryOf(rest[0]) } : same(integer(0));
    case "psetex":
      return { reply: OK, entry: entryOf(rest[1], nowMs + Number(rest[0])) };
    case "getset":
      return { reply: valueReply(old), entry: entryOf(rest[0]) };
    case "getdel":
      return { reply: valueReply(old), entry: null };
    case "getex":
      return getex(old, rest, nowMs);
    case "append": {
      const value = (old?.value ?? "") + rest[0];
      return { reply: integer(value.length), entry: changed(old, value) };
    }
    case "setrange": {
      const at = Number(rest[0]);
      const before = (old?.value ?? "").padEnd(at, "\0");
      const value = before.slice(0, at) + rest[1] + before.slice(at + rest[1].length);
      return { reply: integer(value.length), entry: changed(old, value) };
    }
    case "getrange":
      return same(bulk((old?.value ?? "").slice(Number(rest[0]), Number(rest[1]) + 1)));
    case "incr":
      return add(old, 1);
    case "decr":
      return add(old, -1);
    case "incrby":
      return add(old, Number(rest[0]));
    case "pexpire":
      return expire(old, nowMs + Number(rest[0]), rest[1], nowMs);
    case "pexpireat":
      return expire(old, Number(rest[0]), rest[1], nowMs);
    case "persist":
      if (old === null || old.deadlineMs < 0) return same(integer(0));
      return { reply: integer(1), entry: { ...old, deadlineMs: -1 } };
    case "pttl":
      return same(integer(old === null ? -2 : old.deadlineMs < 0 ? -1 : old.deadlineMs - nowMs));
    case "pexpiretime":
      return same(integer(old === null ? -2 : old.deadlineMs));
    default:
      throw new Error(`the model has no command ${name}`);
  }
}

/** SET's options: nx | xx, get, px ms | pxat ms | keepttl. */
function set(old: Entry | null, rest: readonly string[], nowMs: number): Single {
  const value = rest[0];
  let deadlineMs = -1;
  let allowed = true;
  let get = false;
  for (let i = 1; i < rest.length; i++) {
    if (rest[i] === "nx") allowed = old === null;
    else if (rest[i] === "xx") allowed = old !== null;
    else if (rest[i] === "get") get = true;
    else if (rest[i] === "keepttl") deadlineMs = old?.deadlineMs ?? -1;
    else if (rest[i] === "px") deadlineMs = nowMs + Number(rest[++i]);
    else if (rest[i] === "pxat") deadlineMs = Number(rest[++i]);
    else throw new Error(`the model has no option ${rest[i]} of SET`);
  }
  const reply = get ? valueReply(old) : allowed ? OK : NIL;
  return { reply, entry: allowed ? entryOf(value, deadlineMs) : old };
}

function getex(old: Entry | null, rest: readonly string[], nowMs: number): Single {
  const reply = valueReply(old);
  if (old === null || rest.length === 0) return { reply, entry: old };
  if (rest[0] === "persist") return { reply, entry: old.deadlineMs < 0 ? old : { ...old, deadlineMs: -1 } };
  return { reply, entry: { ...old, deadlineMs: nowMs + Number(rest[1]) } };
}

function add(old: Entry | null, by: number): Single {
  const text = old?.value ?? "0";
  if (!/^(?:0|-?[1-9]\d{0,14})$/.test(text)) return { reply: NOT_AN_INTEGER, entry: old };
  const sum = Number(text) + by;
  return { reply: integer(sum), entry: changed(old, String(sum)) };
}

function expire(old: Entry | null, deadlineMs: number, condition: string | undefined, nowMs: number): Single {
  const refused = { reply: integer(0), entry: old };
  if (old === null) return refused;
  const current = old.deadlineMs < 0 ? Number.POSITIVE_INFINITY : old.deadlineMs;
  if (condition === "nx" && old.deadlineMs >= 0) return refused;
  if (condition === "xx" && old.deadlineMs < 0) return refused;
  if (condition === "gt" && deadlineMs <= current) return refused;
  if (condition === "lt" && deadlineMs >= current) return refused;
  return { reply: integer(1), entry: deadlineMs <= nowMs ? null : { ...old, deadlineMs } };
}
