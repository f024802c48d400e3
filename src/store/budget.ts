/**
 * The budget: what this shard may use of the server's maxmemory. Hot path.
 *
 * All shards draw on one ledger (SharedWords). A shard claims memory before a command uses it, and gives back what it no
 * longer needs, so that what all use together stays below the limit without anyone asking the others. When the ledger is
 * empty, the shard that holds most is the one that evicts: itself when it is the one that wants to grow, and when another
 * one is, in slices after its next turn, to which it is woken. For the meantime a part of the limit is held in reserve.
 *
 *     0                                            quiet           limit
 *     |------------- claimed by all shards -----------|--- reserve ---|      the reserve is 0 with one shard
 *     any shard may claim up to quiet, up to limit only one that is not the one to evict
 *
 * Used memory is keys, values and tables, and the input and output of clients. Over the limit it can be by what the last
 * command of each shard took beyond its arguments (a leaf of a table, a long SETRANGE), by one command of each shard that
 * found eviction too slow for it, and by LEDGER_OVERDRAFT_BYTES_MAX for a shard that has nothing to evict while others have.
 *
 * Refuses: to choose keys (evictor.ts), to know commands.
 */

import type { ShardId } from "../base/brands.ts";
import type { Clock } from "../base/clock.ts";
import {
  EVICTION_SLICE_US,
  LEDGER_CLAIM_BYTES,
  LEDGER_GRANULE_BYTES,
  LEDGER_OVERDRAFT_BYTES_MAX,
  LEDGER_PAUSES_MAX,
  LEDGER_RESERVE_BYTES_MAX,
  LEDGER_TOLERANCE_BYTES,
} from "../base/limits.ts";
import { SharedWords } from "../base/shared.ts";
import type { Store } from "./store.ts";

/** What the budget needs of other shards. */
export interface Waker {
  /** Wakes a shard that sleeps. */
  wake(target: ShardId): void;
  /** Stops this thread for a moment, in which the others go on; the wakes before it have gone out. */
  pause(): void;
}

const GRANULE = LEDGER_GRANULE_BYTES;
const CLAIM = LEDGER_CLAIM_BYTES / GRANULE;
/** Evictions between two looks at the clock. */
const EVICTIONS_PER_LOOK = 8;

const CLIENTS = 0;
const GATE = 1;
const EXCEEDED_SINCE_US = 2;
const EXCEEDED_US = 3;

export class Budget {
  /** There is a limit: growing commands ask first. */
  watched: boolean;
  /** This shard is to evict: evictSlice() has work. */
  pressed: boolean;
  /** The server is over its limit. */
  over: boolean;
  readonly #store: Store;
  readonly #clock: Clock;
  #shared: SharedWords;
  #self: ShardId;
  #shardCount: number;
  #waker: Waker | null;
  /** maxmemory-eviction-tenacity as a time. */
  #sliceUs: number;
  /** The rest is in granules. */
  #limit: number;
  #quiet: number;
  #granted: number;
  #tolerance: number;
  #reserveEach: number;
  #overdraft: number;
  #evictable: boolean;
  /** A command went over the limit here, and the server has not come below it since. */
  #indebted: boolean;
  /** A command of this turn has waited for other shards already. */
  #awaited: boolean;
  /** The shard that should evict, as last found out by #leads(). */
  #leader: ShardId;
  /** Doubles, as bytes and microseconds pass 2^31: what clients' buffers take, what is granted, times over the limit. */
  readonly #values: Float64Array;

  constructor(store: Store, clock: Clock) {
    this.watched = false;
    this.pressed = false;
    this.over = false;
    this.#store = store;
    this.#clock = clock;
    this.#shared = new SharedWords();
    this.#self = 0 as ShardId;
    this.#shardCount = 1;
    this.#waker = null;
    this.#sliceUs = EVICTION_SLICE_US;
    this.#limit = 0;
    this.#quiet = 0;
    this.#granted = 0;
    this.#tolerance = 0;
    this.#reserveEach = 0;
    this.#overdraft = 0;
    this.#evictable = false;
    this.#indebted = false;
    this.#awaited = false;
    this.#leader = 0 as ShardId;
    this.#values = new Float64Array(4);
  }

