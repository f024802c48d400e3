/** Warnings about failed accepts: one a minute, whichever shard they come from. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCEPT_WARNING_MS } from "../base/limits.ts";
import { SharedWords } from "../base/shared.ts";
import { AcceptWatch } from "./accept-watch.ts";
import { SimReactor } from "./shard.fixture.ts";

const EMFILE = 24;

function fresh(lines: string[], shared: SharedWords): { reactor: SimReactor; watch: AcceptWatch } {
  const reactor = new SimReactor(0, null, () => {});
  reactor.acceptErrno = EMFILE;
  return { reactor, watch: new AcceptWatch(reactor, shared, (level, text) => lines.push(`${level}: ${text}`)) };
}

test("tells once a minute, and only of what is new", () => {
  const lines: string[] = [];
  const shared = new SharedWords();
  const one = fresh(lines, shared);
  const other = fresh(lines, shared);
  const start = 1_900_000_000_000;
  one.watch.look(start);
  assert.deepEqual(lines, []);
  one.reactor.acceptErrors = 3;
  other.reactor.acceptErrors = 1;
  one.watch.look(start);
  other.watch.look(start);
  assert.deepEqual(lines, ["warning: Accepting client connection: too many open files"]);
  one.watch.look(start + 2 * ACCEPT_WARNING_MS);
  assert.equal(lines.length, 1, "nothing new");
  one.reactor.acceptErrors = 4;
  one.watch.look(start + ACCEPT_WARNING_MS - 1000);
  assert.equal(lines.length, 1, "too soon");
  other.reactor.acceptErrors = 2;
  other.watch.look(start + ACCEPT_WARNING_MS);
  assert.equal(lines.length, 2);
  other.reactor.acceptErrors = 3;
  other.watch.look(start - 1000);
  assert.equal(lines.length, 3, "a clock that was set back does not silence it");
});
