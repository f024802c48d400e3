/**
 * Every difference between the referee's version and the one that kevy speaks (7.2), each with its source. A pair of
 * replies that no row explains is a fault.
 *
 * A row holds where the referee is older than `before`; against a younger referee it does nothing.
 *
 * Refuses: to excuse kevy. A difference that is kevy's own choice does not belong here.
 */

import { redisVersion } from "../support/redis-server.ts";
import { bytesOf, type Word } from "./case.ts";

interface VersionDifference {
  /** The first version that behaves as kevy does. */
  readonly before: string;
  readonly what: string;
  readonly source: string;
  /** Matches the command's words joined by blanks. */
  readonly command: RegExp;
  /** Matches the older version's reply. */
  readonly older: RegExp;
  /** Matches the reply of `before` and later. */
  readonly newer: RegExp;
}

const ROWS: readonly VersionDifference[] = [
  {
    before: "7.2.0",
    what: "CLIENT SETINFO is new",
    source: "https://redis.io/docs/latest/commands/client-setinfo/ (available since 7.2.0)",
    command: /^client setinfo/i,
    older: /^-ERR unknown subcommand 'setinfo'\. Try CLIENT HELP\.\r\n$/i,
    newer: /^(\+OK|-ERR |-NOAUTH )/,
  },
  {
    before: "7.2.0",
    what: "CLIENT NO-TOUCH is new",
    source: "https://redis.io/docs/latest/commands/client-no-touch/ (available since 7.2.0)",
    command: /^client no-touch/i,
    older: /^-ERR unknown subcommand/,
    newer: /^(\+OK|-ERR )/,
  },
  {
    before: "7.2.0",
    what: "a pause whose end 64 bits do not hold is refused; before, the sum wrapped",
    source: "https://github.com/redis/redis/blob/7.2.5/src/timeout.c (getTimeoutFromObjectOrReply)",
    command: /^client pause 9223372036854775807$/i,
    older: /^\+OK\r\n$/,
    newer: /^-ERR timeout is out of range\r\n$/,
  },
  {
    before: "7.4.0",
    what: "CLIENT KILL MAXAGE is new",
    source: "https://redis.io/docs/latest/commands/client-kill/ (MAXAGE since 7.4.0)",
    command: /^client kill maxage/i,
    older: /^-ERR syntax error\r\n$/,
    newer: /^(:\d+|-ERR maxage )/,
  },
  {
    before: "7.2.0",
    what: "loglevel knows nothing, too",
    source: "https://github.com/redis/redis/pull/12133",
    command: /^config set loglevel/i,
    older: /must be one of the following: debug, verbose, notice, warning\r\n$/,
    newer: /must be one of the following: debug, verbose, notice, warning, nothing\r\n$/,
  },
  {
    before: "7.2.0",
    what: "a HELLO that fails sets no name; before, the name was set as its word was read",
    source: "https://github.com/redis/redis/pull/11659",
    command: /^client getname$/i,
    older: /^\$13\r\nof-bad-hello-\r\n$/,
    newer: /^(\$-1|_)\r\n$/,
  },
];

function isOlder(version: string, than: string): boolean {
  const a = version.split(".").map(Number);
  const b = than.split(".").map(Number);
  for (let i = 0; i < b.length; i++) {
    if (a[i] !== b[i]) return (a[i] ?? 0) < b[i];
  }
  return false;
}

/** The rows that matter with this machine's referee. */
const version = redisVersion() ?? "0";
const rows = ROWS.filter((row) => isOlder(version, row.before));

/** True when a row says that the two replies differ as the two versions do. */
export function isVersionDifference(args: readonly Word[], kevy: Buffer, referee: Buffer): boolean {
  const text = args.map((arg) => bytesOf(arg).toString("latin1")).join(" ");
  return rows.some(
    (row) =>
      row.command.test(text) && row.older.test(referee.toString("latin1")) && row.newer.test(kevy.toString("latin1")),
  );
}
