/**
 * Pipelines of local and remote, single- and many-key commands at four shards, in both pipeline orders: every reply is
 * the one that a model gives which runs the commands one after the other.
 *
 * Each connection has its own keys, so its replies depend on its own commands alone, while all shards are busy.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../../src/base/random.ts";
import { depth, FULL, forEachSeed, seeds } from "../support/depth.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { SOME_REACTORS } from "../support/reactors.ts";
import { RespClient } from "../support/resp-client.ts";
import { TEST_MS_MAX } from "./rig.ts";

const CONNECTIONS = 6;
const PIPELINES = depth(30, 40);
const PIPELINE_MAX = 200;
const KEYS = 40;

/** What one connection's keys hold, and what each command is answered with. */
class Model {
  readonly #prefix: string;
  readonly #random: Random;
  readonly #values = new Map<string, string>();

  constructor(prefix: string, seed: number) {
    this.#prefix = prefix;
    this.#random = new Random(seed);
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  #key(): string {
    return `${this.#prefix}${this.#random.below(KEYS)}`;
  }

  #keys(): string[] {
    return Array.from({ length: 1 + this.#random.below(8) }, () => this.#key());
  }

  #value(): string {
    const length = this.#random.below(20) === 0 ? 40_000 : this.#random.below(30);
    return `${this.#random.below(1_000_000)}:`.padEnd(length, "v");
  }

  #bulk(key: string): string {
    const value = this.#values.get(key);
    return value === undefined ? "$-1\r\n" : `$${value.length}\r\n${value}\r\n`;
  }

  /** The next command and its reply. */
  next(): { args: string[]; reply: string } {
    const values = this.#values;
    switch (this.#random.below(8)) {
      case 0:
      case 1: {
        const [key, value] = [this.#key(), this.#value()];
        values.set(key, value);
        return { args: ["SET", key, value], reply: "+OK\r\n" };
      }
      case 2:
      case 3: {
        const key = this.#key();
        return { args: ["GET", key], reply: this.#bulk(key) };
      }
      case 4: {
        const keys = this.#keys();
        const items = keys.map((key) => this.#bulk(key));
        return { args: ["MGET", ...keys], reply: `*${keys.length}\r\n${items.join("")}` };
      }
      case 5: {
        const pairs = this.#keys().flatMap((key) => [key, this.#value()]);
        for (let i = 0; i < pairs.length; i += 2) values.set(pairs[i], pairs[i + 1]);
        return { args: ["MSET", ...pairs], reply: "+OK\r\n" };
      }
      case 6: {
        const keys = this.#keys();
        const count = keys.filter((key) => values.delete(key)).length;
        return { args: [this.#random.below(2) === 0 ? "DEL" : "UNLINK", ...keys], reply: `:${count}\r\n` };
      }
      default: {
        const keys = this.#keys();
        const count = keys.filter((key) => values.has(key)).length;
        return { args: ["EXISTS", ...keys], reply: `:${count}\r\n` };
      }
    }
  }
}

async function runConnection(port: number, seed: number, number: number): Promise<void> {
  const model = new Model(`s${seed}:c${number}:`, seed * 1000 + number);
  const client = await RespClient.connect(port);
  for (let round = 0; round < PIPELINES; round++) {
    const commands = Array.from({ length: 1 + model.below(PIPELINE_MAX) }, () => model.next());
    const replies = await client.pipeline(commands.map((each) => each.args));
    for (let i = 0; i < commands.length; i++) {
      const { args, reply } = commands[i];
      if (replies[i].toString() === reply) continue;
      const got = JSON.stringify(replies[i].toString().slice(0, 200));
      const wanted = JSON.stringify(reply.slice(0, 200));
      assert.fail(
        `connection ${number}, pipeline ${round}, at ${i}: ${args.join(" ").slice(0, 200)}: ${got}, not ${wanted}`,
      );
    }
  }
  await client.close();
}

for (const reactor of SOME_REACTORS) {
  for (const order of FULL || reactor !== "epoll" ? ["strict", "relaxed"] : ["strict"]) {
    describe(`mixed pipelines, 4 shards, ${reactor}, ${order}`, { timeout: TEST_MS_MAX }, () => {
      test("replies are those of a model", async () => {
        await using server = await KevyServer.start({ shards: 4, reactor, args: ["--pipeline-order", order] });
        await forEachSeed(import.meta.filename, seeds(1, 4), async (seed) => {
          const runs = Array.from({ length: CONNECTIONS }, (_, i) => runConnection(server.port, seed, i));
          await Promise.all(runs);
        });
      });
    });
  }
}
