/**
 * Random commands over few keys, so that they meet: counters, ranges, expiry, several keys at once, wrong words too.
 *
 * No command's reply depends on how much time has passed: times to live are hours away and all different, or long past.
 */

import { Random } from "../../src/base/random.ts";
import { about, type Command, command, pexpireTime, pttl, scan, sorted, ttl, type Word } from "./case.ts";

const FAR_SECONDS = 4_102_444_800;
const SLACK_SECONDS = 60;
const DATABASES = 3;

const KEYS = [
  "a",
  "b",
  "c",
  "n1",
  "n2",
  "f",
  "bin\0\r\n",
  "{tag}1",
  "{tag}2",
  "",
  "long".repeat(60),
  "k:1",
  "k:2",
  "k:3",
];
const VALUES = [
  "",
  "0",
  "1",
  "-1",
  "10",
  "007",
  "9223372036854775807",
  "-9223372036854775808",
  "1.5",
  "3.0e3",
  "hello",
  "\r\n",
  "\0\xff",
  "x".repeat(44),
  "y".repeat(500),
  "z".repeat(5000),
];
const DELTAS = ["1", "-1", "0", "5", "100", "-9223372036854775808", "9223372036854775807", "abc", "1.5", ""];
const FLOAT_DELTAS = ["0.1", "-0.1", "1", "1e3", "-2.5", "1e-5", "3.00", "abc", "inf", "nan", "1e17"];
const OFFSETS = ["0", "1", "3", "-1", "-3", "10", "100", "-100", "abc"];
const PATTERNS = ["*", "?", "n*", "k:?", "{tag}*", "[a-c]", "none"];

export class Generator {
  readonly #random: Random;
  /** Grows, so that no two times to live are close to each other. */
  #times = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** How many commands the next pipeline has. */
  pipelineLength(most: number): number {
    return 1 + this.#random.below(most);
  }

