/** Tests of glob matching. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { noReferee, Referee } from "../../tests/support/config-referee.ts";
import { bytesOf } from "./bytes.ts";
import { globMatches } from "./glob.ts";

const DEEP = process.env["KEVY_TEST_DEPTH"] === "full";

function matches(pattern: string, text: string, anyCase = false): boolean {
  const p = bytesOf(pattern);
  const t = bytesOf(text);
  return globMatches(p, 0, p.length, t, 0, t.length, anyCase);
}

/** The plain definition, exponential: for the semantics, not for use. Classes are left out. */
function slowMatches(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return slowMatches(pattern.slice(1), text) || (text !== "" && slowMatches(pattern, text.slice(1)));
  }
  if (text === "") return false;
  const escaped = pattern[0] === "\\" && pattern.length > 1;
  const literal = escaped ? pattern[1] : pattern[0];
  if (!escaped && literal === "?") return slowMatches(pattern.slice(1), text.slice(1));
  return literal === text[0] && slowMatches(pattern.slice(escaped ? 2 : 1), text.slice(1));
}

// tidy: long function, a suite
describe("glob", () => {
  test("matches the documented forms", () => {
    const yes: [string, string][] = [
      ["h?llo", "hallo"],
      ["h*llo", "heeeello"],
      ["h*llo", "hllo"],
      ["h[ae]llo", "hello"],
      ["h[^e]llo", "hallo"],
      ["h[a-b]llo", "hbllo"],
      ["h[b-a]llo", "hallo"],
      ["a\\*", "a*"],
      ["[\\]]", "]"],
      ["**a**", "xay"],
      ["*a*b*c*", "1a2b3c4"],
      ["", ""],
      ["\\", "\\"],
      ["[a", "a"],
      ["[^", "x"],
      ["a**", "a"],
    ];
    for (const [pattern, text] of yes) assert.ok(matches(pattern, text), `${pattern} ${text}`);
    const no: [string, string][] = [
      ["h?llo", "hllo"],
      ["h[^e]llo", "hello"],
      ["a\\*", "ab"],
      ["*a*b", "ba"],
      ["", "a"],
      ["a", ""],
      ["[]", "]"],
      ["[", "["],
      ["Hello", "hello"],
      ["a?", "a"],
    ];
    for (const [pattern, text] of no) assert.ok(!matches(pattern, text), `${pattern} ${text}`);
  });

  test("case may be left out of account", () => {
    assert.ok(matches("MAX*", "maxmemory", true));
    assert.ok(matches("[M-N]ax", "MAX", true));
    assert.ok(!matches("MAX*", "maxmemory"));
  });

  test("looks at its range only", () => {
    const bytes = bytesOf("xxa*yyabcyy");
    assert.ok(globMatches(bytes, 2, 4, bytes, 6, 9, false));
    assert.ok(!globMatches(bytes, 2, 3, bytes, 6, 9, false));
    const open = bytesOf("[ab]");
    const text = bytesOf("b");
    assert.ok(!globMatches(open, 0, 2, text, 0, 1, false));
  });

  test("many stars cost no more than pattern times text", () => {
    const pattern = `${"a*".repeat(1000)}b`;
    const started = process.cpuUsage();
    assert.ok(!matches(pattern, "a".repeat(10_000)));
    // 20 million steps at most; trying all ways would not end before the sun does.
    assert.ok(process.cpuUsage(started).user < 20_000_000);
  });

  test("agrees with the plain definition", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "\\"), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "\\"), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (p, t) => matches(p, t) === slowMatches(p, t)),
      { numRuns: DEEP ? 50_000 : 3000 },
    );
  });

  test("agrees with redis-server's KEYS", { skip: noReferee() ?? false }, async () => {
    const referee = await Referee.start();
    try {
      const unit = fc.constantFrom("a", "b", "c", "*", "?", "\\", "[", "]", "^", "-", "\xff", "A");
      const cases = fc.sample(
        fc.tuple(fc.string({ unit, maxLength: 9 }), fc.array(fc.string({ unit, maxLength: 6 }), { maxLength: 12 })),
        DEEP ? 5000 : 500,
      );
      for (const [pattern, keys] of cases) {
        // KEYS answers a lone star without matching, and the referee reads one byte past an unclosed class.
        if (pattern === "*" || pattern.endsWith("[")) continue;
        referee.command("FLUSHALL");
        for (const key of keys) referee.command("SET", key, "");
        const found = await referee.command("KEYS", pattern);
        assert.ok(Array.isArray(found));
        const ours = [...new Set(keys)].filter((key) => matches(pattern, key));
        assert.deepEqual(ours.sort(), found.map(String).sort(), pattern);
      }
    } finally {
      await referee.stop();
    }
  });
});
