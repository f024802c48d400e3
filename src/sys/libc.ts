/**
 * The C library by way of node:ffi: the only file that names it. Typed calls, errno, memory with a native address.
 *
 * A foreign call costs 100 to 450 ns beside what it does, so these are for set-up and for the rare path, except for
 * io_uring_enter, once per loop iteration, and epoll's epoll_wait, read, write and writev. Pointers are BigInt: that works
 * on every architecture, and one that was made before costs no more than a 32-bit integer (measured). Addresses that
 * change with every call go into ring entries and vectors as two 32-bit words instead.
 *
 * `syscall` takes seven arguments. The seventh travels on the stack, where a 32-bit integer keeps garbage in its upper half:
 * it is declared u64 and passed as a BigInt.
 *
 * Refuses: to throw because a machine is different. openLibc() answers why it cannot serve, and what it hands out has
 * passed a test of each binding.
 */

import { getSystemErrorName } from "node:util";
import type { MappedMemory } from "./blocks.ts";

type Ffi = typeof import("node:ffi");

/** Architectures whose structure layouts, constants and system call numbers this folder knows: LP64, little-endian. */
const ARCHITECTURES = ["x64", "arm64"];

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_REUSEPORT = 15;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const SHUT_RDWR = 2;

export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLONESHOT = 1 << 30;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const ENOENT = 2;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOSPC = 28;
export const EPIPE = 32;
export const ETIME = 62;
export const ENOBUFS = 105;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ECONNREFUSED = 111;
export const ECANCELED = 125;

const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SYS_IO_URING_REGISTER = 427;

/** madvise: the content may go. */
export const MADV_DONTNEED = 4;
/** madvise: large pages, please. */
export const MADV_HUGEPAGE = 14;
const SIGPIPE = 13;
const SIG_IGN = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const MAP_PRIVATE_ANONYMOUS = 0x22;

const i32 = "i32";
const u32 = "u32";
const u64 = "u64";

const SIGNATURES = {
  socket: { return: i32, arguments: [i32, i32, i32] },
  socketpair: { return: i32, arguments: [i32, i32, i32, u64] },
  bind: { return: i32, arguments: [i32, u64, u32] },
  connect: { return: i32, arguments: [i32, u64, u32] },
  listen: { return: i32, arguments: [i32, i32] },
  shutdown: { return: i32, arguments: [i32, i32] },
  setsockopt: { return: i32, arguments: [i32, i32, i32, u64, u32] },
  getsockopt: { return: i32, arguments: [i32, i32, i32, u64, u64] },
  getpeername: { return: i32, arguments: [i32, u64, u64] },
  getsockname: { return: i32, arguments: [i32, u64, u64] },
  inet_pton: { return: i32, arguments: [i32, u64, u64] },
  inet_ntop: { return: u64, arguments: [i32, u64, u64, u32] },
  close: { return: i32, arguments: [i32] },
  read: { return: "i64", arguments: [i32, u64, u64] },
  write: { return: "i64", arguments: [i32, u64, u64] },
  eventfd: { return: i32, arguments: [u32, i32] },
  accept4: { return: i32, arguments: [i32, u64, u64, i32] },
  epoll_create1: { return: i32, arguments: [i32] },
  epoll_ctl: { return: i32, arguments: [i32, i32, i32, u64] },
  epoll_wait: { return: i32, arguments: [i32, u64, i32, i32] },
  poll: { return: i32, arguments: [u64, u64, i32] },
  sigaction: { return: i32, arguments: [i32, u64, u64] },
  mmap: { return: u64, arguments: [u64, u64, i32, i32, i32, "i64"] },
  munmap: { return: i32, arguments: [u64, u64] },
  madvise: { return: i32, arguments: [u64, u64, i32] },
  syscall: { return: i32, arguments: [i32, i32, i32, i32, i32, u64, u64] },
  __errno_location: { return: u64, arguments: [] },
} as const;

/** syscall with an address as its second argument: the same function, another signature, so another library handle. */
const SETUP_SIGNATURE = { syscall: { return: i32, arguments: [i32, u32, u64] } } as const;
/**
 * Transfers of less than 2 GiB, whose lengths and results are numbers: a BigInt made for each call would cost as much
 * again. node:ffi compares a u64 with its bounds, which for a pointer it does not, and that is a fifth of the call.
 */
const TRANSFER_SIGNATURES = {
  read: { return: i32, arguments: [i32, "pointer", i32] },
  write: { return: i32, arguments: [i32, "pointer", i32] },
  writev: { return: i32, arguments: [i32, "pointer", i32] },
} as const;
const REGISTER_SIGNATURE = { syscall: { return: i32, arguments: [i32, i32, i32, u64, u32] } } as const;

function load(ffi: Ffi, name: string | null) {
  return {
    calls: ffi.dlopen(name, SIGNATURES).functions,
    transfers: ffi.dlopen(name, TRANSFER_SIGNATURES).functions,
    setup: ffi.dlopen(name, SETUP_SIGNATURE).functions,
    register: ffi.dlopen(name, REGISTER_SIGNATURE).functions,
  };
}

