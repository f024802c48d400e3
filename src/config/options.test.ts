/** Tests of the option table: every directive of redis-server 7.0 is there. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { byteString, Config } from "./config.ts";
import { DIRECTIVES, OPTIONS, optionNamed } from "./options.ts";

describe("the option table", () => {
  test("names are unique, aliases and directives included", () => {
    const names = OPTIONS.flatMap((option) =>
      option.alias === undefined ? [option.name] : [option.name, option.alias],
    );
    names.push(...DIRECTIVES.map((directive) => directive.name));
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.equal(name, name.toLowerCase());
  });

  test("each default is a valid value in its printed form, and refused by nothing", () => {
    for (const option of OPTIONS) {
      assert.match(option.doc, /\S[.?]$/, option.name);
      if (option.name === "dir" || option.name === "replicaof") continue;
      const config = new Config(byteString("/"));
      assert.equal(config.assign(option.name, [option.initial], "--x"), null, option.name);
      assert.equal(config.raw(option.name), option.initial, option.name);
      assert.deepEqual(config.check(), { errors: [], warnings: [] }, option.name);
    }
  });

  test("what protects data or access is never just tuning", () => {
    const promised = ["aclfile", "masterauth", "appendonly", "save", "cluster-enabled", "replicaof"];
    promised.push("min-replicas-to-write", "syslog-enabled", "socket-mark-id");
    promised.push(...OPTIONS.map((option) => option.name).filter((name) => name.startsWith("tls-")));
    for (const name of promised) assert.equal(optionNamed(name)?.status, "refused", name);
    for (const name of ["user", "rename-command", "loadmodule"]) {
      assert.ok(DIRECTIVES.some((directive) => directive.name === name && directive.status === "refused"));
    }
  });
});
