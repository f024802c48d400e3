/** Tests of the configuration: values, CONFIG GET and CONFIG SET, against redis-server where it is installed. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionFailure } from "../base/assert.ts";
import { byteString, Config } from "./config.ts";

const fresh = (): Config => new Config(byteString("/srv"));

// tidy: long function, a suite
describe("Config", () => {
  test("gives values by type", () => {
    const config = fresh();
    assert.equal(config.integer("port"), 6379);
    assert.equal(config.flag("protected-mode"), true);
    assert.deepEqual(config.list("bind"), ["*", "-::*"]);
    assert.equal(config.text("dir"), "/srv");
    assert.equal(config.assign("unixsocketperm", ["700"], "f:1"), null);
    assert.equal(config.integer("unixsocketperm"), 0o700);
    assert.equal(config.raw("unixsocketperm"), "700");
    assert.equal(config.assign("PROTO-max-bulk-len", ["64mb"], "f:2"), null);
    assert.equal(config.integer("proto-max-bulk-len"), 64 * 1024 * 1024);
    assert.equal(config.origin("proto-max-bulk-len"), "f:2");
    assert.equal(config.origin("port"), null);
    assert.throws(() => config.integer("no-such-option"), AssertionFailure);
    assert.throws(() => config.integer("shards"), AssertionFailure);
    config.settle("shards", "3");
    assert.equal(config.integer("shards"), 3);
  });

  test("keeps any bytes of a password, and decodes paths", () => {
    const config = fresh();
    assert.equal(config.assign("requirepass", ["\xff\x00\xe4"], "f:1"), null);
    assert.deepEqual([...config.bytes("requirepass")], [255, 0, 228]);
    assert.equal(config.assign("pidfile", [byteString("/tmp/häm.pid")], "f:2"), null);
    assert.equal(config.text("pidfile"), "/tmp/häm.pid");
    assert.equal(config.assign("dir", ["data/../x"], "f:3"), null);
    assert.equal(config.text("dir"), "/srv/x");
  });

  test("says what is wrong with a directive", () => {
    const config = fresh();
    assert.equal(config.assign("Foo", ["1"], "f:1"), "unknown directive 'foo'");
    assert.match(config.assign("requirepass=secret", [], "--x") ?? "", /^unknown directive 'requirepass=\.\.\.'/);
    assert.equal(config.assign("port", ["1", "2"], "f:1"), "'port': wrong number of arguments");
    assert.equal(config.assign("port", [], "f:1"), "'port': wrong number of arguments");
    assert.equal(config.assign("port", ["x"], "f:1"), "'port': argument couldn't be parsed into an integer");
    assert.equal(config.assign("rename-command", ["A", ""], "f:1"), "'rename-command': kevy does not support this yet");
    assert.equal(config.assign("lua-replicate-commands", ["no"], "f:1"), null);
    assert.match(config.assign("reactor", ["poll"], "--reactor") ?? "", /must be one of the following/);
    assert.equal(config.assign("reactor", ["epoll"], "--reactor"), null);
    assert.match(config.assign("shards", ["0"], "--shards") ?? "", /between 1 and 64/);
    assert.match(config.assign("unixsocketperm", ["1777"], "f:1") ?? "", /between 0 and 777/);
    assert.match(config.assign("unixsocketperm", ["799"], "f:1") ?? "", /octal/);
    assert.match(config.assign("bind", new Array(17).fill("1"), "f:1") ?? "", /Too many bind addresses/);
  });

  test("judges refused options by what stands at the end", () => {
    const config = fresh();
    config.assign("save", ["900", "1"], "f:1");
    config.assign("save", ["300", "10"], "f:2");
    assert.equal(config.raw("save"), "900 1 300 10");
    assert.match(config.check().errors[0], /^f:2: 'save 900 1 300 10': kevy does not support this yet/);
    config.assign("save", [""], "--save");
    assert.deepEqual(config.check(), { errors: [], warnings: [] });
  });

  test("refuses what it cannot keep, warns of what has no effect, shows no secret", () => {
    const refused = [
      ["appendonly", "yes"],
      ["replicaof", "host 1"],
      ["slaveof", "host", "1"],
      ["tls-port", "6380"],
      ["aclfile", "/x"],
      ["notify-keyspace-events", "KEA"],
      ["shutdown-on-sigterm", "save"],
    ];
    for (const [name, ...words] of refused) {
      const config = fresh();
      assert.equal(config.assign(name, words, "f:1"), null);
      assert.equal(config.check().errors.length, 1, name);
    }
    const warned = [
      ["daemonize", "yes"],
      ["shutdown-on-sigterm", "nosave", "now"],
    ];
    for (const [name, ...words] of warned) {
      const config = fresh();
      assert.equal(config.assign(name, words, "f:1"), null);
      assert.deepEqual([config.check().errors.length, config.check().warnings.length], [0, 1], name);
    }
    const config = fresh();
    config.assign("masterauth", ["hunter2"], "f:1");
    config.assign("replicaof", ["no", "one"], "f:2");
    assert.deepEqual(config.check().errors, [
      "f:1: 'masterauth': kevy does not support this yet; remove it to start without",
    ]);
  });

  test("CONFIG SET is all or nothing and tells what changed", () => {
    const config = fresh();
    assert.deepEqual(
      config.set(
        [
          ["timeout", "5"],
          ["hz", "x"],
        ],
        true,
      ),
      {
        error:
          "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer",
      },
    );
    assert.equal(config.raw("timeout"), "0");
    assert.deepEqual(
      config.set(
        [
          ["timeout", "5"],
          ["hz", "10"],
          ["Slave-Priority", "7"],
        ],
        true,
      ),
      {
        changed: ["timeout", "replica-priority"],
      },
    );
    assert.deepEqual(config.set([["appendonly", "yes"]], true), {
      error: "ERR CONFIG SET failed (possibly related to argument 'appendonly') - kevy does not support this yet",
    });
    assert.deepEqual(
      config.set(
        [
          ["appendonly", "no"],
          ["save", ""],
        ],
        true,
      ),
      { changed: [] },
    );
    assert.ok("error" in config.set([["shards", "2"]], true));
  });

  test("protected options follow enable-protected-configs", () => {
    const setName = (config: Config, local: boolean): boolean => "changed" in config.set([["dbfilename", "x"]], local);
    const allowed = (value: string): boolean[] =>
      [true, false].map((local) => {
        const config = fresh();
        config.assign("enable-protected-configs", [value], "f:1");
        return setName(config, local);
      });
    assert.deepEqual(allowed("no"), [false, false]);
    assert.deepEqual(allowed("local"), [true, false]);
    assert.deepEqual(allowed("yes"), [true, true]);
  });

  test("a snapshot survives structured clone and gives the same answers", () => {
    const config = fresh();
    config.assign("port", ["7000"], "f:1");
    config.assign("replicaof", ["no one"], "f:2");
    config.assign("requirepass", ["\xfe"], "f:3");
    const copy = Config.fromSnapshot(structuredClone(config.snapshot()));
    assert.deepEqual(copy.get(["*"]), config.get(["*"]));
    copy.set([["requirepass", "y"]], true);
    assert.equal(config.raw("requirepass"), "\xfe");
  });

  test("CONFIG GET keeps table order, names none twice, hides what is hidden", () => {
    const config = fresh();
    assert.deepEqual(
      config.get(["tcp-*", "port", "*keepalive"]).map(([name]) => name),
      ["port", "tcp-backlog", "tcp-keepalive"],
    );
    assert.deepEqual(config.get(["watchdog*"]), []);
    assert.deepEqual(config.get(["watchdog-period"]), [["watchdog-period", "0"]]);
    assert.deepEqual(config.get(["save"]), [["save", ""]]);
  });
});
