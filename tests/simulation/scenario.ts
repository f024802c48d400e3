/**
 * A scenario: all that a run is made of, as data. What clients say and when, what breaks and when, how rough the network
 * is. From a seed; or smaller, from shrinking another one.
 *
 * Every value that is written is written once, so that a reply tells whose it is.
 */

import { Random } from "../../src/base/random.ts";
import type { NetworkTraits } from "../../src/sys/sim-network.ts";
import { SCAN_ALL } from "./scan.ts";

/** Commands that are sent together. */
export interface Batch {
  /** Time from the batch before, or from its last reply. */
  readonly pauseUs: number;
  /** Waits for all earlier replies first. */
  readonly waits: boolean;
  readonly commands: readonly (readonly string[])[];
}

export interface ClientPlan {
  readonly id: number;
  readonly shard: number;
  readonly startUs: number;
  readonly database: number;
  readonly resp: 2 | 3;
  readonly batches: readonly Batch[];
  /** Reads at most so many bytes at a time, and so seldom. */
  readonly readBytesMax: number;
  readonly readPauseUs: number;
  /** The connection breaks so long after that many commands were sent; -1: never. */
  readonly resetAfter: number;
  readonly resetPauseUs: number;
  /** Says that it has ended, and reads on. */
  readonly halfCloses: boolean;
}

export interface Scenario {
  readonly seed: number;
  /** Draws what the scenario leaves open: delays, the order of steps. */
  readonly chance: number;
  readonly shards: number;
  readonly strict: boolean;
  readonly ringBytes: number;
  readonly credits: number;
  readonly network: NetworkTraits;
  /** A shard parks after each step, as on a reactor that blocks; otherwise only after an idle one. */
  readonly parksAtOnce: boolean;
  readonly clients: readonly ClientPlan[];
  /** A shard's thread does not run for a while. */
  readonly stops: readonly { readonly shard: number; readonly atUs: number; readonly forUs: number }[];
  /** The wall clock is put forward or back. It stands still otherwise. */
  readonly clockSteps: readonly { readonly atUs: number; readonly byMs: number }[];
}

const CLIENTS_MAX = 6;
const MS = 1000;

/** Equal seeds and names give equal numbers; others have nothing in common. */
export function randomOf(seed: number, name: number): Random {
  return new Random((Math.imul(seed, 0x9e3779b1) ^ Math.imul(name + 1, 0x85ebca6b)) | 0);
}

export function scenarioOf(seed: number): Scenario {
  const random = randomOf(seed, 0);
  const shards = random.below(16) === 0 ? 8 : 1 + random.below(4);
  const clients: ClientPlan[] = [];
  const grows = random.below(6) === 0;
  const flushes = !grows && random.below(8) === 0;
  const count = 1 + random.below(CLIENTS_MAX);
  const habits: Habits = {
    flushes,
    pair: [pick(random, PAIRED), pick(random, PAIRED)],
    pairShare: pick(random, [0, 10, 80]),
  };
  for (let id = 1; id <= count; id++) clients.push(clientPlan(randomOf(seed, id), id, shards, habits));
  if (grows) {
    clients.push(fillerPlan(randomOf(seed, CLIENTS_MAX + 1), count + 1, shards));
    clients.push(scannerPlan(randomOf(seed, CLIENTS_MAX + 2), count + 2, shards));
  }
  const rough = random.below(4) !== 0;
  return {
    seed,
    chance: seed,
    shards,
    strict: random.below(2) === 0,
    ringBytes: pick(random, [256, 512, 1024, 4096, 65_536]),
    credits: pick(random, [1, 2, 4, 16, 4096]),
    network: {
      delayUsMax: pick(random, [0, 50, 300]),
      slowShare: rough ? random.below(15) : 0,
      streamBytes: pick(random, [512, 4096, 65_536]),
      shortShare: rough ? random.below(60) : 0,
      idleShare: rough ? random.below(40) : 0,
      wakeUsMax: pick(random, [0, 20, 400]),
    },
    parksAtOnce: random.below(2) === 0,
    clients,
    stops: several(random, 4, () => ({
      shard: random.below(shards),
      atUs: random.below(40 * MS),
      forUs: pick(random, [1, 5, 30, 250]) * MS,
    })),
    clockSteps: several(random, 8, () => ({
      atUs: random.below(60 * MS),
      byMs: pick(random, [1, 40, 60, 1000, -1, -45, -1000]),
    })),
  };
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)];
}

/** None in half of the cases. */
function several<T>(random: Random, max: number, make: () => T): T[] {
  const made: T[] = [];
  const count = random.below(2) === 0 ? 0 : 1 + random.below(max);
  for (let i = 0; i < count; i++) made.push(make());
  return made;
}

