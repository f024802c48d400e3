/**
 * Report: results as Markdown, the tables that README shows.
 *
 * Refuses: to measure or to choose; what was not measured has no section.
 */

import type { GrowthFigure, IdleFigure, MemoryFigure, ReadyFigure } from "./footprint.ts";
import { CLIENTS, KEY_SPACE, VALUE_BYTES } from "./generator.ts";
import {
  bytesTarget,
  IDLE_PERCENT,
  meshTarget,
  READY_MS,
  STRICT_FACTOR,
  STRICT_FACTOR_PIPELINE,
  singleTarget,
  verdict,
} from "./targets.ts";
import type { Cell, Figure } from "./throughput.ts";

export interface Environment {
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly redis: string;
  readonly reactor: string | null;
  readonly rounds: number;
  readonly quick: boolean;
  /** Cores of the server and of the load, one shard and two shards. */
  readonly single: { readonly server: string; readonly load: string };
  readonly mesh: { readonly server: string; readonly load: string };
}

export interface Results {
  readonly environment: Environment;
  single?: Cell[];
  mesh?: Cell[];
  memory?: MemoryFigure[];
  ready?: ReadyFigure[];
  idle?: IdleFigure[];
  growth?: GrowthFigure[];
  readonly notes: string[];
}

/** A Markdown table; all columns but the first `left` are flushed right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const rule = head.map((_, column) => (column < left ? "---" : "---:"));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** 854700 as "855 k". */
export function thousands(value: number): string {
  return Number.isNaN(value) ? "–" : `${Math.round(value / 1000)} k`;
}

export function fixed(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}

function bound(target: number | null, digits = 2): string {
  return target === null ? "" : `≤ ${target.toFixed(digits)}`;
}

function latency(figure: Figure): string {
  return `${fixed(figure.p50Ms, 2)} / ${fixed(figure.p99Ms, 2)}`;
}

/** The median ratio, and between which values it lay in the rounds. */
function ratioText({ ratio, ratioMin, ratioMax }: Figure): string {
  const range = ratioMin === ratioMax ? "" : ` (${fixed(ratioMin, 2)}–${fixed(ratioMax, 2)})`;
  return fixed(ratio, 2) + range;
}

const THROUGHPUT_HEAD = [
  "command",
  "pipeline",
  "server",
  "CPU µs/op",
  "ratio",
  "target",
  "",
  "requests/s",
  "p50 / p99 ms",
];

function throughputTable(cells: readonly Cell[], target: (label: string, pipeline: number) => number | null): string {
  const rows = cells.flatMap((cell) =>
    cell.figures.map((figure, index) => {
      const referee = index === cell.figures.length - 1;
      const goal = referee ? null : target(figure.label, cell.pipeline);
      return [
        index === 0 ? cell.verb : "",
        index === 0 ? String(cell.pipeline) : "",
        figure.label,
        fixed(figure.cpuUs, 2),
        referee ? "" : ratioText(figure),
        bound(goal),
        verdict(figure.ratio, goal),
        thousands(figure.requestsPerSecond),
        latency(figure),
      ];
    }),
  );
  return table(THROUGHPUT_HEAD, rows, 3);
}

/** What strict order costs: CPU per command against relaxed, for each figure. */
function strictLine(cells: readonly Cell[]): string {
  const parts = cells.map((cell) => {
    const [strict, relaxed] = cell.figures;
    const factor = strict.cpuUs / relaxed.cpuUs;
    const goal = cell.pipeline === STRICT_FACTOR_PIPELINE ? STRICT_FACTOR : null;
    const judged = goal === null ? "" : ` (≤ ${goal.toFixed(1)}: ${verdict(factor, goal)})`;
    return `${cell.verb} at ${cell.pipeline}: ${fixed(factor, 2)}${judged}`;
  });
  return `Strict against relaxed, CPU per command: ${parts.join("; ")}.`;
}

function placement(cores: { readonly server: string; readonly load: string }): string {
  return cores.server === cores.load
    ? `server and redis-benchmark share cores ${cores.server}`
    : `server on core ${cores.server}, redis-benchmark on core ${cores.load}`;
}

function memoryTable(figures: readonly MemoryFigure[]): string {
  const rows = figures.map((figure) => {
    const goal = figure.label === "kevy" ? bytesTarget(figure.valueBytes) : null;
    const what = `${figure.keyBytes} B key + ${figure.valueBytes} B value`;
    return [what, figure.label, fixed(figure.bytesPerKey, 0), bound(goal, 0), verdict(figure.bytesPerKey, goal)];
  });
  return table(["1 M keys", "server", "resident bytes per key", "target", ""], rows, 2);
}

