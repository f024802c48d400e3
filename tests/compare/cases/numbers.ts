/** Cases: counters and ranges: INCR and its kin, INCRBYFLOAT, GETRANGE, SUBSTR, SETRANGE. */

import { FULL } from "../../support/depth.ts";
import { type Case, type CommandLike, define, ttl } from "../case.ts";

const MAX = "9223372036854775807";
const MIN = "-9223372036854775808";

/** Texts that are integers to Redis, and texts that only look so. */
const STORED = [
  "0",
  "-0",
  "+1",
  "1",
  "-1",
  "01",
  "-01",
  "00",
  " 1",
  "1 ",
  "1.0",
  "1e1",
  "",
  "-",
  "abc",
  "0x10",
  "1\0",
  "\0",
  "9223372036854775806",
  MAX,
  "9223372036854775808",
  "-9223372036854775807",
  MIN,
  "-9223372036854775809",
  "12345678901234567890",
  "99999999999999999999999999",
  "\xa01",
  "1\r\n",
  "１",
];

function integers(): Case[] {
  const cases: Case[] = [];
  for (const stored of STORED) {
    const commands: CommandLike[] = [];
    const bytes = Buffer.from(stored, "latin1");
    for (const operation of ["INCR k", "DECR k", "INCRBY k 2", "DECRBY k 2", "INCRBYFLOAT k 1"]) {
      commands.push(["SET", "k", bytes], operation, "GET k");
    }
    cases.push(define(`counters on ${JSON.stringify(stored)}`, commands));
  }
  const commands: CommandLike[] = [];
  for (const by of STORED) {
    for (const name of ["INCRBY", "DECRBY"]) {
      for (const stored of ["0", "1", "-1", MAX, MIN]) {
        commands.push(["SET", "k", stored], [name, "k", Buffer.from(by, "latin1")], "GET k");
      }
      commands.push("DEL k", [name, "k", Buffer.from(by, "latin1")], "GET k");
    }
  }
  cases.push(define("INCRBY and DECRBY by all of them", commands));
  cases.push(
    define("counters: arity, new keys, times to live", [
      "INCR",
      "INCR a b",
      "DECR",
      "DECR a b",
      "INCRBY k",
      "INCRBY k 1 2",
      "DECRBY k",
      "DECRBY k 1 2",
      "INCRBYFLOAT k",
      "INCRBYFLOAT k 1 2",
      "EXISTS k",
      "INCR k",
      "DECR j",
      "INCRBY l 5",
      "DECRBY m 5",
      "MGET k j l m",
      "SET t 10 EX 100",
      "INCR t",
      ttl("t"),
      "INCRBYFLOAT t 0.5",
      ttl("t"),
      "GET t",
      "INCR t",
      "TYPE t",
      "STRLEN t",
      "SET k 10",
      "INCR k",
      "APPEND k 0",
      "DECRBY k 10",
      "SETRANGE k 0 9",
      "INCR k",
      "GETRANGE k 0 0",
    ]),
  );
  return cases;
}

/** Decimal texts for the long double of INCRBYFLOAT. */
const FLOATS = [
  "0",
  "-0",
  "0.0",
  "1",
  "-1",
  "1.5",
  "0.1",
  "0.2",
  "0.3",
  "-0.1",
  "3.0e3",
  "5.0E-1",
  "1e-17",
  "1e17",
  "1e18",
  "1e19",
  "1e20",
  "1e-20",
  "1e300",
  "-1e300",
  "1e4000",
  "1e-4000",
  "1e5000",
  "-1e5000",
  "1e-5000",
  "3.14159265358979323846",
  "2.718281828459045235360287471352662497757",
  "123456789.123456789",
  "0.000001",
  "1234567890123456789",
  "12345678901234567890123",
  "99999999999999999.9",
  "0.99999999999999999",
  "0.99999999999999999999999",
  "10.5e-1",
  ".5",
  "5.",
  "+1.5",
  "0x10",
  "0x1p-3",
  "0X1.8p1",
  "1e",
  "e1",
  "1e+",
  "--1",
  "1.2.3",
  "",
  " ",
  " 1",
  "1 ",
  "1\n",
  "nan",
  "NaN",
  "-nan",
  "nan(1)",
  "inf",
  "-inf",
  "+inf",
  "Infinity",
  "-infinity",
  "INF",
  "infinit",
  "abc",
  "1,5",
  "1_000",
  "1\0",
  "\0",
  MAX,
  MIN,
  "18446744073709551616",
  "0.00000000000000001",
  "0.000000000000000005",
  "0.0000000000000000049",
  "1.00000000000000000001",
  "-0.000000000000000001",
];

