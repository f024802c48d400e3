/** Cases: OBJECT, MEMORY, and what maxmemory refuses. */

import { about, type Case, type CommandLike, define, ignored } from "../case.ts";

const OTHER_NUMBERS = "what a key takes is each server's own matter";
const LONG = "x".repeat(45);

/** Values with the encodings that Redis gives them. */
const VALUES = [
  "1",
  "-1",
  "9999",
  "10000",
  "9223372036854775807",
  "9223372036854775808",
  "01",
  "",
  "abc",
  "x".repeat(44),
];

function encodings(): Case[] {
  return [...VALUES, LONG].map((value) =>
    define(`OBJECT ENCODING, REFCOUNT of ${JSON.stringify(value)}`, [
      ["SET", "k", value],
      "OBJECT ENCODING k",
      "OBJECT REFCOUNT k",
      "APPEND k 1",
      "OBJECT ENCODING k",
      ["SET", "k", value, "EX", "100"],
      "object encoding k",
      "OBJECT REFCOUNT k",
    ]),
  );
}

const OBJECT_SUBCOMMANDS = ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"];

const shapes: Case[] = [
  define("OBJECT without sense", [
    "OBJECT",
    "OBJECT HELP",
    "OBJECT HELP x",
    "OBJECT nosuch k",
    "OBJECT ENCODING",
    "OBJECT FREQ k x",
    ...OBJECT_SUBCOMMANDS.map((name) => `OBJECT ${name} none`),
    "SET k v",
    ...OBJECT_SUBCOMMANDS.map((name) => `OBJECT ${name} k`),
  ]),
  define("OBJECT after other writes", [
    "SET n 5",
    "INCR n",
    "OBJECT ENCODING n",
    "INCRBYFLOAT n 1",
    "OBJECT ENCODING n",
    "SETRANGE n 1 abc",
    "OBJECT ENCODING n",
    "GETRANGE n 0 -1",
    "OBJECT ENCODING n",
    "MSET a 1 b abc",
    "OBJECT ENCODING a",
    "OBJECT ENCODING b",
  ]),
  define("MEMORY", [
    "MEMORY",
    "MEMORY HELP",
    "MEMORY nosuch",
    "MEMORY PURGE",
    "MEMORY PURGE x",
    "MEMORY STATS x",
    "MEMORY USAGE",
    "MEMORY USAGE none",
    "SET k v",
    ignored(OTHER_NUMBERS, "MEMORY USAGE k"),
    ignored(OTHER_NUMBERS, "MEMORY USAGE k SAMPLES 0"),
    ignored(OTHER_NUMBERS, "memory usage k samples 5 SAMPLES 7"),
    "MEMORY USAGE k SAMPLES",
    "MEMORY USAGE k SAMPLES -1",
    "MEMORY USAGE k SAMPLES x",
    "MEMORY USAGE k SAMPLES 1.5",
    "MEMORY USAGE k nosuch 5",
    "MEMORY USAGE none SAMPLES x",
    ignored("allocators differ", "MEMORY MALLOC-STATS"),
    "FLUSHALL",
    ignored("how much is little", "MEMORY DOCTOR"),
  ]),
];

/** Under a frequency policy, with no decay and no chance in what is asked. */
const FREQUENCY: Case = define("OBJECT FREQ", [
  "CONFIG SET lfu-decay-time 0",
  "CONFIG SET maxmemory-policy allkeys-lfu",
  "SET k value",
  "OBJECT FREQ k",
  "GET k",
  "OBJECT FREQ k",
  "EXISTS k",
  "TTL k",
  "TYPE k",
  "OBJECT ENCODING k",
  "OBJECT FREQ k",
  "OBJECT IDLETIME k",
  "OBJECT IDLETIME none",
  "OBJECT FREQ none",
  "CONFIG SET lfu-log-factor 0",
  "GET k",
  "GET k",
  "TOUCH k",
  "OBJECT FREQ k",
  "SET k other",
  "OBJECT FREQ k",
  "EXPIRE k 100",
  "OBJECT FREQ k",
  "PERSIST k",
  "APPEND k x",
  "OBJECT FREQ k",
  "SETRANGE k 0 x",
  "OBJECT FREQ k",
  "CONFIG SET lfu-log-factor 10",
  "CONFIG SET lfu-decay-time 1",
  "CONFIG SET maxmemory-policy noeviction",
  "OBJECT FREQ k",
  "SET k v",
  about("OBJECT IDLETIME k", 3),
]);

/** Refused while used memory is over the limit, and what goes on. */
const GROWING = [
  "SET a 1",
  "SET a 1 XX",
  "SETNX none 1",
  "SETEX a 10 1",
  "PSETEX a 10 1",
  "GETSET a 1",
  "APPEND a 1",
  "SETRANGE a 1 x",
  "INCR a",
  "DECR a",
  "INCRBY a 5",
  "DECRBY a 5",
  "INCRBYFLOAT a 5",
  "MSET a 1 b 2",
  "MSET {t}a 1 {t}b 2",
];
// No key may get an expiry here: it could be evicted, and when is each server's own matter.
const ALLOWED = ["GET a", "MGET a b", "STRLEN a", "PERSIST a", "TYPE a", "GETEX a", "GETDEL a", "DEL b"];

function overTheLimit(policy: string): CommandLike[] {
  return [
    "MSET a 5 b 6",
    `CONFIG SET maxmemory-policy ${policy} maxmemory 1`,
    ...GROWING,
    ...ALLOWED,
    "CONFIG SET maxmemory 0 maxmemory-policy noeviction",
    "SET a 1",
  ];
}

export const MEMORY: readonly Case[] = [
  ...encodings(),
  ...shapes,
  FREQUENCY,
  define("OOM by noeviction", overTheLimit("noeviction")),
  // Keys without an expiry stay, so that nothing can be evicted.
  ...["volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random"].map((policy) =>
    define(`OOM by ${policy}`, overTheLimit(policy)),
  ),
  define("maxmemory and its kin", [
    "CONFIG SET maxmemory 10mb",
    "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 1g",
    "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 50%",
    "CONFIG SET maxmemory -1",
    "CONFIG SET maxmemory x",
    "CONFIG SET maxmemory 0",
    "CONFIG SET maxmemory-policy nosuch",
    "CONFIG SET maxmemory-samples 0",
    "CONFIG SET maxmemory-eviction-tenacity 101",
  ]),
];