function clientPlan(random: Random, id: number, shards: number, habits: Habits): ClientPlan {
  const words = new Words(random, id, habits);
  const batches: Batch[] = [];
  const pipelines = random.below(3) !== 0;
  const count = 2 + random.below(14);
  for (let i = 0; i < count; i++) {
    const length = pipelines ? 1 + random.below(random.below(4) === 0 || habits.pairShare > 50 ? 24 : 6) : 1;
    const commands: string[][] = [];
    for (let j = 0; j < length; j++) commands.push(words.next());
    const pauseUs = random.below(8) === 0 ? random.below(20 * MS) : random.below(500);
    batches.push({ pauseUs, waits: random.below(3) !== 0, commands });
  }
  const breaks = random.below(6) === 0;
  const slow = random.below(5) === 0;
  // So slow that its replies pile up, and yet through with them before the run's time is.
  const slowBytes = 20 + random.below(400);
  return {
    id,
    shard: random.below(shards),
    startUs: random.below(3) === 0 ? random.below(20 * MS) : random.below(200),
    database: random.below(8) === 0 ? 1 : 0,
    resp: random.below(3) === 0 ? 3 : 2,
    batches,
    readBytesMax: slow ? slowBytes : 65_536,
    readPauseUs: slow ? random.below(Math.min(3 * MS, slowBytes * 100)) : 0,
    resetAfter: breaks ? 1 + random.below(30) : -1,
    resetPauseUs: random.below(1000),
    halfCloses: random.below(4) === 0,
  };
}

const FILLER_KEYS_MAX = 1200;
const FILLER_KEYS_PER_COMMAND = 24;

/** Fills the tables with keys of its own and takes some away, so that leaves grow, split, shrink and merge. */
function fillerPlan(random: Random, id: number, shards: number): ClientPlan {
  const batches: Batch[] = [];
  const keys = random.below(3) === 0 ? FILLER_KEYS_MAX : 60 * shards;
  const value = (key: number): string => `${id}:${key}`;
  const commandsOver = (verb: string, first: number, end: number): string[][] => {
    const commands: string[][] = [];
    for (let at = first; at < end; at += FILLER_KEYS_PER_COMMAND) {
      const command = [verb];
      for (let key = at; key < Math.min(end, at + FILLER_KEYS_PER_COMMAND); key++) {
        command.push(`f:${key}`);
        if (verb === "mset") command.push(value(key));
      }
      commands.push(command);
    }
    return commands;
  };
  for (let first = 0; first < keys; first += 120) {
    batches.push({ pauseUs: random.below(300), waits: true, commands: commandsOver("mset", first, first + 120) });
    const from = random.below(first + 1);
    batches.push({ pauseUs: 0, waits: true, commands: commandsOver("mget", from, from + 48) });
  }
  batches.push({ pauseUs: 0, waits: true, commands: commandsOver("mget", 0, keys) });
  batches.push({ pauseUs: random.below(5 * MS), waits: true, commands: commandsOver("del", 0, random.below(keys)) });
  batches.push({ pauseUs: 0, waits: true, commands: commandsOver("mget", 0, keys) });
  return plainPlan(random, id, shards, batches);
}

/** Walks over all keys, again and again, while the tables grow and shrink. */
function scannerPlan(random: Random, id: number, shards: number): ClientPlan {
  const batches: Batch[] = [];
  for (let i = 0; i < 8; i++) {
    batches.push({
      pauseUs: random.below(2 * MS),
      waits: true,
      commands: [[SCAN_ALL, pick(random, ["1", "10", "100"])]],
    });
  }
  return plainPlan(random, id, shards, batches);
}

function plainPlan(random: Random, id: number, shards: number, batches: readonly Batch[]): ClientPlan {
  return {
    id,
    shard: random.below(shards),
    startUs: random.below(5 * MS),
    database: 0,
    resp: 2,
    batches,
    readBytesMax: 65_536,
    readPauseUs: 0,
    resetAfter: -1,
    resetPauseUs: 0,
    halfCloses: false,
  };
}

/** Keys that everybody uses: few, so that they meet. */
const KEYS: readonly string[] = ["a", "b", "c", "d", "e", "{t}1", "{t}2", "{t}3", "n", "m"];
const NUMBERS = ["n", "m"];
const PX = ["1", "50", "100", "1000"];

const PAIRED = ["a", "b", "c", "d", "e"];

/** What all clients of a scenario have in common. */
interface Habits {
  readonly flushes: boolean;
  /** Keys that writers write in one order and readers read in the other: what shows whether pipelines keep theirs. */
  readonly pair: readonly [string, string];
  /** Of 100 turns so many are about the pair. */
  readonly pairShare: number;
}

/** What one client says. */
class Words {
  readonly #random: Random;
  readonly #client: number;
  readonly #habits: Habits;
  #values = 0;
  #second: string[] | null = null;

