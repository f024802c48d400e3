/**
 * `npm test [-- PATH…]`: all that CI runs, or just the tests of the files and folders named.
 *
 * Without a path: type check, formatter and linter, house rules, then every *.test.ts. With paths: only those tests,
 * in Node's own full report; `x.ts` stands for `x.test.ts`; arguments that start with `-` go to `node --test`
 * (`--test-name-pattern=…`). KEVY_TEST_DEPTH=full runs more seeds and more random operations, in longer bounds; soak
 * lets the soak tests take as long as they are meant to.
 */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeTooOld } from "./node-version.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["src", "tests", "tools", "bench", "examples"];
const CONCURRENCY = 2;
const SOAK = process.env.KEVY_TEST_DEPTH === "soak";
const FULL = SOAK || process.env.KEVY_TEST_DEPTH === "full";
/** Bound of a test, and of all tests of a file together. */
const FILE_MS_MAX = SOAK ? 1_800_000 : FULL ? 300_000 : 120_000;
const WATCH_MS = 500;

/** All test files below a folder, sorted; none if there is no such folder. */
function testFilesIn(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".test.ts"));
  return names.map((name) => join(folder, name)).sort();
}

/** The test files that one argument stands for. */
function testFilesOf(path) {
  const full = resolve(process.env.INIT_CWD ?? process.cwd(), path);
  const found = existsSync(full) ? full : resolve(root, path);
  if (!existsSync(found)) return [];
  if (statSync(found).isDirectory()) return testFilesIn(found);
  const beside = found.replace(/\.ts$/, ".test.ts");
  return [existsSync(beside) ? beside : found];
}

/** Runs one static check to its end and resolves to whether it passed. Its output is shown only if it failed. */
function check(name, args) {
  const started = performance.now();
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    child.on("close", (code) => {
      const passed = code === 0;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${passed ? "✔" : "✖"} ${name} (${seconds} s)`);
      if (!passed) process.stdout.write(Buffer.concat(output));
      done(passed);
    });
  });
}

/** Biome has no build for every machine; what it says does not depend on the machine, so Linux alone must have it. */
function hasBiome(biome) {
  if (process.platform === "linux" && process.report.getReport().header.glibcVersionRuntime !== undefined) return true;
  return spawnSync(process.execPath, [biome, "--version"], { stdio: "ignore" }).status === 0;
}

async function staticChecks() {
  const modules = join(root, "node_modules");
  const biome = join(modules, "@biomejs", "biome", "bin", "biome");
  const checks = [
    check("types: tsc", [join(modules, "typescript", "bin", "tsc"), "-p", ".", "--noEmit"]),
    check("house rules: tools/tidy.ts", [join(root, "tools", "tidy.ts")]),
  ];
  if (hasBiome(biome)) checks.push(check("format and lint: biome", [biome, "check", "--colors=off"]));
  else console.log("﹣ format and lint: no build of biome for this machine");
  return !(await Promise.all(checks)).includes(false);
}

/** Ends the processes of test files that exceed their bound; each has left a note named by its pid. */
function watch(notes) {
  return setInterval(() => {
    for (const pid of readdirSync(notes)) {
      const note = join(notes, pid);
      const started = statSync(note, { throwIfNoEntry: false });
      if (started === undefined || Date.now() - started.mtimeMs < FILE_MS_MAX) continue;
      const file = relative(root, readFileSync(note, "utf8"));
      rmSync(note, { force: true });
      console.error(`✖ ${file}: ended after ${FILE_MS_MAX / 1000} s`);
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended by itself since.
      }
    }
  }, WATCH_MS);
}

/** Runs the test files and resolves to node's exit code. */
function runTests(files, options, whole) {
  const notes = mkdtempSync(join(tmpdir(), "kevy-test-"));
  const url = (name) => new URL(name, import.meta.url).href;
  const args = [
    "--test",
    `--import=${url("./test-bound.mjs")}`,
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${FILE_MS_MAX}`,
    `--test-reporter=${whole ? url("./test-reporter.mjs") : "spec"}`,
    "--test-reporter-destination=stdout",
    ...options,
    ...files,
  ];
  const env = { ...process.env, KEVY_TEST_NOTES: notes };
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env });
    const timer = watch(notes);
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
    child.on("close", (code) => {
      clearInterval(timer);
      rmSync(notes, { recursive: true, force: true });
      done(code ?? 1);
    });
  });
}

async function main() {
  const advice = nodeTooOld(process.versions.node, "test");
  if (advice !== "") {
    console.error(advice);
    return 1;
  }
  const paths = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
  const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
  const whole = paths.length === 0;
  const files = whole ? FOLDERS.flatMap((folder) => testFilesIn(join(root, folder))) : paths.flatMap(testFilesOf);
  if (files.length === 0) {
    console.error(`npm test: no test file in ${whole ? FOLDERS.join(", ") : paths.join(", ")}`);
    return 1;
  }
  const checked = whole ? await staticChecks() : true;
  const code = await runTests(files, options, whole);
  if (!checked) console.error("npm test: a check before the tests failed, see the top of this output");
  return checked ? code : code || 1;
}

process.exitCode = await main();
