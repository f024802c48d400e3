/**
 * Footprint: what a server costs beside throughput: bytes per key, time to start, CPU while idle, stalls while it grows.
 *
 * Each function starts the servers it needs from plans and stops them. Refuses: to compare; the report does.
 */

import { execFileSync, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { GENTLE_BATCH_COMMANDS, loadKeys } from "./load.ts";
import { cpuBetween, median, readCpu, readResident, readSwitches } from "./measure.ts";
import type { PingReport } from "./pinger.ts";
import { type Server, type ServerPlan, startServer } from "./servers.ts";

const MEMORY_KEYS = 1_000_000;
/** Written many times over before the first reading, so that compiled code and buffers are not counted as keys. */
const MEMORY_WARM_KEYS = 5_000;
const MEMORY_WARM_PASSES = 20;
const SETTLE_STEP_MS = 300;
const SETTLE_STEPS_MAX = 10;
const SETTLE_SHARE = 0.001;
/** Rest between a short load and the idle reading, ms: timers of start-up and freed memory calm down. */
const IDLE_REST_MS = 1_500;
const IDLE_LOAD_KEYS = 1_000;
const GROWTH_WARM_KEYS = 200_000;
const GROWTH_STEADY_KEYS = 1_000_000;
const PINGER = fileURLToPath(new URL("./pinger.ts", import.meta.url));
const PINGER_MS_MAX = 10_000;

export interface MemoryFigure {
  readonly label: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly keys: number;
  /** Resident bytes after minus before, divided by the keys added. */
  readonly bytesPerKey: number;
  readonly residentBefore: number;
  readonly residentAfter: number;
}

export interface ReadyFigure {
  readonly label: string;
  readonly starts: number;
  readonly pongMs: number;
  readonly readyMs: number;
}

export interface IdleFigure {
  readonly label: string;
  readonly shards: number;
  readonly seconds: number;
  /** Share of one core per shard, percent. */
  readonly cpuPercentPerShard: number;
  readonly switchesPerSecond: number;
}

export interface GrowthFigure {
  readonly label: string;
  readonly keys: number;
  readonly keysPerSecond: number;
  readonly growing: PingReport;
  /** The same load over keys that exist already: what remains is the load itself and the machine. */
  readonly steady: PingReport;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resident bytes once two readings in a row hardly differ; bounded, so a server that never rests is read all the same. */
async function settledResident(pid: number): Promise<number> {
  let last = readResident(pid);
  for (let step = 0; step < SETTLE_STEPS_MAX; step++) {
    await delay(SETTLE_STEP_MS);
    const now = readResident(pid);
    if (Math.abs(now - last) <= last * SETTLE_SHARE) return now;
    last = now;
  }
  return last;
}

export async function measureMemory(plan: ServerPlan, valueBytes: number): Promise<MemoryFigure> {
  const server = await startServer(plan);
  try {
    for (let pass = 0; pass < MEMORY_WARM_PASSES; pass++) await loadKeys(plan.port, 0, MEMORY_WARM_KEYS, valueBytes);
    const residentBefore = await settledResident(server.pid);
    const keys = MEMORY_KEYS - MEMORY_WARM_KEYS;
    await loadKeys(plan.port, MEMORY_WARM_KEYS, keys, valueBytes);
    const residentAfter = await settledResident(server.pid);
    const bytesPerKey = (residentAfter - residentBefore) / keys;
    return {
      label: plan.name,
      keyBytes: 16,
      valueBytes,
      keys: MEMORY_KEYS,
      bytesPerKey,
      residentBefore,
      residentAfter,
    };
  } finally {
    await server.stop();
  }
}

/** Starts the server `starts` times after one start that only fills the disk's and the compiler's caches. */
export async function measureReady(plan: ServerPlan, starts: number): Promise<ReadyFigure> {
  const pongs: number[] = [];
  const readies: number[] = [];
  for (let start = 0; start <= starts; start++) {
    const server = await startServer(plan);
    await server.stop();
    if (start === 0) continue;
    pongs.push(server.pongMs);
    readies.push(server.readyMs);
  }
  return { label: plan.name, starts, pongMs: median(pongs), readyMs: median(readies) };
}

/** Lets all servers idle side by side: each has had a connection and a few keys. */
export async function measureIdle(
  plans: readonly { readonly plan: ServerPlan; readonly shards: number }[],
  seconds: number,
): Promise<IdleFigure[]> {
  const servers: { readonly server: Server; readonly shards: number }[] = [];
  try {
    for (const { plan, shards } of plans) {
      const server = await startServer(plan);
      servers.push({ server, shards });
      await loadKeys(plan.port, 0, IDLE_LOAD_KEYS, 32);
    }
    await delay(IDLE_REST_MS);
    const read = () =>
      servers.map(({ server: { pid } }) => ({ at: performance.now(), cpu: readCpu(pid), switches: readSwitches(pid) }));
    const before = read();
    await delay(seconds * 1000);
    const after = read();
    return servers.map(({ server, shards }, index) => {
      const elapsedMs = after[index].at - before[index].at;
      const cpuUs = cpuBetween(before[index].cpu, after[index].cpu);
      return {
        label: server.name,
        shards,
        seconds: elapsedMs / 1000,
        cpuPercentPerShard: (cpuUs / 1000 / elapsedMs / shards) * 100,
        switchesPerSecond: ((after[index].switches - before[index].switches) / elapsedMs) * 1000,
      };
    });
  } finally {
    for (const { server } of servers) await server.stop();
  }
}

interface Pinger {
  /** What was seen since the last call. */
  take(): Promise<PingReport>;
  stop(): Promise<void>;
}

async function startPinger(port: number, cores: string): Promise<Pinger> {
  const command = ["-c", cores, process.execPath, PINGER, String(port)];
  const child = spawn("taskset", command, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const message = () =>
    new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => end(new Error("the pinging client does not answer")), PINGER_MS_MAX);
      const onMessage = (value: unknown): void => end(null, value);
      const onExit = (): void => end(new Error("the pinging client ended"));
      const end = (error: Error | null, value?: unknown): void => {
        clearTimeout(timer);
        child.off("message", onMessage).off("exit", onExit);
        if (error === null) resolve(value);
        else reject(error);
      };
      child.once("message", onMessage).once("exit", onExit);
    });
  await message();
  return {
    take: () => {
      const report = message();
      child.send("report");
      return report as Promise<PingReport>;
    },
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) resolve();
        child.once("exit", () => resolve());
        if (child.connected) child.disconnect();
      }),
  };
}

