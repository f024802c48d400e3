/**
 * Metadata of the commands for users, modules, replication and cluster: of those that answer here, many of them with a
 * refusal. See docs-data.ts.
 */

import { type CommandDocs, docs, key, type Rest, server } from "./docs-row.ts";

const RANDOM: Rest = { tips: ["nondeterministic_output"] };
const OF_USERS = "O(N), N: users";
const OF_NODES = "O(N), N: nodes";
const OF_SLOTS = "O(N), N: slots";
const BY_SUBCOMMAND = "That of the subcommand.";

const acl = (since: string, complexity = "O(1)"): CommandDocs => server(since, complexity);
const cluster = (since: string, complexity = "O(1)", rest: Rest = {}): CommandDocs =>
  docs("cluster", since, complexity, rest);
const ofConnection = (): CommandDocs => docs("cluster", "3.0.0", "O(1)", { categories: ["connection"] });

export const ADMIN_DOCS: Readonly<Record<string, CommandDocs>> = {
  acl: acl("6.0.0", BY_SUBCOMMAND),
  "acl|cat": acl("6.0.0"),
  "acl|deluser": acl("6.0.0"),
  "acl|dryrun": acl("7.0.0"),
  "acl|genpass": acl("6.0.0"),
  "acl|getuser": acl("6.0.0", "O(N), N: rules of the user"),
  "acl|help": acl("6.0.0"),
  "acl|list": acl("6.0.0", OF_USERS),
  "acl|load": acl("6.0.0", OF_USERS),
  "acl|log": acl("6.0.0", "O(N), N: entries"),
  "acl|save": acl("6.0.0", OF_USERS),
  "acl|setuser": acl("6.0.0", "O(N), N: rules"),
  "acl|users": acl("6.0.0", OF_USERS),
  "acl|whoami": acl("6.0.0"),
  lolwut: server("5.0.0", ""),
  module: server("4.0.0", BY_SUBCOMMAND),
  "module|help": server("5.0.0"),
  "module|list": server("4.0.0", "O(N), N: modules", { tips: ["nondeterministic_output_order"] }),
  "module|load": server("4.0.0"),
  "module|loadex": server("7.0.0"),
  "module|unload": server("4.0.0"),
  replicaof: server("5.0.0"),
  role: server("2.8.12", "O(1)", { categories: ["admin", "dangerous"] }),
  slaveof: server("1.0.0"),
  wait: key("3.0.0", "", "O(1)", {
    categories: ["connection"],
    tips: ["request_policy:all_shards", "response_policy:agg_min"],
  }),
  asking: ofConnection(),
  readonly: ofConnection(),
  readwrite: ofConnection(),
  cluster: cluster("3.0.0", BY_SUBCOMMAND),
  "cluster|addslots": cluster("3.0.0", OF_SLOTS),
  "cluster|addslotsrange": cluster("7.0.0", OF_SLOTS),
  "cluster|bumpepoch": cluster("3.0.0", "O(1)", RANDOM),
  "cluster|count-failure-reports": cluster("3.0.0", "O(N), N: reports", RANDOM),
  "cluster|countkeysinslot": cluster("3.0.0"),
  "cluster|delslots": cluster("3.0.0", OF_SLOTS),
  "cluster|delslotsrange": cluster("7.0.0", OF_SLOTS),
  "cluster|failover": cluster("3.0.0"),
  "cluster|flushslots": cluster("3.0.0"),
  "cluster|forget": cluster("3.0.0"),
  "cluster|getkeysinslot": cluster("3.0.0", "O(N), N: keys", RANDOM),
  "cluster|help": cluster("5.0.0"),
  "cluster|info": cluster("3.0.0", "O(1)", RANDOM),
  "cluster|keyslot": cluster("3.0.0", "O(N), N: bytes of the key"),
  "cluster|links": cluster("7.0.0", OF_NODES, RANDOM),
  "cluster|meet": cluster("3.0.0"),
  "cluster|myid": cluster("3.0.0"),
  "cluster|nodes": cluster("3.0.0", OF_NODES, RANDOM),
  "cluster|replicas": cluster("5.0.0", "O(1)", RANDOM),
  "cluster|replicate": cluster("3.0.0"),
  "cluster|reset": cluster("3.0.0", OF_NODES),
  "cluster|saveconfig": cluster("3.0.0"),
  "cluster|set-config-epoch": cluster("3.0.0"),
  "cluster|setslot": cluster("3.0.0"),
  "cluster|shards": cluster("7.0.0", OF_NODES, RANDOM),
  "cluster|slaves": cluster("3.0.0", "O(1)", RANDOM),
  "cluster|slots": cluster("3.0.0", OF_NODES, RANDOM),
};
