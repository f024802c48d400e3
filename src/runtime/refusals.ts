/**
 * Refusals: the error texts of requests that never reach a command, in Redis's words.
 */

import { latin1 } from "../base/bytes.ts";
import type { ArgvView } from "../resp/argv.ts";

const QUOTED_BYTES_MAX = 128;

export const NOAUTH = "NOAUTH Authentication required.";
export const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";

/** As a C string prints: up to the first NUL. */
function cut(argv: ArgvView, index: number, max: number): string {
  const start = argv.starts[index];
  let text = latin1(argv.bytes, start, Math.min(argv.ends[index], start + max));
  const nul = text.indexOf("\0");
  if (nul >= 0) text = text.slice(0, nul);
  return text;
}

export function unknownCommand(argv: ArgvView): string {
  let args = "";
  for (let i = 1; i < argv.count && args.length < QUOTED_BYTES_MAX; i++) {
    args += "'" + cut(argv, i, QUOTED_BYTES_MAX - args.length) + "' ";
  }
  return "ERR unknown command '" + cut(argv, 0, QUOTED_BYTES_MAX) + "', with args beginning with: " + args;
}

/** `container` is the name of the container's row. */
export function unknownSubcommand(argv: ArgvView, container: string): string {
  return "ERR unknown subcommand '" + cut(argv, 1, QUOTED_BYTES_MAX) + "'. Try " + container.toUpperCase() + " HELP.";
}

export function wrongArity(name: string): string {
  return "ERR wrong number of arguments for '" + name + "' command";
}

/** What a client from elsewhere gets while protected mode keeps it out, whole. */
export const DENIED =
  "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the " +
  "default user. In this mode connections are only accepted from the loopback interface. If you want to connect from " +
  "external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending " +
  "the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host " +
  "the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG " +
  "REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the " +
  "Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If " +
  "you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an " +
  "authentication password for the default user. NOTE: You only need to do one of the above things in order for the " +
  "server to start accepting connections from the outside.\r\n";
/** What a client gets when there are maxclients already, whole. */
export const TOO_MANY_CLIENTS = "-ERR max number of clients reached\r\n";
