/**
 * The picture of LATENCY GRAPH: one column a sample, its height the time it took, its age below. Redis's form.
 */

import type { LatencyEvent } from "../runtime/latency.ts";

const ROWS = 4;
/** The top of a column, by the third of a row that it reaches. */
const TOPS = "_o#";
const STEPS = ROWS * TOPS.length;
const RULE = "-".repeat(80);

function age(seconds: number): string {
  if (seconds < 60) return seconds + "s";
  if (seconds < 3600) return Math.floor(seconds / 60) + "m";
  if (seconds < 86_400) return Math.floor(seconds / 3600) + "h";
  return Math.floor(seconds / 86_400) + "d";
}

/** The character of a column of `step` steps in `row`, counted from the top. */
function mark(step: number, row: number): string {
  const inRow = step - (ROWS - row - 1) * TOPS.length;
  if (inRow < 0) return " ";
  return inRow < TOPS.length ? TOPS[inRow] : "|";
}

export function graph(name: string, { samples, max }: LatencyEvent, nowSeconds: number): string {
  const times = samples.map(([, ms]) => ms);
  const low = Math.min(...times);
  const high = Math.max(...times);
  const range = high === low ? 1 : high - low;
  const steps = times.map((ms) => Math.min(STEPS - 1, Math.floor(((ms - low) * STEPS) / range)));
  const ages = samples.map(([time]) => age(Math.max(0, nowSeconds - time)));
  const ageLength = Math.max(...ages.map((text) => text.length));
  const lines: string[] = [];
  for (let row = 0; row < ROWS; row++) lines.push(steps.map((step) => mark(step, row)).join(""));
  lines.push(" ".repeat(samples.length));
  for (let i = 0; i < ageLength; i++) lines.push(ages.map((text) => text[i] ?? " ").join(""));
  const head = `${name} - high ${high} ms, low ${low} ms (all time high ${max} ms)\n`;
  return head + RULE + "\n" + lines.map((line) => line + "\n").join("");
}
