/** The node:net reactor: the shared suite, and what is particular to it. */

import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { SystemClock } from "../base/clock.ts";
import { reactorSuite } from "./reactor.suite.ts";
import { NetReactor } from "./reactor-net.ts";

const WAIT_MS_MAX = 10_000;
const DESCRIPTORS = 64;

reactorSuite("net", async () => new NetReactor(new SystemClock()));

describe("NetReactor", () => {
  it("leaves waking to messages", () => {
    const reactor = new NetReactor(new SystemClock());
    equal(reactor.blocking, false);
    equal(reactor.wakeHandle, -1);
    reactor.destroy();
  });

  const skip = process.platform === "win32" ? "Windows has no limit of descriptors to set" : false;
  it("without descriptors left it serves who is there, and accepts again later", { skip }, async () => {
    const child = spawn("sh", ["-c", `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`, process.execPath, ...echoServer()], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const clients: Socket[] = [];
    try {
      const signal = AbortSignal.timeout(WAIT_MS_MAX);
      const [port] = (await once(child.stdout.setEncoding("utf8"), "data", { signal })) as [string];
      const open = (): Socket => {
        const client = connect({ host: "127.0.0.1", port: Number(port) });
        client.on("error", () => {});
        clients.push(client);
        return client;
      };
      const first = open();
      await echo(first, "before");
      let refused = 0;
      const crowd: Promise<unknown>[] = [];
      for (let i = 0; i < 2 * DESCRIPTORS; i++) {
        const client = open();
        crowd.push(new Promise((resolve) => client.once("connect", resolve).once("close", resolve)));
        client.once("close", () => refused++);
      }
      await Promise.all(crowd);
      await echo(first, "in the crowd");
      const rejected = refused;
      await Promise.all(clients.slice(1).map((client) => gone(client)));
      await echo(first, "afterwards");
      // Descriptors come back one loop turn of the server after another, so the first attempts may still be too early.
      let served = false;
      for (let i = 0; i < 1000 && !served; i++) served = await echo(open(), "again").then(Boolean, () => false);
      ok(served, `new clients are served again (${rejected} had been turned away)`);
    } finally {
      for (const client of clients) client.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
});

/** Node's arguments for an echo server that prints its port. */
function echoServer(): string[] {
  const reactor = JSON.stringify(new URL("./reactor-net.ts", import.meta.url).href);
  const clock = JSON.stringify(new URL("../base/clock.ts", import.meta.url).href);
  const code = `
    const { NetReactor } = await import(${reactor});
    const { SystemClock } = await import(${clock});
    const r = new NetReactor(new SystemClock());
    let block = -1;
    r.attach({
      onAccept() {},
      onData(socket, bytes, start, end) {
        block = r.blocks.take();
        const at = r.blocks.startOf(block);
        r.blocks.viewOf(block).set(bytes.subarray(start, end), at);
        r.send(socket, block, at, at + end - start);
      },
      onSent() { r.blocks.give(block); },
      onEnd(socket) { r.close(socket); },
      onClosed() {},
    });
    const { port } = await r.listen({ kind: "tcp", host: "127.0.0.1", port: 0, backlog: 511, shared: false });
    console.log(port);`;
  return ["--input-type=module", "-e", code];
}

/** Sends a text and reads it back. @throws when the connection ends before, or takes too long */
async function echo(client: Socket, text: string): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    let got = "";
    const take = (bytes: Buffer): void => {
      got += bytes.toString();
      if (got.length < text.length) return;
      client.off("data", take);
      client.off("close", fail);
      clearTimeout(timer);
      resolve(got);
    };
    const fail = (): void => {
      clearTimeout(timer);
      reject(new Error(`no answer to ${text}`));
    };
    const timer = setTimeout(fail, WAIT_MS_MAX);
    client.on("data", take).once("close", fail);
  });
  client.write(text);
  equal(await answer, text);
  return text;
}

function gone(client: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (client.closed) return resolve();
    client.once("close", () => resolve());
    client.destroy();
  });
}
