/**
 * Pinger: a process that PINGs a server, one at a time and without pause, and tells how long the answers took.
 *
 * A process of its own, because garbage collection or a long turn of the loading client must not look like a stall of the server.
 * Started by footprint.ts with an IPC channel: it reports after each message and starts over, and ends when the channel closes.
 *
 *     taskset -c CORE node bench/pinger.ts PORT
 */

import { connect } from "node:net";
import { percentile } from "./measure.ts";

/** Answers kept for one report; later ones only count for the maximum. */
const SAMPLES_MAX = 2_000_000;

export interface PingReport {
  readonly count: number;
  readonly p50Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class PingSamples {
  private readonly samples = new Float64Array(SAMPLES_MAX);
  private count = 0;
  private maxMs = 0;

  add(ms: number): void {
    if (this.count < SAMPLES_MAX) this.samples[this.count] = ms;
    this.count++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** The report of what was added since the last one. */
  take(): PingReport {
    const sorted = this.samples.slice(0, Math.min(this.count, SAMPLES_MAX)).sort();
    const report = {
      count: this.count,
      p50Ms: percentile(sorted, 0.5),
      p999Ms: percentile(sorted, 0.999),
      maxMs: this.maxMs,
    };
    this.count = 0;
    this.maxMs = 0;
    return report;
  }
}

function main(port: number): void {
  const samples = new PingSamples();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const ping = Buffer.from("PING\r\n");
  let sentAt = 0;
  let ending = false;
  const next = (): void => {
    sentAt = performance.now();
    socket.write(ping);
  };
  socket.on("connect", () => {
    next();
    process.send?.("connected");
  });
  socket.on("data", (chunk) => {
    if (chunk[chunk.length - 1] !== 10) return;
    samples.add(performance.now() - sentAt);
    next();
  });
  socket.on("error", (error) => {
    if (!ending) throw error;
  });
  process.on("message", () => process.send?.(samples.take()));
  process.on("disconnect", () => {
    ending = true;
    socket.destroy();
  });
}

if (import.meta.main) main(Number(process.argv[2]));