/** In a normal run only every fifth text is tried as what is stored. */
const FLOAT_STEP = FULL ? 1 : 5;

function floats(): Case[] {
  const cases: Case[] = [];
  const all = FLOATS.filter((_, i) => i % FLOAT_STEP === 0);
  for (const by of FLOATS) {
    const commands: CommandLike[] = [];
    for (const stored of all) {
      // 1e4000 and its kin make replies of thousands of digits; once with a few values is enough.
      if (by.length === 6 && by.includes("000") && stored.length > 3) continue;
      commands.push(["SET", "k", stored], ["INCRBYFLOAT", "k", by], "GET k");
    }
    commands.push("DEL k", ["INCRBYFLOAT", "k", by], "GET k", ["INCRBYFLOAT", "k", by], "INCRBYFLOAT k -1", "STRLEN k");
    cases.push(define(`INCRBYFLOAT by ${JSON.stringify(by)}`, commands));
  }
  const steps: CommandLike[] = [];
  for (let i = 0; i < 60; i++) steps.push(`INCRBYFLOAT k ${i % 3 === 0 ? "0.1" : i % 3 === 1 ? "-0.3" : "1e-3"}`);
  cases.push(define("INCRBYFLOAT in many small steps", [...steps, "GET k"]));
  return cases;
}

const OFFSETS = [
  "0",
  "1",
  "2",
  "4",
  "5",
  "6",
  "100",
  "-1",
  "-2",
  "-5",
  "-6",
  "-100",
  MAX,
  MIN,
  "9223372036854775808",
  "abc",
  "",
  "1.5",
  "01",
  "4294967296",
  "-4294967297",
];

function ranges(): Case[] {
  const cases: Case[] = [];
  for (const name of ["GETRANGE", "SUBSTR"]) {
    const commands: CommandLike[] = [
      name,
      `${name} k`,
      `${name} k 0`,
      `${name} k 0 1 2`,
      "SET k Hello",
      "SET n 12345",
      'SET e ""',
    ];
    for (const from of OFFSETS) {
      for (const to of OFFSETS) {
        commands.push([name, "k", from, to]);
        if (from.length <= 2 && to.length <= 2)
          commands.push([name, "n", from, to], [name, "e", from, to], [name, "none", from, to]);
      }
    }
    cases.push(define(name, commands));
  }
  const setrange: CommandLike[] = ["SETRANGE", "SETRANGE k", "SETRANGE k 0", "SETRANGE k 0 a b"];
  const limit = 512 * 1024 * 1024;
  for (const offset of [
    ...OFFSETS.filter((text) => text !== "4294967296"),
    `${limit - 1}`,
    `${limit}`,
    `${limit + 1}`,
    "4294967296",
  ]) {
    for (const value of ["", "xy"]) {
      // A gap of half a gigabyte is not worth its memory here: only what is refused goes that far.
      if (value !== "" && offset === `${limit - 2}`) continue;
      setrange.push("SET k Hello", ["SETRANGE", "k", offset, value], "GET k", "STRLEN k");
      setrange.push("DEL none", ["SETRANGE", "none", offset, value], "GET none", "EXISTS none");
    }
  }
  cases.push(define("SETRANGE", setrange));
  cases.push(
    define("SETRANGE on numbers, with a time to live, with zeros between", [
      "SET n 12345 EX 100",
      "SETRANGE n 1 99",
      ttl("n"),
      "INCR n",
      "SETRANGE n 8 x",
      "GET n",
      "INCR n",
      "SETRANGE gap 10 end",
      "GET gap",
      "STRLEN gap",
      "SETRANGE gap 20000 far",
      "STRLEN gap",
      "GETRANGE gap 19990 -1",
    ]),
  );
  return cases;
}

export const NUMBERS: readonly Case[] = [...integers(), ...floats(), ...ranges()];
