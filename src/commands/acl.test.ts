/**
 * ACL for the one user there is, MODULE without modules, LOLWUT, replication and cluster of a server that stands alone:
 * what is ours. Replies that equal redis-server's are compared in command-info.test.ts.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, test } from "node:test";
import { noReferee, Referee } from "../../tests/support/config-referee.ts";
import { RawClient } from "../../tests/support/raw-client.ts";
import { Random } from "../base/random.ts";
import { draw } from "./lolwut.ts";
import { bulk, type FakeClient, FakeServer } from "./session.fixture.ts";
import { rows } from "./table.ts";
import { REDIS_VERSION } from "./version.ts";

const PASSWORD = "secret word";
const DIGEST = createHash("sha256").update(PASSWORD).digest("hex");

function connect(settings: Readonly<Record<string, string>> = {}): FakeClient {
  const server = new FakeServer(rows);
  for (const [name, value] of Object.entries(settings))
    assert.equal(server.connect().text("config", "set", name, value), "+OK\r\n");
  const client = server.connect();
  if (settings["requirepass"] !== undefined) assert.equal(client.text("auth", PASSWORD), "+OK\r\n");
  return client;
}

/** A reply of ACL as Redis 7.0 gives it: without the flag sanitize-payload, and whatever lengths change with it. */
function older(reply: string): string {
  return reply
    .replace(/\$\d+\r\n(user default on(?: nopass)?)(?: sanitize-payload)?/, "$…\r\n$1")
    .replace(/\$16\r\nsanitize-payload\r\n/, "")
    .replace(/(flags\r\n[*~])\d/, "$1…");
}

async function compareUsers(raw: RawClient, version: string, password: string): Promise<void> {
  const client = connect(password === "" ? {} : { requirepass: password });
  client.call("hello", version);
  await raw.call("hello", version);
  await raw.call("config", "set", "requirepass", password);
  for (const call of [["list"], ["getuser", "default"], ["users"], ["whoami"]]) {
    const [ours, theirs] = [client.text("acl", ...call), await raw.call("acl", ...call)];
    assert.equal(older(ours), older(theirs), call.join(" "));
  }
}

describe("ACL", () => {
  test("LIST and GETUSER without a password", () => {
    const client = connect();
    assert.equal(client.text("acl", "list"), `*1\r\n${bulk("user default on nopass sanitize-payload ~* &* +@all")}`);
    assert.ok(
      client
        .text("acl", "getuser", "default")
        .startsWith(
          `*12\r\n${bulk("flags")}*3\r\n${bulk("on")}${bulk("nopass")}${bulk("sanitize-payload")}${bulk("passwords")}*0\r\n`,
        ),
    );
  });

  test("LIST and GETUSER show the digest of requirepass", () => {
    const client = connect({ requirepass: PASSWORD });
    const line = `user default on sanitize-payload #${DIGEST} ~* &* +@all`;
    assert.equal(client.text("acl", "list"), `*1\r\n${bulk(line)}`);
    const user = client.text("acl", "getuser", "default");
    assert.ok(user.startsWith(`*12\r\n${bulk("flags")}*2\r\n${bulk("on")}${bulk("sanitize-payload")}`));
    assert.ok(user.includes(`${bulk("passwords")}*1\r\n${bulk(DIGEST)}`));
    assert.ok(!user.includes("secret"));
  });

  /** Redis 7.2 shows the flag sanitize-payload of the default user: https://github.com/redis/redis/pull/11279 */
  test("LIST and GETUSER against redis-server", { skip: noReferee() ?? false }, async () => {
    const referee = await Referee.start();
    const raw = new RawClient(join(referee.folder, "s"));
    try {
      for (const version of ["2", "3"]) {
        for (const password of ["", PASSWORD]) await compareUsers(raw, version, password);
        await raw.call("config", "set", "requirepass", "");
      }
    } finally {
      raw.close();
      await referee.stop();
    }
  });

  test("SETUSER is refused and changes nothing", () => {
    const client = connect();
    const before = client.text("acl", "list");
    for (const rules of [
      ["nobody"],
      ["default", "off"],
      ["default", ">x"],
      ["default", "-@all"],
      ["default", "nosuch"],
    ]) {
      assert.match(client.text("acl", "setuser", ...rules), /^-ERR ACL SETUSER is not supported: /);
    }
    assert.equal(client.text("acl", "list"), before);
    assert.equal(client.text("ping"), "+PONG\r\n");
  });

  test("GENPASS gives as many digits as asked for, other ones each time", () => {
    const client = connect();
    for (const [bits, digits] of [
      ["1", 1],
      ["4", 1],
      ["5", 2],
      ["256", 64],
      ["4096", 1024],
    ] as const) {
      assert.match(client.text("acl", "genpass", bits), new RegExp(`^\\$${digits}\\r\\n[0-9a-f]{${digits}}\\r\\n$`));
    }
    const many = new Set(Array.from({ length: 100 }, () => client.text("acl", "genpass")));
    assert.equal(many.size, 100);
    for (const one of many) assert.match(one, /^\$64\r\n[0-9a-f]{64}\r\n$/);
  });

  test("nobody is told anything before the password", () => {
    const server = new FakeServer(rows);
    server.connect().call("config", "set", "requirepass", "x");
    for (const call of [
      ["acl", "list"],
      ["acl", "whoami"],
      ["acl", "genpass"],
      ["module", "list"],
      ["lolwut"],
      ["role"],
    ]) {
      assert.equal(server.connect().text(...call), "-NOAUTH Authentication required.\r\n", call.join(" "));
    }
  });

  test("DRYRUN knows what is no command, and HELP names what is built", () => {
    const client = connect();
    assert.equal(client.text("acl", "dryrun", "default", "post"), "-ERR Command 'post' not found\r\n");
    const help = client.text("acl", "help");
    assert.ok(!help.includes("SETUSER <"));
    for (const word of ["CAT", "DELUSER", "DRYRUN", "GENPASS", "GETUSER", "LIST", "LOG", "USERS", "WHOAMI"]) {
      assert.ok(new RegExp(`^\\+${word}[ \\r]`, "m").test(help), word);
    }
  });
});

