/**
 * A command set of its own: TALLY.ADD key n adds to a key's tally and answers the sum, TALLY.GET key answers the tally.
 *
 * Each shard loads this module once. A command runs to completion on the shard that owns its key: adding needs no lock.
 */

import { parseInteger, viewOf } from "../src/base/bytes.ts";
import { type ArgvView, CommandFlag, type Commands, type Execution } from "../src/runtime/index.ts";
import { KEEP_EXPIRY } from "../src/store/database.ts";
import { STRING_INT } from "../src/store/encoding.ts";

const keys = { first: 1, last: 1, step: 1 };

function tally({ db }: Execution, { view, starts, ends }: ArgvView): number {
  return db.lookup(view, starts[1], ends[1]) ? parseInteger(db.bytes, db.valueStart, db.valueEnd) : 0;
}

function add(x: Execution, argv: ArgvView): void {
  const { bytes, view, starts, ends } = argv;
  const sum = tally(x, argv) + parseInteger(bytes, starts[2], ends[2]);
  const digits = Buffer.from(String(sum));
  if (!Number.isSafeInteger(sum)) x.reply.error("ERR a tally is a whole number below 2^53");
  else if (!x.db.setString(view, starts[1], ends[1], viewOf(digits), 0, digits.length, STRING_INT, KEEP_EXPIRY)) {
    x.reply.error("OOM no memory for this tally");
  } else {
    x.effects.changed("tally.add", bytes, starts[1], ends[1]);
    x.reply.integer(sum);
  }
}

export const createCommands = (): Commands => ({
  rows: [
    { name: "tally.add", arity: 3, flags: CommandFlag.WRITE, keys, place: "keys", reduce: null, run: add },
    {
      name: "tally.get",
      arity: 2,
      flags: CommandFlag.READONLY,
      keys,
      place: "keys",
      reduce: null,
      run: (x, argv) => x.reply.integer(tally(x, argv)),
    },
  ],
});
