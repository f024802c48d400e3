/**
 * Targets: the figures kevy wants to reach, and whether one was.
 *
 * Ratios are server CPU per command against redis-server in the same run. What has no target here has none.
 */

const SINGLE: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  io_uring: { 1: 0.95, 16: 0.5, 64: 0.4 },
  epoll: { 1: 1.1, 16: 0.6, 64: 0.45 },
  net: { 1: 1.35, 16: 0.95, 64: 0.6 },
};
const MESH_RELAXED: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  io_uring: { 1: 1.45, 16: 0.95, 64: 0.8 },
};
const BYTES_PER_KEY: Readonly<Record<number, number>> = { 32: 100, 3: 70 };
export const READY_MS = 300;
export const IDLE_PERCENT = 0.5;
/** How much dearer than relaxed strict may be at pipeline 16. */
export const STRICT_FACTOR = 1.5;
export const STRICT_FACTOR_PIPELINE = 16;

export function singleTarget(reactor: string | null, pipeline: number): number | null {
  return SINGLE[reactor ?? ""]?.[pipeline] ?? null;
}

export function meshTarget(reactor: string | null, label: string, pipeline: number): number | null {
  return label === "kevy relaxed" ? (MESH_RELAXED[reactor ?? ""]?.[pipeline] ?? null) : null;
}

export function bytesTarget(valueBytes: number): number | null {
  return BYTES_PER_KEY[valueBytes] ?? null;
}

/** "kept", "short by 12 %", or nothing where there is no target or no figure. */
export function verdict(figure: number, target: number | null): string {
  if (target === null || Number.isNaN(figure)) return "";
  return figure <= target ? "kept" : `short by ${Math.max(1, Math.round((figure / target - 1) * 100))} %`;
}
