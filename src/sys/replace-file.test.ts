/** Replaced as a whole, or not at all and with nothing left behind. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../tests/support/temp-dir.ts";
import { replaceFile } from "./replace-file.ts";

describe("replacing a file", () => {
  test("keeps its permissions; a new one is private", () => {
    using dir = tempDir("replace");
    const file = join(dir.path, "f");
    replaceFile(file, Buffer.from("one"));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    chmodSync(file, 0o664);
    // Left behind by a process with our number that was killed.
    writeFileSync(`${file}.${process.pid}.tmp`, "longer than the new content");
    replaceFile(file, Buffer.from("two"));
    assert.equal(readFileSync(file, "utf8"), "two");
    assert.equal(statSync(file).mode & 0o777, 0o664);
    assert.deepEqual(readdirSync(dir.path), ["f"]);
  });

  test("that cannot be replaced throws and changes nothing", () => {
    using dir = tempDir("replace");
    const folder = join(dir.path, "d");
    mkdirSync(folder);
    assert.throws(() => replaceFile(folder, Buffer.from("x")), { code: "EISDIR" });
    assert.throws(() => replaceFile(join(dir.path, "none", "f"), Buffer.from("x")), { code: "ENOENT" });
    assert.deepEqual(readdirSync(dir.path), ["d"]);
  });
});
