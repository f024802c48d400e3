/**
 * packaging/: that the image and the unit name what is there, and keep what they promise, as far as this machine has the
 * tools. What needs none is checked everywhere.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseCommandLine } from "../../src/config/command-line.ts";
import { OPTIONS, optionNamed } from "../../src/config/options.ts";
import { pingTarget } from "../../src/server/ping.ts";
// @ts-expect-error -- plain JavaScript without declarations
import { NODE_MAJOR_MIN } from "../../tools/node-version.mjs";
import { FULL } from "../support/depth.ts";
import { freePort } from "../support/ports.ts";
import { RespClient } from "../support/resp-client.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CONF = join(ROOT, "packaging", "kevy.conf");
const TOOL_MS_MAX = 30_000;
const DOCKER_BUILD_MS_MAX = 240_000;
/** An end in order takes ten seconds at most. */
const STOP_S_MAX = 10;
/** `systemd-analyze security` counts from 0, safest, to 10. */
const EXPOSURE_MAX = 2;

const read = (...path: string[]): string => readFileSync(join(ROOT, ...path), "utf8");
const manifest = JSON.parse(read("package.json")) as { bin: { kevy: string }; devDependencies: { node: string } };

/** Does the program run here at all? Else why not, for a skip. */
function without(program: string, ...args: string[]): string | false {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: TOOL_MS_MAX });
  if (result.error !== undefined) return `${program} is not installed`;
  return result.status === 0
    ? false
    : `${program} does not work here: ${(result.stderr || result.stdout).trim().split("\n")[0]}`;
}