/**
 * Lets this process, which loads, give way to the pinging client on their common core: as an ordinary neighbour it would keep
 * that client waiting for whole time slices of the scheduler, 4 ms and more, which are no stalls of the server.
 */
function giveWay(yes: boolean): void {
  try {
    execFileSync("chrt", ["-a", yes ? "--idle" : "--other", "-p", "0", String(process.pid)], { stdio: "ignore" });
  } catch {
    // Not permitted in some containers: the steady columns of the report show what the waiting costs then.
  }
}

/** Loads `keys` new keys through one pipelined connection while a second client PINGs. */
export async function measureGrowth(plan: ServerPlan, loadCores: string, keys: number): Promise<GrowthFigure> {
  const server = await startServer(plan);
  try {
    const pinger = await startPinger(plan.port, loadCores);
    giveWay(true);
    try {
      await loadKeys(plan.port, 0, GROWTH_WARM_KEYS, 32, GENTLE_BATCH_COMMANDS);
      await pinger.take();
      const seconds = await loadKeys(plan.port, GROWTH_WARM_KEYS, keys - GROWTH_WARM_KEYS, 32, GENTLE_BATCH_COMMANDS);
      const growing = await pinger.take();
      await loadKeys(plan.port, 0, Math.min(keys, GROWTH_STEADY_KEYS), 32, GENTLE_BATCH_COMMANDS);
      const steady = await pinger.take();
      return { label: plan.name, keys, keysPerSecond: (keys - GROWTH_WARM_KEYS) / seconds, growing, steady };
    } finally {
      giveWay(false);
      await pinger.stop();
    }
  } finally {
    await server.stop();
  }
}
