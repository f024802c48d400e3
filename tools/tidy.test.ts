/**
 * The house rules on small made-up files: each rule finds what it is for, and leaves alone what merely looks like it.
 *
 * Texts that would break a rule in this file as well are put together from parts.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isHotPath } from "./tidy/hot-path.ts";
import { refusal } from "./tidy/layers.ts";
import { FILE_BYTES_MAX } from "./tidy/text.ts";
import { check, lineFor, readSources } from "./tidy.ts";

const HEADER = "/** What it holds. */\n";
const HOT = "/** What it holds. Hot path. */\n";
const FFI = "node:" + "ffi";

/** Findings in one file, as `line rule`. */
function found(path: string, text: string): string[] {
  return check([{ path, text, bytes: Buffer.byteLength(text) }]).map(({ line, rule }) => `${line} ${rule}`);
}

describe("layers", () => {
  test("imports go down, also over several levels", () => {
    for (const [from, to] of [
      ["src/config/a.ts", "src/base/b.ts"],
      ["src/main.ts", "src/base/b.ts"],
      ["src/commands/a.ts", "src/runtime/b.ts"],
      ["src/sys/a.ts", "src/sys/b.ts"],
      ["src/server/a.ts", "package.json"],
      ["src/mesh/a.test.ts", "tests/support/b.ts"],
      ["src/sys/a.suite.ts", "tests/support/b.ts"],
      ["tests/compare/a.ts", "src/main.ts"],
      ["bench/a.ts", "src/index.ts"],
    ]) {
      assert.equal(refusal(from, to), "", `${from} → ${to}`);
    }
  });

  test("not up, not sideways, not to tests, not to unknown folders", () => {
    for (const [from, to, reason] of [
      ["src/base/a.ts", "src/config/b.ts", /base is below config/],
      ["src/runtime/a.test.ts", "src/commands/b.ts", /runtime is below commands/],
      ["src/sys/a.ts", "src/mesh/b.ts", /one level/],
      ["src/acl/a.ts", "src/stats/b.ts", /one level/],
      ["src/main.ts", "src/index.ts", /one level/],
      ["src/base/a.ts", "tests/support/b.ts", /only tests/],
      ["bench/a.ts", "tests/support/b.ts", /only tests/],
      ["src/base/a.ts", "src/base/b.test.ts", /by tests only/],
      ["src/base/a.ts", "tools/b.ts", /does not import/],
      ["src/util/a.ts", "src/base/b.ts", /in no layer/],
      ["src/server/a.ts", "src/util/b.ts", /in no layer/],
    ] as const) {
      assert.match(refusal(from, to), reason, `${from} → ${to}`);
    }
  });

  test("every form of import counts", () => {
    const forms = [
      `import { a } from "../server/a.ts";`,
      `import type { A } from "../server/a.ts";`,
      `export * from "../server/a.ts";`,
      `await import("../server/a.ts");`,
      `type A = import("../server/a.ts").A;`,
      `new Worker(new URL("../server/a.ts", import.meta.url));`,
    ];
    for (const form of forms) assert.deepEqual(found("src/base/a.ts", HEADER + form), ["2 layers"], form);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}// import { a } from "../server/a.ts";`), []);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}const text = 'import "../server/a.ts"';`), []);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}// tidy: allow layers – a reason\n${forms[0]}`), []);
  });

  test("the published package imports what it brings along", () => {
    const code = `${HEADER}import "lua-five-one/x.js";\nimport "@a/b";\nimport "node:fs";`;
    assert.deepEqual(found("src/base/a.ts", code), ["2 dependencies", "3 dependencies"]);
    assert.deepEqual(found("src/base/a.test.ts", code), []);
    const manifest = JSON.stringify({ dependencies: { "lua-five-one": "1", "@a/b": "1" } });
    const sources = [
      { path: "package.json", text: manifest, bytes: 1 },
      { path: "src/base/a.ts", text: code, bytes: 1 },
    ];
    assert.deepEqual(check(sources), []);
  });

  test("libc is spoken to in one file", () => {
    const code = `${HEADER}process.getBuiltinModule("${FFI}");`;
    assert.deepEqual(found("src/sys/libc.ts", code), []);
    assert.deepEqual(found("src/sys/reactor-epoll.ts", code), ["2 ffi"]);
    assert.deepEqual(found("tests/support/a.ts", `import "${FFI}";`), ["1 ffi"]);
    assert.deepEqual(found("src/sys/reactor-epoll.ts", `${HEADER}// over ${FFI}\nlet a = 1;`), []);
  });

  test("shared memory is touched in few places", () => {
    const code = `${HEADER}Atomics.load(new Int32Array(new SharedArrayBuffer(4)), 0);`;
    for (const path of ["src/base/shared.ts", "src/mesh/ring.ts", "src/sys/reactor-uring.ts", "src/base/a.test.ts"]) {
      assert.deepEqual(found(path, code), [], path);
    }
    assert.deepEqual(found("src/runtime/a.ts", code), ["2 shared-memory", "2 shared-memory"]);
    assert.deepEqual(found("src/runtime/a.ts", `${HEADER}const s = "Atomics"; // Atomics`), []);
  });
});

