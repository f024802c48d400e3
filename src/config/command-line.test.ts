/** Tests of the command line. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CommandLine, helpText, parseCommandLine } from "./command-line.ts";
import { byteString, type Config } from "./config.ts";
import { OPTIONS } from "./options.ts";
import type { Files } from "./redis-conf.ts";

const FILES: Files = {
  readFile(path) {
    if (path === "a.conf") return Buffer.from("port 7001\nsave 900 1\nhz 20\n");
    if (path === "-") return Buffer.from("port 7002");
    throw new Error("ENOENT");
  },
  listFolder: () => [],
};

const parse = (...args: string[]): CommandLine => parseCommandLine(args, FILES, byteString("/"));

function configOf(...args: string[]): Config {
  const result = parse(...args);
  assert.equal(result.action, "run", JSON.stringify(result));
  assert.ok(result.action === "run");
  return result.config;
}

function errorsOf(...args: string[]): string {
  const result = parse(...args);
  assert.ok(result.action === "error", JSON.stringify(result));
  return result.errors.join("\n");
}

describe("the command line", () => {
  test("nothing at all runs with the defaults", () => {
    assert.equal(configOf().integer("port"), 6379);
  });

  test("-v, --version, -h, --help, --check-config", () => {
    assert.deepEqual(parse("-v"), { action: "version" });
    assert.deepEqual(parse("--version"), { action: "version" });
    assert.deepEqual(parse("-h"), { action: "help" });
    assert.deepEqual(parse("--help"), { action: "help" });
    assert.equal(parse("--check-config").action, "check");
    assert.equal(parse("--check-config", "-").action, "check");
    assert.equal(parse("--port", "1", "--check-config", "--hz", "10").action, "check");
    assert.equal(parse("--check-config", "a.conf").action, "error");
  });

  test("flags win over the file, and may take back what it asks for", () => {
    assert.match(errorsOf("a.conf"), /^a\.conf:2: 'save 900 1'/);
    const result = parse("a.conf", "--port", "7003", "--save", "");
    assert.ok(result.action === "run");
    assert.equal(result.config.integer("port"), 7003);
    assert.equal(result.file, "a.conf");
    assert.deepEqual(result.warnings, ["a.conf:3: 'hz 20': accepted, but it has no effect in kevy"]);
    assert.equal(configOf("-", "--hz", "10").integer("port"), 7002);
  });

  test("Redis's rules for values", () => {
    assert.deepEqual(configOf("--bind", "127.0.0.1", "-::1", "--port", "1").list("bind"), ["127.0.0.1", "-::1"]);
    assert.equal(configOf("--requirepass", "--x").raw("requirepass"), "--x");
    assert.equal(configOf("--save", "--port", "1").integer("port"), 1);
    assert.equal(configOf("--port 7004").integer("port"), 7004);
    assert.equal(configOf("--requirepass", "ü").text("requirepass"), "ü");
    assert.equal(configOf("--include", "-").integer("port"), 7002);
    assert.equal(configOf("--LogLevel", "DEBUG").text("loglevel"), "debug");
  });

  test("says what is wrong, and no password", () => {
    assert.equal(errorsOf("--port", "a"), "--port: 'port': argument couldn't be parsed into an integer");
    assert.equal(errorsOf("--port"), "--port: 'port': wrong number of arguments");
    assert.equal(errorsOf("--foo", "1", "--hz", "x").split("\n").length, 2);
    assert.match(errorsOf("--requirepass=hunter2"), /^--requirepass: unknown directive 'requirepass=\.\.\.'/);
    assert.match(errorsOf("--appendonly", "yes"), /^--appendonly: 'appendonly yes': kevy does not support this yet/);
    assert.match(errorsOf("-x"), /unexpected argument '-x'/);
    assert.match(errorsOf("nope.conf"), /can't open config file 'nope\.conf'/);
    assert.match(errorsOf("--"), /no name/);
  });

  test("help names every option that is not hidden", () => {
    const help = helpText();
    for (const option of OPTIONS) {
      const named = new RegExp(`[ -]${option.name}[ \\n]`).test(help);
      assert.equal(named, option.hidden !== true, option.name);
    }
    for (const line of help.split("\n")) assert.ok(line.length <= 140, line);
  });
});
