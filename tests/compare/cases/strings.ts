/** Cases: SET in all combinations of its options, GET and its kin, whole values. */

import { type Case, type CommandLike, define, expireTime, pexpireTime, pttl, ttl } from "../case.ts";

/** 2100-01-01, in seconds and in milliseconds. */
const FAR = "4102444800";
const FAR_MS = "4102444800000";

/** Makes a key: missing, a string, a string with a time to live. */
const STATES: readonly (readonly string[])[] = [[], ["SET k old"], ["SET k old EX 5000"]];

/** Every subset of NX, XX, GET, KEEPTTL and the expire options, all orders of which Redis takes alike. */
function setMatrix(): Case[] {
  const conditions = ["", "NX", "XX", "NX XX", "nx Get", "GET", "XX GET", "NX XX GET", "GET NX", "GET GET"];
  const expiries = [
    "",
    "EX 100",
    "PX 100000",
    `EXAT ${FAR}`,
    `PXAT ${FAR_MS}`,
    "KEEPTTL",
    "keepttl KEEPTTL",
    "EX 100 PX 100000",
    "EX 100 EX 200",
    "EX 100 KEEPTTL",
    "KEEPTTL PX 100000",
    `PXAT ${FAR_MS} EXAT ${FAR}`,
    "EXAT 1",
    "PXAT 1",
  ];
  const cases: Case[] = [];
  for (const condition of conditions) {
    for (const expiry of expiries) {
      const commands: CommandLike[] = [];
      for (const state of STATES) {
        commands.push("DEL k", ...state, `SET k new ${condition} ${expiry}`, "GET k", ttl("k"), expireTime("k"));
        commands.push("EXISTS k", "DBSIZE");
      }
      cases.push(define(`SET ${condition} ${expiry}`, commands));
    }
  }
  return cases;
}

const BAD_NUMBERS = [
  "0",
  "-1",
  "abc",
  "1.5",
  '""',
  '" 1"',
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
];

/** Each expire option with values that are none, or out of range. */
function badExpiries(): Case[] {
  const cases: Case[] = [];
  for (const option of ["EX", "PX", "EXAT", "PXAT"]) {
    for (const value of [...BAD_NUMBERS, "9223372036854775", "9223372036854776", "01", "+1"]) {
      cases.push(
        define(`SET and GETEX with ${option} ${value}`, [
          "SET k old EX 5000",
          `SET k new ${option} ${value}`,
          "GET k",
          `SET k new XX GET ${option} ${value}`,
          `SET none new NX ${option} ${value}`,
          "SET k old EX 5000",
          `GETEX k ${option} ${value}`,
          "EXISTS k none",
          `GETEX none2 ${option} ${value}`,
        ]),
      );
    }
    cases.push(
      define(`${option} without its value`, [
        "SET k old",
        `SET k new ${option}`,
        `SET k new NX ${option}`,
        `SET k new ${option} NX`,
        `GETEX k ${option}`,
        `GETEX k ${option} 10 ${option}`,
        "GET k",
      ]),
    );
  }
  return cases;
}

// tidy: long function, lists of texts
function setPlain(): Case[] {
  const values = ["", "a", "0", "-0", "1", "-1", "12345678901234567890", "9223372036854775807", "-9223372036854775808"];
  const commands: CommandLike[] = [];
  for (const value of [
    ...values,
    "007",
    "1.0",
    "1e3",
    "\r\n",
    "\0",
    "\xff\xfe",
    "x".repeat(43),
    "x".repeat(44),
    "x".repeat(45),
  ]) {
    commands.push(
      ["SET", "k", value],
      "GET k",
      "STRLEN k",
      "TYPE k",
      ["GETSET", "k", value],
      ["MSET", value, value],
      "DBSIZE",
    );
    commands.push(["GET", value], ["EXISTS", value, value]);
  }
  return [
    define("values and keys of all kinds", commands),
    define("SET: wrong words and arity", [
      "SET",
      "SET k",
      "SET k v X",
      "SET k v EX",
      "SET k v NXX",
      "SET k v 10",
      "SET k v EX 10 20",
      "SET k v PERSIST",
      "SET k v GET GET",
      "SET k v ex 10 nx",
      "SET k v eX 10 xX get",
      "set K v",
      "GET k",
      "GET K",
      "GET",
      "GET a b",
    ]),
    define("SET drops the time to live unless KEEPTTL", [
      "SET k a EX 100",
      ttl("k"),
      "SET k b",
      ttl("k"),
      "SET k c PX 100000",
      "SET k d KEEPTTL",
      pttl("k"),
      "GET k",
      "SET k e XX GET KEEPTTL",
      pttl("k"),
      "SET other v KEEPTTL",
      "TTL other",
    ]),
    define("a big value", [
      ["SET", "big", "v".repeat(100_000)],
      "GET big",
      "STRLEN big",
      ["APPEND", "big", "w".repeat(70_000)],
      "GETRANGE big 99990 100010",
      "GETDEL big",
      "GET big",
    ]),
    define("long keys", [
      ["SET", "k".repeat(300), "v"],
      ["GET", "k".repeat(300)],
      ["SET", "k".repeat(70_000), "w"],
      ["GET", "k".repeat(70_000)],
      ["DEL", "k".repeat(70_000), "k".repeat(300)],
      "DBSIZE",
    ]),
  ];
}