describe("code", () => {
  test("a file begins with what it holds", () => {
    assert.deepEqual(found("src/base/a.ts", "export const a = 1;\n"), ["1 header"]);
    assert.deepEqual(found("tools/a.ts", "\nimport 'node:fs';\n/** Late. */\n"), ["1 header"]);
    assert.deepEqual(found("src/main.ts", `#!/usr/bin/env node\n${HEADER}`), []);
    assert.deepEqual(found("src/base/a.ts", "// What it holds.\nexport const a = 1;\n"), []);
    assert.deepEqual(found("bench/a.ts", "export const a = 1;\n"), []);
  });

  test("files have 800 lines at most, and 500 are noted", () => {
    const lines = (count: number, header = HEADER): string => header + "let a;\n".repeat(count - 1);
    assert.deepEqual(found("src/base/a.ts", lines(500)), []);
    const [note] = check([{ path: "src/base/a.ts", text: lines(501), bytes: 1 }]);
    assert.equal(note.note, true);
    const [broken] = check([{ path: "src/base/a.ts", text: lines(801), bytes: 1 }]);
    assert.notEqual(broken.note, true);
    assert.equal(lineFor(broken), "src/base/a.ts:801: long-file: 801 lines, 800 at most");
    assert.deepEqual(found("src/base/a.ts", lines(801, "/** A table. tidy: long file, one row a command */\n")), []);
    assert.deepEqual(found("src/base/a.ts", lines(801, "/** tidy: long file, */\n")), ["801 long-file"]);
  });

  test("functions have 70 lines at most", () => {
    const body = (lines: number): string => "a();\n".repeat(lines - 2);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}function f() {\n${body(70)}}`), []);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}function f() {\n${body(71)}}`), ["2 long-function"]);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}class A {\n  m() {\n${body(71)}}\n}`), ["3 long-function"]);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}const f = () => {\n${body(71)}};`), ["2 long-function"]);
    const marked = "// tidy: long function, the opcodes\n/** Runs. */\n";
    assert.deepEqual(found("src/base/a.ts", `${HEADER}${marked}function f() {\n${body(90)}}`), []);
    const nested = `${HEADER}function f() {\n(() => {\n${body(80)}})();\n}`;
    assert.deepEqual(found("src/base/a.ts", nested), ["2 long-function"]);
    const suite = `${HEADER}describe("a", () => {\ntest("b", () => {\n${body(60)}});\n${"\n".repeat(20)}});`;
    assert.deepEqual(found("src/base/a.test.ts", suite), []);
  });

  test("no enums, no casts to any, no blind compiler", () => {
    const text = `${HEADER}enum A { B }\nconst a = b as any;\n// @ts-${"ignore"}\n// @ts-${"nocheck"}\n// @ts-expect-error\n`;
    assert.deepEqual(found("src/base/a.ts", text), ["2 enum", "3 any", "4 unchecked", "5 unchecked"]);
    assert.deepEqual(found("src/base/a.ts", `${HEADER}const a = "enum A {} b as any"; // an enum as any other`), []);
  });

  test("no test runs alone, and one that does not run says why", () => {
    const bad = [
      `test.only("a", () => {});`,
      `test("a", { only: true }, () => {});`,
      `test.skip("a", () => {});`,
      `test("a", (t) => { t.skip(); });`,
      `test("a", { skip: true }, () => {});`,
      `test("a", { skip: "" }, () => {});`,
      `test("a", { skip: !found }, () => {});`,
      `describe("a", { skip: version < 7 }, () => {});`,
    ];
    for (const line of bad) assert.match(found("src/base/a.test.ts", HEADER + line).join(), /^2 (?:only|skip)$/, line);
    const good = [
      `test("a", (t) => { t.skip("no referee"); });`,
      `test("a", { skip: "no referee" }, () => {});`,
      `test("a", { skip: found ? false : "no referee" }, () => {});`,
      `test("a", { skip: !found && "no referee" }, () => {});`,
      `test("a", { skip: missingReferee() }, () => {});`,
      `test("a", { skip }, () => {});`,
      `cursor.skip(3); options({ skip: true });`,
    ];
    for (const line of good) assert.deepEqual(found("src/base/a.test.ts", HEADER + line), [], line);
  });
});

