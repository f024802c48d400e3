/**
 * Metadata of the commands: what COMMAND tells of them that running them does not need. One row per command, looked up
 * by the name of its CommandRow. Routing facts (arity, flags, key positions) are in CommandRow and not here; ACL
 * categories that follow from flags are derived in command-info.ts.
 *
 * Refuses: to describe a command that is not built.
 */

import { ADMIN_DOCS } from "./docs-admin.ts";
import { type CommandDocs, connection, key, type Rest, server, text } from "./docs-row.ts";

const BUSY: Rest = { allowBusy: true };
const RANDOM: Rest = { tips: ["nondeterministic_output"] };
const RANDOM_ORDER: Rest = { tips: ["nondeterministic_output_order"] };
const KEYSPACE = ["keyspace"];
const SUM_OF_SHARDS: Rest = { tips: ["request_policy:multi_shard", "response_policy:agg_sum"] };
const FLUSHES: Rest = {
  categories: ["keyspace", "dangerous"],
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
};
const EVERY_NODE: Rest = { tips: ["request_policy:all_nodes", "response_policy:all_succeeded"] };
const BY_SUBCOMMAND = "That of the subcommand.";
const RANGE_COST = "O(N), N: bytes of the reply";

const CONNECTION_DOCS: Readonly<Record<string, CommandDocs>> = {
  ping: connection("1.0.0", "O(1)", { tips: ["request_policy:all_shards", "response_policy:all_succeeded"] }),
  echo: connection("1.0.0"),
  hello: connection("6.0.0", "O(1)", BUSY),
  auth: connection("1.0.0", "O(N), N: passwords of the user", BUSY),
  quit: connection("1.0.0", "O(1)", BUSY),
  reset: connection("6.2.0", "O(1)", BUSY),
  select: connection("1.0.0"),
  client: connection("2.4.0", BY_SUBCOMMAND, { categories: [] }),
  "client|getname": connection("2.6.9"),
  "client|getredir": connection("6.0.0"),
  "client|help": connection("5.0.0"),
  "client|id": connection("5.0.0"),
  "client|info": connection("6.2.0", "O(1)", RANDOM),
  "client|kill": connection("2.4.0", "O(N), N: connections"),
  "client|list": connection("2.4.0", "O(N), N: connections", RANDOM),
  "client|no-evict": connection("7.0.0"),
  "client|no-touch": connection("7.2.0"),
  "client|pause": connection("2.9.50"),
  "client|reply": connection("3.2.0"),
  "client|setinfo": connection("7.2.0", "O(1)", EVERY_NODE),
  "client|setname": connection("2.6.9"),
  "client|trackinginfo": connection("6.2.0"),
  "client|unblock": connection("5.0.0", "O(log N), N: connections"),
  "client|unpause": connection("6.2.0", "O(N), N: paused clients"),
};