describe("MODULE", () => {
  const LOAD = [
    ["load", "/some/module.so"],
    ["loadex", "/some/module.so", "CONFIG", "a", "b"],
    ["unload", "some"],
  ];

  test("loads nothing, also where it may be called", () => {
    for (const [allowed, isLocal, may] of [
      ["no", true, false],
      ["local", false, false],
      ["local", true, true],
      ["yes", false, true],
    ] as const) {
      const server = new FakeServer(rows);
      server.shards[0].config.settle("enable-module-command", allowed);
      server.shards[0].isLocal = isLocal;
      for (const call of LOAD) {
        const reply = server.connect().text("module", ...call);
        assert.match(
          reply,
          may ? /^-ERR Error (un)?loading / : /^-ERR MODULE command not allowed\. /,
          `${allowed} ${isLocal}`,
        );
      }
      assert.equal(server.connect().text("module", "list"), "*0\r\n");
    }
  });
});

describe("LOLWUT", () => {
  test("draws, and ends with the version", () => {
    const client = connect();
    const [, length, text] = /^\$(\d+)\r\n([\s\S]*)\r\n$/.exec(client.text("lolwut")) ?? [];
    assert.equal(Number(length), text?.length);
    const lines = Buffer.from(text ?? "", "latin1")
      .toString("utf8")
      .split("\n");
    assert.match(lines.at(-2) ?? "", new RegExp(`^Rule \\d+ on a ring of 72 cells\\. Redis ver\\. ${REDIS_VERSION}$`));
    assert.equal(lines.at(-1), "");
    for (const line of lines.slice(0, 20)) assert.match(line, /^[ ▀▄█]{72}$/u);
    assert.notEqual(client.text("lolwut", "version", "5"), client.text("lolwut", "VERSION", "6", "40"));
    client.call("hello", "3");
    assert.match(client.text("lolwut"), /^=\d+\r\ntxt:/);
  });

  test("the same random numbers draw the same picture", () => {
    assert.equal(draw(new Random(7)), draw(new Random(7)));
    assert.match(draw(new Random(7)), /█/);
  });
});

describe("replication", () => {
  test("follows nobody", () => {
    const client = connect();
    assert.equal(client.text("role"), `*3\r\n${bulk("master")}:0\r\n*0\r\n`);
    for (const verb of ["replicaof", "slaveof"]) {
      assert.match(client.text(verb, "127.0.0.1", "6380"), /^-ERR REPLICAOF is not supported: /);
    }
    assert.equal(client.text("role"), `*3\r\n${bulk("master")}:0\r\n*0\r\n`);
    assert.equal(client.text("wait", "1", "0"), ":0\r\n");
  });
});
