/**
 * How the commands are written: summary, arguments, history. One row per command, looked up by the name of its
 * CommandRow; the notation of the arguments is described in command-usage.ts. The server's own families are in
 * usage-server.ts.
 *
 * Summaries are our own words. Names, words and versions are Redis's, and so are the lines of the history, as clients
 * get them from there too.
 */

import { type CommandUsage, usage } from "./command-usage.ts";
import { CLUSTER_USAGE, SERVER_USAGE } from "./usage-server.ts";

const STRING_USAGE: Readonly<Record<string, CommandUsage>> = {
  append: usage("Adds bytes to the end of a string; a key that is not there begins empty.", "key:key value"),
  decr: usage("Takes one from the integer in a key; a key that is not there counts as 0.", "key:key"),
  decrby: usage(
    "Takes a number from the integer in a key; a key that is not there counts as 0.",
    "key:key decrement:integer",
  ),
  get: usage("Reads a string.", "key:key"),
  getdel: usage("Reads a string and deletes its key.", "key:key"),
  getex: usage(
    "Reads a string and changes when its key expires.",
    "key:key [expiration<seconds:integer=EX milliseconds:integer=PX unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist=PERSIST>]",
  ),
  getrange: usage("Reads a part of a string.", "key:key start:integer end:integer"),
  getset: usage("Reads a string and puts another one in its place.", "key:key value", {
    deprecated: ["6.2.0", "`SET` with the `!GET` argument"],
  }),
  incr: usage("Adds one to the integer in a key; a key that is not there counts as 0.", "key:key"),
  incrby: usage(
    "Adds a number to the integer in a key; a key that is not there counts as 0.",
    "key:key increment:integer",
  ),
  incrbyfloat: usage(
    "Adds a decimal number to the number in a key; a key that is not there counts as 0.",
    "key:key increment:double",
  ),
  mget: usage("Reads the strings of several keys.", "key:key..."),
  mset: usage("Writes several keys.", "key_value(key:key value)..."),
  psetex: usage("Writes a string that expires after some milliseconds.", "key:key milliseconds:integer value"),
  set: usage(
    "Writes a string, whatever the key held before; options say when it expires and when to leave the key alone.",
    "key:key value [condition@2.6.12<nx=NX xx=XX>] [get=GET@6.2.0] [expiration<seconds:integer=EX@2.6.12 milliseconds:integer=PX@2.6.12 unix-time-seconds:unix-time=EXAT@6.2.0 unix-time-milliseconds:unix-time=PXAT@6.2.0 keepttl=KEEPTTL@6.0.0>]",
    {
      history: [
        ["2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."],
        ["6.0.0", "Added the `KEEPTTL` option."],
        ["6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."],
        ["7.0.0", "Allowed the `NX` and `GET` options to be used together."],
      ],
    },
  ),
  setex: usage("Writes a string that expires after some seconds.", "key:key seconds:integer value"),
  setnx: usage("Writes a string if the key is not there.", "key:key value"),
  setrange: usage("Writes over a part of a string, from an offset on.", "key:key offset:integer value"),
  strlen: usage("Tells how long a string is.", "key:key"),
  substr: usage("Reads a part of a string.", "key:key start:integer end:integer", {
    deprecated: ["2.0.0", "`GETRANGE`"],
  }),
};

const GENERIC_USAGE: Readonly<Record<string, CommandUsage>> = {
  del: usage("Deletes keys.", "key:key..."),
  exists: usage("Counts how many of the keys are there.", "key:key...", {
    history: [["3.0.3", "Accepts multiple `key` arguments."]],
  }),
  expire: usage(
    "Sets in how many seconds a key expires.",
    "key:key seconds:integer [condition@7.0.0<nx=NX xx=XX gt=GT lt=LT>]",
    { history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]] },
  ),
  expireat: usage(
    "Sets the second since 1970 at which a key expires.",
    "key:key unix-time-seconds:unix-time [condition@7.0.0<nx=NX xx=XX gt=GT lt=LT>]",
    { history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]] },
  ),
  expiretime: usage("Tells the second since 1970 at which a key expires.", "key:key"),
  keys: usage("Lists the keys that match a pattern.", "pattern:pattern"),
  object: usage("Commands about how values are kept."),
  "object|encoding": usage("Tells how a value is encoded.", "key:key"),
  "object|freq": usage("Tells how often a key is used, on a logarithmic scale.", "key:key"),
  "object|help": usage("Lists the subcommands."),
  "object|idletime": usage("Tells for how many seconds a key was not used.", "key:key"),
  "object|refcount": usage("Tells how many references to a value there are.", "key:key"),
  persist: usage("Makes a key one that does not expire.", "key:key"),
  pexpire: usage(
    "Sets in how many milliseconds a key expires.",
    "key:key milliseconds:integer [condition@7.0.0<nx=NX xx=XX gt=GT lt=LT>]",
    { history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]] },
  ),
  pexpireat: usage(
    "Sets the millisecond since 1970 at which a key expires.",
    "key:key unix-time-milliseconds:unix-time [condition@7.0.0<nx=NX xx=XX gt=GT lt=LT>]",
    { history: [["7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`."]] },
  ),
  pexpiretime: usage("Tells the millisecond since 1970 at which a key expires.", "key:key"),
  pttl: usage("Tells in how many milliseconds a key expires.", "key:key", {
    history: [["2.8.0", "Added the -2 reply."]],
  }),
  randomkey: usage("Picks a key by chance."),
  scan: usage(
    "Walks over the keys of the selected database, some at each call.",
    "cursor:integer [pattern:pattern=MATCH] [count:integer=COUNT] [type:string=TYPE@6.0.0]",
    { history: [["6.0.0", "Added the `TYPE` subcommand."]] },
  ),
  touch: usage("Counts how many of the keys are there, and marks them as used.", "key:key..."),
  ttl: usage("Tells in how many seconds a key expires.", "key:key", { history: [["2.8.0", "Added the -2 reply."]] }),
  type: usage("Tells what type of value a key holds.", "key:key"),
  unlink: usage("Deletes keys and gives their memory back later.", "key:key..."),
  wait: usage("Waits until replicas have received what this connection wrote.", "numreplicas:integer timeout:integer"),
};

