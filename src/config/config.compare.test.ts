/** CONFIG GET and CONFIG SET against redis-server: names, defaults, printed values, error texts. Needs redis-server. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { noReferee, Referee, type Reply } from "../../tests/support/config-referee.ts";
import { byteString, Config, type Pair } from "./config.ts";
import { OPTIONS, optionNamed } from "./options.ts";

const UNSUPPORTED = "kevy does not support this yet";

/** Defaults that differ from those of the referee as it was started, and why. */
const DEFAULT_DIFFERS: Readonly<Record<string, string>> = {
  port: "the referee listens on a Unix socket only",
  unixsocket: "the referee's own path",
  maxclients: "redis-server lowers it when it may not open as many files",
};

/** Options whose CONFIG SET differs on purpose. */
const SET_DIFFERS: Readonly<Record<string, string>> = {
  port: "kevy cannot move a listener yet, so it is start-only here",
  bind: "kevy cannot move a listener yet, so it is start-only here",
  loglevel: "the referee is 7.0, `nothing` came with 7.2 and is named in the error text",
  "repl-backlog-size": "redis-server raises small sizes to 16 KiB; here there is no backlog",
  activedefrag: "Debian's redis-server is built without it",
  "maxmemory-clients": "it would have the referee close this connection",
};

const TRIED_VALUES = [
  "",
  "__bad__",
  "-1",
  "0",
  "1",
  "00",
  "+1",
  "yes",
  "No",
  "1kb",
  "3MB",
  "5 6",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "99999999999999999999999",
];

const LIMITS = "client-output-buffer-limit";
/** Pairs of CONFIG SET, one command each, run one after the other. */
const SET_COMMANDS: readonly (readonly string[])[] = [
  ["x", "1"],
  ["Nope", "x", "daemonize", "no"],
  ["x\r\ny", "1"],
  ["timeout", "1", "x", "y", "timeout", "2"],
  ["timeout", "5", "timeout", "6"],
  ["TIMEOUT", "a", "timeout", "6"],
  ["timeout", "a", "TIMEOUT", "6"],
  ["slave-priority", "5", "replica-priority", "6"],
  ["SLAVE-priority", "x"],
  ["timeout", "1", "maxmemory-samples", "a", "hz", "b"],
  ["timeout", "1", "daemonize", "no"],
  ["timeout", "a", "daemonize", "no", "x", "1"],
  ["DAEMONIZE", "no", "x", "1"],
  ["dir", "/tmp", "timeout", "x"],
  ["timeout", "x", "dir", "/tmp"],
  ["tcp-keepalive", "1", "maxclients", "0"],
  ["maxmemory-policy", "ALLKEYS-LRU"],
  ["hz", "1000"],
  ["hz", "0"],
  [LIMITS, "normal 0 0 0 x"],
  [LIMITS, "slave 1 2 3"],
  [LIMITS, "replica 1mb 2k 3 pubsub 0 0 0"],
  [LIMITS, "foo 1 2 3"],
  [LIMITS, "master 1 1 1"],
  [LIMITS, "normal a 0 0"],
  [LIMITS, "normal 1 1 -1"],
  [LIMITS, ""],
  [LIMITS, "  normal 1 2 3 "],
  [LIMITS, "NORMAL 0 0 0"],
  ["save", "1 2 3"],
  ["save", "a b"],
  ["save", "0 1"],
  ["save", "  "],
  ["save", ""],
  ["latency-tracking-info-percentiles", "99.9 50"],
  ["latency-tracking-info-percentiles", "1.50 0 100"],
  ["latency-tracking-info-percentiles", "101"],
  ["latency-tracking-info-percentiles", "-1"],
  ["latency-tracking-info-percentiles", ""],
  ["oom-score-adj-values", "1 2"],
  ["oom-score-adj-values", "1 2 3000"],
  ["oom-score-adj-values", "-2000 0 2000"],
  ["shutdown-on-sigint", "nosave force"],
  ["shutdown-on-sigint", "force NOSAVE"],
  ["shutdown-on-sigint", "save nosave"],
  ["shutdown-on-sigint", "default now"],
  ["proc-title-template", "{title} {port}"],
  ["proc-title-template", "{title} {x}"],
  ["proc-title-template", "{title"],
  ["notify-keyspace-events", "Q"],
  ["notify-keyspace-events", ""],
  ["cluster-announce-hostname", "a_b"],
  ["cluster-announce-hostname", "x".repeat(256)],
  ["cluster-announce-hostname", "x".repeat(255)],
  ["list-max-ziplist-size", "99999999999"],
  ["requirepass", "\x00\xff\r\n"],
];

function replyOf(config: Config, pairs: readonly Pair[]): string {
  const result = config.set(pairs, true);
  return "error" in result ? `-${result.error}` : "+OK";
}

