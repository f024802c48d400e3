/**
 * The evictor: chooses keys that go when memory is short, and removes them. Hot path of a full cache.
 *
 * As in Redis it takes a few keys by chance from each database and remembers the best candidates of all samples in a pool
 * of 16, so that with time a choice among many is made of small ones. A candidate is an address and a hash: before it
 * goes, the table is asked whether it is still there, and its score whether it was used meanwhile.
 *
 * Scores are higher the sooner a key should go: seconds idle, 255 less the counter of accesses, or how soon it expires.
 * A key whose time has come goes first, and as an expired one.
 *
 * Refuses: to know how much memory there is (budget.ts).
 */

import type { Address } from "../base/brands.ts";
import { EVICTION_DATABASES_MAX, EVICTION_POOL_MAX, EVICTION_SAMPLES_MAX } from "../base/limits.ts";
import { clockAt, entryIndex, expiryAt, hasExpiryAt } from "../memory/entry.ts";
import { Sample } from "../memory/scan.ts";
import type { Database } from "./database.ts";
import { BY_CHANCE, BY_EXPIRY, BY_FREQUENCY, type Policy } from "./policy.ts";
import type { Store } from "./store.ts";

const HASHES = 2 ** 32;
/** Draws until a candidate is met: keys with an expiry may be few among many, so that whole tables are walked. */
const DRAWS_MAX = 1 << 16;
const SCORE_OF_DUE = Number.POSITIVE_INFINITY;

export class Evictor {
  policy: Policy | null;
  /** maxmemory-samples. */
  samples: number;
  readonly #store: Store;
  readonly #sample: Sample;
  /** The pool, worst candidate first. */
  #count: number;
  readonly #scores: Float64Array;
  readonly #hashes: Int32Array;
  readonly #addresses: Int32Array;
  readonly #databases: Int32Array;
  /** Turns through the databases in use. */
  #turn: number;

  constructor(store: Store) {
    this.policy = null;
    this.samples = 5;
    this.#store = store;
    this.#sample = new Sample(EVICTION_SAMPLES_MAX);
    this.#count = 0;
    this.#scores = new Float64Array(EVICTION_POOL_MAX);
    this.#hashes = new Int32Array(EVICTION_POOL_MAX);
    this.#addresses = new Int32Array(EVICTION_POOL_MAX);
    this.#databases = new Int32Array(EVICTION_POOL_MAX);
    this.#turn = 0;
  }

  /** Scores of another policy mean something else. */
  forget(): void {
    this.#count = 0;
  }

  /** Is there a key that may go? */
  get hasCandidates(): boolean {
    const policy = this.policy;
    if (policy === null) return false;
    const used = this.#store.usedDatabases;
    for (let i = 0; i < used.length; i++) {
      if ((policy.volatileOnly ? used[i].expires : used[i].size) > 0) return true;
    }
    return false;
  }