const CONNECTION_USAGE: Readonly<Record<string, CommandUsage>> = {
  auth: usage("Logs the connection in.", "[username@6.0.0] password", {
    history: [["6.0.0", "Added ACL style (username and password)."]],
  }),
  client: usage("Commands about connections."),
  "client|caching": usage("Says whether the keys of the next command are tracked.", "mode<yes=YES no=NO>"),
  "client|getname": usage("Tells the name of the connection."),
  "client|getredir": usage("Tells where invalidation messages of this connection go."),
  "client|help": usage("Lists the subcommands."),
  "client|id": usage("Tells the number of the connection."),
  "client|info": usage("Describes this connection."),
  "client|kill": usage(
    "Closes connections.",
    "filter<ip:port!2.8.12 new-format<[client-id:integer=ID@2.8.12] [normal_master_slave_pubsub=TYPE@2.8.12<normal=NORMAL master=MASTER@3.2.0 slave=SLAVE replica=REPLICA@5.0.0 pubsub=PUBSUB>] [username:string=USER] [ip:port:string=ADDR] [ip:port:string=LADDR@6.2.0] [yes/no:string=SKIPME]>...>",
    {
      history: [
        ["2.8.12", "Added new filter format."],
        ["2.8.12", "`ID` option."],
        ["3.2.0", "Added `master` type in for `TYPE` option."],
        ["5.0.0", "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility."],
        ["6.2.0", "`LADDR` option."],
      ],
    },
  ),
  "client|list": usage(
    "Describes all connections.",
    "[normal_master_replica_pubsub=TYPE@5.0.0<normal=NORMAL master=MASTER replica=REPLICA pubsub=PUBSUB>] [id=ID@6.2.0(client-id:integer...)]",
    {
      history: [
        ["2.8.12", "Added unique client `id` field."],
        ["5.0.0", "Added optional `TYPE` filter."],
        ["6.0.0", "Added `user` field."],
        ["6.2.0", "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter."],
        ["7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."],
        ["7.0.3", "Added `ssub` field."],
      ],
    },
  ),
  "client|no-evict": usage(
    "Says whether the connection may be closed when clients take too much memory.",
    "enabled<on=ON off=OFF>",
  ),
  "client|no-touch": usage(
    "Says whether the commands of this connection count as uses of keys.",
    "enabled<on=ON off=OFF>",
  ),
  "client|pause": usage(
    "Holds back the commands of clients for some time.",
    "timeout:integer [mode@6.2.0<write=WRITE all=ALL>]",
    { history: [["6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option."]] },
  ),
  "client|reply": usage("Says whether the connection wants replies.", "on_off_skip<on=ON off=OFF skip=SKIP>"),
  "client|setinfo": usage(
    "Tells the server about the client library.",
    "attr<libname:string=lib-name libver:string=lib-ver>",
  ),
  "client|setname": usage("Names the connection.", "connection-name"),
  "client|tracking": usage(
    "Turns the tracking of keys on or off for this connection.",
    "status<on=ON off=OFF> [client-id:integer=REDIRECT] [prefix:string=PREFIX...=] [bcast=BCAST] [optin=OPTIN] [optout=OPTOUT] [noloop=NOLOOP]",
  ),
  "client|trackinginfo": usage("Tells how this connection tracks keys."),
  "client|unblock": usage(
    "Ends the wait of another connection's blocking command.",
    "client-id:integer [timeout_error<timeout=TIMEOUT error=ERROR>]",
  ),
  "client|unpause": usage("Lets clients go on that were paused."),
  echo: usage("Answers with its argument.", "message"),
  hello: usage(
    "Chooses the protocol version, and logs in and names the connection if asked to.",
    "[arguments(protover:integer [username_password=AUTH(username password)] [clientname:string=SETNAME])]",
    {
      history: [
        [
          "6.2.0",
          "`protover` made optional; when called without arguments the command reports the current connection's context.",
        ],
      ],
    },
  ),
  ping: usage("Answers PONG, or its argument.", "[message]"),
  quit: usage("Closes the connection."),
  reset: usage("Puts the connection back into the state of a new one."),
  select: usage("Chooses the database that the connection works on.", "index:integer"),
};

const USAGE = new Map<string, CommandUsage>([
  ...Object.entries(STRING_USAGE),
  ...Object.entries(GENERIC_USAGE),
  ...Object.entries(CONNECTION_USAGE),
  ...Object.entries(SERVER_USAGE),
  ...Object.entries(CLUSTER_USAGE),
]);

/** How a command is written, by the name of its row, or undefined. */
export function usageOf(name: string): CommandUsage | undefined {
  return USAGE.get(name);
}

/** Names of all commands described here, subcommands as "container|name". */
export function usageNames(): string[] {
  return [...USAGE.keys()];
}