const GETEX: readonly Case[] = [
  define("GETEX", [
    "GETEX",
    "GETEX none",
    "SET k v",
    "GETEX k",
    "TTL k",
    "GETEX k EX 100",
    ttl("k"),
    "GETEX k",
    ttl("k"),
    "GETEX k PX 200000",
    pttl("k"),
    `GETEX k EXAT ${FAR}`,
    "EXPIRETIME k",
    `GETEX k PXAT ${FAR_MS}`,
    "PEXPIRETIME k",
    "GETEX k PERSIST",
    "TTL k",
    "GETEX k persist",
    "GETEX k PERSIST EX 10",
    "GETEX k EX 10 PERSIST",
    "GETEX k EX 10 PX 10",
    "GETEX k PERSIST PERSIST",
    "GETEX k KEEPTTL",
    "GETEX k NX",
    "GETEX k XX",
    "GETEX k GET",
    "GETEX k EX 10 NX",
    "GETEX k foo",
    "GETEX k EX",
    "GETEX none EX 10",
    "GETEX none EX abc",
    "EXISTS none",
    "GETEX k EXAT 1",
    "EXISTS k",
    "SET k v",
    "GETEX k PXAT 1",
    "GET k",
    "DBSIZE",
  ]),
  define("GETDEL", ["GETDEL", "GETDEL none", "SET k v EX 100", "GETDEL k", "GET k", "TTL k", "GETDEL k x", "DBSIZE"]),
  define("GETSET", [
    "GETSET",
    "GETSET k",
    "GETSET k a",
    "GETSET k b",
    "SET k c EX 100",
    "GETSET k d",
    "TTL k",
    "GETSET k e f",
    "GET k",
  ]),
  define("SETNX", [
    "SETNX",
    "SETNX k",
    "SETNX k a",
    "SETNX k b",
    "GET k",
    "TTL k",
    "SETNX k c d",
    "SET t x EX 50",
    "SETNX t y",
    ttl("t"),
  ]),
];

function timedSets(): Case[] {
  const cases: Case[] = [];
  for (const name of ["SETEX", "PSETEX"]) {
    const commands: CommandLike[] = [
      name,
      `${name} k`,
      `${name} k 10`,
      `${name} k 100000 v`,
      ttl("k"),
      "GET k",
      `${name} k 10 v w`,
    ];
    for (const value of [...BAD_NUMBERS, "9223372036854775", "9223372036854776", "9223370000000000"]) {
      commands.push(`${name} k ${value} bad`, `${name} none ${value} bad`, "GET k", "EXISTS none");
    }
    cases.push(define(name, commands));
  }
  return cases;
}

const WHOLE: readonly Case[] = [
  define("APPEND and STRLEN", [
    "APPEND",
    "APPEND k",
    "APPEND k hello",
    'APPEND k " world"',
    "GET k",
    "STRLEN k",
    'APPEND k ""',
    "STRLEN none",
    "STRLEN",
    "STRLEN k k",
    'APPEND empty ""',
    "EXISTS empty",
    "GET empty",
    "SET n 10",
    "APPEND n 5",
    "INCR n",
    "GET n",
    "SET t v EX 100",
    "APPEND t w",
    ttl("t"),
    "GET t",
    'APPEND bin "\\x00\\xff\\r\\n"',
    "GET bin",
    "STRLEN bin",
    "APPEND k a b",
  ]),
  define("MGET and MSET", [
    "MSET",
    "MSET a",
    "MSET a 1 b",
    "MSET a 1",
    "MSET a 1 b 2 c 3",
    "MGET a b c",
    "MGET c b a none a",
    "MGET",
    "MGET none",
    "MSET a 1 a 2 a 3",
    "GET a",
    "MSET d 4 d 5 e 6 d 7",
    "MGET d e d",
    "SET t v EX 100",
    "MSET t w",
    "TTL t",
    "MSET a 1 b 2 c",
    "MGET a b c",
    'MSET "" empty k ""',
    'MGET "" k',
    "DBSIZE",
  ]),
  define("many keys at once", [
    ["MSET", ...Array.from({ length: 400 }, (_, i) => `key:${i >> 1}:${i % 2 === 0 ? "" : "value"}`)],
    "DBSIZE",
    ["MGET", ...Array.from({ length: 300 }, (_, i) => `key:${i}:`)],
    ["EXISTS", ...Array.from({ length: 300 }, (_, i) => `key:${i}:`)],
    ["TOUCH", ...Array.from({ length: 300 }, (_, i) => `key:${i}:`)],
    ["DEL", ...Array.from({ length: 150 }, (_, i) => `key:${i}:`)],
    ["UNLINK", ...Array.from({ length: 300 }, (_, i) => `key:${i}:`)],
    "DBSIZE",
  ]),
  define("hash tags", [
    "MSET {t}a 1 {t}b 2 {t}c 3 x{t}y 4",
    "MGET {t}a {t}b {t}c x{t}y {t}d",
    "DEL {t}a x{t}y",
    "EXISTS {t}a {t}b {t}c",
  ]),
  define("expire times that are read back", [
    `SET k v EXAT ${FAR}`,
    "EXPIRETIME k",
    "PEXPIRETIME k",
    `SET k v PXAT ${FAR_MS}`,
    "PEXPIRETIME k",
    "EXPIRETIME k",
    "SET k v PXAT 4102444800999",
    "EXPIRETIME k",
    "SET k v PXAT 4102444800499",
    "EXPIRETIME k",
    "SET k v EX 1000",
    pexpireTime("k"),
    expireTime("k"),
  ]),
];

export const STRINGS: readonly Case[] = [
  ...setPlain(),
  ...setMatrix(),
  ...badExpiries(),
  ...GETEX,
  ...timedSets(),
  ...WHOLE,
];
