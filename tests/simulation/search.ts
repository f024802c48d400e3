/**
 * The search: is there an order of some steps in which every reply is the one that the model gives?
 *
 * In the manner of Wing & Gong, with Lowe's memory of places where it has been: parts of steps are put into an order,
 * one at a time, such that each step comes after all that had ended when it began. A read that fits is taken at once, as
 * it spoils nothing; only writes make the search branch. What is likeliest by its rank is tried first.
 */

import { EOL } from "node:os";
import { type ClockStep, type History, type Operation, readable } from "./history.ts";
import { atTime, EMPTY, hasChangedNothing, keysOf, outcomes, type State, setsTime } from "./model.ts";
import { objectOf, type Step } from "./steps.ts";

const NEVER = Number.POSITIVE_INFINITY;

export interface SearchOptions {
  /** Places that it looks at; beyond them it is undecided. */
  readonly nodesMax: number;
  /** All parts of a step take effect at one moment. */
  readonly atomic: boolean;
}

/**
 * The steps of the clocks of those shards on which an operation depends on the time. What nobody can have seen is left
 * out: a time that went on before any such operation was under way.
 */
function clockSessions(history: History, sessions: readonly (readonly Step[])[]): Step[][] {
  const clocks: Step[][] = [];
  for (let shard = 0; shard < history.shards; shard++) {
    const spans = spansOn(shard, sessions);
    if (spans === null) continue;
    const steps = history.clockSteps.filter((step) => step.shard === shard);
    const kept = steps.filter((step, i) => {
      const next = steps[i + 1];
      if (next === undefined || next.wallMs < step.wallMs) return true;
      return spans.some(([from, to]) => from < next.stamp && to > step.stamp);
    });
    clocks.push(
      kept.map((clock) => {
        const { stamp } = clock;
        return { invoked: stamp, completed: stamp, parts: [], sum: -1, keysElsewhere: 0, operation: null, clock };
      }),
    );
  }
  return clocks.filter((steps) => steps.length > 0);
}

/** When operations on a shard were under way; null when its time does not matter to any of them. */
function spansOn(shard: number, sessions: readonly (readonly Step[])[]): [number, number][] | null {
  const spans: [number, number][] = [];
  let timed = false;
  for (const session of sessions) {
    for (const step of session) {
      if (!step.parts.some((part) => part.shard === shard)) continue;
      spans.push([step.invoked, step.completed]);
      timed ||= step.operation !== null && setsTime(step.operation.command);
    }
  }
  return timed ? spans : null;
}
/** Where a search stands: how far each session is, which parts of its current step are done, and the objects. */
interface Place {
  readonly positions: Int32Array;
  readonly masks: Int32Array[];
  readonly sums: Int32Array;
  /** By shard. */
  readonly walls: Float64Array;
  readonly states: ReadonlyMap<string, State>;
}

export class Search {
  nodes = 0;
  readonly #sessions: Step[][];
  readonly #nodesMax: number;
  readonly #atomic: boolean;
  readonly #startMs: number;
  readonly #seen = new Set<string>();
  readonly #ids = new Map<string, number>();
  readonly #stateIds = new WeakMap<State, number>();
  readonly #shards: number;
  readonly #shardOf = new Map<string, number>();
  #deepest = -1;
  #deepestPlace: Place | null = null;

  constructor(history: History, sessions: Step[][], { nodesMax, atomic }: SearchOptions) {
    this.#atomic = atomic;
    this.#sessions = [...sessions, ...clockSessions(history, sessions)];
    for (const session of sessions) {
      for (const step of session) for (const part of step.parts) this.#shardOf.set(part.object, part.shard);
    }
    this.#shards = history.shards;
    this.#nodesMax = nodesMax;
    this.#startMs = history.startMs;
  }

