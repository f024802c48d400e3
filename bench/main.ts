/**
 * The benchmark: kevy against redis-server on this machine, as `npm run bench` runs it.
 *
 * Decides who runs on which cores and how long; the figures come from throughput.ts and footprint.ts, the tables from report.ts.
 * It binds itself and every client to the cores that the servers under test do not use, where there are enough cores.
 */

import { execFileSync } from "node:child_process";
import { cpus, release } from "node:os";
import { type GrowthFigure, measureGrowth, measureIdle, measureMemory, measureReady } from "./footprint.ts";
import { allowedCpus, readMachine } from "./measure.ts";
import { type Options, parseOptions, type Section, USAGE } from "./options.ts";
import { type Results, renderReport } from "./report.ts";
import {
  freePort,
  type KevyChoice,
  kevyPlan,
  reactorOf,
  redisPlan,
  type Server,
  type ServerPlan,
  startServer,
  toolVersion,
} from "./servers.ts";
import { type Cell, type Contender, measureThroughput, type Pace } from "./throughput.ts";

const MESH_SHARDS = 2;

/** How long to watch the machine before the first server starts, ms, and what is worth a note, shares. */
const WATCH_MS = 500;
const BUSY_SHARE_MAX = 0.1;
const STOLEN_SHARE_MAX = 0.01;

/** How much of everything: the whole takes about 3 minutes, the quick one about 40 seconds. */
const FULL = {
  rounds: 5,
  secondsPerRun: 0.5,
  mesh: [1, 16, 64],
  memory: [32, 3],
  starts: 5,
  idleSeconds: 5,
  growthKeys: 5_000_000,
};
const QUICK: typeof FULL = {
  rounds: 1,
  secondsPerRun: 0.25,
  mesh: [1, 16],
  memory: [32],
  starts: 2,
  idleSeconds: 2,
  growthKeys: 1_000_000,
};

export interface Placement {
  readonly server: string;
  readonly load: string;
}

/** The first cores for the server, the last one for the load; where they don't suffice, both share all. */
export function placementFor(shards: number, cores: readonly number[]): Placement {
  if (cores.length <= shards) return { server: cores.join(","), load: cores.join(",") };
  return { server: cores.slice(0, shards).join(","), load: String(cores[cores.length - 1]) };
}

class Bench {
  private readonly options: Options;
  private readonly size: typeof FULL;
  private readonly single: Placement;
  private readonly mesh: Placement;
  private readonly results: Results;
  private nextPort: number;

  constructor(options: Options, cores: readonly number[]) {
    this.options = options;
    this.size = options.quick ? QUICK : FULL;
    this.single = placementFor(1, cores);
    this.mesh = placementFor(MESH_SHARDS, cores);
    this.nextPort = options.port;
    const environment = {
      kernel: release(),
      cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
      cores: cores.length,
      node: process.versions.node,
      redis: /v=(\S+)/.exec(toolVersion("redis-server"))?.[1] ?? "unknown",
      reactor: null,
      rounds: this.size.rounds,
      quick: options.quick,
      single: this.single,
      mesh: this.mesh,
    };
    this.results = { environment, notes: [] };
  }

  private progress(text: string): void {
    process.stderr.write(`bench: ${Math.round(performance.now() / 1000)} s: ${text}\n`);
  }

  private async port(): Promise<number> {
    const port = await freePort(this.nextPort);
    this.nextPort = port + 1;
    return port;
  }

  private async kevy(shards: number, order: KevyChoice["order"] = "strict"): Promise<ServerPlan> {
    const cores = shards === 1 ? this.single.server : this.mesh.server;
    return kevyPlan(await this.port(), cores, { shards, reactor: this.options.reactor, order });
  }

  private async redis(cores: string): Promise<ServerPlan> {
    return redisPlan(await this.port(), cores);
  }

  /** Runs the line-up, redis-server last, and stops it. */
  private async throughput(plans: readonly [string, ServerPlan][], placement: Placement, pace: Pace): Promise<Cell[]> {
    const servers: Server[] = [];
    try {
      const contenders: Contender[] = [];
      for (const [label, plan] of plans) {
        const server = await startServer(plan);
        servers.push(server);
        contenders.push({ label, server });
      }
      const progress = (text: string): void => this.progress(text);
      const note = (text: string): void => {
        this.results.notes.push(text);
      };
      return await measureThroughput(contenders, placement.load, pace, progress, note);
    } finally {
      for (const server of servers) await server.stop();
    }
  }