describe("hot paths", () => {
  test("the header decides", () => {
    for (const header of ["/** Bytes. Hot path. */", "// Rings: hot path", "/**\n * Hot path: see below.\n */"]) {
      assert.ok(isHotPath(header), header);
    }
    for (const header of ["/** Keeps off the hot path. */", "/** Not a hot path. */", "/** Cold. */"]) {
      assert.ok(!isHotPath(header), header);
    }
  });

  const inFunction = (line: string): string => `function f() {\n${line}\n}\n`;
  const banned: readonly (readonly [string, string])[] = [
    ["spread", "g(...args);"],
    ["spread", "const o = { ...p };"],
    ["for-of", "for (const x of list) g(x);"],
    ["template", "const s = `a$" + "{1}`;"],
    ["closure", "g(() => 1);"],
    ["closure", "g(function () {});"],
    ["closure", "function inner() {}"],
    ["regex", "g(/a/);"],
    ["bigint", "g(1n);"],
    ["view", "g(bytes.subarray(1));"],
  ];

  test("what allocates is found, in hot files only", () => {
    for (const [rule, line] of banned) {
      assert.deepEqual(found("src/base/a.ts", HOT + inFunction(line)), [`3 ${rule}`], line);
      assert.deepEqual(found("src/base/a.ts", HEADER + inFunction(line)), [], line);
    }
  });

  test("a line or a function may be let off with a reason", () => {
    for (const [rule, line] of banned) {
      const reason = `// tidy: allow ${rule} – once a second`;
      assert.deepEqual(found("src/base/a.ts", HOT + inFunction(`${line} ${reason}`)), [], line);
      assert.deepEqual(found("src/base/a.ts", HOT + inFunction(`${reason}\n${line}`)), [], line);
      assert.deepEqual(found("src/base/a.ts", `${HOT}// tidy: cold function, growth\n${inFunction(line)}`), [], line);
    }
    const noReason = inFunction("g(1n); // tidy: allow bigint");
    assert.deepEqual(found("src/base/a.ts", HOT + noReason), ["3 bigint"]);
    const otherRule = inFunction("g(1n); // tidy: allow spread – why");
    assert.deepEqual(found("src/base/a.ts", HOT + otherRule), ["3 bigint"]);
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction("g(b.subarray(1)); // view: the API takes one")), []);
  });

  test("what no request runs through may allocate", () => {
    for (const line of ["const all = [...a, ...b];", "const f = () => /a/;", "const BIG = 1n;"]) {
      const code = line.includes("=>") ? line.replace("/a/", "1") : line;
      assert.deepEqual(found("src/base/a.ts", `${HOT}${code}`), [], code);
    }
    assert.deepEqual(found("src/base/a.ts", `${HOT}class A { constructor() { g(() => 1n); } }`), []);
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction("throw new Error(`$" + "{1}`);")), []);
  });

  test("look-alikes are left alone", () => {
    const lines = [
      "const s = `plain`;",
      'const s = "for (const x of y) ...z /a/ 1n";',
      "// for (const x of y) `$" + "{z}` /a/ 1n .subarray(1)",
      "const half = a / b / c;",
      "for (const k in o) g(k);",
      "const of = 1; g(of);",
    ];
    for (const line of lines) assert.deepEqual(found("src/base/a.ts", HOT + inFunction(line)), [], line);
  });

  test("a big copy may make a view, behind a comparison with a named bound", () => {
    const copy = "to.set(from.subarray(a, b), at);";
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction(`if (b - a > COPY_LOOP_BYTES_MAX) { ${copy} }`)), []);
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction(`if (n <= LOOP_MAX) { g(); } else ${copy}`)), []);
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction(`if (ready) { ${copy} }`)), ["3 view"]);
    assert.deepEqual(found("src/base/a.ts", HOT + inFunction(copy)), ["3 view"]);
  });

  test("lines are counted right behind characters of several bytes", () => {
    assert.deepEqual(found("src/base/a.ts", `/** Längen ≤ 16 – 😀. Hot path. */\n${inFunction("g(1n);")}`), [
      "3 bigint",
    ]);
  });
});