  /** Removes one key. False when there is none that may go. */
  evict(): boolean {
    const policy = this.policy;
    if (policy === null) return false;
    for (let draws = 0; draws < DRAWS_MAX; draws++) {
      if (!this.hasCandidates) return false;
      if (policy.by === BY_CHANCE) {
        if (this.#evictAny(policy)) return true;
        continue;
      }
      this.#fill(policy);
      while (this.#count > 0) {
        const best = --this.#count;
        const database = this.#store.database(this.#databases[best]);
        if (!database.select(this.#hashes[best], this.#addresses[best] as Address)) continue;
        if (this.#scoreOf(policy, database.words, database.at) < this.#scores[best]) continue;
        this.#remove(database);
        return true;
      }
    }
    return false;
  }

  /** One key of the next database that has any. */
  #evictAny(policy: Policy): boolean {
    const used = this.#store.usedDatabases;
    this.#turn = (this.#turn + 1) % used.length;
    const database = used[this.#turn];
    if ((policy.volatileOnly ? database.expires : database.size) === 0) return false;
    this.#draw(policy, database, 1);
    if (this.#sample.count === 0) return false;
    if (!database.select(this.#sample.hashes[0], this.#sample.addresses[0] as Address)) return false;
    this.#remove(database);
    return true;
  }

  #remove(database: Database): void {
    const store = this.#store;
    const start = database.keyStart;
    if (this.#isDue(database.words, database.at)) {
      store.noteExpired(database.index, database.bytes, start, database.keyEnd);
    } else store.noteEvicted(database.index, database.bytes, start, database.keyEnd);
    database.remove();
  }

  /** Samples the databases in use, and keeps the best. */
  #fill(policy: Policy): void {
    const used = this.#store.usedDatabases;
    const turns = used.length < EVICTION_DATABASES_MAX ? used.length : EVICTION_DATABASES_MAX;
    const want = this.samples < EVICTION_SAMPLES_MAX ? this.samples : EVICTION_SAMPLES_MAX;
    for (let n = 0; n < turns; n++) {
      this.#turn = (this.#turn + 1) % used.length;
      const database = used[this.#turn];
      if ((policy.volatileOnly ? database.expires : database.size) === 0) continue;
      this.#draw(policy, database, want);
      const sample = this.#sample;
      for (let i = 0; i < sample.count; i++) {
        const address = sample.addresses[i];
        const score = this.#scoreOf(policy, this.#store.arena.words[address >>> 22], entryIndex(address as Address));
        this.#offer(score, sample.hashes[i], address, database.index);
      }
    }
  }

  #draw(policy: Policy, database: Database, want: number): void {
    const random = this.#store.random;
    // Where candidates are rare, the next sample goes on where this one found too few.
    const place = policy.volatileOnly && database.sweep < HASHES ? database.sweep : random.int32() >>> 0;
    const next = database.sample(place, random.int32() & 15, want, policy.volatileOnly, this.#sample);
    database.sweep = this.#sample.count === 0 ? next % HASHES : HASHES;
  }

  #isDue(words: Int32Array, at: number): boolean {
    return hasExpiryAt(words, at) && expiryAt(words, at) <= this.#store.nowMs;
  }

  #scoreOf(policy: Policy, words: Int32Array, at: number): number {
    if (this.#isDue(words, at)) return SCORE_OF_DUE;
    if (policy.by === BY_EXPIRY) return -expiryAt(words, at);
    const access = this.#store.access;
    return policy.by === BY_FREQUENCY
      ? 255 - access.frequencyOf(clockAt(words, at))
      : access.idleSeconds(clockAt(words, at));
  }

  /** Puts a candidate into the pool if it is among the best and not there yet. */
  #offer(score: number, hash: number, address: number, database: number): void {
    const scores = this.#scores;
    if (this.#count === EVICTION_POOL_MAX && score <= scores[0]) return;
    for (let i = 0; i < this.#count; i++) {
      if (this.#addresses[i] === address && this.#hashes[i] === hash && this.#databases[i] === database) return;
    }
    let at: number;
    if (this.#count < EVICTION_POOL_MAX) {
      // Upwards from its place everything moves up by one.
      at = this.#count++;
      for (; at > 0 && scores[at - 1] > score; at--) this.#move(at - 1, at);
    } else {
      // The worst one goes, and everything below its place moves down.
      at = 0;
      for (; at + 1 < EVICTION_POOL_MAX && scores[at + 1] < score; at++) this.#move(at + 1, at);
    }
    scores[at] = score;
    this.#hashes[at] = hash;
    this.#addresses[at] = address;
    this.#databases[at] = database;
  }

  #move(from: number, to: number): void {
    this.#scores[to] = this.#scores[from];
    this.#hashes[to] = this.#hashes[from];
    this.#addresses[to] = this.#addresses[from];
    this.#databases[to] = this.#databases[from];
  }
}