function run(program: string, args: readonly string[], timeout = TOOL_MS_MAX): string {
  const result = spawnSync(program, args, { encoding: "utf8", timeout });
  assert.equal(result.status, 0, `${program} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout + result.stderr;
}

/** Instructions of the last stage: name and the rest of the line, continued lines joined. */
function dockerfile(): { stages: string[][]; final: (name: string) => string[] } {
  const text = read("packaging", "Dockerfile")
    .replace(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ");
  const stages: string[][] = [];
  for (const line of text.split("\n").filter((each) => each.trim() !== "")) {
    if (line.startsWith("FROM ")) stages.push([]);
    stages[stages.length - 1].push(line);
  }
  const last = stages[stages.length - 1];
  const final = (name: string): string[] =>
    last.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1).trim());
  return { stages, final };
}

/** Words of ExecStart and of every other setting of the unit, by name. */
function unit(): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  for (const line of read("packaging", "kevy.service").split("\n")) {
    const parts = /^([A-Za-z]+)=(.*)$/.exec(line);
    if (parts !== null) settings.set(parts[1], [...(settings.get(parts[1]) ?? []), parts[2]]);
  }
  return settings;
}

/** Each --flag is an option that has an effect. */
function flagsWork(words: readonly string[]): void {
  for (const word of words.filter((each) => each.startsWith("--"))) {
    assert.equal(optionNamed(word.slice(2))?.status, "works", word);
  }
}

describe("the image", () => {
  test("is built of what is there, for this Node.js", () => {
    const { stages } = dockerfile();
    const major = /^\^?(\d+)/.exec(manifest.devDependencies.node)?.[1];
    assert.ok(Number(major) >= NODE_MAJOR_MIN);
    for (const stage of stages) assert.match(stage[0], new RegExp(`^FROM node:${major}-slim\\b`));
    const allowed = read("packaging", "Dockerfile.dockerignore");
    for (const line of stages.flat().filter((each) => each.startsWith("COPY ") && !each.includes("--from="))) {
      for (const source of line.split(" ").slice(1, -1)) {
        assert.ok(existsSync(join(ROOT, source)), source);
        assert.ok(allowed.includes(`!${source}\n`), `${source} is not among what the engine is given`);
      }
    }
  });

  test("runs kevy as nobody in particular, with its data in /data", () => {
    const { final } = dockerfile();
    const [user] = final("USER");
    assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual([final("WORKDIR"), final("VOLUME"), final("EXPOSE")], [["/data"], ["/data"], ["6379"]]);
    // In the form of a list there is no shell between the engine and the server: signals arrive.
    assert.deepEqual(final("ENTRYPOINT"), ['["kevy"]']);
    assert.deepEqual(final("CMD"), []);
    assert.ok(final("RUN").some((line) => line.includes(`/opt/kevy/${manifest.bin.kevy} /usr/local/bin/kevy`)));
    assert.ok(
      final("COPY").some((line) => line.startsWith("package.json ")),
      "without it the files are no modules",
    );
  });

  test("is healthy when kevy ping says so", () => {
    const health = /CMD (\[.*\])$/.exec(dockerfile().final("HEALTHCHECK")[0])?.[1] ?? "[]";
    const [program, command, ...args] = JSON.parse(health) as string[];
    assert.deepEqual([program, command], ["kevy", "ping"]);
    const target = pingTarget(args, {});
    assert.ok(typeof target !== "string", String(target));
    assert.deepEqual(target.to, { host: "127.0.0.1", port: Number(dockerfile().final("EXPOSE")[0]) });
    const bound = Number(/--timeout=(\d+)s/.exec(dockerfile().final("HEALTHCHECK")[0])?.[1]);
    assert.ok(target.timeoutMs < bound * 1000, "the ping ends by itself, and says why");
  });

  const noDocker = without("docker", "version", "--format", "{{.Server.Version}}");
  const skip = FULL ? noDocker : noDocker || "takes minutes: KEVY_TEST_DEPTH=full runs it";
  test("builds, serves on a read-only file system, becomes healthy, ends in order", {
    skip,
    timeout: 300_000,
  }, async () => {
    const name = `kevy-test-${process.pid}`;
    run("docker", ["build", "-q", "-f", join(ROOT, "packaging", "Dockerfile"), "-t", name, ROOT], DOCKER_BUILD_MS_MAX);
    const port = await freePort();
    const args = ["run", "-d", "--name", name, "--read-only", "-p", `127.0.0.1:${port}:6379`, "--health-interval=1s"];
    try {
      run("docker", [...args, name, "--requirepass", "secret"]);
      const health = ["inspect", "--format", "{{.State.Health.Status}}", name];
      const deadline = performance.now() + TOOL_MS_MAX;
      while (run("docker", health).trim() !== "healthy")
        assert.ok(performance.now() < deadline, run("docker", ["logs", name]));
      const client = await RespClient.connect(port);
      assert.equal(await client.value("AUTH", "secret"), "OK");
      assert.equal(await client.value("SET", "k", "v"), "OK");
      await client.close();
      run("docker", ["stop", "-t", `${STOP_S_MAX + 5}`, name]);
      assert.equal(run("docker", ["inspect", "--format", "{{.State.ExitCode}}", name]).trim(), "0");
    } finally {
      spawnSync("docker", ["rm", "-f", name]);
      spawnSync("docker", ["rmi", name]);
    }
  });
});

describe("the service", () => {
  test("starts what is there, with options that have an effect, as its own user", () => {
    const settings = unit();
    const one = (name: string): string => settings.get(name)?.join(" ") ?? "";
    const words = one("ExecStart").split(" ");
    assert.equal(words[1], `/usr/lib/kevy/${manifest.bin.kevy}`);
    assert.equal(words[2], "/etc/kevy/kevy.conf");
    flagsWork(words);
    assert.deepEqual([one("Type"), words[words.indexOf("--supervised") + 1]], ["notify", "systemd"]);
    assert.deepEqual([one("User"), one("Group")], ["kevy", "kevy"]);
    assert.match(read("packaging", "kevy.sysusers"), /^u kevy - /m);
    assert.equal(one("WorkingDirectory"), `/var/lib/${one("StateDirectory")}`);
    assert.ok(Number(one("TimeoutStopSec")) > STOP_S_MAX);
    const clients = OPTIONS.find((option) => option.name === "maxclients")?.initial;
    assert.ok(Number(one("LimitNOFILE")) > Number(clients) + 1000);
  });

  test("is closed but for what V8, sockets and io_uring need", () => {
    const settings = unit();
    const on = ["NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables"];
    for (const name of on) assert.deepEqual(settings.get(name), ["yes"], name);
    assert.deepEqual(settings.get("ProtectSystem"), ["strict"]);
    assert.deepEqual(settings.get("MemoryDenyWriteExecute"), ["no"]);
    assert.deepEqual(settings.get("CapabilityBoundingSet"), [""]);
    assert.deepEqual(settings.get("RestrictAddressFamilies"), ["AF_UNIX AF_INET AF_INET6"]);
    const allowed = settings.get("SystemCallFilter")?.[0].split(" ") ?? [];
    for (const call of ["io_uring_setup", "io_uring_enter", "io_uring_register"])
      assert.ok(allowed.includes(call), call);
  });

  test("has a configuration file without warnings", () => {
    const line = parseCommandLine([CONF]);
    assert.ok(line.action === "run", JSON.stringify(line));
    assert.deepEqual(line.warnings, []);
    assert.deepEqual(line.config.list("bind"), ["127.0.0.1", "-::1"]);
    assert.equal(line.config.text("unixsocket"), `/run/${unit().get("RuntimeDirectory")?.[0]}/kevy.sock`);
  });

  test("is a unit, and a tight one, for systemd", { skip: without("systemd-analyze", "--version") }, () => {
    using dir = tempDir("unit");
    const file = join(dir.path, "kevy.service");
    // The programs that it names are not where this machine has them.
    writeFileSync(
      file,
      read("packaging", "kevy.service").replace("ExecStart=/usr/bin/node ", `ExecStart=${process.execPath} `),
    );
    assert.equal(run("systemd-analyze", ["verify", "--man=no", file]), "");
    const judged = spawnSync("systemd-analyze", ["security", "--offline=true", file], { encoding: "utf8" });
    const exposure = Number(/exposure level for kevy\.service: ([\d.]+)/.exec(judged.stdout)?.[1]);
    assert.ok(exposure <= EXPOSURE_MAX, judged.stdout + judged.stderr);
  });

  test("has a user that systemd can make", { skip: without("systemd-sysusers", "--version") }, () => {
    const said = run("systemd-sysusers", ["--dry-run", join(ROOT, "packaging", "kevy.sysusers")]);
    assert.doesNotMatch(said, /fail|ignor|invalid/i);
  });
});
