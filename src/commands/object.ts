/**
 * OBJECT: how a key's value is kept, and when or how often it is used. None of it counts as an access.
 */

import { parseInteger } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandFunction, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { STRING_INT, stringEncodingName } from "../store/encoding.ts";
import { BY_FREQUENCY, BY_RECENCY } from "../store/policy.ts";
import { helpFunction } from "./replies.ts";

const ADJUSTING =
  "Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const NO_FREQUENCY = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + ADJUSTING;
const NO_IDLE_TIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. " + ADJUSTING;

/** What Redis answers for objects that all keys share. */
const SHARED_REFERENCES = 2147483647;
const SHARED_INTEGERS = 10_000;

/** Finds the key in argument 2. False: there is none, replied. */
function inspect(x: Execution, argv: ArgvView): boolean {
  if (x.db.inspect(argv.view, argv.starts[2], argv.ends[2])) return true;
  x.reply.nil();
  return false;
}

function encoding(x: Execution, argv: ArgvView): void {
  if (inspect(x, argv)) x.reply.bulkText(stringEncodingName(x.db.encoding));
}

function freq(x: Execution, argv: ArgvView): void {
  if (!inspect(x, argv)) return;
  const { access } = x.shard.store;
  if (access.frequent) x.reply.integer(access.frequencyOf(x.db.clock));
  else x.reply.error(NO_FREQUENCY);
}

function idletime(x: Execution, argv: ArgvView): void {
  if (!inspect(x, argv)) return;
  const { access } = x.shard.store;
  if (access.frequent) x.reply.error(NO_IDLE_TIME);
  else x.reply.integer(access.idleSeconds(x.db.clock));
}

/** Values are not shared here; small integers answer as in Redis, where they are while no clock has to tell them apart. */
function refcount(x: Execution, argv: ArgvView): void {
  if (!inspect(x, argv)) return;
  const { db, reply } = x;
  const { evictor, budget } = x.shard.store;
  const by = evictor.policy?.by;
  const apart = budget.watched && (by === BY_RECENCY || by === BY_FREQUENCY);
  const value = db.encoding === STRING_INT ? parseInteger(db.bytes, db.valueStart, db.valueEnd) : -1;
  reply.integer(!apart && value >= 0 && value < SHARED_INTEGERS ? SHARED_REFERENCES : 1);
}

const help = helpFunction("OBJECT", [
  "ENCODING <key>",
  "    Return the kind of internal representation used in order to store the value",
  "    associated with a <key>.",
  "FREQ <key>",
  "    Return the access frequency index of the <key>. The returned integer is",
  "    proportional to the logarithm of the recent access frequency of the key.",
  "IDLETIME <key>",
  "    Return the idle time of the <key>, that is the approximated number of",
  "    seconds elapsed since the last access to the key.",
  "REFCOUNT <key>",
  "    Return the number of references of the value associated with the specified",
  "    <key>.",
]);

const { LOADING, READONLY, STALE } = CommandFlag;
const KEY = { first: 2, last: 2, step: 1 };

function ofKey(name: string, run: CommandFunction): CommandRow {
  return { name: "object|" + name, arity: 3, flags: READONLY, keys: KEY, place: "keys", reduce: null, run };
}

export const objectRows: readonly CommandRow[] = [
  {
    name: "object",
    arity: -2,
    flags: 0,
    keys: null,
    place: "connection",
    reduce: null,
    run: help,
    subcommands: [
      ofKey("encoding", encoding),
      ofKey("freq", freq),
      {
        name: "object|help",
        arity: 2,
        flags: LOADING | STALE,
        keys: null,
        place: "connection",
        reduce: null,
        run: help,
      },
      ofKey("idletime", idletime),
      ofKey("refcount", refcount),
    ],
  },
];
