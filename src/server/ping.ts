/**
 * `kevy ping`: does a server answer? For the health checks of containers and service managers.
 *
 *     kevy ping [file.conf] [--host HOST] [--port N | -p N] [--unixsocket PATH] [--user NAME] [--pass PASSWORD]
 *               [--timeout SECONDS]
 *
 * Exit code 0: it said PONG; or it wants a password and was given none, and so is alive. Exit code 1, and one line on
 * stderr: anything else, a wrong password among it. What is not given comes from the file, which is the server's own, or
 * is the server's default; the password may come from KEVY_PASSWORD, where no list of processes shows it.
 *
 * Refuses: to wait longer than it was told to, and to show a password.
 */

import { connect, type NetConnectOpts } from "node:net";
import { byteString, Config } from "../config/config.ts";
import { FILES, type Files, readRedisConf } from "../config/redis-conf.ts";

const SECONDS_MAX_DEFAULT = 5;
const REPLY_CHARS_MAX = 1024;
const USAGE =
  "usage: kevy ping [file.conf] [--host HOST] [--port N] [--unixsocket PATH] [--user NAME] [--pass PASSWORD] " +
  "[--timeout SECONDS]";
const FLAGS: Readonly<Record<string, string>> = {
  "--host": "host",
  "--port": "port",
  "-p": "port",
  "--unixsocket": "unixsocket",
  "--user": "user",
  "--pass": "pass",
  "--timeout": "timeout",
};

/** Whom to ask, and as whom; texts are byte strings. No password: nobody in particular. */
export interface PingTarget {
  readonly to: NetConnectOpts;
  readonly user: string;
  readonly password: string;
  readonly timeoutMs: number;
}

/** A server that listens everywhere is asked here. */
function hostOf(config: Config): string {
  const first = (config.list("bind")[0] ?? "*").replace(/^-/, "");
  if (first === "*" || first === "0.0.0.0") return "127.0.0.1";
  return first === "::*" || first === "::" ? "::1" : first;
}

/** The target that the arguments behind `ping` name, or what is wrong with them. */
export function pingTarget(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  files: Files = FILES,
): PingTarget | string {
  const given = new Map<string, string>();
  const hasFile = args.length > 0 && !args[0].startsWith("-");
  for (let i = hasFile ? 1 : 0; i < args.length; i += 2) {
    const name = Object.hasOwn(FLAGS, args[i]) ? FLAGS[args[i]] : undefined;
    // What stands there may be a password.
    if (name === undefined || i + 1 >= args.length) return USAGE;
    given.set(name, args[i + 1]);
  }
  const config = new Config();
  if (hasFile) {
    const wrong = readRedisConf(args[0], config, files);
    if (wrong.length > 0) return wrong[0];
  }
  const port = given.get("port") ?? config.raw("port");
  const seconds = given.get("timeout") ?? String(SECONDS_MAX_DEFAULT);
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535) return `'${port}' is no port`;
  if (!/^[0-9]{1,6}(\.[0-9]{1,3})?$/.test(seconds) || Number(seconds) === 0)
    return `'${seconds}' is no time in seconds`;
  const path = given.get("unixsocket") ?? (port === "0" ? config.text("unixsocket") : "");
  if (path === "" && port === "0") return "there is neither a port nor a Unix socket to ask";
  const password = given.get("pass") ?? environment["KEVY_PASSWORD"];
  return {
    to: path === "" ? { host: given.get("host") ?? hostOf(config), port: Number(port) } : { path },
    user: byteString(given.get("user") ?? ""),
    password: password === undefined ? config.raw("requirepass") : byteString(password),
    timeoutMs: Number(seconds) * 1000,
  };
}

function request(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

/** Asks once. Resolves to null when the server is alive, else to one line that says what happened. */
export function ping(target: PingTarget): Promise<string | null> {
  const { to, user, password } = target;
  const where = "path" in to ? to.path : `${to.host}:${to.port}`;
  const auth = password === "" ? "" : request("AUTH", ...(user === "" ? [] : [user]), password);
  return new Promise((resolve) => {
    const socket = connect(to);
    let said = "";
    const end = (verdict: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(verdict === null ? null : `kevy at ${where}: ${verdict}`);
    };
    const timer = setTimeout(() => end(`no answer within ${target.timeoutMs / 1000} s`), target.timeoutMs);
    socket.on("error", (error) => end(error.message));
    socket.on("close", () => end(said === "" ? "it closed the connection" : said.split("\r\n")[0]));
    socket.on("data", (data) => {
      said += data.toString("latin1");
      if (said.length > REPLY_CHARS_MAX) return end("that is no answer to PING");
      const lines = said.split("\r\n");
      // The last one is not whole.
      lines.pop();
      if (auth !== "" && lines.length > 0 && lines[0] !== "+OK") return end(lines[0]);
      const reply = auth === "" ? lines[0] : lines[1];
      if (reply === undefined) return;
      end(reply === "+PONG" || (auth === "" && reply.startsWith("-NOAUTH ")) ? null : reply);
    });
    socket.write(Buffer.from(auth + request("PING"), "latin1"));
  });
}

/** The command line `kevy ping …`; resolves to the exit code. */
export async function pingCommand(args: readonly string[], complain: (line: string) => void): Promise<number> {
  const target = pingTarget(args, process.env);
  const verdict = typeof target === "string" ? target : await ping(target);
  if (verdict === null) return 0;
  complain(verdict + "\n");
  return 1;
}
