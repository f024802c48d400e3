/** Tests of the redis.conf reader. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { CONFIG_INCLUDES_MAX } from "../base/limits.ts";
import { byteString, Config } from "./config.ts";
import { expandPattern, type Files, readRedisConf } from "./redis-conf.ts";

const STOCK = "/etc/redis/redis.conf";

/** A tree of files by absolute path; "-" is standard input. */
function tree(files: Readonly<Record<string, string>>): Files {
  return {
    readFile(path) {
      if (!Object.hasOwn(files, path)) throw new Error("ENOENT: no such file or directory");
      return Buffer.from(files[path], "latin1");
    },
    listFolder(path) {
      const prefix = path === "/" ? "/" : `${path}/`;
      const inside = Object.keys(files).filter((name) => name.startsWith(prefix));
      if (inside.length === 0) throw new Error("ENOENT");
      return [...new Set(inside.map((name) => name.slice(prefix.length).split("/")[0]))];
    },
  };
}

function read(files: Readonly<Record<string, string>>, path: string): { config: Config; errors: string[] } {
  const config = new Config(byteString("/"));
  return { errors: readRedisConf(path, config, tree(files)), config };
}

// tidy: long function, a suite
describe("redis.conf", () => {
  test("comments, blanks, quotes, upper case, CRLF, a last line without end", () => {
    const text = '# c\n  # d\n\n\t \nPORT 7000\r\n "requirepass" "a b\\x00\\"" \nbind 127.0.0.1 \'-::1\'\nhz 12';
    const { config, errors } = read({ "/a": text }, "/a");
    assert.deepEqual(errors, []);
    assert.equal(config.integer("port"), 7000);
    assert.equal(config.raw("requirepass"), 'a b\0"');
    assert.deepEqual(config.list("bind"), ["127.0.0.1", "-::1"]);
    assert.equal(config.integer("hz"), 12);
    assert.equal(config.origin("hz"), "/a:8");
  });

  test("the later directive wins; output limits add up", () => {
    const text = "port 1\nport 2\nclient-output-buffer-limit normal 1 1 1\nclient-output-buffer-limit replica 2 2 2\n";
    const { config } = read({ "-": text }, "-");
    assert.equal(config.integer("port"), 2);
    assert.equal(config.raw("client-output-buffer-limit"), "normal 1 1 1 slave 2 2 2 pubsub 33554432 8388608 60");
  });

  test("every problem is one line with file and line, and no value", () => {
    const text = 'port abc\nfoo secret\nrequirepass "x\nuser alice on >secret\n""\nport 1 # no comment here\ninclude\n';
    assert.deepEqual(read({ "/a": text }, "/a").errors, [
      "/a:1: 'port': argument couldn't be parsed into an integer",
      "/a:2: unknown directive 'foo'",
      "/a:3: Unbalanced quotes in configuration line",
      "/a:4: 'user': kevy does not support this yet",
      "/a:5: unknown directive ''",
      "/a:6: 'port': wrong number of arguments",
      "/a:7: 'include': wrong number of arguments",
    ]);
  });

  test("include reads where it stands, patterns in order, and names the inner file", () => {
    const { config, errors } = read(
      {
        "/a": "port 1\ninclude /d/*.conf\nhz 20\n",
        "/d/2.conf": "port 3\nfoo 1\nhz 9",
        "/d/1.conf": "port 2",
        "/d/.x.conf": "port 4",
        "/d/readme": "no directive",
      },
      "/a",
    );
    assert.deepEqual(errors, ["/d/2.conf:2: unknown directive 'foo'"]);
    assert.equal(config.integer("port"), 3);
    assert.equal(config.integer("hz"), 20);
    assert.deepEqual(expandPattern("/d/[1-2].c?nf", tree({ "/d/2.conf": "", "/d/1.conf": "" })), [
      "/d/1.conf",
      "/d/2.conf",
    ]);
  });

  test("a missing file is an error, a pattern without files is none", () => {
    assert.deepEqual(read({ "/a": "include /nope/*.conf\n" }, "/a").errors, []);
    assert.match(
      read({ "/a": "include /nope\n" }, "/a").errors.join(),
      /^\/a:1: can't open config file '\/nope': ENOENT/,
    );
    assert.match(read({}, "/b").errors.join(), /^can't open config file '\/b'/);
    assert.equal(read({ "-": "foo 1" }, "-").errors[0], "stdin:1: unknown directive 'foo'");
  });

  test("cycles end, and includes that multiply", () => {
    const { errors } = read({ "/a": "include /b\nport 5", "/b": "include /a\n" }, "/a");
    assert.deepEqual(errors, ["/b:1: 'include': /a includes itself"]);
    const files: Record<string, string> = {};
    for (let i = 0; i < 30; i++) files[`/f${i}`] = `include /f${i + 1}\ninclude /f${i + 1}\n`;
    files["/f30"] = "hz 1";
    const many = read(files, "/f0").errors;
    assert.equal(many.length, 1);
    assert.match(many[0], new RegExp(`more than ${CONFIG_INCLUDES_MAX} files`));
  });

  test("the stock file of Redis 7.0 is fine", { skip: existsSync(STOCK) ? false : `${STOCK} is not there` }, () => {
    const config = new Config();
    assert.deepEqual(readRedisConf(STOCK, config), []);
    const findings = config.check();
    assert.deepEqual(findings.errors, []);
    for (const warning of findings.warnings) assert.match(warning, /daemonize|supervised/);
  });
});
