/**
 * The parser's table of Redis behaviour, held against a live redis-server (7.0 or later) over a Unix socket.
 */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PROTOCOL_CASES, type ProtocolCase } from "./parser.cases.ts";

const missing = spawnSync("redis-server", ["--version"]).error !== undefined;

/** What a server says to the requests of a case. */
function repliesTo({ requests, error }: ProtocolCase): string {
  let replies = "";
  for (const [verb, ...args] of requests) {
    if (verb === "PING") replies += "+PONG\r\n";
    else if (verb === "ECHO") replies += `$${args[0].length}\r\n${args[0]}\r\n`;
    else replies += `-ERR unknown command '${verb}', with args beginning with: \r\n`;
  }
  // A CR would end the error's line early.
  return error === undefined ? replies : `${replies}-ERR ${error.replace("\r", " ")}\r\n`;
}

/** Sends the bytes and the end of the stream; resolves to all that came back when the server has closed, too. */
async function exchange(path: string, input: string): Promise<string> {
  const socket = connect(path);
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk) => {
    received += chunk;
  });
  socket.end(Buffer.from(input, "latin1"));
  await once(socket, "close");
  return received;
}

describe("redis-server agrees on", { skip: missing && "redis-server is not installed" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "kevy-parser-"));
  const path = join(folder, "redis.sock");
  const args = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder];
  let server: ReturnType<typeof spawn> | undefined;

  before(async () => {
    const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
    server = child;
    let log = "";
    for await (const chunk of child.stdout) {
      log += chunk;
      if (log.includes("ready to accept connections")) break;
    }
    assert.ok(existsSync(path), log);
  });
  after(async () => {
    if (server?.exitCode === null) {
      server.kill("SIGKILL");
      await once(server, "exit");
    }
    rmSync(folder, { recursive: true });
  });

  for (const row of PROTOCOL_CASES) {
    test(JSON.stringify(row.input), async () => {
      assert.equal(await exchange(path, row.input), repliesTo(row));
    });
  }
});
