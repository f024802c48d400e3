/** The node:net reactor: the shared suite, and what is particular to it. */

import { equal } from "node:assert/strict";
import { describe, it } from "node:test";
import { SystemClock } from "../base/clock.ts";
import { reactorSuite } from "./reactor.suite.ts";
import { NetReactor } from "./reactor-net.ts";

const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
const source = `
  const { SystemClock } = await import(${url("../base/clock.ts")});
  const { NetReactor } = await import(${url("./reactor-net.ts")});
  const r = new NetReactor(new SystemClock());`;

reactorSuite("net", async () => new NetReactor(new SystemClock()), { source });

describe("NetReactor", () => {
  it("leaves waking to messages", () => {
    const reactor = new NetReactor(new SystemClock());
    equal(reactor.blocking, false);
    equal(reactor.wakeHandle, -1);
    reactor.destroy();
  });
});