  /** Starts kevy once to learn which reactor it gets on this machine. */
  private async learnReactor(): Promise<void> {
    const server = await startServer(await this.kevy(1));
    try {
      const found = (await reactorOf(server)) ?? (this.options.reactor === "auto" ? null : this.options.reactor);
      Object.assign(this.results.environment, { reactor: found });
    } finally {
      await server.stop();
    }
  }

  private readonly sections: Record<Section, () => Promise<void>> = {
    single: async () => {
      const pace = { ...this.size, pipelines: [1, 16, 64] };
      const plans: [string, ServerPlan][] = [
        ["kevy", await this.kevy(1)],
        ["redis-server", await this.redis(this.single.server)],
      ];
      this.results.single = await this.throughput(plans, this.single, pace);
    },
    mesh: async () => {
      const pace = { ...this.size, pipelines: this.size.mesh };
      const plans: [string, ServerPlan][] = [
        ["kevy strict", await this.kevy(MESH_SHARDS, "strict")],
        ["kevy relaxed", await this.kevy(MESH_SHARDS, "relaxed")],
        ["redis-server", await this.redis(this.mesh.server)],
      ];
      this.results.mesh = await this.throughput(plans, this.mesh, pace);
    },
    memory: async () => {
      this.results.memory = [];
      for (const valueBytes of this.size.memory) {
        for (const plan of [await this.kevy(1), await this.redis(this.single.server)]) {
          this.progress(`memory: ${plan.name}, 1 M keys with ${valueBytes}-byte values`);
          this.results.memory.push(await measureMemory(plan, valueBytes));
        }
      }
    },
    ready: async () => {
      this.results.ready = [];
      for (const plan of [await this.kevy(MESH_SHARDS), await this.redis(this.mesh.server)]) {
        this.progress(`start: ${plan.name}`);
        this.results.ready.push(await measureReady(plan, this.size.starts));
      }
    },
    idle: async () => {
      this.progress("idle");
      const kevy = { plan: await this.kevy(MESH_SHARDS), shards: MESH_SHARDS };
      const redis = { plan: await this.redis(this.mesh.server), shards: 1 };
      this.results.idle = await measureIdle([kevy, redis], this.size.idleSeconds);
    },
    growth: async () => {
      const figures: GrowthFigure[] = [];
      for (const plan of [await this.kevy(1), await this.redis(this.single.server)]) {
        this.progress(`growth: ${plan.name} to ${this.size.growthKeys / 1e6} M keys`);
        figures.push(await measureGrowth(plan, this.single.load, this.size.growthKeys));
      }
      this.results.growth = figures;
    },
  };

  async run(): Promise<Results> {
    const first = readMachine();
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    const second = readMachine();
    await this.learnReactor();
    for (const section of this.options.only) await this.sections[section]();
    const last = readMachine();
    const busy = (second.busy - first.busy) / (second.total - first.total);
    const stolen = (last.stolen - first.stolen) / (last.total - first.total);
    if (busy > BUSY_SHARE_MAX) {
      this.results.notes.push(`The machine was ${Math.round(busy * 100)} % busy with other work before the run.`);
    }
    if (stolen > STOLEN_SHARE_MAX) {
      this.results.notes.push(`The hypervisor took ${(stolen * 100).toFixed(1)} % of the CPU time during the run.`);
    }
    return this.results;
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc and binds cores: it needs Linux");
  for (const tool of ["taskset", "redis-benchmark", "redis-server"] as const) toolVersion(tool);
  const cores = allowedCpus();
  execFileSync("taskset", ["-a", "-c", "-p", placementFor(1, cores).load, String(process.pid)], { stdio: "ignore" });
  const results = await new Bench(options, cores).run();
  process.stdout.write(options.json ? `${JSON.stringify(results, null, 2)}\n` : renderReport(results));
}

if (import.meta.main) {
  // exit() runs the handler that kills what is still running.
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
  try {
    await main();
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
