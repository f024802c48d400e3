/** Choosing a reactor, the C library's self-test, and the exclusive test of a port. */

import { equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { errorName, openLibc, selfTest } from "./libc.ts";
import { chooseReactor, portIsFree } from "./probe.ts";

const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
const run = promisify(execFile);

describe("chooseReactor", () => {
  it("takes node:net where it is asked for", async () => {
    equal((await chooseReactor("net")).name, "net");
  });

  it("falls back only when the choice is its own", async () => {
    const auto = await chooseReactor("auto");
    const wanted = await chooseReactor("io_uring");
    if (auto.name === "io_uring") equal(wanted.name, "io_uring");
    else {
      equal(auto.name, "net");
      equal(wanted.name, null);
      match(wanted.why, /^io_uring is not available: ./);
    }
  });

  it("says why where foreign calls are forbidden, and nothing on stderr", async () => {
    const code = `
      const { chooseReactor } = await import(${url("./probe.ts")});
      console.log(JSON.stringify([await chooseReactor("auto"), await chooseReactor("io_uring")]));`;
    // The permission model refuses node:ffi.
    const args = ["--permission", "--allow-fs-read=*", "--input-type=module", "-e", code];
    const { stdout, stderr } = await run(process.execPath, args);
    const [auto, wanted] = JSON.parse(stdout);
    equal(auto.name, "net");
    match(auto.why, /^node:net, because ./);
    equal(wanted.name, null);
    equal(stderr, "");
  });
});

describe("libc", () => {
  const opened = openLibc();
  const skip = opened.ok ? false : opened.reason;

  it("passes its self-test, reads options, names errors", { skip }, () => {
    ok(opened.ok);
    equal(selfTest(opened.libc), null);
    equal(errorName(98), "EADDRINUSE");
    match(errorName(99_999), /99999/);
    equal(openLibc(), opened, "the answer is kept");
  });
});

describe("portIsFree", () => {
  it("tells a taken port, a shared one included, from a free one", async () => {
    const server = createServer();
    // reusePort: what a second server would quietly share.
    await new Promise<void>((resolve) =>
      server.listen({ host: "127.0.0.1", port: 0, reusePort: process.platform === "linux" }, resolve),
    );
    const address = server.address();
    ok(address !== null && typeof address === "object");
    equal(await portIsFree("127.0.0.1", address.port), "EADDRINUSE");
    await new Promise((resolve) => server.close(resolve));
    equal(await portIsFree("127.0.0.1", address.port), null);
    equal(await portIsFree("192.0.2.1", address.port), "EADDRNOTAVAIL");
    equal(await portIsFree("127.0.0.1", 0), null);
  });
});
