/**
 * The world: the shards of one server, a network, clients and time, in one thread and from one scenario.
 *
 * Whoever has a reason to do something does it, one at a time, in an order drawn by chance; each turn takes some time.
 * When nobody has a reason, time goes on to the moment at which somebody will. A shard that declared itself asleep has
 * a reason when its network has news, when it is woken, and at its tick: as its thread would.
 *
 * Beside the replies, which the checker judges, the world sees to it that
 *   - when all shards sleep and nothing is on its way, no client waits for a reply (a tick may not be what helps it);
 *   - no shard fails an assertion;
 *   - walks with SCAN find what is there all the time, once;
 *   - in the end KEYS' sight of the keyspace is GET's;
 *   - closed clients leave no memory behind, and shards drain.
 *
 * Refuses: to look into a shard. It knows its constructor, step, park, drain and counts.
 */

import type { ShardId } from "../../src/base/brands.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import { SharedWords } from "../../src/base/shared.ts";
import { createCommands } from "../../src/commands/table.ts";
import { Config } from "../../src/config/config.ts";
import { KeyHasher } from "../../src/memory/hash.ts";
import { createMeshMemory, Mesh, type MeshMemory, startMeshAt } from "../../src/mesh/mesh.ts";
import type { CommandRow, Commands } from "../../src/runtime/commands.ts";
import { FACTS } from "../../src/runtime/shard.fixture.ts";
import { Shard } from "../../src/runtime/shard.ts";
import { Store } from "../../src/store/store.ts";
import { SimReactor } from "../../src/sys/reactor-sim.ts";
import { SimNetwork } from "../../src/sys/sim-network.ts";
import { auditPlan, auditProblem } from "./audit.ts";
import { check } from "./checker.ts";
import { SimClient } from "./client.ts";
import { executionNames, History } from "./history.ts";
import { isModelled } from "./model.ts";
import { scanProblem } from "./scan.ts";
import { type ClientPlan, randomOf, type Scenario } from "./scenario.ts";

const START_MS = 1_700_000_000_000;
const PORT_FIRST = 7000;
const TURN_US_MAX = 40;
/** A run that takes so many turns will not end. */
const TURNS_MAX = 400_000;
/** In this time each shard has ticked. */
const QUIET_US = 300_000;
/** No run lasts this long in its own time. */
const TIME_US_MAX = 300_000_000;
const NEVER = Number.POSITIVE_INFINITY;

export type Kind = "crash" | "unanswered" | "client" | "history" | "audit" | "scan" | "leftovers" | "endless";

/** What went wrong, and the history up to there. */
export interface Failure {
  readonly kind: Kind;
  readonly text: string;
  readonly history: string[];
}

export interface Result {
  readonly failure: Failure | null;
  readonly history: History;
  readonly operations: number;
  readonly turns: number;
  readonly undecided: number;
  readonly nodes: number;
}

/** What a test may put in the place of a part: a planted fault comes in here. */
export interface Parts {
  readonly mesh?: (mesh: Mesh, world: World) => Mesh;
}

class Violation extends Error {
  readonly kind: Kind;
  constructor(kind: Kind, text: string) {
    super(text);
    this.kind = kind;
  }
}

/** Time passes when the world says so, and a little with each look at it: work in slices must come to an end. */
class SimClock implements Clock {
  us = 1;
  /** What the wall clock was put forward, or back. */
  aheadMs = 0;
  #looks = 0;

  wallMs(): number {
    return START_MS + Math.floor(this.us / 1000) + this.aheadMs;
  }