type Calls = ReturnType<typeof load>;
export type Transfers = Calls["transfers"];

/** The C library of this thread. errno belongs to the thread, so a Libc must not be passed to another one. */
export class Libc {
  /** The calls by their C names. A failed one returns -1 (as a BigInt where the result is 64 bits wide): ask errno() at once. */
  readonly calls: Calls["calls"];
  /** read, write and writev with numbers for lengths and results; -1 is a failure. */
  readonly transfers: Transfers;
  readonly #ffi: Ffi;
  readonly #setup: Calls["setup"];
  readonly #register: Calls["register"];
  readonly #errnoAt: bigint;
  /** 4 KiB for arguments of the moment. Whoever uses it is done with it before calling anyone else. */
  readonly scratch: MappedMemory;
  readonly scratchBytes: Uint8Array;
  readonly scratchWords: Int32Array;

  constructor(ffi: Ffi, calls: Calls) {
    this.#ffi = ffi;
    this.calls = calls.calls;
    this.transfers = calls.transfers;
    this.#setup = calls.setup;
    this.#register = calls.register;
    this.#errnoAt = calls.calls.__errno_location();
    this.scratch = this.allocate(4096);
    this.scratchBytes = new Uint8Array(this.scratch.buffer);
    this.scratchWords = new Int32Array(this.scratch.buffer);
  }

  /** errno of the call that just failed. Any foreign call in between may change it. */
  errno(): number {
    return this.#ffi.getInt32(this.#errnoAt);
  }

