/**
 * The store: all that one shard keeps. Its databases, the arena they live in, the clocks they expire and are evicted by,
 * its part of the server's memory.
 *
 * Work that nobody waits for (removing keys whose time has come, freeing discarded tables) is done in slices of at most
 * a millisecond, when the shard calls for one.
 */

import type { Address } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Config } from "../config/config.ts";
import { Arena } from "../memory/arena.ts";
import { entryByteLengthAt, entryIndex } from "../memory/entry.ts";
import type { KeyHasher } from "../memory/hash.ts";
import type { PageAdvice } from "../memory/pages.ts";
import type { EntryVisitor } from "../memory/scan.ts";
import type { Table } from "../memory/table.ts";
import { AccessClock } from "./access.ts";
import { Budget } from "./budget.ts";
import { Database } from "./database.ts";
import { Evictor } from "./evictor.ts";
import { BY_FREQUENCY, policyNamed } from "./policy.ts";

/** What the store tells of keys that go without a command. */
export interface RemovalObserver {
  removed(database: number, event: string, bytes: Uint8Array, start: number, end: number): void;
}

/** Indexes in the counters that the store keeps. */
export interface StoreCounters {
  readonly hits: number;
  readonly misses: number;
  readonly expired: number;
  readonly evicted: number;
}

const SLICE_US = 1000;
/** Up to so many keys are freed one by one; with more it is cheaper to give the whole arena back. */
const CLEAR_BY_KEY_MAX = 5000;
const EXPIRY_SLOTS_PER_LOOK = 512;
const EXPIRED_PER_LOOK_MAX = 128;
const FREED_PER_LOOK = 256;
/** How much of the running mean the last look is (Redis's number). */
const STALE_WEIGHT = 0.05;
/** With fewer due keys than this share among those seen, the rest can wait for the next tick. */
const EXPIRY_HUNGRY_SHARE = 0.1;

export class Store {
  arena: Arena;
  readonly hasher: KeyHasher;
  readonly random: Random;
  /** Of a hundred keys with an expiry, how many had passed it when they were looked at; a running mean. */
  stalePercent: number;
  /** Looks for expired keys that ended because their time was over. */
  slicesCut: number;
  /** Are keys whose time has come looked for? Those that are met go in any case. */
  activeExpire: boolean;
  /** When and how often keys are used. */
  readonly access: AccessClock;
  /** Which keys go when memory is short. */
  readonly evictor: Evictor;
  /** Whether memory is short. */
  readonly budget: Budget;
  /** The hash of the key hintStart ≤ i < hintEnd of hintView, while hintStart ≥ 0: see hint(). */
  hintView: DataView;
  hintStart: number;
  hintEnd: number;
  hintHash: number;
  /** Look-ups that found a key, and those that did not, since settle(). */
  readonly lookups: Float64Array;
  readonly databaseCount: number;
  /** The databases that were ever used. */
  readonly usedDatabases: Database[];
  #nowMs: number;
  readonly #clock: Clock;
  readonly #advice: PageAdvice | null;
  readonly #databases: (Database | null)[];
  readonly #discarded: Table[];
  readonly #collector: DueCollector;
  #observer: RemovalObserver | null;
  #counters: Float64Array;
  #places: StoreCounters;
  #expiryDatabase: number;
  #expiryCursor: number;

  constructor(
    databaseCount: number,
    hasher: KeyHasher,
    clock: Clock,
    random: Random,
    advice: PageAdvice | null = null,
  ) {
    this.#advice = advice;
    this.arena = new Arena({ advice });
    this.hasher = hasher;
    this.random = random;
    this.stalePercent = 0;
    this.slicesCut = 0;
    this.activeExpire = true;
    this.access = new AccessClock(random);
    this.#nowMs = 0;
    this.nowMs = clock.wallMs();
    this.hintView = new DataView(new ArrayBuffer(0));
    this.hintStart = -1;
    this.hintEnd = -1;
    this.hintHash = 0;
    this.lookups = new Float64Array(2);
    this.databaseCount = databaseCount;
    this.usedDatabases = [];
    this.#clock = clock;
    this.#databases = new Array<Database | null>(databaseCount).fill(null);
    this.#discarded = [];
    this.#collector = new DueCollector();
    this.#observer = null;
    this.#counters = new Float64Array(4);
    this.#places = { hits: 0, misses: 1, expired: 2, evicted: 3 };
    this.#expiryDatabase = 0;
    this.#expiryCursor = 0;
    this.evictor = new Evictor(this);
    this.budget = new Budget(this, clock);
  }