  constructor(random: Random, client: number, habits: Habits) {
    this.#random = random;
    this.#client = client;
    this.#habits = habits;
  }

  next(): string[] {
    const second = this.#second;
    this.#second = null;
    if (second !== null) return second;
    const { pair, pairShare } = this.#habits;
    const random = this.#random;
    if (random.below(100) < pairShare) {
      const writes = random.below(2) === 0;
      this.#second = writes ? ["set", pair[1], this.#value()] : ["get", pair[0]];
      return writes ? ["set", pair[0], this.#value()] : ["get", pair[1]];
    }
    const kind = random.below(100);
    if (kind < 22) return ["get", this.#key()];
    if (kind < 40) return this.#set();
    if (kind < 50) return this.#number();
    if (kind < 64) return this.#several();
    if (kind < 76) return this.#expiry();
    if (kind < 92) return this.#string();
    if (kind < 99) return this.#connection();
    return this.#habits.flushes && random.below(3) === 0
      ? [random.below(2) === 0 ? "flushall" : "flushdb"]
      : this.#connection();
  }

  #key(): string {
    return pick(this.#random, KEYS);
  }

  /** Unique, of any length: some are longer than a message, a few than many. */
  #value(): string {
    const random = this.#random;
    const name = `${this.#client}.${++this.#values}`;
    const length = random.below(12) === 0 ? random.below(random.below(6) === 0 ? 60_000 : 700) : 0;
    return length <= name.length ? name : `${name}:${"x".repeat(length - name.length)}`;
  }

  #set(): string[] {
    const random = this.#random;
    const command = ["set", this.#key(), this.#value()];
    const condition = random.below(8);
    if (condition === 0) command.push("nx");
    else if (condition === 1) command.push("xx");
    if (condition !== 0 && random.below(4) === 0) command.push("get");
    const expiry = random.below(8);
    if (expiry < 2) command.push("px", pick(random, PX));
    else if (expiry === 2) command.push("keepttl");
    return command;
  }

  #number(): string[] {
    const random = this.#random;
    const key = random.below(10) === 0 ? this.#key() : pick(random, NUMBERS);
    switch (random.below(6)) {
      case 0:
        return ["decr", key];
      case 1:
        return ["incrby", key, String(random.below(1000) - 300)];
      case 2:
        return ["set", key, String(1_000_000 * this.#client + ++this.#values)];
      default:
        return ["incr", key];
    }
  }

  #several(): string[] {
    const random = this.#random;
    const tagged = random.below(2) === 0;
    const all = tagged ? KEYS.filter((key) => key.startsWith("{")) : KEYS;
    const keys: string[] = [];
    const count = 1 + random.below(tagged ? 3 : 4);
    for (let i = 0; i < count; i++) keys.push(pick(random, all));
    const kind = random.below(10);
    if (kind < 4) return ["mget", ...keys];
    if (kind < 7) return ["mset", ...[...new Set(keys)].flatMap((key) => [key, this.#value()])];
    if (kind === 7) return [pick(random, ["exists", "touch"]), ...keys];
    return [pick(random, ["del", "unlink"]), ...keys];
  }

  #expiry(): string[] {
    const random = this.#random;
    const key = this.#key();
    switch (random.below(7)) {
      case 0:
        return ["persist", key];
      case 1:
        return ["pttl", key];
      case 2:
        return ["pexpiretime", key];
      case 3:
        return ["psetex", key, pick(random, PX), this.#value()];
      case 4:
        return ["pexpire", key, pick(random, PX), pick(random, ["nx", "xx", "gt", "lt"])];
      default:
        return ["pexpire", key, random.below(6) === 0 ? "-5" : pick(random, PX)];
    }
  }

  #string(): string[] {
    const random = this.#random;
    const key = this.#key();
    switch (random.below(9)) {
      case 0:
        return ["getset", key, this.#value()];
      case 1:
        return ["getdel", key];
      case 2:
        return random.below(2) === 0 ? ["getex", key, "px", pick(random, PX)] : ["getex", key, "persist"];
      case 3:
        return ["strlen", key];
      case 4:
        return ["append", key, `+${this.#value()}`];
      case 5:
        return ["setrange", key, String(random.below(20)), this.#value()];
      case 6:
        return ["getrange", key, String(random.below(5)), String(5 + random.below(200))];
      case 7:
        return ["setnx", key, this.#value()];
      default:
        return ["type", key];
    }
  }

  /** What concerns no key, and shows whether replies are in order. */
  #connection(): string[] {
    switch (this.#random.below(5)) {
      case 0:
        return ["ping"];
      case 1:
        return ["nosuchcommand", this.#value().slice(0, 20)];
      case 2:
        return ["get"];
      default:
        return ["echo", this.#value()];
    }
  }
}