  run(): "yes" | "no" | "undecided" {
    const count = this.#sessions.length;
    const found = this.#from({
      positions: new Int32Array(count),
      masks: this.#sessions.map(() => new Int32Array(0)),
      sums: new Int32Array(count),
      walls: new Float64Array(this.#shards).fill(this.#startMs),
      states: new Map(),
    });
    if (found) return "yes";
    return this.nodes > this.#nodesMax ? "undecided" : "no";
  }

  /** The operations that are next where the search came farthest: one of them has a reply that nothing explains. */
  get misfits(): ReadonlySet<Operation> {
    const misfits = new Set<Operation>();
    const place = this.#deepestPlace;
    if (place === null) return misfits;
    for (const session of this.#enabled(place)) {
      const { operation, completed } = this.#sessions[session][place.positions[session]];
      if (operation !== null && completed !== NEVER) misfits.add(operation);
    }
    return misfits;
  }

  explain(): string {
    const place = this.#deepestPlace;
    const lines = ["no order of these operations explains their replies; the farthest one stops before"];
    const shown = new Set<string>();
    for (const op of this.misfits) {
      lines.push(`  client ${op.client}: ${op.command.join(" ").slice(0, 80)} → ${readable(op.reply).slice(0, 80)}`);
      const where = keysOf(op.command);
      if (where !== "all") for (const at of where) shown.add(objectOf(op.database, op.command[at]));
    }
    for (const object of shown) {
      if (!this.#shardOf.has(object)) continue;
      const entries = [...(place?.states.get(object) ?? EMPTY)];
      const text = entries.map(([key, { value, deadlineMs }]) => {
        const until = deadlineMs < 0 ? "" : ` until start + ${deadlineMs - this.#startMs} ms`;
        return `${key} = ${value.slice(0, 60)}${until}`;
      });
      lines.push(`  with ${text.length === 0 ? `no ${object.slice(object.indexOf("/") + 1)}` : text.join(", ")}`);
    }
    return lines.join(EOL);
  }

  /** Sessions whose next step may take effect now: it began before any step that is not done has ended. */
  #enabled(place: Place): number[] {
    let first = NEVER;
    let second = NEVER;
    let firstSession = -1;
    for (const [i, session] of this.#sessions.entries()) {
      const step = session[place.positions[i]];
      if (step === undefined) continue;
      if (step.completed < first) {
        second = first;
        first = step.completed;
        firstSession = i;
      } else if (step.completed < second) second = step.completed;
    }
    const enabled: number[] = [];
    for (const [i, session] of this.#sessions.entries()) {
      const step = session[place.positions[i]];
      if (step !== undefined && step.invoked <= (i === firstSession ? second : first)) enabled.push(i);
    }
    // Who must be done first is tried first.
    const sessions = this.#sessions;
    const end = (i: number): number => sessions[i][place.positions[i]].completed;
    return enabled.sort((a, b) => end(a) - end(b));
  }

  #from(start: Place): boolean {
    const open = [start];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      const end = this.#alongForced(place);
      if (end === null) return true;
      if (this.nodes > this.#nodesMax) return false;
      const key = this.#keyOf(end);
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      // The last one is taken first.
      open.push(...this.#choices(end).reverse());
    }
    return false;
  }

  /** Goes on as long as there is no choice; null when everything has its place. */
  #alongForced(start: Place): Place | null {
    for (let place = start; ; ) {
      this.nodes++;
      this.#noteDepth(place);
      const enabled = this.#enabled(place);
      const begun = this.#atomic && place.masks.some((mask) => mask.length > 0);
      if (!begun && enabled.every((i) => this.#sessions[i][place.positions[i]].completed === NEVER)) return null;
      const next = begun ? null : this.#withoutChoice(place, enabled);
      if (next === null) return place;
      place = next;
    }
  }

  /** The place after a part that fits and can change nothing anywhere, or null. What changes nothing here may do so later. */
  #withoutChoice(place: Place, enabled: readonly number[]): Place | null {
    for (const i of enabled) {
      const step = this.#sessions[i][place.positions[i]];
      if (step.clock !== null && !this.#isSeen(place, step.clock)) return this.#turned(place, i, step.clock);
      if (step.clock !== null || step.sum >= 0 || (this.#atomic && step.parts.length > 1)) continue;
      for (const [p, part] of step.parts.entries()) {
        if (part.reply === "" || this.#isDone(place, i, p)) continue;
        if (!hasChangedNothing(part.command, part.reply)) continue;
        const before = place.states.get(part.object) ?? EMPTY;
        const all = outcomes(before, part.command, place.walls[part.shard]);
        if (all.length === 1 && all[0].state === before && all[0].reply === part.reply) {
          return this.#after(place, i, p, before, 0);
        }
      }
    }
    return null;
  }

  /** May an operation on the shard take effect before this step of its clock? */
  #isSeen(place: Place, clock: ClockStep): boolean {
    for (const [i, session] of this.#sessions.entries()) {
      for (let at = place.positions[i]; at < session.length && session[at].invoked < clock.stamp; at++) {
        if (session[at].parts.some((part) => part.shard === clock.shard)) return true;
      }
    }
    return false;
  }

  /** The places after each thing that may be next, the likeliest one first. */
  #choices(place: Place): Place[] {
    const choices: { readonly rank: number; readonly place: Place }[] = [];
    // A step that is begun and must be done at one moment goes before all others.
    const begun = this.#atomic ? place.masks.findIndex((mask) => mask.length > 0) : -1;
    for (const i of begun < 0 ? this.#enabled(place) : [begun]) {
      const step = this.#sessions[i][place.positions[i]];
      if (step.clock !== null) choices.push({ rank: step.clock.rank, place: this.#turned(place, i, step.clock) });
      for (const [p, part] of step.parts.entries()) {
        if (this.#isDone(place, i, p)) continue;
        const before = place.states.get(part.object) ?? EMPTY;
        for (const { reply, state } of outcomes(before, part.command, place.walls[part.shard])) {
          if (part.reply !== "" && reply !== part.reply) continue;
          const counted = step.sum >= 0 ? Number(reply.slice(1)) : 0;
          if (step.sum >= 0 && !this.#mayAddUp(place, i, p, counted)) continue;
          choices.push({ rank: part.rank, place: this.#after(place, i, p, state, counted) });
        }
      }
    }
    choices.sort((a, b) => a.rank - b.rank || 0);
    return choices.map((choice) => choice.place);
  }

  /** Can the parts of a step add up to its sum, once part `p` has counted so many? */
  #mayAddUp(place: Place, session: number, p: number, counted: number): boolean {
    const step = this.#sessions[session][place.positions[session]];
    const sum = place.sums[session] + counted;
    let open = step.keysElsewhere;
    for (const [other, part] of step.parts.entries()) {
      if (other !== p && !this.#isDone(place, session, other)) open += part.keys;
    }
    return sum <= step.sum && sum + open >= step.sum;
  }

  #isDone(place: Place, session: number, part: number): boolean {
    return place.masks[session].length > part && place.masks[session][part] !== 0;
  }

  /** The place after one part has taken effect. */
  #after(place: Place, session: number, part: number, state: State, counted: number): Place {
    const step = this.#sessions[session][place.positions[session]];
    const positions = place.positions.slice();
    const masks = place.masks.slice();
    const sums = place.sums.slice();
    const mask =
      masks[session].length === step.parts.length ? masks[session].slice() : new Int32Array(step.parts.length);
    mask[part] = 1;
    sums[session] += counted;
    if (mask.every((done) => done === 1)) {
      positions[session]++;
      masks[session] = NO_MASK;
      sums[session] = 0;
    } else masks[session] = mask;
    let states = place.states;
    const { object } = step.parts[part];
    if (state !== (states.get(object) ?? EMPTY)) states = new Map(states).set(object, state);
    return { positions, masks, sums, walls: place.walls, states };
  }

  /** The place after a shard's clock has shown another time. */
  #turned(place: Place, session: number, { shard, wallMs }: ClockStep): Place {
    const positions = place.positions.slice();
    positions[session]++;
    const walls = place.walls.slice();
    walls[shard] = wallMs;
    let { states } = place;
    for (const [object, state] of place.states) {
      const later = this.#shardOf.get(object) === shard ? atTime(state, wallMs) : state;
      if (later !== state) states = new Map(states).set(object, later);
    }
    return { ...place, positions, walls, states };
  }

  #noteDepth(place: Place): void {
    let depth = 0;
    for (const position of place.positions) depth += position;
    if (depth <= this.#deepest) return;
    this.#deepest = depth;
    this.#deepestPlace = place;
  }

  /** The clocks' times follow from their sessions' positions. */
  #keyOf(place: Place): string {
    let key = place.positions.join();
    for (const [i, mask] of place.masks.entries())
      if (mask.length > 0) key += `|${i}:${mask.join("")}:${place.sums[i]}`;
    const states: string[] = [];
    for (const [object, state] of place.states) if (state.size > 0) states.push(`${object}=${this.#idOf(state)}`);
    return `${key} ${states.sort().join()}`;
  }

  #idOf(state: State): number {
    let id = this.#stateIds.get(state);
    if (id !== undefined) return id;
    const parts: string[] = [];
    for (const [key, entry] of state) {
      parts.push(`${key} ${this.#number(entry.value)} ${entry.deadlineMs} ${entry.doubtful ? 1 : 0}`);
    }
    id = this.#number(`\n${parts.sort().join("\n")}`);
    this.#stateIds.set(state, id);
    return id;
  }

  #number(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(text, id);
    }
    return id;
  }
}

const NO_MASK = new Int32Array(0);
