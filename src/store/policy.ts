/**
 * Eviction policies: the values of maxmemory-policy, taken apart.
 */

export const BY_RECENCY = 0;
export const BY_FREQUENCY = 1;
export const BY_EXPIRY = 2;
export const BY_CHANCE = 3;

/** A policy that evicts. Null where the text of the option is meant: noeviction. */
export interface Policy {
  /** Only keys with an expiry may go. */
  readonly volatileOnly: boolean;
  readonly by: number;
}

const BY: Readonly<Record<string, number>> = { lru: BY_RECENCY, lfu: BY_FREQUENCY, ttl: BY_EXPIRY, random: BY_CHANCE };

/** The policy of a name that the option table allows; null for noeviction. */
export function policyNamed(name: string): Policy | null {
  const [keys, order] = name.split("-");
  if (order === undefined) return null;
  return { volatileOnly: keys === "volatile", by: BY[order] };
}
