/**
 * How the commands of the server's own families are written; see usage-data.ts.
 */

import { type CommandUsage, usage } from "./command-usage.ts";

export const SERVER_USAGE: Readonly<Record<string, CommandUsage>> = {
  acl: usage("Commands about users and what they may do."),
  "acl|cat": usage("Lists the command categories, or the commands of one.", "[categoryname]"),
  "acl|deluser": usage("Deletes users and closes their connections.", "username..."),
  "acl|dryrun": usage("Tells whether a user could run a command, without running it.", "username command [arg...]"),
  "acl|genpass": usage("Makes a random password.", "[bits:integer]"),
  "acl|getuser": usage("Describes one user.", "username", {
    history: [
      ["6.2.0", "Added Pub/Sub channel patterns."],
      [
        "7.0.0",
        "Added selectors and changed the format of key and channel patterns from a list to their rule representation.",
      ],
    ],
  }),
  "acl|help": usage("Lists the subcommands."),
  "acl|list": usage("Lists the users as lines of a configuration file."),
  "acl|load": usage("Reads the users from the ACL file again."),
  "acl|log": usage("Lists the latest refusals.", "[operation<count:integer reset=RESET>]"),
  "acl|save": usage("Writes the users to the ACL file."),
  "acl|setuser": usage("Creates or changes a user.", "username [rule...]", {
    history: [
      ["6.2.0", "Added Pub/Sub channel patterns."],
      ["7.0.0", "Added selectors and key based permissions."],
    ],
  }),
  "acl|users": usage("Lists the names of the users."),
  "acl|whoami": usage("Tells as whom the connection is logged in."),
  command: usage("Describes all commands."),
  "command|count": usage("Counts the commands."),
  "command|docs": usage("Documents commands.", "[command-name...]"),
  "command|getkeys": usage("Finds the keys among the words of a command."),
  "command|getkeysandflags": usage("Finds the keys among the words of a command, and what it does with them."),
  "command|help": usage("Lists the subcommands."),
  "command|info": usage("Describes commands.", "[command-name...]", {
    history: [["7.0.0", "Allowed to be called with no argument to get info on all commands."]],
  }),
  "command|list": usage(
    "Lists the names of the commands.",
    "[filterby=FILTERBY<module-name:string=MODULE category:string=ACLCAT pattern:pattern=PATTERN>]",
  ),
  config: usage("Commands about the server's configuration."),
  "config|get": usage("Reads configuration parameters.", "parameter(parameter)...", {
    history: [["7.0.0", "Added the ability to pass multiple pattern parameters in one call"]],
  }),
  "config|help": usage("Lists the subcommands."),
  "config|resetstat": usage("Sets the server's statistics back to zero."),
  "config|rewrite": usage("Writes the parameters in effect into the configuration file."),
  "config|set": usage(
    "Changes configuration parameters while the server runs.",
    "parameter_value(parameter value)...",
    { history: [["7.0.0", "Added the ability to set multiple parameters in one call."]] },
  ),
  dbsize: usage("Counts the keys of the selected database."),
  debug: usage("Commands for testing the server.", "", { docFlags: ["syscmd"] }),
  flushall: usage("Deletes the keys of all databases.", "[async<async=ASYNC@4.0.0 sync=SYNC@6.2.0>]", {
    history: [
      ["4.0.0", "Added the `ASYNC` flushing mode modifier."],
      ["6.2.0", "Added the `SYNC` flushing mode modifier."],
    ],
  }),
  flushdb: usage("Deletes the keys of the selected database.", "[async<async=ASYNC@4.0.0 sync=SYNC@6.2.0>]", {
    history: [
      ["4.0.0", "Added the `ASYNC` flushing mode modifier."],
      ["6.2.0", "Added the `SYNC` flushing mode modifier."],
    ],
  }),
  info: usage("Reports facts and figures about the server.", "[section...]", {
    history: [["7.0.0", "Added support for taking multiple section arguments."]],
  }),
  latency: usage("Commands about delays of the server."),
  "latency|doctor": usage("Looks for causes of delays."),
  "latency|graph": usage("Draws the delays of an event.", "event"),
  "latency|help": usage("Lists the subcommands."),
  "latency|histogram": usage("Reports how long commands took, as histograms.", "[command...]"),
  "latency|history": usage("Lists the delays of an event.", "event"),
  "latency|latest": usage("Lists the latest delay of each event."),
  "latency|reset": usage("Forgets the delays of events.", "[event...]"),
  lolwut: usage("Draws something, and tells the version.", "[version:integer=VERSION]"),
  memory: usage("Commands about memory."),
  "memory|doctor": usage("Looks for problems with memory."),
  "memory|help": usage("Lists the subcommands."),
  "memory|malloc-stats": usage("Reports what the allocator says of itself."),
  "memory|purge": usage("Gives memory back to the system."),
  "memory|stats": usage("Reports what memory is used for."),
  "memory|usage": usage("Estimates the bytes that a key and its value take.", "key:key [count:integer=SAMPLES]"),
  module: usage("Commands about modules."),
  "module|help": usage("Lists the subcommands."),
  "module|list": usage("Lists the loaded modules."),
  "module|load": usage("Loads a module.", "path [arg...]"),
  "module|loadex": usage(
    "Loads a module with parameters of its own.",
    "path [configs=CONFIG(name value)...=] [args=ARGS(arg)...]",
  ),
  "module|unload": usage("Unloads a module.", "name"),
  replicaof: usage(
    "Makes the server a replica of another one, or a master.",
    "args<host-port(host port:integer) no-one(no=NO one=ONE)>",
  ),
  role: usage("Tells the server's part in replication."),
  shutdown: usage(
    "Ends the server.",
    "[nosave_save<nosave=NOSAVE save=SAVE>] [now=NOW@7.0.0] [force=FORCE@7.0.0] [abort=ABORT@7.0.0]",
    { history: [["7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers."]] },
  ),
  slaveof: usage(
    "Makes the server a replica of another one, or a master.",
    "args<host-port(host port:integer) no-one(no=NO one=ONE)>",
    { deprecated: ["5.0.0", "`REPLICAOF`"] },
  ),
  slowlog: usage("Commands about the log of slow commands."),
  "slowlog|get": usage("Lists the latest slow commands.", "[count:integer]", {
    history: [["4.0.0", "Added client IP address, port and name to the reply."]],
  }),
  "slowlog|help": usage("Lists the subcommands."),
  "slowlog|len": usage("Counts the entries of the log."),
  "slowlog|reset": usage("Empties the log."),
  time: usage("Tells the server's time."),
};

