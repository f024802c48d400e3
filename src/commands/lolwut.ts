/**
 * LOLWUT: a drawing of our own, another one at each call, and below it the version as Redis writes it.
 *
 * It is a ring of cells, of which one row after the other is drawn, two in each line of text. Whether a cell lives
 * depends on itself and its two neighbours in the row before, by one of Wolfram's rules.
 */

import { isWord, parseInteger } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";
import type { ArgvView } from "../resp/argv.ts";
import { CommandFlag, type CommandRow } from "../runtime/commands.ts";
import type { Execution } from "../runtime/execution.ts";
import { NOT_AN_INTEGER } from "./arguments.ts";
import { REDIS_VERSION } from "./version.ts";

const COLUMNS = 72;
const LINES = 20;
/** Rules whose pictures are worth looking at. */
const RULES = [18, 22, 30, 45, 60, 73, 90, 105, 110, 126, 150];
/** By the upper and the lower cell. */
const BLOCKS = [" ", "▄", "▀", "█"];

function following(cells: readonly number[], rule: number): number[] {
  return cells.map((cell, i) => {
    const left = cells[(i + COLUMNS - 1) % COLUMNS];
    const right = cells[(i + 1) % COLUMNS];
    return (rule >>> (left * 4 + cell * 2 + right)) & 1;
  });
}

/** The picture, and what it shows. */
export function draw(random: Random): string {
  const rule = RULES[random.below(RULES.length)];
  const seeds = 1 + random.below(4);
  let upper: number[] = new Array(COLUMNS).fill(0);
  for (let i = 0; i < seeds; i++) upper[random.below(COLUMNS)] = 1;
  let text = "";
  for (let line = 0; line < LINES; line++) {
    const lower = following(upper, rule);
    text += `${upper.map((cell, i) => BLOCKS[cell * 2 + lower[i]]).join("")}\n`;
    upper = following(lower, rule);
  }
  return `${text}\nRule ${rule} on a ring of ${COLUMNS} cells.`;
}

/** LOLWUT [VERSION version] [argument …] */
function lolwut(x: Execution, argv: ArgvView): void {
  if (argv.count >= 3 && isWord(argv.bytes, argv.starts[1], argv.ends[1], "version")) {
    if (Number.isNaN(parseInteger(argv.bytes, argv.starts[2], argv.ends[2]))) {
      x.reply.error(NOT_AN_INTEGER);
      return;
    }
  }
  // Texts of replies are byte strings.
  const picture = Buffer.from(draw(x.shard.random), "utf8").toString("latin1");
  x.reply.verbatim("txt", `${picture} Redis ver. ${REDIS_VERSION}\n`);
}

export const lolwutRows: readonly CommandRow[] = [
  {
    name: "lolwut",
    arity: -1,
    flags: CommandFlag.READONLY | CommandFlag.FAST,
    keys: null,
    place: "connection",
    reduce: null,
    run: lolwut,
  },
];
