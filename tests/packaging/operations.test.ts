/** docs/operations.md: its commands run, its options and fields exist, and the texts it quotes stand in the sources. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DESCRIPTORS_OF_PROCESS, DESCRIPTORS_PER_SHARD, DESCRIPTORS_RESERVED } from "../../src/base/limits.ts";
import { splitArgs } from "../../src/base/split-args.ts";
import { parseCommandLine } from "../../src/config/command-line.ts";
import { optionNamed } from "../../src/config/options.ts";
import { KevyServer } from "../support/kevy-server.ts";
import { RespClient } from "../support/resp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const START = join(ROOT, "tools", "start.mjs");
const COMMAND_MS_MAX = 15_000;
const doc = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");

/** The lines of all shell examples, split into words. */
const examples: string[][] = [...doc.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap((block) => block[1].trimEnd().split("\n"))
  .map((line) => (splitArgs(Buffer.from(line), 0, line.length) ?? []).map((word) => Buffer.from(word).toString()));

const examplesOf = (program: string): string[][] => examples.filter((words) => words[0] === program);

/** The code spans of the first column of the table that begins with this row. */
function firstColumn(heading: string): string[] {
  const at = doc.indexOf(`\n| ${heading}`);
  assert.ok(at >= 0, heading);
  const rows = doc
    .slice(at + 1)
    .split("\n\n")[0]
    .split("\n")
    .slice(2);
  return rows.flatMap((row) => [...row.split(" | ")[0].matchAll(/`([^`]+)`/g)].map((span) => span[1]));
}

function sources(folder: string): string {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  return files.map((name) => readFileSync(join(ROOT, folder, name), "utf8")).join("\n");
}

describe("the examples of docs/operations.md", { timeout: 60_000 }, () => {
  let server: KevyServer;
  before(async () => {
    server = await KevyServer.start({ shards: 2 });
  });
  after(() => server[Symbol.asyncDispose]());

  test("name programs that are known, and files that are there", () => {
    const known = ["docker", "install", "systemd-sysusers", "systemctl", "journalctl", "cp", "kevy", "redis-cli"];
    assert.ok(examples.length > 20);
    for (const words of examples) {
      assert.ok(known.includes(words[0]), words.join(" "));
      for (const word of words.filter((each) => each.startsWith("packaging/")))
        assert.ok(existsSync(join(ROOT, word)), word);
    }
  });

  test("of redis-cli are answered without an error", async () => {
    const client = await RespClient.connect(server.port);
    for (const [, ...words] of examplesOf("redis-cli")) {
      const reply = (await client.command(...words)).toString("latin1");
      assert.doesNotMatch(reply, /^-/, words.join(" "));
    }
    await client.close();
  });

  test("of kevy run, against this server where they ask one", () => {
    using dir = tempDir("operations");
    const socket = join(dir.path, "none");
    const run = (args: readonly string[]): { code: number | null; said: string } => {
      const result = spawnSync(process.execPath, [START, ...args], {
        cwd: ROOT,
        encoding: "utf8",
        timeout: COMMAND_MS_MAX,
      });
      return { code: result.status, said: result.stdout + result.stderr };
    };
    for (const [, ...words] of examplesOf("kevy")) {
      const { code, said } = run(words.map((word) => (word === "6379" ? `${server.port}` : word)));
      // A ping without this server's port asks the default one, where nobody has to be.
      const asksElsewhere = words[0] === "ping" && !words.includes("6379");
      if (asksElsewhere) assert.doesNotMatch(said, /usage/, words.join(" "));
      else assert.equal(code, 0, said);
    }
    assert.equal(run(["ping", "--port", "1", "--unixsocket", socket]).code, 1);
  });

  test("of docker give the server directives that it takes", () => {
    const runs = examplesOf("docker").filter((words) => words[1] === "run");
    assert.equal(runs.length, 2);
    using dir = tempDir("operations");
    for (const words of runs) {
      const args = words.slice(words.lastIndexOf("kevy") + 1);
      const file = join(dir.path, "kevy.conf");
      writeFileSync(file, readFileSync(join(ROOT, "packaging", "kevy.conf")));
      const line = parseCommandLine(args.map((word) => (word === "/etc/kevy.conf" ? file : word)));
      assert.equal(line.action, "run", args.join(" "));
    }
  });

  test("the fields to watch are in INFO", async () => {
    const client = await RespClient.connect(server.port);
    const info = String(await client.value("INFO", "everything"));
    await client.close();
    const fields = firstColumn("field | watch for");
    assert.ok(fields.length > 10);
    for (const field of [...fields, "multiplexing_api"]) assert.match(info, new RegExp(`^${field}:`, "m"), field);
  });
});

describe("what docs/operations.md says", () => {
  test("of the log is what the sources say", () => {
    const code = sources("src").replace(/"\s*\+\s*"/g, "");
    for (const text of firstColumn("the log or a client says")) assert.ok(code.includes(text), text);
  });

  test("of options names options", () => {
    const spans = [...doc.matchAll(/`([a-z]+(?:-[a-z]+)*)(?: [a-z0-9]+)?`/g)].map((span) => span[1]);
    const options = spans.filter(
      (name) => name.includes("-") && !name.startsWith("redis-") && !name.startsWith("systemd-"),
    );
    assert.ok(options.length > 8);
    for (const name of options) assert.ok(optionNamed(name) !== undefined, name);
  });

  test("of descriptors are the bounds", () => {
    const process = DESCRIPTORS_RESERVED + DESCRIPTORS_OF_PROCESS;
    assert.ok(
      doc.replace(/\s+/g, " ").includes(`sets aside ${process} descriptors, ${DESCRIPTORS_PER_SHARD} for each shard`),
    );
  });
});
