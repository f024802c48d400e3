/**
 * Assertions: what must be true if the code is right.
 *
 * A failed assertion is a bug of ours, never of a client, and ends the process (a shard that throws is a dead shard).
 * What may go wrong in a correct program is answered with an error reply or a result instead.
 */

/** An error that only a bug can raise. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/** Throws AssertionFailure unless `condition` holds. `what` is a constant text: building one would cost at every call. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailure(what);
}

/** Marks a place that no correct program reaches. */
export function unreachable(what: string): never {
  throw new AssertionFailure(what);
}