function readyTable(figures: readonly ReadyFigure[]): string {
  const rows = figures.map((figure) => {
    const goal = figure.label === "kevy" ? READY_MS : null;
    const slowest = Number.isNaN(figure.readyMs) ? figure.pongMs : figure.readyMs;
    return [figure.label, fixed(figure.pongMs, 0), fixed(figure.readyMs, 0), bound(goal, 0), verdict(slowest, goal)];
  });
  return table(["server", "first answer, ms", "ready line, ms", "target", ""], rows, 1);
}

function idleTable(figures: readonly IdleFigure[]): string {
  const rows = figures.map((figure) => {
    const goal = figure.label === "kevy" ? IDLE_PERCENT : null;
    const percent = figure.cpuPercentPerShard;
    const switches = fixed(figure.switchesPerSecond, 0);
    return [figure.label, String(figure.shards), fixed(percent, 2), bound(goal, 1), verdict(percent, goal), switches];
  });
  return table(["server", "shards", "% of a core per shard", "target", "", "context switches/s"], rows, 1);
}

function growthTable(figures: readonly GrowthFigure[]): string {
  const rows = figures.map((figure) => [
    figure.label,
    `${fixed(figure.keys / 1e6, 1)} M`,
    thousands(figure.keysPerSecond),
    fixed(figure.growing.p999Ms, 2),
    fixed(figure.growing.maxMs, 2),
    fixed(figure.steady.p999Ms, 2),
    fixed(figure.steady.maxMs, 2),
  ]);
  const head = ["server", "keys", "keys/s", "p99.9 ms", "longest ms", "p99.9 without growth", "longest without growth"];
  return table(head, rows, 1);
}

function environmentLine(environment: Environment): string {
  const { kernel, cpu, cores, node, redis, reactor } = environment;
  const machine = `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, Linux ${kernel}`;
  return `${machine} · Node ${node} · reactor ${reactor ?? "unknown"} · redis-server ${redis}`;
}

function throughputSections({ environment, single, mesh }: Results): string[] {
  const sections: string[] = [];
  const { reactor } = environment;
  const load = `${CLIENTS} clients, ${VALUE_BYTES}-byte values, random keys out of ${KEY_SPACE}`;
  if (single !== undefined) {
    const rows = throughputTable(single, (_, pipeline) => singleTarget(reactor, pipeline));
    sections.push(`### One shard\n\n${load}; ${placement(environment.single)}.\n\n${rows}`);
  }
  if (mesh !== undefined) {
    const rows = throughputTable(mesh, (label, pipeline) => meshTarget(reactor, label, pipeline));
    const head = `### Two shards\n\n${load}, half of the commands forwarded; ${placement(environment.mesh)}.`;
    sections.push(`${head}\n\n${rows}\n\n${strictLine(mesh)}`);
  }
  return sections;
}

export function renderReport(results: Results): string {
  const { environment, memory, ready, idle, growth, notes } = results;
  const runs = environment.rounds === 1 ? "one round" : `medians of ${environment.rounds} rounds`;
  const sections = [
    `## Benchmark\n\n${environmentLine(environment)}\n\n` +
      `CPU µs/op: user and system time of the whole server process per command, by the kernel's accounting; ratio: against redis-server in the same round (least–most of the rounds); ` +
      `${runs}, servers in turn, after an untimed run each${environment.quick ? " (quick: rough figures)" : ""}.`,
    ...throughputSections(results),
  ];
  if (memory !== undefined) sections.push(`### Memory, one shard\n\n${memoryTable(memory)}`);
  if (ready !== undefined) {
    const what = `Median of ${ready[0]?.starts ?? 0} starts, from spawn, kevy with two shards.`;
    sections.push(`### Start\n\n${what}\n\n${readyTable(ready)}`);
  }
  if (idle !== undefined) sections.push(`### Idle\n\n${idleTable(idle)}`);
  if (growth !== undefined) {
    const what =
      "One connection loads keys, pipelined, one shard; a second client PINGs: the longest stalls it sees, its own wait for a core included.";
    sections.push(`### Growth\n\n${what}\n\n${growthTable(growth)}`);
  }
  if (notes.length > 0) sections.push(`### Notes\n\n${notes.map((note) => `- ${note}`).join("\n")}`);
  return sections.join("\n\n") + "\n";
}
