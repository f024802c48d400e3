/**
 * COMMAND DOCS: every command is documented, and all but the prose (summary and complexity) equals redis-server's.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { noReferee, Referee } from "../../tests/support/config-referee.ts";
import { RawClient } from "../../tests/support/raw-client.ts";
import type { CommandRow } from "../runtime/commands.ts";
import { readArguments } from "./command-usage.ts";
import { HIDDEN_COMMANDS } from "./docs-data.ts";
import { bulk, FakeServer } from "./session.fixture.ts";
import { rows } from "./table.ts";
import { usageNames, usageOf } from "./usage-data.ts";

const withSubcommands = (row: CommandRow): CommandRow[] => [row, ...(row.subcommands ?? [])];
const top = rows.filter((row) => !HIDDEN_COMMANDS.includes(row.name));
const listed = top.flatMap(withSubcommands);
const names = listed.map((row) => row.name);

/** How they are written is known already; the commands are not there. */
const UNBUILT = [/^client\|(caching|tracking)$/, /^(object|memory)(\||$)/];

/** Newer than redis-server 7.0: https://redis.io/docs/latest/commands/client-setinfo/, …/client-no-touch/. */
const NEWER = ["client|setinfo", "client|no-touch"];

describe("how commands are written", () => {
  test("is known of every command", () => {
    assert.deepEqual(
      names.filter((name) => usageOf(name) === undefined),
      [],
    );
    const others = usageNames().filter((name) => !names.includes(name));
    assert.deepEqual(
      others.filter((name) => !UNBUILT.some((pattern) => pattern.test(name))),
      [],
    );
  });

  test("the notation of arguments", () => {
    const plain = { type: "string", token: "", since: "", deprecatedSince: "", flags: [], parts: [] };
    assert.deepEqual(readArguments(""), []);
    assert.deepEqual(readArguments("a b:integer"), [
      { ...plain, name: "a" },
      { ...plain, name: "b", type: "integer" },
    ]);
    assert.deepEqual(readArguments("[ip:port:string=A@1.2.3!4.5.6...=]"), [
      {
        ...plain,
        name: "ip:port",
        token: "A",
        since: "1.2.3",
        deprecatedSince: "4.5.6",
        flags: ["optional", "multiple", "multiple_token"],
      },
    ]);
    const b = { ...plain, name: "b", type: "pure-token", token: "B" };
    const c = { ...plain, name: "c", type: "block", flags: ["multiple"], parts: [{ ...plain, name: "d" }] };
    assert.deepEqual(readArguments("a=A<b=B c(d)...>"), [
      { ...plain, name: "a", type: "oneof", token: "A", parts: [b, c] },
    ]);
  });

  test("every notation can be read", () => {
    for (const name of usageNames()) readArguments(usageOf(name)?.arguments ?? "");
    for (const broken of ["<a>", "a<b", "[a", "a:integer<b", "a=", "@1"])
      assert.throws(() => readArguments(broken), broken);
  });
});

describe("COMMAND DOCS", () => {
  const client = new FakeServer(rows).connect();

  test("of all commands, of some, of none", () => {
    assert.ok(client.text("command", "docs").startsWith(`*${2 * top.length}\r\n`));
    assert.ok(client.text("command", "docs", "get", "nosuch", "GET").startsWith(`*4\r\n${bulk("get")}`));
    assert.equal(client.text("command", "docs", ...HIDDEN_COMMANDS), "*0\r\n");
    assert.ok(client.text("command", "docs", "Config|Get").startsWith(`*2\r\n${bulk("config|get")}`));
  });

  test("a subcommand that Redis 7.0 does not have", () => {
    assert.ok(
      client
        .text("command", "docs", "client|setinfo")
        .endsWith(
          `${bulk("arguments")}*1\r\n*6\r\n${bulk("name")}${bulk("attr")}${bulk("type")}${bulk("oneof")}` +
            `${bulk("arguments")}*2\r\n*6\r\n${bulk("name")}${bulk("libname")}${bulk("type")}${bulk("string")}` +
            `${bulk("token")}${bulk("lib-name")}*6\r\n${bulk("name")}${bulk("libver")}${bulk("type")}` +
            `${bulk("string")}${bulk("token")}${bulk("lib-ver")}`,
        ),
    );
  });
});

/** The reply with the two texts in our own words left out, and without subcommands, whose order is nobody's. */
function neutral(reply: string): string {
  const cut = reply.indexOf("$11\r\nsubcommands\r\n");
  const own = cut < 0 ? reply : reply.slice(0, cut);
  return own
    .replace(/(\$7\r\nsummary\r\n)\$\d+\r\n[^\r]*/, "$1")
    .replace(/(\$10\r\ncomplexity\r\n)\$\d+\r\n[^\r]*/, "$1");
}

describe("COMMAND DOCS against redis-server", { skip: noReferee() ?? false }, () => {
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

  for (const version of ["2", "3"]) {
    test(`of every command, RESP${version}`, async () => {
      const client = new FakeServer(rows).connect();
      client.call("hello", version);
      await raw.call("hello", version);
      for (const name of names) {
        if (NEWER.includes(name)) continue;
        const [ours, theirs] = [client.text("command", "docs", name), await raw.call("command", "docs", name)];
        assert.equal(neutral(ours), neutral(theirs), name);
        // Prose is ours where it is more than a symbol.
        for (const field of ["summary", "complexity"]) {
          const said = (reply: string): string =>
            new RegExp(`\\n${field}\\r\\n\\$\\d+\\r\\n([^\\r]*)`).exec(reply)?.[1] ?? "";
          if (said(theirs).includes(" ")) assert.notEqual(said(ours), said(theirs), `${name}: ${field} is Redis's`);
        }
      }
    });
  }
});
