/** Tests of the default number of shards, on made-up machines. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listSize, type Machine, shardCount, thisMachine } from "./shard-count.ts";

const MiB = 1024 * 1024;
const UNLIMITED_V1 = "9223372036854771712";

function machine(files: Readonly<Record<string, string>>, processors = 4, memoryBytes = 8192 * MiB): Machine {
  return { read: (path) => (Object.hasOwn(files, path) ? files[path] : null), processors, memoryBytes };
}

const status = (list: string): string => `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${list}\nMems:\t0\n`;

describe("the number of shards", () => {
  test("is the number of processors, by affinity where it is told", () => {
    assert.equal(shardCount(machine({})).shards, 4);
    assert.equal(shardCount(machine({ "/proc/self/status": status("0-1,5") })).shards, 3);
    assert.equal(shardCount(machine({ "/proc/self/status": status("odd") })).shards, 4);
    assert.equal(shardCount(machine({}, 0)).shards, 1);
  });

  test("is at most 64 and at least 1", () => {
    assert.equal(shardCount(machine({ "/proc/self/status": status("0-255") }, 4, 512 * 1024 * MiB)).shards, 64);
    assert.equal(shardCount(machine({}, 4, 1 * MiB)).shards, 1);
  });

  test("follows the quota of cgroup v2, rounded up, of enclosing groups too", () => {
    const group = { "/proc/self/cgroup": "0::/app/worker\n" };
    const count = (files: Record<string, string>): number => shardCount(machine({ ...group, ...files }, 8)).shards;
    assert.equal(count({ "/sys/fs/cgroup/app/worker/cpu.max": "150000 100000\n" }), 2);
    assert.equal(count({ "/sys/fs/cgroup/app/worker/cpu.max": "max 100000\n" }), 8);
    assert.equal(count({ "/sys/fs/cgroup/app/cpu.max": "300000 100000\n" }), 3);
    assert.equal(count({ "/sys/fs/cgroup/cpu.max": "10000 100000\n" }), 1);
    assert.equal(count({ "/sys/fs/cgroup/app/worker/cpu.max": "garbage" }), 8);
  });

  test("follows the quota of cgroup v1", () => {
    const group = { "/proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n" };
    const folder = "/sys/fs/cgroup/cpu,cpuacct/docker/x";
    const files = { ...group, [`${folder}/cpu.cfs_quota_us`]: "250000\n", [`${folder}/cpu.cfs_period_us`]: "100000\n" };
    assert.equal(shardCount(machine(files, 8)).shards, 3);
    const none = { ...group, [`${folder}/cpu.cfs_quota_us`]: "-1\n", [`${folder}/cpu.cfs_period_us`]: "100000\n" };
    assert.equal(shardCount(machine(none, 8)).shards, 8);
    // Inside a container the path is the host's, and the files are at the root.
    const root = {
      ...group,
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    };
    assert.equal(shardCount(machine(root, 8)).shards, 1);
  });

  test("allows each shard 32 MB of the tightest memory limit", () => {
    const v2 = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": `${100 * MiB}\n` };
    const limited = shardCount(machine(v2, 8));
    assert.equal(limited.shards, 3);
    assert.match(limited.because, /memory for 3 shards of 32 MB/);
    assert.equal(shardCount(machine({ ...v2, "/sys/fs/cgroup/memory.max": "max" }, 8)).shards, 8);
    const v1 = { "/proc/self/cgroup": "5:memory:/x\n" };
    const path = "/sys/fs/cgroup/memory/x/memory.limit_in_bytes";
    assert.equal(shardCount(machine({ ...v1, [path]: String(64 * MiB) }, 8)).shards, 2);
    assert.equal(shardCount(machine({ ...v1, [path]: UNLIMITED_V1 }, 8)).shards, 8);
    assert.equal(shardCount(machine({}, 8, 160 * MiB)).shards, 5);
  });

  test("reads lists of processors", () => {
    assert.equal(listSize("0-3,8,10-11\n"), 7);
    assert.equal(listSize("3"), 1);
    assert.equal(listSize("3-1"), null);
    assert.equal(listSize(""), null);
  });

  test("can be told for the machine that this runs on", () => {
    const { shards } = shardCount(thisMachine());
    assert.ok(Number.isInteger(shards) && shards >= 1 && shards <= 64);
  });
});