  next(): Command {
    const total = WEIGHTED.length;
    return WEIGHTED[this.#random.below(total)](this);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)];
  }

  chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  key(): string {
    return this.pick(KEYS);
  }

  value(): string {
    return this.chance(40) ? `${this.#random.below(1000) - 500}` : this.pick(VALUES);
  }

  keys(): string[] {
    return Array.from({ length: 1 + this.#random.below(6) }, () => this.key());
  }

  database(): string {
    return `${this.#random.below(DATABASES)}`;
  }

  /** Seconds from now. */
  relative(): number {
    this.#times++;
    return 100_000 + this.#random.below(1_000) * 1_000_000 + (this.#times % 5_000) * 150;
  }

  /** Seconds since 1970. */
  absolute(): number {
    return FAR_SECONDS + this.#random.below(1_000_000);
  }

  /**
   * An expire option of SET and GETEX with its value. A time that is past makes GETEX delete the key; what SET leaves
   * with one counts in DBSIZE until somebody meets it, so SET gets none.
   */
  expiry(past: boolean): string[] {
    const option = this.pick(["EX", "PX", "EXAT", "PXAT"]);
    if (this.chance(8)) return [option, this.pick(["0", "-1", "abc", "9223372036854775807"])];
    const seconds = option.endsWith("AT") ? (past && this.chance(10) ? 1 : this.absolute()) : this.relative();
    return [option, `${option.startsWith("P") ? seconds * 1000 : seconds}`];
  }
}

type Make = (g: Generator) => Command;
const plain = (...args: readonly Word[]): Command => command(args);

const set: Make = (g) => {
  const options: string[] = [];
  if (g.chance(25)) options.push(g.pick(["NX", "XX"]));
  if (g.chance(20)) options.push("GET");
  if (g.chance(35)) options.push(...(g.chance(20) ? ["KEEPTTL"] : g.expiry(false)));
  if (g.chance(3)) options.push(g.pick(["NX", "XX", "KEEPTTL", "FOO", "EX"]));
  return plain("SET", g.key(), g.value(), ...options);
};

const expire: Make = (g) => {
  const verb = g.pick(["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]);
  const seconds = g.chance(8) ? -5 : verb.endsWith("AT") ? g.absolute() : g.relative();
  const options = g.chance(40) ? [g.pick(["NX", "XX", "GT", "LT"])] : g.chance(5) ? ["NX", "GT"] : [];
  return plain(verb, g.key(), `${verb.startsWith("P") ? seconds * 1000 : seconds}`, ...options);
};

const getex: Make = (g) => {
  const options = g.chance(30) ? [] : g.chance(30) ? ["PERSIST"] : g.expiry(true);
  return plain("GETEX", g.key(), ...options);
};

const remaining: Make = (g) => {
  const key = g.key();
  return g.pick([
    () => ttl(key),
    () => pttl(key),
    () => pexpireTime(key),
    () => about(["EXPIRETIME", key], SLACK_SECONDS),
  ])();
};

const mset: Make = (g) => {
  const pairs = g.keys().flatMap((key) => [key, g.value()]);
  return plain("MSET", ...pairs, ...(g.chance(3) ? ["odd"] : []));
};

const setrange: Make = (g) =>
  plain("SETRANGE", g.key(), g.pick(["0", "1", "5", "40", "-1", "abc"]), g.value().slice(0, 60));

/** What is made how often; the numbers are weights. */
const WEIGHTS: readonly (readonly [number, Make])[] = [
  [12, set],
  [10, (g) => plain("GET", g.key())],
  [5, mset],
  [6, (g) => plain("MGET", ...g.keys())],
  [4, (g) => plain("DEL", ...g.keys())],
  [1, (g) => plain("UNLINK", ...g.keys())],
  [4, (g) => plain(g.pick(["EXISTS", "TOUCH"]), ...g.keys())],
  [8, expire],
  [6, remaining],
  [3, getex],
  [2, (g) => plain("PERSIST", g.key())],
  [6, (g) => plain(g.pick(["INCR", "DECR"]), g.key())],
  [4, (g) => plain(g.pick(["INCRBY", "DECRBY"]), g.key(), g.pick(DELTAS))],
  [4, (g) => plain("INCRBYFLOAT", g.key(), g.pick(FLOAT_DELTAS))],
  [3, (g) => plain("APPEND", g.key(), g.value().slice(0, 100))],
  [2, (g) => plain(g.pick(["STRLEN", "TYPE"]), g.key())],
  [3, (g) => plain(g.pick(["GETRANGE", "SUBSTR"]), g.key(), g.pick(OFFSETS), g.pick(OFFSETS))],
  [2, setrange],
  [2, (g) => plain("GETSET", g.key(), g.value())],
  [2, (g) => plain("GETDEL", g.key())],
  [2, (g) => plain("SETNX", g.key(), g.value())],
  [2, (g) => plain(g.pick(["SETEX", "PSETEX"]), g.key(), g.chance(10) ? "0" : `${g.relative() * 1000}`, g.value())],
  [2, () => plain("DBSIZE")],
  [1, (g) => sorted(["KEYS", g.pick(PATTERNS)])],
  [1, (g) => plain("SELECT", g.chance(5) ? "99" : g.database())],
  [1, (g) => plain(g.pick(["PING", "NOSUCH", "GET", "ECHO x", "TTL"]))],
];

/** FLUSHDB and FLUSHALL come once in some hundred commands. */
const RARE: readonly Make[] = [(g) => plain(g.pick(["FLUSHDB", "FLUSHALL"])), () => scan("COUNT 3")];

const WEIGHTED: readonly Make[] = [
  ...WEIGHTS.flatMap(([weight, make]) => Array.from({ length: 4 * weight }, () => make)),
  ...RARE,
];

/** Commands that read everything there is, to be sent when all is done. */
export function wholeDataSet(): Command[] {
  const commands: Command[] = [];
  for (let database = 0; database < DATABASES; database++) {
    commands.push(plain("SELECT", `${database}`), plain("DBSIZE"), sorted("KEYS *"));
    for (const key of KEYS) {
      commands.push(plain("GET", key), plain("TYPE", key), about(["PTTL", key], SLACK_SECONDS * 1000));
      commands.push(about(["PEXPIRETIME", key], SLACK_SECONDS * 1000));
    }
  }
  return commands;
}
