/**
 * Servers: starts kevy and redis-server on loopback, knows when they serve, and stops them by the pid it kept.
 *
 * Refuses: to put load on them, and to reuse a server that it did not start.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { ask } from "./load.ts";
import { processTree } from "./measure.ts";

const START_MS_MAX = 15_000;
/** How long a server that was stopped politely may take before it is killed, ms. */
const STOP_MS_MAX = 10_000;
/** A stand-in (KEVY_BENCH_COMMAND) need not print the ready line: how long to wait for it after the first answer, ms. */
const STAND_IN_READY_MS_MAX = 500;
const CONNECT_RETRY_MS = 2;
const OUTPUT_LINES_MAX = 200;
const PORTS_TRIED_MAX = 100;
const READY_TEXT = "Ready to accept connections";
const START_SCRIPT = fileURLToPath(new URL("../tools/start.mjs", import.meta.url));

export type ReactorChoice = "auto" | "io_uring" | "net" | "epoll";
export type PipelineOrder = "strict" | "relaxed";

export interface ServerPlan {
  readonly name: string;
  readonly command: readonly string[];
  readonly port: number;
  /** Cores as taskset takes them. */
  readonly cores: string;
}

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** From spawn to the first answered PING, ms. */
  readonly pongMs: number;
  /** From spawn to the line that says that every shard serves, ms; NaN if a stand-in printed none. */
  readonly readyMs: number;
  /** The first lines it printed. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Last resort when the program ends without having stopped its servers: kills each of them by its pid. */
function killLeftovers(): void {
  for (const child of running) {
    for (const pid of processTree(child.pid ?? 0).reverse()) {
      try {
        if (pid > 0) process.kill(pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
  }
}
process.on("exit", killLeftovers);

/** Which package brings a tool that is not there. */
const PACKAGES = { "redis-server": "redis-server", "redis-benchmark": "redis-tools", taskset: "util-linux" } as const;

/** First line of `tool --version`, or an error that says what to install. */
export function toolVersion(tool: keyof typeof PACKAGES): string {
  try {
    return execFileSync(tool, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0];
  } catch {
    throw new Error(`${tool} is not installed: it comes with Debian's and Ubuntu's package ${PACKAGES[tool]}`);
  }
}

/** The first port from `base` on that nobody listens on; the next call starts behind it. */
export async function freePort(base: number): Promise<number> {
  for (let port = base; port < base + PORTS_TRIED_MAX; port++) {
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error(`no free port from ${base} to ${base + PORTS_TRIED_MAX - 1}`);
}

export function redisPlan(port: number, cores: string): ServerPlan {
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tmpdir()];
  return { name: "redis-server", command: ["redis-server", ...flags], port, cores };
}

export interface KevyChoice {
  readonly shards: number;
  readonly reactor: ReactorChoice;
  readonly order: PipelineOrder;
}

/**
 * KEVY_BENCH_COMMAND puts another server in kevy's place, for instance an older build to compare with:
 * words separated by spaces, in which {port} {shards} {reactor} {order} are replaced.
 */
export function standIn(): string | undefined {
  return process.env["KEVY_BENCH_COMMAND"];
}

export function kevyPlan(port: number, cores: string, choice: KevyChoice): ServerPlan {
  const words: Record<string, string> = {
    port: String(port),
    shards: String(choice.shards),
    reactor: choice.reactor,
    order: choice.order,
  };
  const other = standIn();
  if (other !== undefined) {
    const command = other.split(" ").map((word) => word.replace(/\{(\w+)\}/g, (all, name) => words[name] ?? all));
    return { name: "kevy", command, port, cores };
  }
  const flags = ["--port", words["port"], "--bind", "127.0.0.1", "--shards", words["shards"], "--save", ""];
  const own = ["--reactor", words["reactor"], "--pipeline-order", words["order"]];
  return { name: "kevy", command: [process.execPath, START_SCRIPT, ...flags, ...own], port, cores };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for `event`, but no longer than `ms`. */
async function within(ms: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}

/** Retries until the port answers a PING; the number of ms since `spawnedAt`. */
async function firstPong(plan: ServerPlan, spawnedAt: number, hasEnded: () => string | null): Promise<number> {
  for (;;) {
    const ended = hasEnded();
    if (ended !== null) throw new Error(`${plan.name} ended before it served: ${ended}`);
    if (performance.now() - spawnedAt > START_MS_MAX) throw new Error(`${plan.name} did not serve within 15 s`);
    try {
      if ((await ask(plan.port, "PING")).startsWith("+")) return performance.now() - spawnedAt;
    } catch {
      // Not listening yet.
    }
    await delay(CONNECT_RETRY_MS);
  }
}

export async function startServer(plan: ServerPlan): Promise<Server> {
  const spawnedAt = performance.now();
  const child = spawn("taskset", ["-c", plan.cores, ...plan.command], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const lines: string[] = [];
  let ended: string | null = null;
  let readyMs = Number.NaN;
  const exited = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      ended = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      ended ??= `exit ${code ?? signal}\n${lines.slice(-10).join("\n")}`;
      running.delete(child);
      resolve();
    });
  });
  const ready = new Promise<void>((resolve) => {
    const read = (stream: NodeJS.ReadableStream): void => {
      let rest = "";
      stream.on("data", (chunk: Buffer) => {
        const parts = (rest + chunk.toString("utf8")).split("\n");
        rest = parts.pop() ?? "";
        for (const line of parts) {
          if (lines.length < OUTPUT_LINES_MAX) lines.push(line);
          if (!line.includes(READY_TEXT)) continue;
          readyMs = performance.now() - spawnedAt;
          resolve();
        }
      });
    };
    read(child.stdout);
    read(child.stderr);
  });
  const stop = async (): Promise<void> => {
    if (ended !== null) return;
    const tree = processTree(child.pid ?? 0);
    child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const pid of tree.reverse()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It ended in time.
        }
      }
    }, STOP_MS_MAX);
    await exited;
    clearTimeout(timer);
  };
  try {
    const pongMs = await firstPong(plan, spawnedAt, () => ended);
    const patience = plan.name === "kevy" && standIn() !== undefined ? STAND_IN_READY_MS_MAX : START_MS_MAX;
    await within(patience, Promise.race([ready, exited]));
    if (ended !== null) throw new Error(`${plan.name} ended as soon as it served: ${ended}`);
    if (patience === START_MS_MAX && Number.isNaN(readyMs)) throw new Error(`${plan.name} never said: ${READY_TEXT}`);
    return { name: plan.name, port: plan.port, pid: child.pid ?? 0, pongMs, readyMs, lines, stop };
  } catch (problem) {
    await stop();
    throw problem;
  }
}

/** The reactor a log names: in a line that speaks of the reactor the first known name behind that word, else before it. */
export function parseReactor(lines: readonly string[]): string | null {
  for (const line of lines) {
    const at = line.toLowerCase().indexOf("reactor");
    if (at < 0) continue;
    const known = /\b(io_uring|epoll|node:net|net)\b/;
    const match = known.exec(line.slice(at)) ?? known.exec(line);
    if (match !== null) return match[1] === "node:net" ? "net" : match[1];
  }
  return null;
}

/** The reactor a server runs on: INFO's multiplexing_api if it has one, else what its log says, else null. */
export async function reactorOf(server: Server): Promise<string | null> {
  const info = await ask(server.port, "INFO", "server").catch(() => "");
  const field = /^multiplexing_api:(\S+)/m.exec(info)?.[1];
  return field === undefined ? parseReactor(server.lines) : field === "node:net" ? "net" : field;
}