  /** Wall clock of the current batch, milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  set nowMs(ms: number) {
    this.#nowMs = ms;
    this.access.setTime(ms);
  }

  /** False while commands run whose look-ups are to leave no trace in access clocks (CLIENT NO-TOUCH). */
  get touching(): boolean {
    return this.access.touching;
  }

  set touching(touching: boolean) {
    this.access.touching = touching;
  }

  /** Takes over the options of memory and eviction. */
  // tidy: cold function, CONFIG SET
  applyConfig(config: Config): void {
    const policy = policyNamed(config.text("maxmemory-policy"));
    this.evictor.policy = policy;
    this.evictor.samples = config.integer("maxmemory-samples");
    this.evictor.forget();
    this.access.frequent = policy !== null && policy.by === BY_FREQUENCY;
    this.access.logFactor = config.integer("lfu-log-factor");
    this.access.decayMinutes = config.integer("lfu-decay-time");
    this.access.setTime(this.#nowMs);
    this.budget.configure(config.integer("maxmemory"), config.integer("maxmemory-eviction-tenacity"));
  }

  /** Who hears of expired and evicted keys, and where look-ups are counted. */
  attach(observer: RemovalObserver, counters: Float64Array, places: StoreCounters): void {
    this.#observer = observer;
    this.#counters = counters;
    this.#places = places;
  }

  /** The database of a number below databaseCount; made at its first use. */
  database(index: number): Database {
    const database = this.#databases[index];
    if (database !== null) return database;
    const fresh = new Database(this, index);
    this.#databases[index] = fresh;
    this.usedDatabases.push(fresh);
    return fresh;
  }

  /** The database if it was ever used. */
  usedDatabase(index: number): Database | null {
    return this.#databases[index];
  }

  /** Bytes of keys, values and tables. */
  get usedBytes(): number {
    return this.arena.usedBytes;
  }

  /** Says the hash of a key, so that it need not be computed again while hintStart stays what it is. */
  hint(view: DataView, start: number, end: number, hash: number): void {
    this.hintView = view;
    this.hintStart = start;
    this.hintEnd = end;
    this.hintHash = hash;
  }

  /** Adds what was counted since the last time to the shard's counters. */
  settle(): void {
    this.#counters[this.#places.hits] += this.lookups[0];
    this.#counters[this.#places.misses] += this.lookups[1];
    this.lookups.fill(0);
  }

  noteExpired(database: number, bytes: Uint8Array, start: number, end: number): void {
    this.#counters[this.#places.expired]++;
    if (this.#observer !== null) this.#observer.removed(database, "expired", bytes, start, end);
  }

  noteEvicted(database: number, bytes: Uint8Array, start: number, end: number): void {
    this.#counters[this.#places.evicted]++;
    if (this.#observer !== null) this.#observer.removed(database, "evicted", bytes, start, end);
  }

  /** Takes a table whose entries nobody needs; they are freed in slices. */
  discard(table: Table): void {
    this.#discarded.push(table);
  }

  /** Empties all databases at once; returns how many keys there were. The whole arena goes, so that size costs nothing. */
  clearAll(): number {
    let count = 0;
    for (const database of this.#databases) if (database !== null) count += database.size;
    let entries = count;
    for (const table of this.#discarded) entries += table.count;
    this.#expiryCursor = 0;
    this.evictor.forget();
    if (entries <= CLEAR_BY_KEY_MAX) {
      for (const database of this.#databases) database?.clear();
      this.freeAll();
      return count;
    }
    this.#discarded.length = 0;
    const old = this.arena;
    this.arena = new Arena({ advice: this.#advice });
    old.destroy();
    for (const database of this.#databases) if (database !== null) database.restart();
    return count;
  }

  /** Is there work for freeSlice()? */
  get hasDiscarded(): boolean {
    return this.#discarded.length > 0;
  }

  /** Frees discarded entries for at most a millisecond. */
  freeSlice(): void {
    const until = this.#clock.monotonicUs() + SLICE_US;
    const freer = new EntryFreer(this.arena);
    while (this.#discarded.length > 0) {
      const table = this.#discarded[this.#discarded.length - 1];
      if (table.clearStep(FREED_PER_LOOK, freer)) this.#discarded.pop();
      if (this.#clock.monotonicUs() >= until) return;
    }
  }

  /** Frees everything discarded, whatever it takes: for commands that promise it. */
  freeAll(): void {
    const freer = new EntryFreer(this.arena);
    while (this.#discarded.length > 0) {
      if (this.#discarded[this.#discarded.length - 1].clearStep(1 << 20, freer)) this.#discarded.pop();
    }
  }

  /**
   * Removes keys whose time has come, for at most a millisecond, going on where the last slice stopped. True when so
   * many were due that another slice should follow soon.
   */
  expireSlice(): boolean {
    if (!this.activeExpire) return false;
    const until = this.#clock.monotonicUs() + SLICE_US;
    const collector = this.#collector;
    let seen = 0;
    let due = 0;
    let rounds = 0;
    while (rounds <= this.databaseCount) {
      const database = this.#databases[this.#expiryDatabase];
      if (database === null || database.expires === 0) {
        this.#nextExpiryDatabase();
        rounds++;
        continue;
      }
      collector.begin(database);
      const cursor = database.scanExpiring(this.#expiryCursor, EXPIRY_SLOTS_PER_LOOK, collector);
      const complete = collector.removeDue();
      seen += collector.seen;
      due += collector.count;
      // When there were more due keys than a look may remove, the same place is looked at again.
      if (complete) this.#expiryCursor = cursor;
      if (this.#expiryCursor >= 2 ** 32) {
        this.#nextExpiryDatabase();
        rounds++;
      }
      if (this.#clock.monotonicUs() >= until) {
        this.slicesCut++;
        break;
      }
    }
    this.stalePercent += STALE_WEIGHT * ((seen > 0 ? (100 * due) / seen : 0) - this.stalePercent);
    return seen > 0 && due / seen > EXPIRY_HUNGRY_SHARE;
  }

  #nextExpiryDatabase(): void {
    this.#expiryCursor = 0;
    this.#expiryDatabase = (this.#expiryDatabase + 1) % this.databaseCount;
  }
}

/** Notes entries whose time has come, then removes them. */
class DueCollector implements EntryVisitor {
  seen: number;
  count: number;
  readonly #due: Int32Array;
  #database: Database | null;
  #missed: boolean;

  constructor() {
    this.seen = 0;
    this.count = 0;
    this.#due = new Int32Array(EXPIRED_PER_LOOK_MAX);
    this.#database = null;
    this.#missed = false;
  }

  begin(database: Database): void {
    this.seen = 0;
    this.count = 0;
    this.#missed = false;
    this.#database = database;
  }

  visit(address: Address): void {
    this.seen++;
    if (this.#database === null || this.#database.visit(address)) return;
    if (this.count === EXPIRED_PER_LOOK_MAX) this.#missed = true;
    else this.#due[this.count++] = address;
  }

  /** True unless there were more than fit. */
  removeDue(): boolean {
    const database = this.#database;
    if (database === null) return true;
    for (let i = 0; i < this.count; i++) database.expireAt(this.#due[i] as Address);
    return !this.#missed;
  }
}

/** Gives the memory of entries back. */
class EntryFreer implements EntryVisitor {
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  visit(address: Address): void {
    this.#arena.free(address, entryByteLengthAt(this.#arena.words[address >>> 22], entryIndex(address)));
  }
}