  /** Zeroed memory of the JavaScript heap's outside, which never moves and lives as long as its buffer is referenced. */
  allocate(byteLength: number): MappedMemory {
    const buffer = new ArrayBuffer(byteLength);
    return { buffer, address: this.#ffi.getRawPointer(buffer) };
  }

  /** Maps `byteLength` bytes of `fd` shared with the kernel, or private anonymous pages where fd is -1. Null: see errno(). */
  map(fd: number, byteLength: number, offset: bigint): MappedMemory | null {
    const flags = fd === -1 ? MAP_PRIVATE_ANONYMOUS : MAP_SHARED_POPULATE;
    const address = this.calls.mmap(0n, BigInt(byteLength), PROT_READ_WRITE, flags, fd, offset);
    if (address === 0xffff_ffff_ffff_ffffn) return null;
    return { buffer: this.#ffi.toArrayBuffer(address, byteLength, false), address };
  }

  /** Native address of a buffer's first byte; it does not move while the buffer is referenced. */
  addressOf(buffer: ArrayBuffer): bigint {
    return this.#ffi.getRawPointer(buffer);
  }

  /** Views of the memory must be gone: a later access through one ends the process. */
  unmap(memory: MappedMemory): void {
    this.calls.munmap(memory.address, BigInt(memory.buffer.byteLength));
  }

  uringSetup(entries: number, params: bigint): number {
    return this.#setup.syscall(SYS_IO_URING_SETUP, entries, params);
  }

  uringRegister(ring: number, opcode: number, argument: bigint, count: number): number {
    return this.#register.syscall(SYS_IO_URING_REGISTER, ring, opcode, argument, count);
  }

  /** io_uring_enter with an extended argument of `size` bytes at `argument`. */
  uringEnter(ring: number, submit: number, minComplete: number, flags: number, argument: bigint, size: bigint): number {
    return this.calls.syscall(SYS_IO_URING_ENTER, ring, submit, minComplete, flags, argument, size);
  }

  /** Does this process ignore SIGPIPE, as Node sees to? Otherwise a write() to a closed connection would end it. */
  ignoresBrokenPipes(): boolean {
    // The first word of the structure is the handler's address.
    if (this.calls.sigaction(SIGPIPE, 0n, this.scratch.address) !== 0) return false;
    return this.scratchWords[0] === SIG_IGN && this.scratchWords[1] === 0;
  }

  /** Sets an integer socket option; false: see errno(). */
  setOption(fd: number, level: number, option: number, value: number): boolean {
    this.scratchWords[0] = value;
    return this.calls.setsockopt(fd, level, option, this.scratch.address, 4) === 0;
  }

  /** An integer socket option, or -1. */
  getOption(fd: number, level: number, option: number): number {
    const { address } = this.scratch;
    this.scratchWords[0] = 0;
    this.scratchWords[2] = 4;
    return this.calls.getsockopt(fd, level, option, address, address + 8n) === 0 ? this.scratchWords[0] : -1;
  }

  /** Address of this thread's libuv loop. */
  currentEventLoop(): bigint {
    return this.#ffi.getCurrentEventLoop();
  }

  /** Binds one more function of the process image (libuv's); null when it is not there. */
  bindPointerCall(name: string): ((pointer: bigint) => number) | null {
    try {
      const definition = { [name]: { return: i32, arguments: [u64] } } as const;
      return this.#ffi.dlopen(null, definition).functions[name] as (pointer: bigint) => number;
    } catch {
      return null;
    }
  }
}

export type LibcResult = { readonly ok: true; readonly libc: Libc } | { readonly ok: false; readonly reason: string };

let opened: LibcResult | null = null;

/** The C library for this thread, tested; or why there is none. The answer is kept. */
export function openLibc(): LibcResult {
  opened ??= tryOpen();
  return opened;
}

function tryOpen(): LibcResult {
  if (process.platform !== "linux") return { ok: false, reason: `the platform is ${process.platform}, not Linux` };
  if (!ARCHITECTURES.includes(process.arch)) return { ok: false, reason: `unknown architecture ${process.arch}` };
  const ffi = loadFfi();
  if (ffi === null) return { ok: false, reason: `Node.js ${process.versions.node} has no node:ffi` };
  if (typeof ffi.getRawPointer !== "function" || typeof ffi.getCurrentEventLoop !== "function") {
    return { ok: false, reason: `node:ffi of Node.js ${process.versions.node} lacks a function we need` };
  }
  let reason = "no C library was found";
  for (const name of [null, "libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`]) {
    try {
      const libc = new Libc(ffi, load(ffi, name));
      const fault = selfTest(libc);
      return fault === null ? { ok: true, libc } : { ok: false, reason: `the C library's self-test failed: ${fault}` };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  return { ok: false, reason };
}

/**
 * Loads node:ffi where there is one. Its ExperimentalWarning is swallowed, and only that, and only during this call:
 * a server has nothing to say on stderr in normal work.
 */
function loadFfi(): Ffi | null {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]): void => {
    const [kind] = rest;
    if (kind === "ExperimentalWarning" && String(warning).startsWith("FFI ")) return;
    Reflect.apply(emit, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    return (process.getBuiltinModule?.("node:ffi") as Ffi | undefined) ?? null;
  } catch {
    return null;
  } finally {
    process.emitWarning = emit;
  }
}

/** Tries each binding; returns what is wrong, or null. */
export function selfTest(libc: Libc): string | null {
  const { calls, scratch, scratchWords } = libc;
  if (calls.close(-1) !== -1) return "close(-1) succeeded";
  if (libc.errno() !== EBADF) return `errno of close(-1) is ${libc.errno()}, not EBADF`;

  const counter = calls.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (counter < 0) return `eventfd: ${errorName(libc.errno())}`;
  scratchWords[0] = 0x01020304;
  scratchWords[1] = 7;
  scratchWords[2] = 0;
  const counted =
    calls.write(counter, scratch.address, 8n) === 8n &&
    calls.read(counter, scratch.address + 8n, 8n) === 8n &&
    scratchWords[2] === 0x01020304 &&
    scratchWords[3] === 7;
  const drained = calls.read(counter, scratch.address, 8n) === -1n && libc.errno() === EAGAIN;
  calls.close(counter);
  if (!counted || !drained) return "what was written to an eventfd is not what was read";

  return testSockets(libc) ?? testMapping(libc);
}

function testSockets(libc: Libc): string | null {
  const { calls, scratch, scratchWords, scratchBytes } = libc;
  if (calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scratch.address) !== 0) {
    return `socketpair: ${errorName(libc.errno())}`;
  }
  const left = scratchWords[0];
  const right = scratchWords[1];
  scratchBytes[64] = 0xa5;
  scratchBytes[65] = 0;
  const passed =
    calls.write(left, scratch.address + 64n, 1n) === 1n &&
    calls.read(right, scratch.address + 65n, 1n) === 1n &&
    scratchBytes[65] === 0xa5 &&
    libc.setOption(left, SOL_SOCKET, SO_KEEPALIVE, 1) &&
    libc.getOption(left, SOL_SOCKET, SO_KEEPALIVE) === 1;
  calls.close(left);
  calls.close(right);
  return passed ? null : "a socket pair did not pass a byte or keep an option";
}

function testMapping(libc: Libc): string | null {
  const { calls, scratch, scratchBytes } = libc;
  const page = libc.map(-1, 4096, 0n);
  if (page === null) return `mmap: ${errorName(libc.errno())}`;
  // A write through the kernel's view of the address must be seen through ours.
  const counter = calls.eventfd(42, SOCK_CLOEXEC);
  const bytes = new Uint8Array(page.buffer);
  const seen = calls.read(counter, page.address + 1000n, 8n) === 8n && bytes[1000] === 42;
  calls.close(counter);
  const given = libc.calls.madvise(page.address, 4096n, MADV_DONTNEED) === 0 && bytes[1000] === 0;
  libc.unmap(page);
  if (!given) return "memory given back with madvise is not empty";
  if (!seen) return "mapped memory is not seen through its view";
  scratchBytes.set([49, 46, 50, 46, 51, 46, 52, 0]);
  const parsed = calls.inet_pton(AF_INET, scratch.address, scratch.address + 64n);
  if (parsed !== 1 || scratchBytes[64] !== 1 || scratchBytes[67] !== 4) return "inet_pton does not read 1.2.3.4";
  return null;
}

/** "EADDRINUSE" for 98, and so on; a text that has the number for an unknown one. */
export function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}
