/**
 * A launcher that starts kevy in a process with less than it could have: put it in place of the entry.
 *
 *     KEVY_CONFINE="no-io_uring"      io_uring_setup answers EPERM, as under Docker's default profile
 *     KEVY_CONFINE="files=256"        that many descriptors
 *
 * It becomes the server (execve), so that signals and the exit code are the server's.
 */

import { fileURLToPath } from "node:url";

const START = fileURLToPath(new URL("../../tools/start.mjs", import.meta.url));

const PR_SET_SECCOMP = 22;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_MODE_FILTER = 2n;
const SYS_IO_URING_SETUP = 425;
const EPERM = 1;
/** Classic BPF: load a word, jump if equal, return. */
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const RETURN_ERRNO = 0x0005_0000;
const RETURN_ALLOW = 0x7fff_0000;

/** Forbids io_uring_setup to this thread and to whatever it executes. */
async function forbidUring(): Promise<void> {
  // tidy: allow ffi – a filter for a process of tests, nothing that kevy would do
  const ffi = await import("node:ffi");
  const u64 = "u64";
  const { prctl } = ffi.dlopen(null, {
    prctl: { return: "i32", arguments: ["i32", u64, u64, u64, u64] },
  }).functions;
  const rows: readonly (readonly [code: number, ifTrue: number, ifFalse: number, k: number])[] = [
    [LOAD_WORD, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 1, SYS_IO_URING_SETUP],
    [RETURN, 0, 0, RETURN_ERRNO | EPERM],
    [RETURN, 0, 0, RETURN_ALLOW],
  ];
  const filter = new DataView(new ArrayBuffer(rows.length * 8));
  rows.forEach(([code, ifTrue, ifFalse, k], i) => {
    filter.setUint16(8 * i, code, true);
    filter.setUint8(8 * i + 2, ifTrue);
    filter.setUint8(8 * i + 3, ifFalse);
    filter.setUint32(8 * i + 4, k, true);
  });
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, rows.length, true);
  program.setBigUint64(8, ffi.getRawPointer(filter.buffer), true);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0) throw new Error("PR_SET_NO_NEW_PRIVS was refused");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ffi.getRawPointer(program.buffer), 0n, 0n) !== 0) {
    throw new Error("the seccomp filter was refused");
  }
}

const { KEVY_CONFINE: confine = "", ...env } = process.env;
const command = [process.execPath, START, ...process.argv.slice(2)];
if (process.execve === undefined) throw new Error("this needs a Node.js that has process.execve");
if (confine === "no-io_uring") {
  await forbidUring();
  process.execve(process.execPath, command, env);
} else if (confine.startsWith("files=")) {
  const limit = `ulimit -n ${Number(confine.slice(6))} && exec "$0" "$@"`;
  process.execve("/bin/sh", ["sh", "-c", limit, ...command], env);
} else throw new Error(`KEVY_CONFINE=${confine}: not known`);
