/**
 * COMMAND: the metadata is complete; and, on shards without sockets, replies of all these families equal redis-server's.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { noReferee, Referee } from "../../tests/support/config-referee.ts";
import { RawClient } from "../../tests/support/raw-client.ts";
import type { CommandRow } from "../runtime/commands.ts";
import { docsOf, documentedNames, HIDDEN_COMMANDS } from "./docs-data.ts";
import { bulk, type FakeClient, FakeServer } from "./session.fixture.ts";
import { rows } from "./table.ts";

const fresh = (): FakeServer => new FakeServer(rows);
const withSubcommands = (row: CommandRow): CommandRow[] => [row, ...(row.subcommands ?? [])];
const listed = rows.flatMap(withSubcommands).filter((row) => !HIDDEN_COMMANDS.includes(row.name));

/** What redis-server 7.0 does not have yet. */
const NEWER = ["client|setinfo", "client|no-touch"];

describe("the metadata", () => {
  test("describes every command of the table and nothing else", () => {
    assert.deepEqual(documentedNames().sort(), listed.map((row) => row.name).sort());
  });

  test("says what is done with keys exactly where there are keys", () => {
    for (const row of listed) {
      const docs = docsOf(row.name);
      assert.equal((docs?.keyFlags ?? []).length > 0, row.keys !== null, row.name);
    }
  });
});

describe("COMMAND", () => {
  const client = fresh().connect();
  const top = rows.filter((row) => !HIDDEN_COMMANDS.includes(row.name));

  test("COUNT, LIST and the plain form agree, and hide what is no command", () => {
    assert.equal(client.text("command", "count"), `:${top.length}\r\n`);
    assert.ok(client.text("command").startsWith(`*${top.length}\r\n`));
    assert.equal(client.text("command", "info"), client.text("command"));
    const list = client.text("command", "list");
    assert.ok(list.startsWith(`*${listed.length}\r\n`));
    for (const hidden of HIDDEN_COMMANDS) {
      assert.ok(!list.includes(bulk(hidden)));
      assert.equal(client.text("command", "info", hidden), "*1\r\n$-1\r\n");
      assert.equal(client.text("command", "getkeys", hidden, "a"), "-ERR Invalid command specified\r\n");
    }
  });

  test("HELP lists every subcommand", () => {
    const help = client.text("command", "help");
    for (const row of rows.find((each) => each.name === "command")?.subcommands ?? []) {
      const name = row.name.slice("command|".length).toUpperCase();
      assert.ok(new RegExp(`^\\+${name}[ \\r]`, "m").test(help), name);
    }
  });

  test("a subcommand that Redis 7.0 does not have", () => {
    const info = client.text("command", "info", "client|setinfo");
    assert.match(
      info,
      /^\*1\r\n\*10\r\n\$14\r\nclient\|setinfo\r\n:4\r\n\*3\r\n\+noscript\r\n\+loading\r\n\+stale\r\n/,
    );
  });
});

