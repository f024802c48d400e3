/**
 * A history: what clients asked and were told, with the order in which they could see it.
 *
 * Every event that a client can see has a stamp, a number that rises. An operation took effect after the stamp at which
 * it was invoked and before the one at which its reply was complete; without a reply it may take effect at any time, or
 * never. The moments at which a shard's time has changed stand in the same order.
 */

import { shardOfSlot, slotOf } from "../../src/runtime/slots.ts";
import { keysOf } from "./model.ts";

/** One command of a connection. */
export interface Operation {
  readonly client: number;
  /** Shard that the client is connected to. */
  readonly shard: number;
  readonly database: number;
  /** The verb in lower case. */
  readonly command: readonly string[];
  readonly invoked: number;
  readonly invokedUs: number;
  /** Stamp at which the whole reply had been read; infinite while it has not. */
  completed: number;
  completedUs: number;
  /** Raw, in RESP2; empty while there is none. */
  reply: string;
}

/** From here on commands on a shard run at another time of the wall clock: it went on, or was put. */
export interface ClockStep {
  readonly shard: number;
  readonly stamp: number;
  readonly wallMs: number;
  /** How many executions came before. */
  readonly rank: number;
}

const TEXT_MAX = 60;
const NAME_CHARS = 24;

/** What the execution of a command on a shard is known by: a name for each key. */
export function executionNames(command: readonly string[], shard: number): string[] {
  const where = keysOf(command);
  if (where === "all") return [`${command[0]} ${shard}`];
  const verb = command[0];
  const hasValues = where.length === 1 || verb === "mset";
  return where.map((at) => `${verb} ${command[at]} ${hasValues ? (command[at + 1] ?? "").slice(0, NAME_CHARS) : ""}`);
}

export class History {
  readonly operations: Operation[] = [];
  readonly clockSteps: ClockStep[] = [];
  readonly shards: number;
  /** Commands of one connection take effect in their order, whatever shards their keys are on. */
  readonly strict: boolean;
  readonly startMs: number;
  /** Executions under each of their names, as ranks in the order in which they happened: see executed(). */
  readonly ranks = new Map<string, number[]>();
  #executions = 0;
  #stamp = 0;

  constructor(shards: number, strict: boolean, startMs: number) {
    this.shards = shards;
    this.strict = strict;
    this.startMs = startMs;
  }

  stamp(): number {
    return ++this.#stamp;
  }

  /**
   * Notes that a command ran, under its names: see executionNames(). Nothing is checked by this. It is a hint in which order
   * a search does well to try things.
   */
  executed(names: readonly string[]): void {
    const rank = this.#executions++;
    for (const name of names) {
      const ranks = this.ranks.get(name);
      if (ranks === undefined) this.ranks.set(name, [rank]);
      else ranks.push(rank);
    }
  }

  get executions(): number {
    return this.#executions;
  }

  /** The shard that a key belongs to. */
  ownerOf(key: string): number {
    const bytes = Buffer.from(key, "latin1");
    return shardOfSlot(slotOf(bytes, 0, bytes.length), this.shards);
  }

  /** Operations as lines, in the order of their invocation. */
  lines(marked: ReadonlySet<Operation> = new Set()): string[] {
    const rows: { readonly stamp: number; readonly text: string }[] = [];
    for (const op of this.operations) {
      const end = op.completed === Number.POSITIVE_INFINITY ? "    (none)" : `${ms(op.completedUs)} ms`;
      const what = cut(op.command.map(quote).join(" "));
      const reply = op.reply === "" ? "" : ` → ${cut(readable(op.reply))}`;
      const who = `client ${op.client} at shard ${op.shard}${op.database === 0 ? "" : ` (db ${op.database})`}`;
      const mark = marked.has(op) ? ">" : " ";
      rows.push({ stamp: op.invoked, text: `${mark} ${ms(op.invokedUs)} – ${end}  ${who}: ${what}${reply}` });
    }
    rows.sort((a, b) => a.stamp - b.stamp);
    return rows.map((row) => row.text);
  }
}

function ms(us: number): string {
  return (us / 1000).toFixed(2).padStart(8);
}

function quote(text: string): string {
  if (text !== "" && /^[!-~]*$/.test(text)) return text;
  return JSON.stringify(text);
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 20)}… (${text.length} characters)`;
}

/** A reply in one line. */
export function readable(reply: string): string {
  return reply.replace(/\r\n/g, " ").trimEnd();
}
