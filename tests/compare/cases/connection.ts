/** Cases: the connection: PING, ECHO, HELLO, AUTH, QUIT, RESET, CLIENT. */

import { type Case, type CommandLike, define, defineAlone, hello, ignored } from "../case.ts";

const SIMPLE: readonly Case[] = [
  define("PING and ECHO", [
    "PING",
    "ping",
    "PiNg",
    "PING hello",
    'PING ""',
    'PING "\\r\\n\\x00"',
    "PING a b",
    "ECHO",
    "ECHO hello",
    'ECHO ""',
    'ECHO "a b"',
    'ECHO "\\xff\\x00\\r\\n"',
    "ECHO a b",
    ["ECHO", "e".repeat(100_000)],
  ]),
  defineAlone("QUIT ends the connection", ["PING", "QUIT", "PING"]),
  defineAlone("QUIT with more words", ["QUIT now please", "PING"]),
  defineAlone("RESET", [
    "SELECT 3",
    "SET a three",
    "CLIENT SETNAME someone",
    hello("HELLO 3"),
    "RESET",
    "CLIENT GETNAME",
    "GET a",
    "GET none",
    "SELECT 3",
    "GET a",
    "RESET now",
    "reset",
  ]),
];

const HELLO: readonly Case[] = [
  defineAlone("HELLO", [
    hello("HELLO"),
    hello("HELLO 3"),
    "GET none",
    "MGET a b",
    "CLIENT GETNAME",
    hello("HELLO"),
    hello("HELLO 2"),
    "GET none",
    hello("hello 3 setname me"),
    "CLIENT GETNAME",
    "RESET",
    "GET none",
    "CLIENT GETNAME",
  ]),
  defineAlone("HELLO: errors", [
    "HELLO 1",
    "HELLO 4",
    "HELLO 0",
    "HELLO -1",
    "HELLO abc",
    'HELLO ""',
    "HELLO 3.0",
    "HELLO 9223372036854775808",
    "HELLO 3 foo",
    "HELLO 3 SETNAME",
    'HELLO 3 SETNAME "a b"',
    'HELLO 3 SETNAME "a\\nb"',
    "HELLO 3 AUTH",
    "HELLO 3 AUTH default",
    "HELLO 3 AUTH nobody secret",
    "HELLO 3 AUTH nobody secret SETNAME x",
    "HELLO 4 AUTH nobody secret",
    "HELLO 3 SETNAME of-bad-hello- foo",
    "HELLO AUTH default x",
    "GET none",
    "CLIENT GETNAME",
  ]),
  defineAlone("HELLO with a name and a password for a server without one", [
    hello("HELLO 3 AUTH default whatever SETNAME me"),
    "CLIENT GETNAME",
    hello("HELLO 2 SETNAME a SETNAME b"),
    "CLIENT GETNAME",
    hello('HELLO 2 SETNAME ""'),
    "CLIENT GETNAME",
  ]),
  defineAlone("AUTH on a server without a password", [
    "AUTH",
    "AUTH x",
    "AUTH default x",
    "AUTH default",
    "AUTH nobody x",
    "AUTH a b c",
    'AUTH ""',
    'AUTH default ""',
    "auth x y z",
    "PING",
  ]),
];

const NAMES = [
  "name",
  "a-b_c",
  "ends\n",
  "with space",
  "tab\t",
  "\x7f",
  "\x1f",
  "\xe9",
  "~",
  "!",
  '"quoted"',
  "",
  "x".repeat(200),
  "a\0b",
];

function client(): Case[] {
  const names: CommandLike[] = ["CLIENT GETNAME"];
  for (const name of NAMES) names.push(["CLIENT", "SETNAME", name], "CLIENT GETNAME");
  const info: CommandLike[] = [];
  for (const attribute of ["LIB-NAME", "lib-ver", "FOO", ""]) {
    for (const value of ["redis-js", "1.2.3", "with space", "nl\n", "", "(braces)"]) {
      info.push(["CLIENT", "SETINFO", attribute, value]);
    }
  }
  return [
    defineAlone("CLIENT SETNAME and GETNAME", [
      ...names,
      "CLIENT SETNAME",
      "CLIENT SETNAME a b",
      "CLIENT GETNAME x",
      "client setname lower",
      "Client GetName",
    ]),
    defineAlone("CLIENT SETINFO", [
      ...info,
      "CLIENT SETINFO",
      "CLIENT SETINFO lib-name",
      "CLIENT SETINFO lib-name a b",
    ]),
    defineAlone("CLIENT: other words", [
      "CLIENT",
      "CLIENT FOO",
      "CLIENT FOO BAR",
      "CLIENT nosuchsubcommand with arguments",
      ["CLIENT", "x".repeat(300)],
      ["CLIENT", "a\r\nb"],
      ["CLIENT", "a\0b"],
      ignored("ids differ", "CLIENT ID"),
      "CLIENT ID x",
      ignored("addresses, ages and ids differ", "CLIENT LIST"),
      "CLIENT LIST FOO",
      "CLIENT LIST TYPE",
      "CLIENT LIST TYPE foo",
      "CLIENT LIST TYPE master",
      "CLIENT LIST TYPE replica",
      "CLIENT LIST TYPE pubsub",
      "CLIENT LIST ID",
      "CLIENT LIST ID abc",
      "CLIENT LIST ID 0",
      "CLIENT LIST ID -1",
      "CLIENT LIST ID 99999999",
    ]),
  ];
}

export const CONNECTION: readonly Case[] = [...SIMPLE, ...HELLO, ...client()];
