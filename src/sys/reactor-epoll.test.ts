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

const url = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
const source = `
  const { SystemClock } = await import(${url("../base/clock.ts")});
  const { openLibc } = await import(${url("./libc.ts")});
  const { EpollReactor } = await import(${url("./reactor-epoll.ts")});
  const r = new EpollReactor(openLibc().libc, new SystemClock());`;
const options = { source, wakes: true };

reactorSuite("epoll", async () => open(), fault === null ? options : { ...options, skip: fault });
