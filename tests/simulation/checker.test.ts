/** The checker, on histories written by hand: what it takes, and what it refuses. */

import { equal, match } from "node:assert/strict";
import { describe, it } from "node:test";
import { check, type Verdict } from "./checker.ts";
import { History } from "./history.ts";
import { bulk, integer, NIL, OK } from "./model.ts";

const NEVER = Number.POSITIVE_INFINITY;
const START_MS = 1_000_000;

/** One operation: client, command, reply ("" for none), when it began and when it ended. */
type Row = readonly [client: number, command: string, reply: string, from: number, to: number];

function historyOf(rows: readonly Row[], strict: boolean, clock: readonly (readonly [number, number])[]): History {
  const history = new History(1, strict, START_MS);
  for (const [client, text, reply, from, to] of [...rows].sort((a, b) => a[3] - b[3])) {
    history.operations.push({
      client,
      shard: 0,
      database: 0,
      command: text.split(" "),
      invoked: from,
      invokedUs: from,
      completed: reply === "" ? NEVER : to,
      completedUs: to,
      reply,
    });
  }
  for (const [stamp, wallMs] of clock) history.clockSteps.push({ shard: 0, stamp, wallMs, rank: 0 });
  return history;
}

function verdict(rows: readonly Row[], strict = false, clock: readonly (readonly [number, number])[] = []): Verdict {
  return check(historyOf(rows, strict, clock));
}

function takes(rows: readonly Row[], strict = false, clock: readonly (readonly [number, number])[] = []): void {
  equal(verdict(rows, strict, clock).problem, "");
}

function refuses(rows: readonly Row[], strict = false, clock: readonly (readonly [number, number])[] = []): void {
  match(verdict(rows, strict, clock).problem, /no order of these operations/);
}

describe("one key", () => {
  it("a read after a write sees it", () => {
    takes([
      [1, "set a 1", OK, 1, 2],
      [2, "get a", bulk("1"), 3, 4],
    ]);
    refuses([
      [1, "set a 1", OK, 1, 2],
      [2, "get a", NIL, 3, 4],
    ]);
  });

  it("a read during a write sees it or not, and nobody goes back", () => {
    takes([
      [1, "set a 1", OK, 1, 9],
      [2, "get a", NIL, 2, 3],
      [2, "get a", bulk("1"), 4, 5],
    ]);
    refuses([
      [1, "set a 1", OK, 1, 9],
      [2, "get a", bulk("1"), 2, 3],
      [3, "get a", NIL, 4, 5],
    ]);
  });

  it("of two writes at once one is last, for everybody", () => {
    const writes: Row[] = [
      [1, "set a 1", OK, 1, 5],
      [2, "set a 2", OK, 1, 5],
    ];
    takes([...writes, [3, "get a", bulk("1"), 6, 7], [4, "get a", bulk("1"), 6, 7]]);
    refuses([...writes, [3, "get a", bulk("1"), 6, 7], [4, "get a", bulk("2"), 6, 7]]);
  });

  it("counts every increment once", () => {
    takes([
      [1, "incr n", integer(2), 1, 9],
      [2, "incr n", integer(1), 1, 9],
    ]);
    refuses([
      [1, "incr n", integer(1), 1, 9],
      [2, "incr n", integer(1), 1, 9],
    ]);
  });

  it("a write that changes nothing here may change something later", () => {
    takes([
      [1, "del a", integer(1), 1, 9],
      [2, "set a 1", OK, 2, 3],
      [2, "get a", NIL, 4, 5],
    ]);
  });

  it("pipelined commands of a connection keep their order", () => {
    takes([
      [1, "set a 1", OK, 1, 9],
      [1, "get a", bulk("1"), 2, 10],
    ]);
    refuses([
      [1, "set a 1", OK, 1, 9],
      [1, "get a", NIL, 2, 10],
    ]);
  });
});

