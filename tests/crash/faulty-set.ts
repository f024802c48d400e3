/**
 * A command set whose commands kill the shard that runs them, each in its way; ECHO.KEY key answers from the shard that
 * owns the key, so that a test may choose which shard that is.
 */

import type { ArgvView, CommandFunction, CommandRow, Commands, Execution } from "../../src/runtime/index.ts";

const HEAP_STEP = 1 << 16;

function fillHeap(): void {
  const kept: object[] = [];
  for (;;) for (let i = 0; i < HEAP_STEP; i++) kept.push({ i });
}

function row(name: string, run: CommandFunction): CommandRow {
  return { name, arity: 2, flags: 0, keys: { first: 1, last: 1, step: 1 }, place: "keys", reduce: null, run };
}

export const createCommands = (): Commands => ({
  rows: [
    row("fail.throw", () => {
      throw new RangeError("thrown on purpose");
    }),
    row("fail.reject", () => void Promise.reject(new TypeError("rejected on purpose"))),
    row("fail.exit", () => process.exit(3)),
    row("fail.memory", fillHeap),
    row("echo.key", (x: Execution, argv: ArgvView) => x.reply.bulk(argv.bytes, argv.starts[1], argv.ends[1])),
  ],
});
