/**
 * How deep random tests dig, and with which seeds.
 *
 * KEVY_TEST_DEPTH=full multiplies counts, and KEVY_TEST_DEPTH=soak also lets the soak tests take their time (name them:
 * `KEVY_TEST_DEPTH=soak npm test -- tests/soak`); KEVY_TEST_SEED=<n> runs that seed alone. A failing seed's message holds
 * the command that repeats it.
 */

import { relative } from "node:path";

export const SOAK = process.env["KEVY_TEST_DEPTH"] === "soak";
export const FULL = SOAK || process.env["KEVY_TEST_DEPTH"] === "full";

/** Picks a count: `depth(50, 5000)` is 50 operations in a normal run, 5000 in a full one. */
export function depth(normal: number, full: number): number {
  return FULL ? full : normal;
}

/**
 * The seeds of a random test: fixed ones (1, 2, …), so that a normal run is the same everywhere, and in a full run as
 * many again from the clock. KEVY_TEST_SEED replaces them all.
 */
export function seeds(normal: number, full: number): number[] {
  const only = process.env["KEVY_TEST_SEED"];
  if (only !== undefined && only !== "") {
    const seed = Number(only);
    if (!Number.isInteger(seed)) throw new Error(`KEVY_TEST_SEED=${only} is no whole number`);
    return [seed];
  }
  const count = depth(normal, full);
  const result: number[] = [];
  for (let i = 1; i <= count; i++) result.push(i);
  const start = Date.now() % 1_000_000_000;
  if (FULL) for (let i = 0; i < count; i++) result.push(start + i);
  return result;
}

/** The command line that runs one seed of a test file again. */
export function repeatCommand(file: string, seed: number): string {
  const deep = FULL ? "KEVY_TEST_DEPTH=full " : "";
  return `${deep}KEVY_TEST_SEED=${seed} node --test ${relative(process.cwd(), file)}`;
}

/**
 * Runs `body` once per seed, one after the other. A failure is thrown on with the repeating command in its message:
 *
 *     await forEachSeed(import.meta.filename, seeds(3, 100), async (seed) => { … });
 */
export async function forEachSeed(
  file: string,
  seedList: readonly number[],
  body: (seed: number) => Promise<void> | void,
): Promise<void> {
  for (const seed of seedList) {
    try {
      await body(seed);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed} fails: ${message}\n  repeat with: ${repeatCommand(file, seed)}`, { cause: error });
    }
  }
}
