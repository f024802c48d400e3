/**
 * How two replies to one command are compared. A normaliser turns a reply into a text; equal texts are equal replies.
 * about() is the exception: it needs both.
 *
 * Refuses: to excuse differences between versions; those are rows of version-differences.ts.
 */

import { parseReply, ReplyError, ReplyMap, ReplySet, type ReplyValue } from "../support/resp-client.ts";

/**
 * Null when the replies count as equal, otherwise what is wrong with them. `stretch` is by how much what is allowed for time
 * grows because the two servers may have come to the command at different moments; 1 when both were asked at once.
 */
export type Normaliser = (kevy: Buffer, referee: Buffer, stretch?: number) => string | null;

const SHOWN_MAX = 300;

export function showReply(bytes: Buffer): string {
  const text = JSON.stringify(bytes.subarray(0, SHOWN_MAX).toString("latin1"));
  return bytes.length > SHOWN_MAX ? `${text}…(${bytes.length} bytes)` : text;
}

function differ(kevy: Buffer, referee: Buffer): string {
  return `kevy ${showReply(kevy)}, referee ${showReply(referee)}`;
}

const exact: Normaliser = (kevy, referee) => (kevy.equals(referee) ? null : differ(kevy, referee));

/** The reply with its top-level elements in order of their bytes; other replies as they are. */
export function inOrder(reply: Buffer): string {
  const value = parseReply(reply);
  const items = Array.isArray(value) ? value : value instanceof ReplySet ? value.items : null;
  if (items === null) return reply.toString("latin1");
  return `${reply.toString("latin1", 0, 1)}${JSON.stringify(items.map((item) => String(item)).sort())}`;
}

const sorted: Normaliser = (kevy, referee) => (inOrder(kevy) === inOrder(referee) ? null : differ(kevy, referee));

function wholeNumber(reply: Buffer): bigint | null {
  const value = parseReply(reply);
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : null;
}

function about(slack: number): Normaliser {
  return (kevy, referee, stretch = 1) => {
    const allowed = Math.ceil(slack * stretch);
    if (kevy.equals(referee)) return null;
    const [a, b] = [wholeNumber(kevy), wholeNumber(referee)];
    if (a === null || b === null || a < 0n || b < 0n) return differ(kevy, referee);
    const apart = a > b ? a - b : b - a;
    return apart <= BigInt(allowed) ? null : `${differ(kevy, referee)}: more than ${allowed} apart`;
  };
}

/** The first byte alone. The reason is for the reader of the case. */
function kind(_reason: string): Normaliser {
  return (kevy, referee) => (kevy[0] === referee[0] ? null : differ(kevy, referee));
}

/** Fields of HELLO that may have any value. */
const OWN_FIELDS = ["version", "id"];

function helloFields(reply: Buffer): string {
  const value = parseReply(reply);
  if (value instanceof ReplyError) return value.message;
  const pairs: [ReplyValue, ReplyValue][] = [];
  if (value instanceof ReplyMap) for (const [name, field] of value.pairs) pairs.push([name, field]);
  else if (Array.isArray(value)) for (let i = 0; i + 1 < value.length; i += 2) pairs.push([value[i], value[i + 1]]);
  const shown = pairs.map(([name, field]) => [name, OWN_FIELDS.includes(String(name)) ? typeof field : field]);
  return `${reply.toString("latin1", 0, 1)}${JSON.stringify(shown)}`;
}

const helloMap: Normaliser = (kevy, referee) =>
  helloFields(kevy) === helloFields(referee) ? null : differ(kevy, referee);

export const REPLIES = { exact, sorted, about, kind, hello: helloMap };

/** Both are arrays of all keys of a whole scan, or the error that ended it; a key may come twice. */
export const scanAll: Normaliser = (kevy, referee) => {
  const set = (reply: Buffer): string => {
    const value = parseReply(reply);
    return Array.isArray(value) ? JSON.stringify([...new Set(value.map(String))].sort()) : reply.toString("latin1");
  };
  return set(kevy) === set(referee) ? null : differ(kevy, referee);
};
