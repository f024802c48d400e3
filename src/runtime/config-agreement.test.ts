/** Shards that run CONFIG SETs in any order agree in the end, and those that agree are left alone. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../base/random.ts";
import { Config, type Pair } from "../config/config.ts";
import { ConfigAgreement, type Correction } from "./config-agreement.ts";

/** A shard as the agreement sees it; messages to and from it wait until they are delivered. */
class Peer {
  readonly config = new Config("/");
  readonly toMain: { count: number; values: Pair[] }[] = [];
  readonly fromMain: Correction[] = [];
  #count = 0;

  set(pairs: readonly Pair[]): void {
    assert.ok("changed" in this.config.set(pairs, true));
    this.#count++;
    this.announce(pairs.map(([name]) => name));
  }

  announce(names: readonly string[]): void {
    this.toMain.push({ count: this.#count, values: names.map((name) => [name, this.config.raw(name)]) });
  }

  take(correction: Correction): void {
    if (correction.count !== this.#count) return;
    this.config.adopt(correction.values);
    this.announce(correction.values.map(([name]) => name));
  }
}

const SETS: readonly (readonly Pair[])[] = [
  [["maxclients", "5"]],
  [
    ["maxclients", "6"],
    ["tcp-keepalive", "1"],
  ],
  [["tcp-keepalive", "2"]],
  [
    ["list-compress-depth", "1"],
    ["maxclients", "7"],
  ],
];

/** Runs each set on each shard, in an order and with delays that the seed chooses. Returns the number of corrections. */
function race(seed: number, shards: number): { peers: Peer[]; corrections: number } {
  const random = new Random(seed);
  const agreement = new ConfigAgreement(shards);
  const peers = Array.from({ length: shards }, () => new Peer());
  const open = peers.map(() => [...SETS]);
  let corrections = 0;
  for (;;) {
    const moves: (() => void)[] = [];
    peers.forEach((peer, i) => {
      if (open[i].length > 0) moves.push(() => peer.set(open[i].splice(random.below(open[i].length), 1)[0]));
      const said = peer.toMain[0];
      if (said !== undefined) {
        moves.push(() => {
          peer.toMain.shift();
          for (const correction of agreement.announced(i, said)) {
            corrections++;
            peers[correction.shard].fromMain.push(correction);
          }
        });
      }
      if (peer.fromMain.length > 0) moves.push(() => peer.take(peer.fromMain.shift() as Correction));
    });
    if (moves.length === 0) return { peers, corrections };
    moves[random.below(moves.length)]();
  }
}

describe("the agreement on options", () => {
  test("comes about whatever the order of sets and messages", () => {
    let corrections = 0;
    for (let seed = 1; seed <= 500; seed++) {
      const outcome = race(seed, 2 + (seed % 3));
      corrections += outcome.corrections;
      for (const [name] of SETS.flat()) {
        const values = new Set(outcome.peers.map((peer) => peer.config.raw(name)));
        assert.equal(values.size, 1, `seed ${seed}: ${name} is ${[...values]}`);
      }
    }
    assert.ok(corrections > 500, `${corrections} corrections: the orders did not differ`);
  });

  test("says nothing to shards that agree", () => {
    const agreement = new ConfigAgreement(2);
    for (let count = 1; count <= 3; count++) {
      const values: Pair[] = [["hz", `${count}`]];
      assert.deepEqual(agreement.announced(0, { count, values }), []);
      assert.deepEqual(agreement.announced(1, { count, values }), []);
    }
  });
});