  monotonicUs(): number {
    if ((++this.#looks & 15) === 0) this.us++;
    return this.us;
  }
}

/** One shard as its thread sees it. */
interface Seat {
  readonly shard: Shard;
  readonly reactor: SimReactor;
  readonly store: Store;
  asleep: boolean;
  /** It found nothing to do and is about to sleep: others may come in between. */
  drowsy: boolean;
  /** While asleep: when its time-out ends. */
  tickUs: number;
  /** It does not run before this. */
  stoppedUntilUs: number;
  /** Time of the wall clock at which the last step ran. */
  nowMs: number;
}

export class World {
  readonly scenario: Scenario;
  readonly shards: Shard[] = [];
  readonly #clock = new SimClock();
  readonly #random: Random;
  readonly #network: SimNetwork;
  readonly #history: History;
  readonly #seats: Seat[] = [];
  readonly #shared = new SharedWords();
  readonly #clients: SimClient[] = [];
  /** Sorted by their times; the first comes next. */
  readonly #plans: ClientPlan[];
  readonly #stops: Scenario["stops"][number][];
  readonly #clockSteps: Scenario["clockSteps"][number][];
  #turns = 0;

  constructor(scenario: Scenario, parts: Parts = {}) {
    this.scenario = scenario;
    this.#random = randomOf(scenario.chance, 500);
    this.#network = new SimNetwork(this.#clock, randomOf(scenario.chance, 501), scenario.network);
    this.#history = new History(scenario.shards, scenario.strict, START_MS);
    this.#plans = [...scenario.clients].sort((a, b) => a.startUs - b.startUs);
    this.#stops = [...scenario.stops].sort((a, b) => a.atUs - b.atUs);
    this.#clockSteps = [...scenario.clockSteps].sort((a, b) => a.atUs - b.atUs);
    const memory = createMeshMemory(scenario.shards, scenario.ringBytes);
    // Positions wrap around 2^31 and 2^32 while the scenario runs.
    startMeshAt(memory, (scenario.seed & 1) === 0 ? -2048 : 0x7fff_f800);
    for (let id = 0; id < scenario.shards; id++) this.#addShard(id as ShardId, memory, parts);
  }

  /** Runs the scenario to its end and judges it. */
  run(): Result {
    let failure: Failure | null = null;
    let undecided = 0;
    let nodes = 0;
    const fail = (kind: Kind, text: string, history: string[]): void => {
      failure = { kind, text, history };
    };
    const judge = (): void => {
      const verdict = check(this.#history);
      undecided = verdict.undecided;
      nodes = verdict.nodes;
      if (verdict.problem !== "") fail("history", verdict.problem, this.#history.lines(verdict.misfits));
    };
    try {
      this.#runAll();
      judge();
    } catch (error) {
      if (error instanceof Violation) fail(error.kind, error.message, this.#history.lines());
      else
        fail("crash", error instanceof Error ? (error.stack ?? error.message) : String(error), this.#history.lines());
      // What the history shows explains more.
      if (error instanceof Violation && error.kind === "audit") judge();
    } finally {
      for (const { store, reactor } of this.#seats) {
        reactor.destroy();
        store.arena.destroy();
      }
    }
    const { operations } = this.#history;
    return { failure, history: this.#history, operations: operations.length, turns: this.#turns, undecided, nodes };
  }

  #runAll(): void {
    this.#runUntil(() => this.#plans.length === 0 && this.#clients.every((client) => client.done));
    // What clients that are gone have left under way comes to its end.
    this.#runUntil(() => this.#isQuiet());
    // The keys that GET and KEYS find are compared: time only goes on meanwhile, once all shards have looked at the clock.
    this.#clockSteps.length = 0;
    const quietUs = this.#clock.us + QUIET_US;
    this.#runUntil(() => this.#clock.us > quietUs && this.#isQuiet());
    for (const database of new Set(this.scenario.clients.map((plan) => plan.database))) {
      const first = this.#history.operations.length;
      const auditor = this.#connect(auditPlan(this.scenario, database, first));
      this.#runUntil(() => auditor.done);
      const problem = auditProblem(this.#history.operations.slice(first));
      if (problem !== "") throw new Violation("audit", problem);
    }
    const problem = scanProblem(this.#history);
    if (problem !== "") throw new Violation("scan", problem);
    this.#drain();
  }

  #addShard(id: ShardId, memory: MeshMemory, parts: Parts): void {
    const { scenario } = this;
    const reactor = new SimReactor(this.#network);
    const real = new Mesh(memory, id, (_target, handle) => reactor.wake(handle), scenario.credits);
    const mesh = parts.mesh === undefined ? real : parts.mesh(real, this);
    mesh.publishWakeHandle(reactor.wakeHandle);
    const config = Config.fromSnapshot({
      folder: "/",
      values: { "pipeline-order": scenario.strict ? "strict" : "relaxed" },
    });
    const random = randomOf(scenario.chance, 600 + id);
    const store = new Store(16, new KeyHasher(scenario.seed, 2), this.#clock, random);
    const shard = new Shard({
      id,
      shardCount: scenario.shards,
      reactor,
      mesh,
      clock: this.#clock,
      random,
      shared: this.#shared,
      config,
      commands: traced(createCommands(), this.#history),
      facts: FACTS,
      store,
      log: () => {},
      requestShutdown: () => {},
    });
    void reactor.listen({ kind: "tcp", host: "127.0.0.1", port: PORT_FIRST + id, backlog: 511, shared: false });
    this.shards.push(shard);
    this.#seats.push({
      shard,
      reactor,
      store,
      asleep: false,
      drowsy: false,
      tickUs: 0,
      stoppedUntilUs: 0,
      nowMs: START_MS,
    });
  }

  #connect(plan: ClientPlan): SimClient {
    const client = new SimClient(plan, this.#network, PORT_FIRST + plan.shard, this.#history, this.scenario.chance);
    this.#clients.push(client);
    return client;
  }

  #runUntil(done: () => boolean): void {
    while (!done()) {
      if (++this.#turns > TURNS_MAX) throw new Violation("endless", `no end after ${TURNS_MAX} turns`);
      if (this.#clock.us > TIME_US_MAX) throw new Violation("endless", `no end after ${TIME_US_MAX / 1e6} s`);
      this.#happen();
      this.#turn();
    }
  }

  /** What the scenario has planned for now. */
  #happen(): void {
    const clock = this.#clock;
    while (this.#plans.length > 0 && this.#plans[0].startUs <= clock.us) {
      const plan = this.#plans.shift();
      if (plan !== undefined) this.#connect(plan);
    }
    while (this.#stops.length > 0 && this.#stops[0].atUs <= clock.us) {
      const stop = this.#stops.shift();
      if (stop === undefined) break;
      const seat = this.#seats[stop.shard];
      seat.stoppedUntilUs = Math.max(seat.stoppedUntilUs, clock.us + stop.forUs);
    }
    while (this.#clockSteps.length > 0 && this.#clockSteps[0].atUs <= clock.us) {
      clock.aheadMs += this.#clockSteps.shift()?.byMs ?? 0;
    }
  }

  /** One turn of somebody who has a reason, or time passes. */
  #turn(): void {
    const nowUs = this.#clock.us;
    const able: (Seat | SimClient)[] = [];
    let nextUs = this.#plannedUs();
    for (const seat of this.#seats) {
      const dueUs = Math.max(seatDueUs(seat), seat.stoppedUntilUs);
      if (dueUs <= nowUs) able.push(seat);
      else nextUs = Math.min(nextUs, dueUs);
    }
    for (const client of this.#clients) {
      if (client.done) continue;
      const dueUs = client.dueUs;
      if (dueUs <= nowUs) able.push(client);
      else nextUs = Math.min(nextUs, dueUs);
    }
    if (able.length === 0) {
      this.#expectNobodyWaits();
      this.#clock.us = Math.max(nowUs + 1, Math.ceil(nextUs));
      return;
    }
    const chosen = able[able.length === 1 ? 0 : this.#random.below(able.length)];
    if (chosen instanceof SimClient) {
      chosen.act();
      if (chosen.problem !== "") throw new Violation("client", `client ${chosen.plan.id}: ${chosen.problem}`);
    } else this.#step(chosen);
    this.#clock.us += this.#random.below(TURN_US_MAX);
  }

  #step(seat: Seat): void {
    const { shard, reactor } = seat;
    if (seat.drowsy) {
      seat.drowsy = false;
      if (this.#park(seat)) return;
    }
    if (seat.asleep) shard.unpark();
    seat.asleep = false;
    const stamp = this.#history.stamp();
    const rank = this.#history.executions;
    const worked = shard.step(false);
    reactor.submit();
    // Each shard has a time of its own, at which all commands of a step run: see Shard's way to read the clock.
    if (seat.nowMs !== seat.store.nowMs) {
      seat.nowMs = seat.store.nowMs;
      this.#history.clockSteps.push({ shard: shard.id, stamp, wallMs: seat.nowMs, rank });
    }
    if (worked && !this.scenario.parksAtOnce) return;
    if (this.#random.below(2) === 0) seat.drowsy = true;
    else this.#park(seat);
  }

  #park(seat: Seat): boolean {
    if (!seat.shard.park()) return false;
    seat.asleep = true;
    seat.tickUs = this.#clock.us + seat.shard.untilDueMs() * 1000;
    return true;
  }

  #plannedUs(): number {
    let nextUs = NEVER;
    if (this.#plans.length > 0) nextUs = Math.min(nextUs, this.#plans[0].startUs);
    if (this.#stops.length > 0) nextUs = Math.min(nextUs, this.#stops[0].atUs);
    if (this.#clockSteps.length > 0) nextUs = Math.min(nextUs, this.#clockSteps[0].atUs);
    return nextUs;
  }

  /** All shards sleep, and only their ticks will end that. */
  #isQuiet(): boolean {
    return this.#seats.every((seat) => seat.asleep && seat.reactor.dueUs === NEVER);
  }

  #expectNobodyWaits(): void {
    if (!this.#isQuiet()) return;
    for (const client of this.#clients) {
      if (!client.isStuck) continue;
      const [operation] = client.unanswered;
      const what = operation === undefined ? "the end" : operation.command.join(" ").slice(0, 80);
      throw new Violation(
        "unanswered",
        `all shards sleep, and client ${client.plan.id} waits for the reply to ${what}`,
      );
    }
  }

  #drain(): void {
    // Clients close when they are through; that has to arrive.
    this.#runUntil(() => this.#isQuiet() && this.shards.every((shard) => shard.clientCount() === 0));
    let drained = 0;
    for (const { shard, reactor } of this.#seats) {
      const { input } = shard.clientMemory();
      const left = [reactor.blocks.inUse, input].join(" + ");
      if (left !== "0 + 0")
        throw new Violation("leftovers", `shard ${shard.id} keeps ${left} blocks and bytes of input`);
      shard.drain(() => drained++);
    }
    if (this.#shared.clients() !== 0) throw new Violation("leftovers", `${this.#shared.clients()} clients are counted`);
    if (drained !== this.shards.length) throw new Violation("leftovers", "a shard without clients drains at once");
  }
}

function seatDueUs(seat: Seat): number {
  return seat.asleep ? Math.min(seat.reactor.dueUs, seat.tickUs) : 0;
}

/** Longer values are known by their beginning. */
const TRACED_CHARS = 40;

/** The same command set, whose commands note that they run. */
function traced(commands: Commands, history: History): Commands {
  const rows = commands.rows.map((row): CommandRow => {
    if (row.place === "connection" || !isModelled(row.name)) return row;
    const { name, run } = row;
    return {
      ...row,
      run: (x, argv) => {
        const command = [name];
        for (let i = 1; i < argv.count; i++) {
          const end = Math.min(argv.ends[i], argv.starts[i] + TRACED_CHARS);
          command.push(Buffer.from(argv.bytes.subarray(argv.starts[i], end)).toString("latin1"));
        }
        history.executed(executionNames(command, x.shard.id));
        run(x, argv);
      },
    };
  });
  return { ...commands, rows };
}

/** Runs a scenario. */
export function simulate(scenario: Scenario, parts: Parts = {}): Result {
  return new World(scenario, parts).run();
}
