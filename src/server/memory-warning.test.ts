/** Tests of the warning about a container's memory, on made-up machines. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Config } from "../config/config.ts";
import { dataBytesWithin, memoryWarning } from "./memory-warning.ts";
import type { Machine } from "./shard-count.ts";

const MiB = 1024 * 1024;

function machine(limitMiB: number | "max"): Machine {
  const files: Readonly<Record<string, string>> = {
    "/proc/self/cgroup": "0::/kevy.slice\n",
    "/sys/fs/cgroup/kevy.slice/memory.max": limitMiB === "max" ? "max\n" : `${limitMiB * MiB}\n`,
  };
  return { read: (path) => files[path] ?? null, processors: 4, memoryBytes: 8192 * MiB };
}

function bounded(bytes: number): Config {
  const config = new Config("/");
  config.settle("maxmemory", `${bytes}`);
  return config;
}

describe("the warning about limited memory", () => {
  test("comes where a limit is and no bound", () => {
    const warning = memoryWarning(new Config("/"), 2, machine(512)) ?? "";
    assert.match(warning, /limited to 512 MB by its cgroup, and maxmemory is 0: .*kernel kills it/);
    assert.match(warning, new RegExp(`\\b${dataBytesWithin(512 * MiB, 2) / MiB} ?mb\\b`, "i"));
    assert.equal(memoryWarning(new Config("/"), 2, machine("max")), null);
    // A limit above what the machine has is none.
    assert.equal(memoryWarning(new Config("/"), 2, machine(9000)), null);
    const bare: Machine = { read: () => null, processors: 4, memoryBytes: 1 };
    assert.equal(memoryWarning(new Config("/"), 2, bare), null);
  });

  test("comes where the bound does not fit the limit", () => {
    const room = dataBytesWithin(512 * MiB, 2);
    assert.ok(room > 128 * MiB && room < 512 * MiB);
    assert.equal(memoryWarning(bounded(room), 2, machine(512)), null);
    assert.match(memoryWarning(bounded(room + 1), 2, machine(512)) ?? "", /and maxmemory is \d+ MB/);
  });

  test("says that there is no room at all", () => {
    assert.equal(dataBytesWithin(64 * MiB, 4), 0);
    assert.match(memoryWarning(new Config("/"), 4, machine(64)) ?? "", /hardly enough for 4 shards/);
  });
});
