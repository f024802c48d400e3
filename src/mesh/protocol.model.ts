/**
 * A model of the mesh's sleeping and waking: every interleaving of two senders and one receiver, step by step.
 *
 * Each step is one access to shared memory, as sequentially consistent Atomics order them. Two shards send a few
 * messages each to a third one, through rings with room for `capacity` messages; whoever has nothing to do parks. The
 * model follows mesh.ts and ring.ts line by line, with planted faults to choose from:
 *
 *     publish()      store head · load parked[receiver] · compare-exchange it · wake
 *     park()         store parked[me] · look at every head, or: store wait, load tail · unpark or sleep
 *     release()      store tail · load wait · compare-exchange it · load parked[sender] · compare-exchange it · wake
 *
 * A state from which no step is possible must be the end: all messages taken, and only then may everybody sleep.
 */

/** A mistake to make in the model. */
export type Fault =
  | "none"
  /** The receiver looks at the heads before it says that it sleeps. */
  | "look before parked"
  /** A sender looks at parked before it stores its head. */
  | "parked before head"
  /** A sender that waits for room does not look at the tail after saying so. */
  | "no look after wait"
  /** … looks at the tail before saying so. */
  | "look before wait"
  /** The receiver looks at the wait word before it stores its tail. */
  | "wait before tail"
  /** The receiver wakes a waiting sender without looking at its wait word again: it never looks at all. */
  | "wait word ignored"
  /** A sender asks for room before it says that it sleeps. */
  | "ask before parked"
  /** The receiver looks at one of its two rings only. */
  | "one head only";

// Program counters of a sender.
const SEND = 0;
const LOAD_PARKED = 1;
const SWAP_PARKED = 2;
const PARK = 3;
const ASK = 4;
const LOOK_TAIL = 5;
const ASLEEP = 6;
const DONE = 7;
const EARLY_PARKED = 8;
const LATE_PARK = 9;
const PARKED_LATE_LOOK = 10;

// Program counters of the receiver.
const POLL = 0;
const TAKE = 1;
const RELEASE = 2;
const LOAD_WAIT = 3;
const SWAP_WAIT = 4;
const LOAD_SENDER = 5;
const SWAP_SENDER = 6;
const R_PARK = 7;
const R_LOOK = 8;
const R_ASLEEP = 9;
const R_LATE_PARK = 10;

const SENDERS = 2;

// A state is an array of small integers: shared words first, then what each party knows.
const PARKED = 0; // of senders 0, 1, then of the receiver
const HEAD = 3;
const TAIL = 5;
const WAIT = 7;
const SENDER_PC = 9;
const SENDER_TAIL = 11; // the tail that a sender saw last
const SENDER_FLAG = 13; // what it loaded early, under a fault
const RECEIVER_PC = 15;
const RECEIVER_RING = 16; // the ring it is at
const RECEIVER_HEAD = 17; // the head it saw, per ring
const RECEIVER_TAIL = 19; // what it took, per ring
const RECEIVER_FLAG = 21;
const WORDS = 22;

const RECEIVER = SENDERS;

export interface ModelResult {
  readonly states: number;
  /** A state in which somebody sleeps for ever, with the steps that lead there; null when there is none. */
  readonly stuck: string[] | null;
}

type State = number[];

/** Explores everything that can happen while each sender sends `messages` messages. */
export function explore(messages: number, capacity: number, fault: Fault): ModelResult {
  const first: State = Array(WORDS).fill(0);
  const seen = new Map<string, string | null>([[first.join(), null]]);
  const queue: State[] = [first];
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    const key = state.join();
    let moves = 0;
    for (let party = 0; party <= RECEIVER; party++) {
      const next = state.slice();
      const moved = party === RECEIVER ? receiverStep(next, fault) : senderStep(next, party, messages, capacity, fault);
      if (!moved) continue;
      moves++;
      const nextKey = next.join();
      if (seen.has(nextKey)) continue;
      seen.set(nextKey, key);
      queue.push(next);
    }
    if (moves === 0 && !isEnd(state, messages)) return { states: seen.size, stuck: pathTo(key, seen) };
  }
  return { states: seen.size, stuck: null };
}

function isEnd(state: State, messages: number): boolean {
  for (let s = 0; s < SENDERS; s++) {
    if (state[SENDER_PC + s] !== DONE || state[RECEIVER_TAIL + s] !== messages) return false;
  }
  return state[RECEIVER_PC] === R_ASLEEP;
}

function pathTo(end: string, seen: Map<string, string | null>): string[] {
  const path: string[] = [];
  for (let key: string | null | undefined = end; key; key = seen.get(key)) path.unshift(key);
  return path;
}