/** Commands whose replies are compared as they are, byte for byte. */
const SCRIPT = `
ping|a b
ping|a|b
echo
echo|x|y
select|16
select|x
select|2147483648
select|1
select|0
hello|4
hello|x
hello|3|foo
hello|2|setname
hello|2|setname|a b
auth|x
auth|a|b
auth|a|b|c
auth|default|x
reset|x
client
client|foo
client|getname
client|setname|a b
client|setname|me
client|getname
client|setname|
client|getname
client|setname
client|id|x
client|info|x
client|list|type|x
client|list|type
client|list|type|pubsub
client|list|type|master
client|list|type|normal|x
client|list|id
client|list|id|x
client|list|id|18446744073709551616
client|list|id|999999|1000000
client|list|foo
command|count|x
command|foo
command|help|x
command|list|x
command|list|filterby|x|y
command|list|filterby|module|x
command|list|filterby|module
command|list|filterby|pattern|config\\|g*
command|list|FILTERBY|Pattern|HEL*
command|list|filterby|pattern|nothing
command|list|filterby|aclcat|nothing
command|list|filterby|aclcat|@connection
command|list|filterby|pattern|a|filterby|pattern|b
command|info|foo|get\\|x|config\\|foo|client\\|id\\|x|Get|CONFIG\\|Get
command|getkeys
command|getkeys|get
command|getkeys|foo|a
command|getkeys|ping|a
command|getkeys|set|a
command|getkeys|config|foo
command|getkeys|config|get|x
command|getkeys|client|id
command|getkeys|mset|a|1|b|2
command|getkeys|mset|a|1|b
command|getkeys|SET|a|b|get
command|getkeys|del|a|b|c
command|getkeysandflags|set|a|b
command|getkeysandflags|set|a|b|GET
command|getkeysandflags|set|a|b|px|get
command|getkeysandflags|get|a
command|getkeysandflags|getex|a|px|1
command|getkeysandflags|mset|a|1|b|2
command|getkeysandflags|unlink|a|b
command|getkeysandflags|expire|a|b
command|docs|nosuch|client\\|foo|get\\|x
acl
acl|foo
acl|whoami
acl|whoami|x
acl|users
acl|getuser|x
acl|getuser|default|x
acl|cat
acl|cat|nosuch
acl|cat|a|b
acl|CAT|a|b
acl|genpass|x
acl|genpass|0
acl|genpass|-1
acl|genpass|4097
acl|genpass|1|2
acl|dryrun
acl|dryrun|x|get|a
acl|dryrun|default|nosuch
acl|dryrun|default|get
acl|dryrun|default|get|a
acl|dryrun|default|GET|a|b
acl|dryrun|default|config
acl|dryrun|default|config|foo
acl|dryrun|default|config|get|x
acl|dryrun|DEFAULT|get|a
acl|log|reset
acl|log
acl|log|1
acl|log|-1
acl|log|x
acl|log|Reset
acl|log|1|2
acl|load
acl|save
acl|save|x
acl|deluser|nobody
acl|deluser|nobody|default
acl|setuser
acl|setuser|a b
module
module|foo
module|list
module|list|x
module|help
module|load
module|load|a
module|loadex|a
module|unload|a
lolwut|version|x
role
role|x
wait|0|0
wait|0|100
wait|1
wait|x|1
wait|1|x
wait|1|-1
replicaof|no|one
REPLICAOF|NO|One
slaveof|no|one
replicaof|no|two
replicaof|127.0.0.1|70000
replicaof|a
cluster
cluster|foo
cluster|info
cluster|HELP
cluster|slots
cluster|meet|a
cluster|keyslot|a
asking
readonly
readwrite
readwrite|x
config
config|foo
config|help|x
config|get
config|get|nothing
config|get|MAXCLIENTS|maxclient?|nothing
config|get|maxclient?
config|set|maxclients
config|set|maxclients|1|hz
config|set|nothing|1
config|set|hz|10|hz|10
config|set|maxclients|abc
config|set|databases|1
config|set|dir|/
config|set|hz|10
config|resetstat|x
config|resetstat
debug
debug|sleep|0
debug|help
info|nonsense
time|x
shutdown|abort
shutdown|foo
shutdown|save|nosave
shutdown|abort|now
reset
`;
const calls = SCRIPT.trim()
  .split("\n")
  .map((line) => line.split(/(?<!\\)\|/).map((word) => word.replaceAll("\\|", "|")));

describe("against redis-server", { skip: noReferee() ?? false }, () => {
  let referee: Referee;
  let raw: RawClient;
  before(async () => {
    referee = await Referee.start();
    raw = new RawClient(join(referee.folder, "s"));
  });
  after(async () => {
    raw.close();
    await referee.stop();
  });

  async function bothSpeak(version: string, client: FakeClient): Promise<void> {
    client.call("hello", version);
    await raw.call("hello", version);
  }

  /** A container's entry without its subcommands, which Redis shows in no order and has more of. */
  function ownPart(entry: string, row: CommandRow): string {
    if (row.subcommands === undefined) return entry;
    const first = entry.indexOf("*10\r\n", "*1\r\n*10\r\n".length);
    return entry.slice(0, entry.lastIndexOf("\r\n", first - 3));
  }

  for (const version of ["2", "3"]) {
    test(`COMMAND INFO of every command, RESP${version}`, async () => {
      const client = fresh().connect();
      await bothSpeak(version, client);
      for (const row of listed) {
        if (NEWER.includes(row.name)) continue;
        const theirs = await raw.call("command", "info", row.name);
        assert.equal(ownPart(client.text("command", "info", row.name), row), ownPart(theirs, row), row.name);
      }
    });

    test(`replies and errors, RESP${version}`, async () => {
      const client = fresh().connect();
      await bothSpeak(version, client);
      for (const call of calls) {
        assert.equal(client.text(...call), await raw.call(...call), call.join(" "));
        if (call[0] === "hello") await bothSpeak(version, client);
      }
    });
  }

  test("COMMAND LIST FILTERBY ACLCAT names the same of what is here", async () => {
    const client = fresh().connect();
    const namesIn = (reply: string): string[] => reply.split("\r\n").filter((line) => /^[a-z|-]+$/.test(line));
    const here = new Set(listed.map((row) => row.name));
    for (const category of [
      "connection",
      "KEYSPACE",
      "read",
      "write",
      "string",
      "admin",
      "fast",
      "slow",
      "dangerous",
      "scripting",
    ]) {
      const args = ["command", "list", "filterby", "aclcat", category];
      const theirs = namesIn(await raw.call(...args)).filter((name) => here.has(name));
      const ours = namesIn(client.text(...args)).filter((name) => !NEWER.includes(name));
      assert.deepEqual(ours.sort(), theirs.sort(), category);
      assert.deepEqual(namesIn(client.text("acl", "cat", category)).sort(), namesIn(client.text(...args)).sort());
    }
  });
});
