import assert from "node:assert/strict";
import { test } from "node:test";
import { placementFor } from "./main.ts";
import { parseOptions, SECTIONS } from "./options.ts";
import { type Environment, fixed, renderReport, table, thousands } from "./report.ts";
import { kevyPlan, parseReactor } from "./servers.ts";
import { bytesTarget, meshTarget, singleTarget, verdict } from "./targets.ts";
import { type Cell, summarize } from "./throughput.ts";

const ENVIRONMENT: Environment = {
  kernel: "6.18",
  cpu: "Some CPU",
  cores: 2,
  node: "26.10.0",
  redis: "7.0.15",
  reactor: "io_uring",
  rounds: 3,
  quick: false,
  single: { server: "0", load: "1" },
  mesh: { server: "0,1", load: "0,1" },
};

const figure = (label: string, cpuUs: number, ratio: number) => {
  return { label, requestsPerSecond: 1e6, cpuUs, p50Ms: 0.5, p99Ms: 1.5, ratio, ratioMin: ratio, ratioMax: ratio };
};

test("ratios are taken within a round, then their median", () => {
  const sample = (cpuUs: number) => ({ requestsPerSecond: cpuUs * 10, cpuUs, p50Ms: 1, p99Ms: 2 });
  // The machine was three times slower in the second round: the ratios do not see it.
  const [kevy, redis] = summarize(["kevy", "redis-server"], [[1, 3, 1.2].map(sample), [2, 6, 2].map(sample)]);
  assert.equal(kevy.ratio, 0.5);
  assert.deepEqual([kevy.ratioMin, kevy.ratioMax], [0.5, 0.6]);
  assert.equal(kevy.cpuUs, 1.2);
  assert.equal(kevy.requestsPerSecond, 12);
  assert.equal(redis.ratio, 1);
});

test("targets depend on the reactor; where there is none nothing is judged", () => {
  assert.equal(singleTarget("io_uring", 16), 0.5);
  assert.equal(singleTarget("net", 16), 0.95);
  assert.equal(singleTarget("epoll", 16), 0.6);
  assert.equal(singleTarget("kqueue", 16), null);
  assert.equal(singleTarget(null, 16), null);
  assert.equal(singleTarget("io_uring", 2), null);
  assert.equal(meshTarget("io_uring", "kevy relaxed", 64), 0.8);
  assert.equal(meshTarget("io_uring", "kevy strict", 64), null);
  assert.equal(bytesTarget(3), 70);
});

test("verdicts", () => {
  assert.equal(verdict(0.5, 0.5), "kept");
  assert.equal(verdict(0.56, 0.5), "short by 12 %");
  assert.equal(verdict(0.5001, 0.5), "short by 1 %");
  assert.equal(verdict(0.5, null), "");
  assert.equal(verdict(Number.NaN, 0.5), "");
});

test("numbers and tables", () => {
  assert.equal(thousands(854_700), "855 k");
  assert.equal(thousands(Number.NaN), "–");
  assert.equal(fixed(1.005, 1), "1.0");
  assert.equal(table(["a", "b"], [["1", "2"]], 1), "| a | b |\n| --- | ---: |\n| 1 | 2 |");
});