export const CLUSTER_USAGE: Readonly<Record<string, CommandUsage>> = {
  asking: usage("Lets the next command through to a slot that is being imported."),
  cluster: usage("Commands about Redis Cluster."),
  "cluster|addslots": usage("Gives slots to this node.", "slot:integer..."),
  "cluster|addslotsrange": usage(
    "Gives ranges of slots to this node.",
    "start-slot_end-slot(start-slot:integer end-slot:integer)...",
  ),
  "cluster|bumpepoch": usage("Raises the cluster's configuration epoch."),
  "cluster|count-failure-reports": usage("Counts the reports that a node has failed.", "node-id"),
  "cluster|countkeysinslot": usage("Counts the keys in a slot.", "slot:integer"),
  "cluster|delslots": usage("Takes slots from this node.", "slot:integer..."),
  "cluster|delslotsrange": usage(
    "Takes ranges of slots from this node.",
    "start-slot_end-slot(start-slot:integer end-slot:integer)...",
  ),
  "cluster|failover": usage("Makes a replica take over from its master.", "[options<force=FORCE takeover=TAKEOVER>]"),
  "cluster|flushslots": usage("Takes all slots from this node."),
  "cluster|forget": usage("Removes a node from the table of nodes.", "node-id"),
  "cluster|getkeysinslot": usage("Lists keys in a slot.", "slot:integer count:integer"),
  "cluster|help": usage("Lists the subcommands."),
  "cluster|info": usage("Reports the state of the cluster."),
  "cluster|keyslot": usage("Tells the slot of a key.", "key"),
  "cluster|links": usage("Lists the links between the nodes."),
  "cluster|meet": usage("Introduces another node.", "ip port:integer [cluster_bus_port:integer@4.0.0]", {
    history: [["4.0.0", "Added the optional `cluster_bus_port` argument."]],
  }),
  "cluster|myid": usage("Tells the id of this node."),
  "cluster|nodes": usage("Describes the nodes as the configuration file does."),
  "cluster|replicas": usage("Lists the replicas of a master.", "node-id"),
  "cluster|replicate": usage("Makes this node a replica of a master.", "node-id"),
  "cluster|reset": usage("Makes this node forget the cluster.", "[hard_soft<hard=HARD soft=SOFT>]"),
  "cluster|saveconfig": usage("Writes the cluster's state to disk."),
  "cluster|set-config-epoch": usage("Sets the configuration epoch of a new node.", "config-epoch:integer"),
  "cluster|setslot": usage(
    "Binds a slot to a node.",
    "slot:integer subcommand<node-id:string=IMPORTING node-id:string=MIGRATING node-id:string=NODE stable=STABLE>",
  ),
  "cluster|shards": usage("Maps slot ranges to the nodes that serve them."),
  "cluster|slaves": usage("Lists the replicas of a master.", "node-id", {
    deprecated: ["5.0.0", "`CLUSTER REPLICAS`"],
  }),
  "cluster|slots": usage("Maps slot ranges to nodes.", "", {
    deprecated: ["7.0.0", "`CLUSTER SHARDS`"],
    history: [
      ["4.0.0", "Added node IDs."],
      ["7.0.0", "Added additional networking metadata field."],
    ],
  }),
  readonly: usage("Allows reads on a replica in a cluster."),
  readwrite: usage("Takes back READONLY."),
};
