/** Tests of the room for clients, on made-up machines; the texts are compared with redis-server in tests/crash/limits.test.ts. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Config } from "../config/config.ts";
import { descriptorsReserved, fitClients, openFilesMax } from "./descriptors.ts";
import { type Machine, thisMachine } from "./shard-count.ts";

function machine(limits: string | null): Machine {
  return { read: (path) => (path === "/proc/self/limits" ? limits : null), processors: 1, memoryBytes: 1 };
}

const files = (soft: string, hard = soft): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \n` +
  `Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     \nMax locked memory 1 1 bytes\n`;

function fit(config: Config, shards: number, limits: string | null): { wrong: string | null; log: string[] } {
  const log: string[] = [];
  const wrong = fitClients(config, shards, machine(limits), { log: (level, text) => log.push(`${level}: ${text}`) });
  return { wrong, log };
}

describe("the room for clients", () => {
  test("is read from /proc, where there is one", () => {
    assert.equal(openFilesMax(machine(files("1024", "4096"))), 1024);
    assert.equal(openFilesMax(machine(files("unlimited"))), Number.POSITIVE_INFINITY);
    assert.equal(openFilesMax(machine(null)), null);
    if (process.platform === "linux") assert.ok((openFilesMax(thisMachine()) ?? 0) > 100);
  });

  test("is left alone where it is enough, and bounds CONFIG SET", () => {
    const config = new Config("/");
    assert.deepEqual(fit(config, 2, files("20000")), { wrong: null, log: [] });
    assert.equal(config.integer("maxclients"), 10_000);
    const most = 20_000 - descriptorsReserved(2, 2);
    assert.deepEqual(config.set([["maxclients", `${most}`]], true), { changed: ["maxclients"] });
    assert.deepEqual(config.set([["maxclients", `${most + 1}`]], true), {
      error:
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to " +
        `handle the specified number of clients, try with ${most}`,
    });
    const unlimited = new Config("/");
    assert.deepEqual(fit(unlimited, 64, files("unlimited")), { wrong: null, log: [] });
    assert.deepEqual(unlimited.set([["maxclients", "4294967295"]], true), { changed: ["maxclients"] });
  });

  test("lowers maxclients, for this process and not for its file", () => {
    const config = new Config("/");
    const { wrong, log } = fit(config, 4, files("256"));
    const most = 256 - descriptorsReserved(4, 2);
    assert.equal(wrong, null);
    assert.equal(log.length, 2);
    assert.equal(config.integer("maxclients"), most);
    assert.equal(config.configured("maxclients"), "10000");
    const thread = Config.fromSnapshot(config.snapshot());
    assert.equal(thread.configured("maxclients"), "10000");
    assert.ok("error" in thread.set([["maxclients", `${most + 1}`]], true));
    assert.deepEqual(thread.set([["maxclients", "7"]], true), { changed: ["maxclients"] });
    assert.equal(thread.configured("maxclients"), "7");
  });

  test("has none to give: the server does not start", () => {
    const reserved = descriptorsReserved(1, 2);
    assert.match(fit(new Config("/"), 1, files(`${reserved}`)).wrong ?? "", /is not enough for the server to start/);
    const config = new Config("/");
    assert.equal(fit(config, 1, files(`${reserved + 1}`)).wrong, null);
    assert.equal(config.integer("maxclients"), 1);
  });

  test("is unknown: nothing is lowered, and the log says so", () => {
    const config = new Config("/");
    assert.deepEqual(fit(config, 1, null).log.length, 1);
    assert.equal(config.integer("maxclients"), 10_000);
  });
});