  /** Takes part in the ledger of a server. */
  join(shared: SharedWords, self: ShardId, shardCount: number, waker: Waker): void {
    this.#shared = shared;
    this.#self = self;
    this.#shardCount = shardCount;
    this.#waker = waker;
  }

  /** maxmemory in bytes, 0 for none, and maxmemory-eviction-tenacity; after the evictor knows its policy. */
  // tidy: cold function, CONFIG SET
  configure(limitBytes: number, tenacity: number): void {
    const evicts = this.#store.evictor.policy !== null;
    const share = Math.floor(limitBytes / GRANULE / this.#shardCount);
    this.#limit = Math.floor(limitBytes / GRANULE);
    this.#reserveEach =
      evicts && this.#shardCount > 1 ? Math.min(LEDGER_RESERVE_BYTES_MAX / GRANULE, Math.floor(share / 8)) : 0;
    this.#quiet = this.#limit - this.#reserveEach * this.#shardCount;
    this.#tolerance = Math.max(LEDGER_TOLERANCE_BYTES / GRANULE, Math.floor(share / 32));
    this.#overdraft = Math.min(LEDGER_OVERDRAFT_BYTES_MAX / GRANULE, Math.floor(share / 4));
    this.#sliceUs = sliceUs(tenacity);
    this.watched = limitBytes > 0;
    if (this.watched) {
      this.settle(this.#values[CLIENTS]);
      return;
    }
    this.#grant(-this.#granted);
    this.pressed = false;
    this.over = false;
    this.#exceeded(false);
  }

  /** Bytes that this shard uses: keys, values, tables, clients' buffers as settle() or note() last heard. */
  get usedBytes(): number {
    return this.#store.arena.usedBytes + this.#values[CLIENTS];
  }

  /** Bytes that the whole server uses, as each shard last said: at its last tick. */
  get serverUsedBytes(): number {
    return this.#shared.usedInAll() * GRANULE;
  }

  /** The most that the whole server has used, seen at ticks. */
  get serverPeakBytes(): number {
    return this.#shared.peak() * GRANULE;
  }

  /** Microseconds that the server was over its limit, in all, and since it is so now (0: it is not). */
  get exceededUs(): number {
    return this.#values[EXCEEDED_US] + this.exceededNowUs;
  }

  get exceededNowUs(): number {
    const since = this.#values[EXCEEDED_SINCE_US];
    return since === 0 ? 0 : this.#clock.monotonicUs() - since;
  }

  /** Forgets the time over the limit (CONFIG RESETSTAT). */
  resetExceeded(): void {
    this.#values[EXCEEDED_US] = 0;
    this.#values[EXCEEDED_SINCE_US] = 0;
  }

  /** May a command use so many bytes more? Most often it may without anyone being asked. Otherwise makeRoom() decides. */
  admits(byteLength: number): boolean {
    return this.#store.arena.usedBytes + this.#values[CLIENTS] + byteLength <= this.#values[GATE];
  }

  /**
   * Sees to it that a command can use so many bytes more; false when it can not: OOM. `clientBytes` is what clients'
   * buffers take now: replies that were on their way at the end of the last turn have left since.
   */
  makeRoom(byteLength: number, clientBytes: number): boolean {
    if (clientBytes < this.#values[CLIENTS]) this.#clientsTakeLess(clientBytes);
    this.#cover();
    if (this.#claims(byteLength)) return true;
    const store = this.#store;
    if (store.evictor.policy === null) {
      // What is being freed anyway is waited for, a slice of it.
      if (!store.hasDiscarded) return false;
      store.freeSlice();
      return this.#claims(byteLength);
    }
    if (this.#leads()) {
      if (this.#evictFor(byteLength)) return true;
      // With nothing left to evict here it is another shard's turn, if there is one.
      if (this.#leads()) return false;
    }
    this.#waker?.wake(this.#leader);
    const short = Math.max(0, this.#short(byteLength));
    if (this.#take(short, this.#limit)) return true;
    const mayHave = (this.#granted + short) * this.#shardCount <= this.#limit;
    // A shard with less than its share does not give up its few keys for a large value: others have more.
    if (mayHave && short > this.#reserveEach) return this.#overdraw(short);
    if (store.evictor.hasCandidates && this.#evictFor(byteLength)) return true;
    const rest = Math.max(0, this.#short(byteLength));
    if (mayHave || this.#shared.claimedInAll() + rest <= this.#limit + this.#overdraft) return this.#overdraw(rest);
    // What finds room once others have evicted may go in now, one command until then.
    if (this.#granted + rest > this.#limit) return false;
    if (this.#indebted) return this.#awaits(rest);
    this.#indebted = true;
    return this.#overdraw(rest);
  }

  /**
   * Once a turn while there is a limit: books what was used, gives back what is not, and finds out whether this shard is
   * to evict. `clientBytes` is what input and output of clients take.
   */
  settle(clientBytes: number): void {
    this.#awaited = false;
    this.#values[CLIENTS] = clientBytes;
    this.#cover();
    const shared = this.#shared;
    let claimed = shared.claimedInAll();
    const tight = claimed + CLAIM * this.#shardCount > this.#quiet;
    const surplus = this.#granted - granules(this.usedBytes);
    if (tight ? surplus > 0 : surplus > 2 * CLAIM) {
      this.#grant(tight ? -surplus : CLAIM - surplus);
      claimed = shared.claimedInAll();
    }
    const evictable = this.#store.evictor.hasCandidates;
    if (evictable !== this.#evictable) {
      this.#evictable = evictable;
      shared.setEvictable(this.#self, evictable);
    }
    const over = claimed > this.#limit;
    this.over = over;
    this.pressed = claimed > this.#quiet && evictable && this.#leads();
    if (over || this.#values[GATE] < 0) this.#setGate();
    if (!over) this.#indebted = false;
    this.#exceeded(over);
  }

  /** Tells the server what this shard uses; at every tick. */
  note(clientBytes: number): void {
    this.#values[CLIENTS] = clientBytes;
    this.#shared.publishUsed(this.#self, granules(this.usedBytes));
  }

  /** Evicts for at most a millisecond while the server wants it of this shard. */
  evictSlice(): void {
    const until = this.#clock.monotonicUs() + EVICTION_SLICE_US;
    const evictor = this.#store.evictor;
    for (let n = 1; this.#shared.claimedInAll() > this.#quiet; n++) {
      if (!evictor.evict()) break;
      const surplus = this.#granted - granules(this.usedBytes);
      if (surplus > 0) this.#grant(-surplus);
      if (n % EVICTIONS_PER_LOOK === 0 && (this.#clock.monotonicUs() >= until || !this.#leads())) break;
    }
    this.settle(this.#values[CLIENTS]);
  }

  /** What was booked for clients goes back at once. More than before counts at the end of the turn: it may pass. */
  #clientsTakeLess(clientBytes: number): void {
    this.#values[CLIENTS] = clientBytes;
    const surplus = this.#granted - granules(this.usedBytes);
    if (surplus > 0) this.#grant(-surplus);
  }

  /** Granules that are missing for so many bytes more. */
  #short(byteLength: number): number {
    return granules(this.usedBytes + byteLength) - this.#granted;
  }

  #grant(change: number): void {
    this.#granted += change;
    this.#shared.book(this.#self, change);
    this.#setGate();
  }

  /** Claims, if all claims together do not pass `most`. */
  #take(change: number, most: number): boolean {
    if (!this.#shared.claim(this.#self, change, most)) return false;
    this.#granted += change;
    this.#setGate();
    return true;
  }

  /** Over the limit nothing is admitted without a closer look, even where a granule has room. */
  #setGate(): void {
    this.#values[GATE] = this.#shared.claimedInAll() > this.#limit ? -1 : this.#granted * GRANULE;
  }

  /** What is used is booked, whatever the limit. */
  #cover(): void {
    const short = this.#short(0);
    if (short > 0) this.#grant(short);
  }

  /** Claims what so many bytes more need, and a stock while there is plenty. */
  #claims(byteLength: number): boolean {
    const short = this.#short(byteLength);
    if (short <= 0) return this.#shared.claimedInAll() <= this.#limit;
    return this.#take(short + CLAIM, this.#quiet - CLAIM * this.#shardCount) || this.#take(short, this.#quiet);
  }

  /** Claims without a look at the limit: others will evict for it. */
  #overdraw(short: number): boolean {
    this.#grant(short);
    return true;
  }

  /**
   * Books what is missing, so that the shard that is to evict sees it, and waits until there is room for it: once in a turn,
   * and for LEDGER_PAUSES_MAX pauses. A command that evicts for itself takes its time, too.
   */
  #awaits(short: number): boolean {
    if (this.#awaited || this.#waker === null) return false;
    this.#awaited = true;
    this.#grant(short);
    for (let n = 0; n < LEDGER_PAUSES_MAX; n++) {
      this.#waker.pause();
      if (this.#shared.claimedInAll() > this.#limit) continue;
      this.#setGate();
      return true;
    }
    this.#grant(-short);
    return false;
  }

  /** Is this the shard to evict? Those that hold nearly as much as the one that holds most are it, too. */
  #leads(): boolean {
    if (this.#shardCount === 1) return true;
    const evictable = this.#store.evictor.hasCandidates;
    let most = evictable ? this.#granted + this.#tolerance : -1;
    let leader: ShardId = this.#self;
    for (let other = 0; other < this.#shardCount; other++) {
      if (other === this.#self || !this.#shared.isEvictable(other)) continue;
      const claimed = this.#shared.claimedBy(other);
      if (claimed <= most) continue;
      most = claimed;
      leader = other as ShardId;
    }
    this.#leader = leader;
    return leader === this.#self;
  }

  /**
   * Evicts here until so many bytes more find room. When the time for it is over, the command may go over the limit once,
   * and the rest is evicted in slices; but while the server is over it, each command evicts all that it needs.
   */
  #evictFor(byteLength: number): boolean {
    const store = this.#store;
    const claimed = this.#shared.claimedInAll();
    const over = claimed > this.#limit;
    // Over the limit, what is granted is not to be used again.
    let goal = this.#granted;
    if (claimed > this.#quiet) goal = Math.max(0, goal - (claimed - this.#quiet));
    const until = this.#clock.monotonicUs() + this.#sliceUs;
    for (let n = 1; granules(this.usedBytes + byteLength) > goal; n++) {
      if (store.hasDiscarded) store.freeSlice();
      else if (!store.evictor.evict()) return this.#short(byteLength) <= 0 && !over;
      if (n % EVICTIONS_PER_LOOK !== 0 || this.#clock.monotonicUs() < until) continue;
      const short = this.#short(byteLength);
      if (short <= 0) break;
      if (!over) return this.#overdraw(short);
    }
    // What others are to have is not left for the next command here.
    const surplus = -this.#short(byteLength);
    if (surplus > 0 && claimed > this.#quiet) this.#grant(-surplus);
    return true;
  }

  /** Keeps the time over the limit. */
  #exceeded(over: boolean): void {
    const values = this.#values;
    if (over === values[EXCEEDED_SINCE_US] > 0) return;
    if (over) values[EXCEEDED_SINCE_US] = this.#clock.monotonicUs() || 1;
    else {
      values[EXCEEDED_US] += this.#clock.monotonicUs() - values[EXCEEDED_SINCE_US];
      values[EXCEEDED_SINCE_US] = 0;
    }
  }
}

function granules(byteLength: number): number {
  return Math.ceil(byteLength / GRANULE);
}

/** How long a command may evict, as Redis reads maxmemory-eviction-tenacity: 500 µs at 10, without bound at 100. */
function sliceUs(tenacity: number): number {
  if (tenacity <= 10) return 50 * tenacity;
  return tenacity < 100 ? 500 * 1.15 ** (tenacity - 10) : Number.POSITIVE_INFINITY;
}
