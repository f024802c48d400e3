/**
 * The text of LATENCY DOCTOR: what the monitor has seen, and what usually helps.
 */

import type { Config } from "../config/config.ts";
import type { LatencyEvent } from "../runtime/latency.ts";

/** What helps against each event; several events may have one advice. */
const ADVICE: readonly (readonly [events: readonly string[], text: string])[] = [
  [
    ["command", "fast-command"],
    "Look at SLOWLOG GET for the commands that take long. Those with O(N) work on big keys hold up their whole shard: use" +
      " smaller keys, or the SCAN family in place of KEYS and its like.",
  ],
  [
    ["command", "fast-command", "eviction-cycle", "expire-cycle"],
    "Deleting big values takes time wherever it happens: by DEL, by expiry or by eviction.",
  ],
  [["expire-cycle"], "Many keys expire at the same time. If times to live are all alike, add a random part to them."],
  [["eviction-cycle", "eviction-del"], "Memory is at maxmemory, so that writes wait for evictions. Give it more room."],
  [
    ["event-loop"],
    "A shard was busy for long without a single slow command: many clients at once, or no processor free for its thread." +
      " Compare the number of shards with the number of processors, and look at the load of the machine.",
  ],
  [
    ["gc"],
    "V8 stopped a shard to collect garbage. Keys and values are not in its heap; big replies, many clients and many" +
      " arguments are what fills it.",
  ],
  [
    ["ring-wait"],
    "Messages between shards waited for room. Large values on keys of other shards fill the rings: hash tags keep what" +
      " belongs together on one shard, and fewer shards have larger rings.",
  ],
];

function describe(name: string, { samples, max }: LatencyEvent): string {
  const times = samples.map(([, ms]) => ms);
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const deviation = times.reduce((sum, ms) => sum + Math.abs(ms - mean), 0) / times.length;
  const seconds = samples[samples.length - 1][0] - samples[0][0];
  const spikes = samples.length === 1 ? "1 latency spike" : samples.length + " latency spikes";
  return (
    `${name}: ${spikes} (average ${Math.round(mean)}ms, mean deviation ${Math.round(deviation)}ms, ` +
    `period ${(seconds / samples.length).toFixed(2)} sec). Worst all time event ${max}ms.`
  );
}

/** Advice about thresholds under which nothing would be seen. */
function aboutThresholds(config: Config): string[] {
  const monitorUs = config.integer("latency-monitor-threshold") * 1000;
  const slowUs = config.integer("slowlog-log-slower-than");
  if (slowUs >= 0 && slowUs <= monitorUs) return [];
  return [
    `SLOWLOG keeps less than this monitor does. CONFIG SET slowlog-log-slower-than ${monitorUs} makes it keep the same.`,
  ];
}

export function advice(events: ReadonlyMap<string, LatencyEvent>, config: Config, reactor: string): string {
  if (config.integer("latency-monitor-threshold") === 0 && events.size === 0) {
    return (
      "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> switches it on: then ask again " +
      "after a while.\n"
    );
  }
  if (events.size === 0) return "No latency spike was seen: nothing took longer than latency-monitor-threshold.\n";
  const seen = [...events].map(([name, event], i) => `${i + 1}. ${describe(name, event)}\n`);
  const advices = ADVICE.filter(([names]) => names.some((name) => events.has(name))).map(([, text]) => text);
  if (events.has("command")) advices.unshift(...aboutThresholds(config));
  if (events.has("event-loop") && reactor === "net") {
    advices.push("Sockets are driven by node:net here, which costs more than io_uring or epoll: the log says why.");
  }
  const lines = advices.map((text) => `- ${text}\n`);
  return `Latency spikes were seen:\n\n${seen.join("")}\nWhat may help:\n\n${lines.join("")}`;
}