describe("replies that never came", () => {
  it("the command took effect, or not", () => {
    takes([
      [1, "set a 1", "", 1, NEVER],
      [2, "get a", NIL, 2, 3],
      [2, "get a", bulk("1"), 4, 5],
    ]);
    takes([
      [1, "set a 1", "", 1, NEVER],
      [2, "get a", NIL, 2, 3],
    ]);
  });

  it("but once, and not before it was sent", () => {
    refuses([
      [1, "incr a", "", 5, NEVER],
      [2, "get a", bulk("1"), 1, 2],
    ]);
    refuses([
      [1, "incr a", "", 1, NEVER],
      [2, "get a", bulk("1"), 2, 3],
      [2, "get a", bulk("2"), 4, 5],
    ]);
  });
});

describe("several keys", () => {
  it("parts on several shards are seen one by one", () => {
    takes([
      [1, "mset a 1 b 1", OK, 1, 9],
      [2, "mget a b", `*2\r\n${bulk("1")}${NIL}`, 2, 3],
    ]);
  });

  it("keys of one hash tag are seen at once", () => {
    refuses([
      [1, "mset {t}a 1 {t}b 1", OK, 1, 9],
      [2, "mget {t}a {t}b", `*2\r\n${bulk("1")}${NIL}`, 2, 3],
    ]);
  });

  it("a sum is that of its parts", () => {
    const write: Row = [1, "mset a 1 b 1 c 1", OK, 1, 2];
    for (const strict of [true, false]) {
      takes([write, [2, "del a b d", integer(2), 3, 4]], strict);
      refuses([write, [2, "del a b d", integer(3), 3, 4]], strict);
    }
    refuses([write, [2, "exists a b d", integer(1), 3, 4]], true);
  });

  it("strict: two pipelined writes are not seen the other way round", () => {
    const rows: Row[] = [
      [1, "set a 1", OK, 1, 9],
      [1, "set b 1", OK, 2, 10],
      [2, "get b", bulk("1"), 3, 4],
      [2, "get a", NIL, 5, 6],
    ];
    takes(rows, false);
    refuses(rows, true);
  });
});

describe("several shards at one moment", () => {
  const torn: Row[] = [
    [1, "mset a 1 b 1", OK, 1, 9],
    [2, "mget a b", `*2\r\n${bulk("1")}${NIL}`, 2, 3],
  ];
  const whole: Row[] = [
    [1, "mset a 1 b 1", OK, 1, 9],
    [2, "mget a b", `*2\r\n${bulk("1")}${bulk("1")}`, 2, 3],
    [3, "del a b c", integer(2), 4, 5],
    [2, "mget a b", `*2\r\n${NIL}${NIL}`, 6, 7],
  ];

  it("is checked when it is promised", () => {
    takes(torn);
    match(check(historyOf(torn, false, []), { atomicAcrossShards: true }).problem, /no order/);
    equal(check(historyOf(whole, false, []), { atomicAcrossShards: true }).problem, "");
  });
});

describe("time", () => {
  const write: Row = [1, "set a 1 px 100", OK, 1, 2];

  it("a key goes when its time has come", () => {
    takes([write, [2, "get a", NIL, 4, 5]], false, [[3, START_MS + 100]]);
    refuses([write, [2, "get a", bulk("1"), 4, 5]], false, [[3, START_MS + 100]]);
    refuses([write, [2, "get a", NIL, 4, 5]], false, [[3, START_MS + 99]]);
  });

  it("and may be there again when the clock is put back, unless somebody has looked", () => {
    const back: [number, number][] = [
      [3, START_MS + 100],
      [6, START_MS],
    ];
    takes([write, [2, "get a", bulk("1"), 7, 8]], false, back);
    takes([write, [2, "get a", NIL, 7, 8]], false, back);
    takes([write, [2, "get a", NIL, 4, 5], [2, "get a", NIL, 7, 8]], false, back);
    refuses([write, [2, "get a", NIL, 4, 5], [2, "get a", bulk("1"), 7, 8]], false, back);
    refuses([write, [2, "get a", bulk("1"), 7, 8], [2, "get a", NIL, 9, 10]], false, back);
  });

  it("says how long a key has", () => {
    takes([write, [2, "pttl a", integer(60), 4, 5]], false, [[3, START_MS + 40]]);
    refuses([write, [2, "pttl a", integer(100), 4, 5]], false, [[3, START_MS + 40]]);
  });
});