test("a report has the sections that were measured, with targets judged", () => {
  const single: Cell[] = [
    { verb: "GET", pipeline: 16, requests: 1, figures: [figure("kevy", 0.6, 0.56), figure("redis-server", 1.07, 1)] },
  ];
  const mesh: Cell[] = [
    {
      verb: "GET",
      pipeline: 16,
      requests: 1,
      figures: [
        figure("kevy strict", 1.6, 1.5),
        { ...figure("kevy relaxed", 1, 0.9), ratioMax: 1.1 },
        figure("redis-server", 1.1, 1),
      ],
    },
  ];
  const text = renderReport({ environment: ENVIRONMENT, single, mesh, notes: ["something odd"] });
  assert.match(text, /Some CPU, 2 cores, Linux 6\.18 · Node 26\.10\.0 · reactor io_uring · redis-server 7\.0\.15/);
  assert.match(
    text,
    /\| GET \| 16 \| kevy \| 0\.60 \| 0\.56 \| ≤ 0\.50 \| short by 12 % \| 1000 k \| 0\.50 \/ 1\.50 \|/,
  );
  assert.match(text, /\| {2}\| {2}\| redis-server \| 1\.07 \| {2}\| {2}\| {2}\| 1000 k/);
  assert.match(text, /kevy relaxed \| 1\.00 \| 0\.90 \(0\.90–1\.10\) \| ≤ 0\.95 \| kept/);
  assert.match(text, /GET at 16: 1\.60 \(≤ 1\.5: short by 7 %\)/);
  assert.match(text, /server on core 0, redis-benchmark on core 1/);
  assert.match(text, /server and redis-benchmark share cores 0,1/);
  assert.match(text, /- something odd/);
  assert.doesNotMatch(text, /### (Memory|Start|Idle|Growth)/);
});

test("footprints are judged for kevy only, and a missing ready line is no failure", () => {
  const pings = { count: 5, p50Ms: 0.1, p999Ms: 1.25, maxMs: 2.5 };
  const memory = { keyBytes: 16, keys: 1e6, residentBefore: 0, residentAfter: 0 };
  const text = renderReport({
    environment: ENVIRONMENT,
    memory: [
      { ...memory, label: "kevy", valueBytes: 32, bytesPerKey: 110 },
      { ...memory, label: "redis-server", valueBytes: 32, bytesPerKey: 149 },
    ],
    ready: [{ label: "kevy", starts: 5, pongMs: 184.4, readyMs: Number.NaN }],
    idle: [{ label: "kevy", shards: 2, seconds: 5, cpuPercentPerShard: 0.15, switchesPerSecond: 20.2 }],
    growth: [{ label: "kevy", keys: 5e6, keysPerSecond: 6e5, growing: pings, steady: pings }],
    notes: [],
  });
  assert.match(text, /\| 16 B key \+ 32 B value \| kevy \| 110 \| ≤ 100 \| short by 10 % \|/);
  assert.match(text, /\| 16 B key \+ 32 B value \| redis-server \| 149 \| {2}\| {2}\|/);
  assert.match(text, /\| kevy \| 184 \| – \| ≤ 300 \| kept \|/);
  assert.match(text, /\| kevy \| 2 \| 0\.15 \| ≤ 0\.5 \| kept \| 20 \|/);
  assert.match(text, /\| kevy \| 5\.0 M \| 600 k \| 1\.25 \| 2\.50 \| 1\.25 \| 2\.50 \|/);
});

test("options: defaults, choices and refusals", () => {
  const defaults = { reactor: "auto", json: false, quick: false, only: [...SECTIONS], port: 20400, help: false };
  assert.deepEqual(parseOptions([]), defaults);
  assert.deepEqual(parseOptions(["--only", "mesh,idle"]).only, ["mesh", "idle"]);
  assert.equal(parseOptions(["--reactor", "net", "--json"]).reactor, "net");
  assert.throws(() => parseOptions(["--reactor", "kqueue"]), /kqueue: not one of auto, io_uring/);
  assert.throws(() => parseOptions(["--only", "mesh,rest"]), /not all of these are among single, mesh/);
  assert.throws(() => parseOptions(["--types"]), /no figures by data type yet/);
  assert.throws(() => parseOptions(["--port", "0"]), /not a port/);
  assert.throws(() => parseOptions(["--fast"]), /--fast/);
});

test("cores: the load stands apart where there is room", () => {
  assert.deepEqual(placementFor(1, [0, 1]), { server: "0", load: "1" });
  assert.deepEqual(placementFor(2, [0, 1]), { server: "0,1", load: "0,1" });
  assert.deepEqual(placementFor(2, [2, 3, 6]), { server: "2,3", load: "6" });
  assert.deepEqual(placementFor(1, [4]), { server: "4", load: "4" });
});

test("kevy is started by its start script with every choice as a flag", () => {
  const { command } = kevyPlan(7000, "0", { shards: 2, reactor: "net", order: "relaxed" });
  assert.equal(command[0], process.execPath);
  assert.match(command[1], /tools\/start\.mjs$/);
  const flags = command.slice(2).join(" ");
  assert.equal(flags, "--port 7000 --bind 127.0.0.1 --shards 2 --save  --reactor net --pipeline-order relaxed");
});

test("the log's reactor", () => {
  assert.equal(parseReactor(["1:M * Ready", "1:M * reactor: io_uring (probe passed)"]), "io_uring");
  assert.equal(parseReactor(["io_uring is not permitted: reactor node:net"]), "net");
  assert.equal(parseReactor(["epoll reactor on 2 shards"]), "epoll");
  assert.equal(parseReactor(["nothing of the kind"]), null);
});
