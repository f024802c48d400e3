/**
 * Measure: what the kernel says about a process (CPU time, resident bytes, context switches), and the arithmetic on figures.
 *
 * CPU time is that of a whole process tree, all threads included: the ticks of /proc/PID/stat (10 ms each) are the
 * referee, the nanoseconds of /proc/PID/task/TID/schedstat refine them as long as no thread has ended in between.
 * Reads only; it starts nothing and knows no server. Linux only.
 */

import { readdirSync, readFileSync } from "node:fs";

/** Length of a tick of /proc/PID/stat, µs. USER_HZ is 100 on every Linux architecture that Node runs on. */
const TICK_US = 10_000;
/** utime and stime are cut to whole ticks each, at both ends of an interval: how far ticks may be from the truth, µs. */
const TICK_ROUNDING_US = 4 * TICK_US;

/** What a process tree has used so far. */
export interface CpuReading {
  /** utime + stime of every process, µs, in steps of 10 ms; threads that have ended are included. */
  readonly ticksUs: number;
  /** Nanosecond accounting of the threads that live, µs; NaN where the kernel keeps none. */
  readonly preciseUs: number;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** utime + stime in ticks out of a /proc/PID/stat line; the name in brackets may hold spaces and brackets itself. */
export function parseStatTicks(line: string): number {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** The number behind `name:` in a file like /proc/PID/status, or NaN. */
export function parseField(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text);
  return match === null ? Number.NaN : Number(match[1]);
}

/** "0-2,5" as [0, 1, 2, 5]. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (match === null) continue;
    const last = Number(match[2] ?? match[1]);
    for (let cpu = Number(match[1]); cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** The cores this process may run on. */
export function allowedCpus(): number[] {
  const match = /^Cpus_allowed_list:\s*(\S+)/m.exec(readText("/proc/self/status"));
  return parseCpuList(match?.[1] ?? "0");
}

/** A process and all its descendants: a launcher that spawns the real server is counted with it. */
export function processTree(pid: number): number[] {
  const found = [pid];
  for (let at = 0; at < found.length; at++) {
    for (const thread of threadsOf(found[at])) {
      for (const child of readText(`/proc/${found[at]}/task/${thread}/children`).split(" ")) {
        if (child !== "" && !found.includes(Number(child))) found.push(Number(child));
      }
    }
  }
  return found;
}

export function readCpu(pid: number): CpuReading {
  let ticks = 0;
  let preciseNs = 0;
  for (const member of processTree(pid)) {
    const line = readText(`/proc/${member}/stat`);
    if (line === "") throw new Error(`process ${member} is gone`);
    ticks += parseStatTicks(line);
    for (const thread of threadsOf(member)) {
      const text = readText(`/proc/${member}/task/${thread}/schedstat`);
      preciseNs += text === "" ? Number.NaN : Number(text.split(" ")[0]);
    }
  }
  return { ticksUs: ticks * TICK_US, preciseUs: preciseNs / 1000 };
}

/** CPU time between two readings, µs: the precise one if it agrees with the ticks within their rounding. */
export function cpuBetween(before: CpuReading, after: CpuReading): number {
  const ticks = after.ticksUs - before.ticksUs;
  const precise = after.preciseUs - before.preciseUs;
  return Math.abs(precise - ticks) <= TICK_ROUNDING_US ? precise : ticks;
}

/** Resident bytes of a process tree. smaps_rollup is exact; VmRSS, the fallback, may be off by some 64 pages a thread. */
export function readResident(pid: number): number {
  let kilobytes = 0;
  for (const member of processTree(pid)) {
    const exact = parseField(readText(`/proc/${member}/smaps_rollup`), "Rss");
    kilobytes += Number.isNaN(exact) ? parseField(readText(`/proc/${member}/status`), "VmRSS") : exact;
  }
  return kilobytes * 1024;
}

/** Context switches of all threads so far, voluntary and forced. */
export function readSwitches(pid: number): number {
  let switches = 0;
  for (const member of processTree(pid)) {
    for (const thread of threadsOf(member)) {
      const text = readText(`/proc/${member}/task/${thread}/status`);
      switches += parseField(text, "voluntary_ctxt_switches") + parseField(text, "nonvoluntary_ctxt_switches");
    }
  }
  return switches;
}

/** CPU time of the whole machine since it started, in ticks. */
export interface MachineReading {
  readonly total: number;
  /** Spent on processes and interrupts. */
  readonly busy: number;
  /** Taken by the hypervisor for other guests. */
  readonly stolen: number;
}

/** The first line of /proc/stat: cpu user nice system idle iowait irq softirq steal … */
export function parseMachine(text: string): MachineReading {
  const [user, nice, system, idle, iowait, irq, softirq, stolen] = text
    .split("\n")[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq;
  return { total: busy + idle + iowait + stolen, busy, stolen };
}

export function readMachine(): MachineReading {
  return parseMachine(readText("/proc/stat"));
}

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank); NaN of none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  // Shares like 0.999 are not exact in binary: without the hair 0.999 × 1000 would ask for the 1000th value.
  const rank = Math.ceil(share * sorted.length - 1e-9);
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank - 1))];
}
