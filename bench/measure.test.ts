import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import {
  cpuBetween,
  median,
  parseCpuList,
  parseField,
  parseMachine,
  parseStatTicks,
  percentile,
  processTree,
  readCpu,
  readResident,
} from "./measure.ts";

const noProc = process.platform === "linux" ? false : "reads /proc";

test("a stat line gives utime + stime, whatever the name in brackets", () => {
  const tail = "S 1 2 3 0 -1 4194560 100 0 0 0 77 5 0 0 20 0 7 0 1 2 3";
  assert.equal(parseStatTicks(`12 (node) ${tail}`), 82);
  assert.equal(parseStatTicks(`12 (a) b) (c) ${tail}`), 82);
});

test("fields are found by their whole name", () => {
  const text = "voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\nRss:      1884 kB\n";
  assert.equal(parseField(text, "voluntary_ctxt_switches"), 12);
  assert.equal(parseField(text, "nonvoluntary_ctxt_switches"), 3);
  assert.equal(parseField(text, "Rss"), 1884);
  assert.ok(Number.isNaN(parseField(text, "ss")));
});

test("CPU lists", () => {
  assert.deepEqual(parseCpuList("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
  assert.deepEqual(parseCpuList("3"), [3]);
  assert.deepEqual(parseCpuList(""), []);
});

test("the machine's line", () => {
  const reading = parseMachine("cpu  100 1 50 800 10 2 7 30 0 0\ncpu0 1 1 1 1\n");
  assert.deepEqual(reading, { total: 1000, busy: 160, stolen: 30 });
});

test("precise CPU time counts while it agrees with the ticks, else the ticks do", () => {
  const zero = { ticksUs: 0, preciseUs: 0 };
  assert.equal(cpuBetween(zero, { ticksUs: 500_000, preciseUs: 512_345 }), 512_345);
  // A thread that ended took its nanoseconds along; the ticks of the process keep them.
  assert.equal(cpuBetween(zero, { ticksUs: 500_000, preciseUs: 200_000 }), 500_000);
  assert.equal(cpuBetween(zero, { ticksUs: 500_000, preciseUs: Number.NaN }), 500_000);
});

test("median", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("percentile is the nearest rank", () => {
  const thousand = Float64Array.from({ length: 1000 }, (_, i) => i + 1);
  assert.equal(percentile(thousand, 0.5), 500);
  assert.equal(percentile(thousand, 0.999), 999);
  assert.equal(percentile(thousand, 1), 1000);
  assert.equal(percentile([7], 0.5), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("percentile: enough values do not exceed it, and it is one of them", () => {
  const values = fc.array(fc.integer(), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 999 }), (list, perMille) => {
      const sorted = list.sort((a, b) => a - b);
      const found = percentile(sorted, perMille / 1000);
      const covered = sorted.filter((value) => value <= found).length;
      const below = sorted.filter((value) => value < found).length;
      assert.ok(sorted.includes(found));
      assert.ok(covered * 1000 >= perMille * sorted.length);
      assert.ok(below * 1000 < perMille * sorted.length);
    }),
  );
});

test("this process: CPU time grows with work, memory is resident", { skip: noProc }, () => {
  const before = readCpu(process.pid);
  const own = process.cpuUsage();
  const until = performance.now() + 150;
  while (performance.now() < until);
  const spent = process.cpuUsage(own);
  const measured = cpuBetween(before, readCpu(process.pid));
  // Both count user and system time of all threads; ticks may round 40 ms away, the scheduler's tick a few more.
  assert.ok(
    Math.abs(measured - (spent.user + spent.system)) < 60_000,
    `${measured} µs against ${JSON.stringify(spent)}`,
  );
  assert.ok(readResident(process.pid) > 10_000_000);
});

test("a child belongs to the tree", { skip: noProc }, async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "inherit"] });
  await once(child, "spawn");
  assert.ok(processTree(process.pid).includes(child.pid ?? 0));
  child.stdin.end();
  await once(child, "exit");
  assert.ok(!processTree(process.pid).includes(child.pid ?? 0));
});
