/** What a service manager is told, and what the log says when it cannot be. The real datagrams: tests/crash/limits.test.ts. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Config } from "../config/config.ts";
import { Supervision } from "./supervision.ts";

function supervised(
  value: string,
  socket: string | undefined,
  answer: string | null,
): { sent: string[]; log: string[] } {
  const config = new Config("/");
  assert.equal(config.assign("supervised", [value], "test"), null);
  const sent: string[] = [];
  const log: string[] = [];
  const environment = socket === undefined ? {} : { NOTIFY_SOCKET: socket };
  const sink = { log: (_level: string, text: string) => void log.push(text) };
  const supervision = new Supervision(config, environment, sink, (to, text) => {
    sent.push(`${to} ${text}`);
    return answer;
  });
  supervision.starting();
  supervision.ready();
  supervision.stopping();
  return { sent, log };
}

describe("supervision", () => {
  test("tells of start, readiness and end", () => {
    for (const value of ["systemd", "auto"]) {
      const { sent, log } = supervised(value, "@s", null);
      assert.equal(sent.length, 3);
      assert.match(sent[1], /^@s (STATUS=.*\n)?READY=1\n$/);
      assert.match(sent[2], /^@s (STATUS=.*\n)?STOPPING=1\n$/);
      assert.deepEqual(log, []);
    }
  });

  test("tells nobody unasked, and warns where it was asked in vain", () => {
    assert.deepEqual(supervised("no", "/run/s", null), { sent: [], log: [] });
    assert.deepEqual(supervised("auto", undefined, null), { sent: [], log: [] });
    const { sent, log } = supervised("systemd", undefined, null);
    assert.deepEqual(sent, []);
    assert.match(log.join(), /there is no NOTIFY_SOCKET/);
  });

  test("gives up after the first failure, with one line", () => {
    const { sent, log } = supervised("auto", "/gone", "ENOENT");
    assert.equal(sent.length, 1);
    assert.deepEqual(log, ["The service manager at /gone cannot be told: ENOENT"]);
  });

  test("refuses upstart, which nobody would tell", () => {
    const config = new Config("/");
    config.assign("supervised", ["upstart"], "f:1");
    assert.match(config.check().errors.join(), /^f:1: 'supervised upstart': kevy does not support this yet/);
  });
});
