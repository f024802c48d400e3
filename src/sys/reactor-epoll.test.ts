/** The epoll reactor: the shared suite, and what is particular to it. Skips with the reason where epoll is not to be had. */

import { ok } from "node:assert/strict";
import { SystemClock } from "../base/clock.ts";
import { type Libc, openLibc } from "./libc.ts";
import { probeEpoll } from "./probe.ts";
import { reactorSuite } from "./reactor.suite.ts";
import { EpollReactor } from "./reactor-epoll.ts";

const fault = probeEpoll();

function libcHere(): Libc {
  const opened = openLibc();
  ok(opened.ok);
  return opened.libc;
}

const open = (): EpollReactor => new EpollReactor(libcHere(), new SystemClock());

reactorSuite("epoll", async () => open(), fault === null ? {} : { skip: fault });