function pairsOf(reply: Reply): Map<string, string> {
  assert.ok(Array.isArray(reply));
  const pairs = new Map<string, string>();
  for (let i = 0; i < reply.length; i += 2) pairs.set(String(reply[i]), String(reply[i + 1]));
  return pairs;
}

// tidy: long function, a suite
describe("CONFIG against redis-server", { skip: noReferee() ?? false }, () => {
  let referee: Referee;
  let config: Config;

  before(async () => {
    referee = await Referee.start();
    config = new Config(byteString(referee.folder));
  });
  after(() => referee.stop());

  test("every option of redis-server exists here, with its default", async () => {
    const theirs = pairsOf(await referee.command("CONFIG", "GET", "*"));
    const ours = new Map(config.get(["*"]));
    assert.ok(theirs.size > 150);
    for (const [name, value] of theirs) {
      assert.ok(ours.has(name), `${name} is missing`);
      if (!Object.hasOwn(DEFAULT_DIFFERS, name)) assert.equal(ours.get(name), value, name);
    }
  });

  test("hidden options show by their exact name only, as there", async () => {
    for (const option of OPTIONS) {
      if (option.hidden !== true || option.name === "enable-debug-assert") continue;
      const theirs = pairsOf(await referee.command("CONFIG", "GET", option.name));
      assert.deepEqual(new Map(config.get([option.name])), theirs);
      assert.deepEqual(config.get([`${option.name}*`]), []);
    }
  });

  test("patterns select the same names", async () => {
    const asked = [["max*"], ["*port*", "port"], ["TimeOut"], ["timeout", "TIME*", "hz", "Timeout"], ["nope"]];
    asked.push(["[h]z", "h?"], ["\\hz"], ["SLAVE-priority"], ["*-[^a-r]*"], ["lazyfree-lazy-*"], ["[x"], [""]);
    for (const patterns of asked) {
      const theirs = pairsOf(await referee.command("CONFIG", "GET", ...patterns));
      const ours = config.get(patterns).filter(([name]) => theirs.has(name) || !isNewer(name));
      const names = ours.map(([name]) => name);
      // The spelling of an exact name that is asked for twice depends on the referee's hash table.
      const sorted = (list: Iterable<string>): string[] => [...list].map((name) => name.toLowerCase()).sort();
      assert.deepEqual(sorted(names), sorted(theirs.keys()), patterns.join(" "));
    }
    assert.deepEqual(config.get(["TimeOut"]), [["TimeOut", "0"]]);
  });

  test("each option takes and refuses the same values, with the same words", async () => {
    const theirs = pairsOf(await referee.command("CONFIG", "GET", "*"));
    let compared = 0;
    for (const [name, initial] of theirs) {
      const option = optionNamed(name);
      if (option === undefined || Object.hasOwn(SET_DIFFERS, name)) continue;
      const sameNow = config.raw(name) === initial;
      for (const value of TRIED_VALUES) {
        const there = await referee.command("CONFIG", "SET", name, value);
        const here = replyOf(config, [[name, value]]);
        compared++;
        if (here.endsWith(UNSUPPORTED)) {
          assert.ok(option.status === "refused" || option.refuses !== undefined, name);
          const fine = there === "+OK" || String(there).includes("Unable to update TLS configuration");
          assert.ok(fine, `${name} ${value}: nothing is refused that is wrong anyway`);
        } else {
          assert.equal(here, there, `CONFIG SET ${name} '${value}'`);
          const shown = pairsOf(await referee.command("CONFIG", "GET", name)).get(name);
          if (sameNow) assert.equal(config.raw(name), shown, `CONFIG GET ${name} after '${value}'`);
        }
        if (there !== "+OK") continue;
        await referee.command("CONFIG", "SET", name, initial);
        if (!here.endsWith(UNSUPPORTED)) assert.equal(replyOf(config, [[name, initial]]), "+OK");
      }
    }
    assert.ok(compared > 2000);
  });

  test("several pairs, special values: same replies, same values behind them", async () => {
    for (const words of SET_COMMANDS) {
      const there = await referee.command("CONFIG", "SET", ...words);
      const pairs: Pair[] = [];
      for (let i = 0; i < words.length; i += 2) pairs.push([words[i], words[i + 1]]);
      assert.equal(replyOf(config, pairs), there, words.join(" "));
      for (const [name] of pairs) {
        const shown = pairsOf(await referee.command("CONFIG", "GET", name));
        if (name !== "dir") assert.deepEqual(new Map(config.get([name])), shown, words.join(" "));
      }
    }
  });
});

/** Is the option none of 7.0's? */
function isNewer(name: string): boolean {
  const ours = ["shards", "reactor", "pipeline-order"];
  const later = ["set-max-listpack-entries", "set-max-listpack-value", "locale-collate"];
  later.push("cluster-announce-human-nodename", "max-new-connections-per-cycle", "max-new-tls-connections-per-cycle");
  return ours.includes(name) || later.includes(name);
}
