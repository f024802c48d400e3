/** Cases: EXPIRE and its kin with all options, TTL and its kin, PERSIST. */

import { type Case, type CommandLike, define, expireTime, pexpireTime, pttl, ttl } from "../case.ts";

interface Verb {
  readonly name: string;
  /** A time, far enough away; one that is earlier; one that is later. */
  readonly at: string;
  readonly earlier: string;
  readonly later: string;
  readonly past: string;
}

const VERBS: readonly Verb[] = [
  { name: "EXPIRE", at: "5000", earlier: "1000", later: "9000", past: "-1" },
  { name: "PEXPIRE", at: "5000000", earlier: "1000000", later: "9000000", past: "-1" },
  { name: "EXPIREAT", at: "4102444800", earlier: "4102440000", later: "4102450000", past: "1" },
  { name: "PEXPIREAT", at: "4102444800000", earlier: "4102440000000", later: "4102450000000", past: "1" },
];

const OPTIONS = [
  "",
  "NX",
  "XX",
  "GT",
  "LT",
  "nx",
  "XX GT",
  "XX LT",
  "GT XX",
  "NX XX",
  "NX GT",
  "NX LT",
  "GT LT",
  "NX NX",
  "XX XX",
  "GT GT",
  "foo",
  "NX foo",
  "XX GT LT",
];

function look(key: string): CommandLike[] {
  return [ttl(key), pttl(key), expireTime(key), pexpireTime(key), `EXISTS ${key}`];
}

function matrix(): Case[] {
  const cases: Case[] = [];
  for (const verb of VERBS) {
    for (const options of OPTIONS) {
      const commands: CommandLike[] = [`${verb.name} none ${verb.at} ${options}`];
      for (const time of [verb.earlier, verb.at, verb.later, verb.past]) {
        commands.push("SET k v", `${verb.name} k ${time} ${options}`, ...look("k"));
        // An equal time is told apart from a later one only where times are absolute.
        if (time === verb.at && !verb.name.endsWith("AT")) continue;
        commands.push("SET k v", `${verb.name} k ${verb.at}`, `${verb.name} k ${time} ${options}`, ...look("k"));
      }
      cases.push(define(`${verb.name} ${options}`, commands));
    }
  }
  return cases;
}

const TIMES = [
  "0",
  "-0",
  "1.5",
  "abc",
  "",
  " 1",
  "1 ",
  "01",
  "+1",
  "0x10",
  "-1",
  "-9223372036854775808",
  "-9223372036854775809",
  "-9223372036854775",
  "-9223372036854776",
  "9223372036854775807",
  "9223372036854775808",
  "9223372036854775",
  "9223372036854776",
  "9223370000000000",
  "9223372036854770000",
  "99999999999999999999",
];

function times(): Case[] {
  return VERBS.map((verb) => {
    const commands: CommandLike[] = [verb.name, `${verb.name} k`, `${verb.name} k 10 NX XX GT LT`];
    for (const time of TIMES) {
      commands.push("SET k v", [verb.name, "k", time], ...look("k"));
      commands.push([verb.name, "none", time], [verb.name, "k", time, "NX"], [verb.name, "k", time, "foo"]);
      commands.push(
        "SET k v EX 100",
        [verb.name, "k", time, "GT"],
        "EXISTS k",
        [verb.name, "k", time, "LT"],
        "EXISTS k",
      );
    }
    return define(`${verb.name}: times that are none, negative or too great`, commands);
  });
}

const REST: readonly Case[] = [
  define("TTL and its kin", [
    "TTL",
    "PTTL",
    "EXPIRETIME",
    "PEXPIRETIME",
    "TTL a b",
    "PTTL a b",
    "EXPIRETIME a b",
    "PEXPIRETIME a b",
    ...look("none"),
    "SET k v",
    ...look("k"),
    "SET k v EX 100",
    ...look("k"),
    "EXPIREAT k 4102444800",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "PEXPIREAT k 4102444800999",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "PEXPIREAT k 4102444800500",
    "EXPIRETIME k",
    "PEXPIREAT k 4102444800499",
    "EXPIRETIME k",
  ]),
  define("PERSIST", [
    "PERSIST",
    "PERSIST a b",
    "PERSIST none",
    "SET k v",
    "PERSIST k",
    "EXPIRE k 100",
    "PERSIST k",
    "TTL k",
    "PERSIST k",
    "SET k v PXAT 1",
    "PERSIST k",
  ]),
  define("what keeps the time to live and what drops it", [
    "SET k 1 EX 1000",
    "INCR k",
    ttl("k"),
    "APPEND k 2",
    ttl("k"),
    "SETRANGE k 0 9",
    ttl("k"),
    "GETSET k 5",
    ttl("k"),
    "EXPIRE k 1000",
    "INCRBYFLOAT k 1.5",
    ttl("k"),
    "MSET k 1",
    ttl("k"),
    "EXPIRE k 1000",
    "SETNX k 2",
    ttl("k"),
    "SET k 3 XX",
    ttl("k"),
    "EXPIRE k 1000",
    "DEL k",
    "SET k 4",
    ttl("k"),
    "EXPIRE k 1000",
    "GETDEL k",
    "APPEND k x",
    ttl("k"),
  ]),
  define("an expired key is a missing key to every command", [
    "SET k v PXAT 1",
    "GET k",
    "SET k v",
    "PEXPIREAT k 1",
    "SETNX k new",
    "PEXPIREAT k 1",
    "SET k x XX",
    "SET k v",
    "EXPIRE k 0",
    "APPEND k tail",
    "EXPIRE k -5",
    "INCR k",
    "EXPIREAT k 0",
    "STRLEN k",
    "SET k v",
    "EXPIREAT k 1",
    "SETRANGE k 3 x",
    "PEXPIRE k -100",
    "GETRANGE k 0 -1",
    "SET k v",
    "PEXPIRE k 0",
    "MGET k k",
    "TYPE k",
  ]),
];

export const EXPIRY: readonly Case[] = [...matrix(), ...times(), ...REST];