const LOOK_UP_COST = "O(N), N: names asked for";
const ALL_COMMANDS_COST = "O(N), N: commands of the server";
const ARGUMENTS_COST = "O(N), N: words of the command";
const PARAMETERS_COST = "O(N), N: parameters named";
const OF_CONNECTION = ["connection"];
const LATENCY_TIPS = { tips: ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"] };
const ALLOCATOR_COST = "O(N), N: runs of free memory";
const REPORT_OF_SHARDS: Rest = {
  tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
};

const SERVER_DOCS: Readonly<Record<string, CommandDocs>> = {
  command: server("2.8.13", ALL_COMMANDS_COST, { categories: OF_CONNECTION, ...RANDOM_ORDER }),
  "command|count": server("2.8.13", "O(1)", { categories: OF_CONNECTION }),
  "command|docs": server("7.0.0", LOOK_UP_COST, { categories: OF_CONNECTION, ...RANDOM_ORDER }),
  "command|getkeys": server("2.8.13", ARGUMENTS_COST, { categories: OF_CONNECTION }),
  "command|getkeysandflags": server("7.0.0", ARGUMENTS_COST, { categories: OF_CONNECTION }),
  "command|help": server("5.0.0", "O(1)", { categories: OF_CONNECTION }),
  "command|info": server("2.8.13", LOOK_UP_COST, { categories: OF_CONNECTION, ...RANDOM_ORDER }),
  "command|list": server("7.0.0", ALL_COMMANDS_COST, { categories: OF_CONNECTION, ...RANDOM_ORDER }),
  config: server("2.0.0", BY_SUBCOMMAND),
  "config|get": server("2.0.0", PARAMETERS_COST),
  "config|help": server("5.0.0"),
  "config|resetstat": server("2.0.0"),
  "config|rewrite": server("2.8.0"),
  "config|set": server("2.0.0", PARAMETERS_COST, EVERY_NODE),
  dbsize: server("1.0.0", "O(1)", {
    categories: KEYSPACE,
    tips: ["request_policy:all_shards", "response_policy:agg_sum"],
  }),
  debug: server("1.0.0", BY_SUBCOMMAND),
  flushall: server("1.0.0", "O(N), N: keys of all databases", FLUSHES),
  flushdb: server("1.0.0", "O(N), N: keys of the selected database", FLUSHES),
  info: server("1.0.0", "O(1)", {
    categories: ["dangerous"],
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
  }),
  latency: server("2.8.13", BY_SUBCOMMAND),
  "latency|doctor": server("2.8.13", "O(1)", LATENCY_TIPS),
  "latency|graph": server("2.8.13", "O(1)", LATENCY_TIPS),
  "latency|help": server("2.8.13"),
  "latency|histogram": server("7.0.0", "O(N), N: commands told about", LATENCY_TIPS),
  "latency|history": server("2.8.13", "O(1)", LATENCY_TIPS),
  "latency|latest": server("2.8.13", "O(1)", LATENCY_TIPS),
  "latency|reset": server("2.8.13", "O(1)", EVERY_NODE),
  slowlog: server("2.2.12", BY_SUBCOMMAND),
  "slowlog|get": server("2.2.12", "O(N), N: entries", {
    tips: ["request_policy:all_nodes", "nondeterministic_output"],
  }),
  "slowlog|help": server("6.2.0"),
  "slowlog|len": server("2.2.12", "O(1)", {
    tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
  }),
  memory: server("4.0.0", BY_SUBCOMMAND),
  "memory|doctor": server("4.0.0", "O(1)", REPORT_OF_SHARDS),
  "memory|help": server("4.0.0"),
  "memory|malloc-stats": server("4.0.0", ALLOCATOR_COST, REPORT_OF_SHARDS),
  "memory|purge": server("4.0.0", ALLOCATOR_COST, {
    tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  }),
  "memory|stats": server("4.0.0", "O(1)", REPORT_OF_SHARDS),
  "memory|usage": server("4.0.0", "O(N), N: samples", { keyFlags: ["RO"] }),
  "slowlog|reset": server("2.2.12", "O(N), N: entries of the log", EVERY_NODE),
  shutdown: server("1.0.0", "O(1); with saving O(N), N: keys of all databases", BUSY),
  time: server("2.6.0", "O(1)", RANDOM),
};

const STRING_DOCS: Readonly<Record<string, CommandDocs>> = {
  append: text("2.0.0", "RW insert", "O(1) on average for short additions: room is made ahead"),
  decr: text("1.0.0", "RW access update"),
  decrby: text("1.0.0", "RW access update"),
  get: text("1.0.0", "RO access"),
  getdel: text("6.2.0", "RW access delete"),
  getex: text("6.2.0", "RW access update", "O(1)", { keyNotes: "RW and UPDATE because it changes the TTL" }),
  getrange: text("2.4.0", "RO access", RANGE_COST),
  getset: text("1.0.0", "RW access update"),
  incr: text("1.0.0", "RW access update"),
  incrby: text("1.0.0", "RW access update"),
  incrbyfloat: text("2.6.0", "RW access update"),
  mget: text("1.0.0", "RO access", "O(N), N: keys", {
    tips: ["request_policy:multi_shard"],
  }),
  mset: text("1.0.1", "OW update", "O(N), N: keys", {
    tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
  }),
  psetex: text("2.6.0", "OW update"),
  set: text("1.0.0", "RW access update variable_flags", "O(1)", {
    keyNotes: "RW and ACCESS due to the optional `GET` argument",
    without: ["get", ["OW", "update"]],
  }),
  setex: text("2.0.0", "OW update"),
  setnx: text("1.0.0", "OW insert"),
  setrange: text("2.2.0", "RW update", "O(N), N: bytes of the value"),
  strlen: text("2.2.0", "RO"),
  substr: text("1.0.0", "RO access", RANGE_COST),
};

const GENERIC_DOCS: Readonly<Record<string, CommandDocs>> = {
  del: key("1.0.0", "RM delete", "O(N), N: keys, and for a collection its elements", SUM_OF_SHARDS),
  exists: key("1.0.0", "RO", "O(N), N: keys", SUM_OF_SHARDS),
  expire: key("1.0.0", "RW update"),
  expireat: key("1.2.0", "RW update"),
  expiretime: key("7.0.0", "RO access"),
  keys: key("1.0.0", "", "O(N), N: keys of the selected database", {
    categories: ["keyspace", "dangerous"],
    tips: ["request_policy:all_shards", "nondeterministic_output_order"],
  }),
  object: key("2.2.3", "", BY_SUBCOMMAND, { categories: [] }),
  "object|encoding": key("2.2.3", "RO", "O(1)", RANDOM),
  "object|freq": key("4.0.0", "RO", "O(1)", RANDOM),
  "object|help": key("6.2.0", ""),
  "object|idletime": key("2.2.3", "RO", "O(1)", RANDOM),
  "object|refcount": key("2.2.3", "RO", "O(1)", RANDOM),
  persist: key("2.2.0", "RW update"),
  pexpire: key("2.6.0", "RW update"),
  pexpireat: key("2.6.0", "RW update"),
  pexpiretime: key("7.0.0", "RO access"),
  pttl: key("2.6.0", "RO access", "O(1)", RANDOM),
  randomkey: key("1.0.0", "", "O(1)", { tips: ["request_policy:all_shards", "nondeterministic_output"] }),
  scan: key("2.8.0", "", "O(1) a call; O(N) for a whole walk, N: keys of the selected database", {
    tips: ["nondeterministic_output", "request_policy:special"],
  }),
  touch: key("3.2.1", "RO", "O(N), N: keys", SUM_OF_SHARDS),
  ttl: key("1.0.0", "RO access", "O(1)", RANDOM),
  type: key("1.0.0", "RO"),
  unlink: key(
    "4.0.0",
    "RM delete",
    "O(1) a key, and O(N) in the background, N: pieces of memory given back",
    SUM_OF_SHARDS,
  ),
};

/** Rows that are no commands: what an attacker's HTTP request looks like. They are listed nowhere. */
export const HIDDEN_COMMANDS: readonly string[] = ["post", "host:"];

const DOCS = new Map<string, CommandDocs>([
  ...Object.entries(CONNECTION_DOCS),
  ...Object.entries(SERVER_DOCS),
  ...Object.entries(STRING_DOCS),
  ...Object.entries(GENERIC_DOCS),
  ...Object.entries(ADMIN_DOCS),
]);

/** The metadata of a command by the name of its row, or undefined. */
export function docsOf(name: string): CommandDocs | undefined {
  return DOCS.get(name);
}

/** Names of all commands described here, subcommands as "container|name". */
export function documentedNames(): string[] {
  return [...DOCS.keys()];
}
