/**
 * Tests of the command table, and of the words with which requests are refused.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Argv } from "../resp/argv.ts";
import {
  CommandTable,
  PLACE_ALL,
  PLACE_CONNECTION,
  PLACE_FUNCTION,
  PLACE_KEYS,
  UNKNOWN_COMMAND,
  UNKNOWN_SUBCOMMAND,
} from "./command-table.ts";
import type { CommandRow } from "./commands.ts";
import { unknownCommand, unknownSubcommand, wrongArity } from "./refusals.ts";

function row(name: string, more: Partial<CommandRow> = {}): CommandRow {
  return { name, arity: -1, flags: 0, keys: null, place: "connection", reduce: null, run: () => {}, ...more };
}

const ROWS: readonly CommandRow[] = [
  row("get", { arity: 2, flags: 2, keys: { first: 1, last: 1, step: 1 }, place: "keys" }),
  row("mset", { arity: -3, keys: { first: 1, last: -1, step: 2 }, place: "keys" }),
  row("config", { arity: -2, subcommands: [row("config|get", { arity: -3 }), row("config|set")] }),
  row("keys", { arity: 2, place: "all", reduce: "concat" }),
  row("route", { place: () => 0 }),
  row("client", { subcommands: [row("client|get")] }),
  ...Array.from({ length: 300 }, (_, i) => row(`command${i}`)),
];
const table = new CommandTable({ rows: ROWS });

function resolve(...args: (string | Uint8Array)[]): string | number {
  const id = table.resolve(Argv.of(args));
  return id < 0 ? id : table.rows[id].name;
}

test("commands are found in any case, subcommands too", () => {
  for (const { name } of ROWS.slice(6)) {
    assert.equal(resolve(name), name);
    assert.equal(resolve(name.toUpperCase(), "x"), name);
  }
  assert.equal(resolve("GeT", "k"), "get");
  assert.equal(resolve("config", "GET", "*"), "config|get");
  assert.equal(resolve("CONFIG", "sEt"), "config|set");
  assert.equal(resolve("client", "get"), "client|get");
  assert.equal(resolve("config"), "config", "the container's own arity refuses it");
});

test("what is not there is unknown", () => {
  for (const name of ["", "ge", "gett", "get\0", "config|get", "nix", "g\x05t", "x".repeat(64), "x".repeat(100_000)]) {
    assert.equal(resolve(name), UNKNOWN_COMMAND, name);
  }
  // Bytes that differ from a letter in bit 5 only are other bytes.
  assert.equal(resolve("command1\x10".slice(0, 7) + "\x11"), UNKNOWN_COMMAND);
  for (const name of ["", "ge", "gett", "|get", "config|get", "x".repeat(1000)]) {
    assert.equal(resolve("config", name), UNKNOWN_SUBCOMMAND, name);
  }
});

test("facts of rows", () => {
  const id = (name: string): ReturnType<typeof table.find> => table.find(Buffer.from(name), 0, name.length);
  assert.deepEqual(
    ["client", "get", "keys", "route"].map((name) => table.place[id(name)]),
    [PLACE_CONNECTION, PLACE_KEYS, PLACE_ALL, PLACE_FUNCTION],
  );
  assert.ok(table.arityFits(id("get"), 2) && !table.arityFits(id("get"), 1) && !table.arityFits(id("get"), 3));
  assert.ok(table.arityFits(id("mset"), 3) && table.arityFits(id("mset"), 4) && !table.arityFits(id("mset"), 2));
  assert.equal(table.lastKey(id("mset"), 5), 4);
  assert.equal(table.lastKey(id("get"), 2), 1);
  assert.equal(table.flags[id("get")], 2);
  assert.equal(table.keyStep[id("mset")], 2);
});

test("rows that contradict themselves are refused at start", () => {
  const bad: CommandRow[][] = [
    [row("GET")],
    [row("get"), row("get")],
    [row("x".repeat(65))],
    [row("a", { place: "keys" })],
    [row("a", { place: "all" })],
    [row("a", { arity: 1, place: "keys", keys: { first: 1, last: 1, step: 1 } })],
    [row("a", { arity: -2, place: "keys", keys: { first: 1, last: 1, step: 0 } })],
    [row("a", { subcommands: [row("b|c")] })],
    [row("a", { subcommands: [row("a|c"), row("a|c")] })],
  ];
  for (const rows of bad) assert.throws(() => new CommandTable({ rows }), { name: "AssertionFailure" });
});

test("refusals quote what Redis quotes", () => {
  assert.equal(unknownCommand(Argv.of(["FOO"])), "ERR unknown command 'FOO', with args beginning with: ");
  assert.equal(
    unknownCommand(Argv.of(["a\0b", "x\0y", ""])),
    "ERR unknown command 'a', with args beginning with: 'x' '' ",
  );
  const long = unknownCommand(Argv.of(["c".repeat(200), "a".repeat(100), "b".repeat(100), "never"]));
  const quoted = `'${"a".repeat(100)}' '${"b".repeat(128 - 103)}' `;
  assert.equal(long, `ERR unknown command '${"c".repeat(128)}', with args beginning with: ${quoted}`);
  assert.equal(
    unknownSubcommand(Argv.of(["Config", "nix"]), "config"),
    "ERR unknown subcommand 'nix'. Try CONFIG HELP.",
  );
  assert.equal(wrongArity("config|get"), "ERR wrong number of arguments for 'config|get' command");
});