describe("text", () => {
  test("no marks of unfinished work in code", () => {
    for (const mark of ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) {
      assert.deepEqual(found("tools/a.mjs", `// ${mark}: later`), ["1 unfinished"]);
      assert.deepEqual(found(".ci/run", `# ${mark}`), ["1 unfinished"]);
      assert.deepEqual(found("STYLE.md", `no ${mark}`), []);
      assert.deepEqual(found("tools/a.mjs", `const ${mark}S = 1;`), []);
    }
  });

  test("no paths of one machine", () => {
    for (const path of [
      "/ho" + "me/me/x",
      "/wo" + "rk/x",
      "/ro" + "ot/.npmrc",
      "/Us" + "ers/me",
      "C:\\\\Us" + "ers\\\\me",
    ]) {
      assert.deepEqual(found("README.md", `see ${path}`), ["1 machine-path"], path);
    }
    for (const path of [
      "/usr/bin/redis-server",
      "src/wo" + "rk/x",
      "https://example.org/ho" + "me/x",
      "~/wo" + "rk/x",
    ]) {
      assert.deepEqual(found("README.md", `see ${path}`), [], path);
    }
  });

  test("no registry addresses, and a lock file that names none", () => {
    assert.deepEqual(found(".npmrc", "registry=https://regis" + "try.example.org/"), ["1 registry"]);
    assert.deepEqual(found("a.md", "https://regis" + "try.npm" + "js.org/kevy"), ["1 registry"]);
    assert.deepEqual(found("package-lock.json", `{\n"resolved": "x"}`), ["2 resolved"]);
    assert.deepEqual(found("package-lock.json", `{"url": "https://github.com/sponsors/x"}`), []);
  });

  test("no file above 1 MiB", () => {
    const source = { path: "a.bin", text: "", bytes: FILE_BYTES_MAX + 1 };
    assert.deepEqual(
      check([source]).map(({ rule }) => rule),
      ["file-size"],
    );
    assert.deepEqual(check([{ ...source, bytes: FILE_BYTES_MAX }]), []);
  });

  test("the tour names every source", () => {
    const file = (path: string, text = HEADER) => ({ path, text, bytes: text.length });
    const sources = [
      file("src/mesh/ring.ts"),
      file("src/mesh/index.ts"),
      file("src/resp/index.ts"),
      file("src/a.test.ts"),
    ];
    assert.deepEqual(check(sources), []);
    const tour = (text: string): string[] => check([...sources, file("ARCHITECTURE.md", text)]).map(({ text }) => text);
    assert.deepEqual(tour("`ring.ts`, `src/mesh/index.ts`, `resp/index.ts`"), []);
    assert.deepEqual(tour("`string.ts`, `index.ts`"), [
      "src/mesh/ring.ts is not named",
      "src/mesh/index.ts is not named",
      "src/resp/index.ts is not named",
    ]);
  });
});

test("this repository's files are read", () => {
  const paths = readSources(fileURLToPath(new URL("..", import.meta.url))).map(({ path }) => path);
  assert.ok(paths.includes("package.json") && paths.includes("tools/tidy.ts"));
  assert.ok(!paths.some((path) => path.startsWith("node_modules/")));
});
