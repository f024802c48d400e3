/** Tests of effects: what the list of a write tells its observer, and that it costs nothing to have none. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Argv, type ArgvView } from "../resp/argv.ts";
import { Effects, type EffectsObserver } from "./effects.ts";

class Listener implements EffectsObserver {
  readonly heard: string[] = [];
  onChange(database: number, event: string, bytes: Uint8Array, start: number, end: number): void {
    this.heard.push(`${database} ${event} ${Buffer.from(bytes.slice(start, end)).toString("latin1")}`);
  }
  onRecord(database: number, record: ArgvView): void {
    this.heard.push(`${database}: ${Array.from({ length: record.count }, (_, i) => record.text(i)).join(" ")}`);
  }
}

const KEY = Buffer.from("..key..");
const COMMAND = Argv.of(["VERB", "key"]);

function listened(): { readonly effects: Effects; readonly heard: string[] } {
  const listener = new Listener();
  const effects = new Effects();
  effects.observer = listener;
  return { effects, heard: listener.heard };
}

test("the record is the command as it came, unless it gave its own", () => {
  const { effects, heard } = listened();
  effects.begin(3);
  effects.changed("event", KEY, 2, 5);
  effects.finish(COMMAND);
  effects.begin(4);
  effects.changed("event", KEY, 2, 5);
  effects.record(["SET", "key", KEY]);
  effects.record(["PERSIST", "key"]);
  effects.finish(COMMAND);
  assert.deepEqual(heard, ["3 event key", "3: VERB key", "4 event key", "4: SET key ..key..", "4: PERSIST key"]);
  assert.equal(effects.changes, 2);
});

test("what changed nothing has no effect, a flush of nothing neither", () => {
  const { effects, heard } = listened();
  effects.begin(0);
  effects.finish(COMMAND);
  effects.changedAll("flushall", 0);
  effects.finish(COMMAND);
  assert.deepEqual(heard, []);
  effects.changedAll("flushall", 7);
  effects.finish(COMMAND);
  assert.deepEqual(heard, ["0 flushall ", "0: VERB key"]);
  assert.equal(effects.changes, 7);
});

test("a removal nobody asked for has a DEL of its own, and is no change of the command under way", () => {
  const { effects, heard } = listened();
  effects.begin(1);
  effects.removed(2, "expired", KEY, 2, 5);
  effects.finish(COMMAND);
  assert.deepEqual(heard, ["2 expired key", "2: DEL key"]);
  assert.equal(effects.changes, 0);
});

test("without an observer changes are counted and nothing else", () => {
  const effects = new Effects();
  assert.equal(effects.observed, false);
  effects.begin(0);
  effects.changed("event", KEY, 2, 5);
  effects.removed(0, "expired", KEY, 2, 5);
  effects.finish(COMMAND);
  assert.equal(effects.changes, 1);
});