// tidy: long function, one case for each step of a sender
function senderStep(s: State, me: number, messages: number, capacity: number, fault: Fault): boolean {
  const pc = SENDER_PC + me;
  const go = (next: number): true => {
    s[pc] = next;
    return true;
  };
  const done = (): number => (s[HEAD + me] === messages ? DONE : SEND);
  switch (s[pc]) {
    case SEND: {
      // reserve() looks at the tail when it believes the ring full; then store head.
      if (s[HEAD + me] - s[SENDER_TAIL + me] >= capacity) s[SENDER_TAIL + me] = s[TAIL + me];
      if (s[HEAD + me] - s[SENDER_TAIL + me] >= capacity) {
        return go(fault === "ask before parked" || fault === "look before wait" ? ASK : PARK);
      }
      if (fault === "parked before head") {
        s[SENDER_FLAG + me] = s[PARKED + RECEIVER];
        return go(EARLY_PARKED);
      }
      s[HEAD + me]++;
      return go(LOAD_PARKED);
    }
    case EARLY_PARKED:
      s[HEAD + me]++;
      return go(s[SENDER_FLAG + me] === 1 ? SWAP_PARKED : done());
    case LOAD_PARKED:
      return go(s[PARKED + RECEIVER] === 1 ? SWAP_PARKED : done());
    case SWAP_PARKED:
      if (s[PARKED + RECEIVER] === 1) {
        s[PARKED + RECEIVER] = 0;
        if (s[RECEIVER_PC] === R_ASLEEP) {
          s[RECEIVER_PC] = POLL;
          s[RECEIVER_RING] = 0;
        }
      }
      return go(done());
    case PARK:
      s[PARKED + me] = 1;
      return go(ASK);
    case ASK:
      if (fault === "look before wait") {
        s[SENDER_TAIL + me] = s[TAIL + me];
        return go(LATE_PARK);
      }
      s[WAIT + me] = 1;
      return go(LOOK_TAIL);
    case LOOK_TAIL:
      if (fault !== "no look after wait") s[SENDER_TAIL + me] = s[TAIL + me];
      if (s[HEAD + me] - s[SENDER_TAIL + me] < capacity) {
        s[PARKED + me] = 0;
        return go(SEND);
      }
      return go(fault === "ask before parked" ? LATE_PARK : ASLEEP);
    case LATE_PARK:
      if (s[HEAD + me] - s[SENDER_TAIL + me] < capacity) return go(SEND);
      s[PARKED + me] = 1;
      return go(fault === "look before wait" ? PARKED_LATE_LOOK : ASLEEP);
    case PARKED_LATE_LOOK:
      s[WAIT + me] = 1;
      return go(ASLEEP);
    case ASLEEP:
      // Whoever sets parked to 0 wakes it.
      return s[PARKED + me] === 0 ? go(SEND) : false;
    default:
      return false;
  }
}

// tidy: long function, one case for each step of the receiver
function receiverStep(s: State, fault: Fault): boolean {
  const ring = s[RECEIVER_RING];
  const go = (next: number): true => {
    s[RECEIVER_PC] = next;
    return true;
  };
  const nextRing = (): true => {
    s[RECEIVER_FLAG] = 0;
    if (ring + 1 < SENDERS) {
      s[RECEIVER_RING] = ring + 1;
      return go(POLL);
    }
    s[RECEIVER_RING] = 0;
    return go(fault === "look before parked" ? R_LOOK : R_PARK);
  };
  switch (s[RECEIVER_PC]) {
    case POLL:
      s[RECEIVER_HEAD + ring] = s[HEAD + ring];
      return s[RECEIVER_HEAD + ring] === s[RECEIVER_TAIL + ring] ? nextRing() : go(TAKE);
    case TAKE:
      s[RECEIVER_TAIL + ring] = s[RECEIVER_HEAD + ring];
      if (fault === "wait before tail") s[RECEIVER_FLAG] = s[WAIT + ring];
      return go(RELEASE);
    case RELEASE:
      s[TAIL + ring] = s[RECEIVER_TAIL + ring];
      if (fault === "wait word ignored") return nextRing();
      if (fault === "wait before tail") return s[RECEIVER_FLAG] === 1 ? go(SWAP_WAIT) : nextRing();
      return go(LOAD_WAIT);
    case LOAD_WAIT:
      return s[WAIT + ring] === 1 ? go(SWAP_WAIT) : nextRing();
    case SWAP_WAIT:
      if (s[WAIT + ring] !== 1) return nextRing();
      s[WAIT + ring] = 0;
      return go(LOAD_SENDER);
    case LOAD_SENDER:
      return s[PARKED + ring] === 1 ? go(SWAP_SENDER) : nextRing();
    case SWAP_SENDER:
      s[PARKED + ring] = 0;
      return nextRing();
    case R_PARK:
      s[PARKED + RECEIVER] = 1;
      return go(R_LOOK);
    case R_LOOK: {
      // One head a step: hasInput() goes through them.
      if (s[HEAD + ring] !== s[RECEIVER_TAIL + ring]) {
        s[PARKED + RECEIVER] = 0;
        s[RECEIVER_RING] = 0;
        return go(POLL);
      }
      if (ring + 1 < SENDERS && fault !== "one head only") {
        s[RECEIVER_RING] = ring + 1;
        return true;
      }
      s[RECEIVER_RING] = 0;
      return go(fault === "look before parked" ? R_LATE_PARK : R_ASLEEP);
    }
    case R_LATE_PARK:
      s[PARKED + RECEIVER] = 1;
      return go(R_ASLEEP);
    case R_ASLEEP:
      if (s[PARKED + RECEIVER] === 1) return false;
      s[RECEIVER_RING] = 0;
      return go(POLL);
    default:
      return false;
  }
}
