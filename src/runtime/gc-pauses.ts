/**
 * How long V8 stops this thread to collect garbage. Watched only while somebody wants to know: each pause then costs an
 * entry of its own.
 */

import { PerformanceObserver } from "node:perf_hooks";

export interface GcPauses {
  /** Calls `onPause` with the microseconds of each pause from now on, until stop(). It comes when the event loop turns. */
  start(onPause: (us: number) => void): void;
  stop(): void;
}

export class V8GcPauses implements GcPauses {
  #observer: PerformanceObserver | null;

  constructor() {
    this.#observer = null;
  }

  start(onPause: (us: number) => void): void {
    if (this.#observer !== null) return;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) onPause(entry.duration * 1000);
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  stop(): void {
    this.#observer?.disconnect();
    this.#observer = null;
  }
}
