/** Tests of the log. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { LOG_MESSAGE_CHARS_MAX, LOG_REOPEN_CHECK_MS } from "../base/limits.ts";
import { Log, logTime } from "./log.ts";

// tidy: long function, a suite
describe("the log", () => {
  let folder: string;
  let nowMs: number;
  let printed: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kevy-log-"));
    nowMs = new Date(2026, 10, 2, 3, 4, 5, 6).getTime();
    printed = "";
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const make = (file: string, level = "notice"): Log =>
    new Log({ file, level, pid: 42, now: () => nowMs, print: (line) => (printed += line) });

  test("writes Redis's line, in local time", () => {
    assert.equal(logTime(nowMs), "02 Nov 2026 03:04:05.006");
    const log = make("", "debug");
    log.log("debug", "a");
    log.log("verbose", "b");
    log.log("notice", "c");
    log.log("warning", "d");
    const at = "42:M 02 Nov 2026 03:04:05.006";
    assert.equal(printed, `${at} . a\n${at} - b\n${at} * c\n${at} # d\n`);
  });

  test("leaves out what is below its level, which may change", () => {
    const log = make("");
    log.log("verbose", "a");
    assert.equal(printed, "");
    log.setLevel("warning");
    log.log("notice", "b");
    assert.equal(printed, "");
    log.log("warning", "c");
    assert.match(printed, /# c\n$/);
    log.setLevel("nothing");
    printed = "";
    log.log("warning", "d");
    assert.equal(printed, "");
  });

  test("cuts a message that is too long", () => {
    make("").log("notice", "x".repeat(LOG_MESSAGE_CHARS_MAX + 10));
    assert.equal(printed.length, "42:M 02 Nov 2026 03:04:05.006 * \n".length + LOG_MESSAGE_CHARS_MAX);
  });

  test("appends to its file, and follows it when it is moved away or deleted", () => {
    const path = join(folder, "log");
    const moved = join(folder, "log.1");
    const log = make(path);
    assert.equal(log.open(), null);
    log.log("notice", "a");
    renameSync(path, moved);
    // Within a second nobody looks, and the line goes where the file went.
    nowMs += LOG_REOPEN_CHECK_MS - 1;
    log.log("notice", "b");
    nowMs += 1;
    log.log("notice", "c");
    assert.match(readFileSync(moved, "utf8"), /\* a\n.*\* b\n$/);
    assert.match(readFileSync(path, "utf8"), /^[^\n]*\* c\n$/);
    unlinkSync(path);
    nowMs += LOG_REOPEN_CHECK_MS;
    log.log("notice", "d");
    log.close();
    assert.match(readFileSync(path, "utf8"), /^[^\n]*\* d\n$/);
    const again = make(path);
    again.log("notice", "e");
    again.close();
    assert.match(readFileSync(path, "utf8"), /\* d\n.*\* e\n$/);
    assert.equal(printed, "");
  });

  test("says at the start when its file cannot be written, and never throws later", () => {
    const log = make(join(folder, "no", "log"));
    assert.match(log.open() ?? "", /^can't open the log file '.*no\/log': ENOENT/);
    log.log("warning", "a");
    log.close();
  });
});
