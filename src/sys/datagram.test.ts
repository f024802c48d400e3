/** Datagrams to a real socket, under a path and under an abstract name. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DatagramReceiver, missingDatagrams } from "../../tests/support/datagram-receiver.ts";
import { tempDir } from "../../tests/support/temp-dir.ts";
import { sendDatagram } from "./datagram.ts";
import { EAGAIN, ECONNREFUSED, EINVAL, ENOENT, type Libc, openLibc } from "./libc.ts";

function libc(): Libc {
  const opened = openLibc();
  assert.ok(opened.ok);
  return opened.libc;
}

describe("a datagram", { skip: missingDatagrams() }, () => {
  test("arrives whole, by path and by abstract name", () => {
    using dir = tempDir("datagram");
    for (const address of [join(dir.path, "s"), `@kevy-datagram-${process.pid}`]) {
      using receiver = new DatagramReceiver(address);
      assert.equal(receiver.receive(), null);
      assert.equal(sendDatagram(libc(), address, Buffer.from("STATUS=ä\nREADY=1\n")), 0);
      assert.equal(sendDatagram(libc(), address, Buffer.from("x".repeat(2048))), 0);
      assert.equal(receiver.receive(), "STATUS=ä\nREADY=1\n");
      assert.equal(receiver.receive(), "x".repeat(2048));
      assert.equal(receiver.receive(), null);
    }
  });

  test("that cannot be sent says why, at once", () => {
    using dir = tempDir("datagram");
    const path = join(dir.path, "s");
    assert.equal(sendDatagram(libc(), path, Buffer.from("x")), ENOENT);
    assert.equal(sendDatagram(libc(), `@kevy-nobody-${process.pid}`, Buffer.from("x")), ECONNREFUSED);
    assert.equal(sendDatagram(libc(), "", Buffer.from("x")), EINVAL);
    assert.equal(sendDatagram(libc(), `/${"x".repeat(200)}`, Buffer.from("x")), EINVAL);
    assert.equal(sendDatagram(libc(), path, Buffer.alloc(2049)), EINVAL);
    using receiver = new DatagramReceiver(path);
    let errno = 0;
    // The kernel keeps some hundred datagrams that nobody reads.
    for (let i = 0; i < 10_000 && errno === 0; i++) errno = sendDatagram(libc(), path, Buffer.from("x"));
    assert.equal(errno, EAGAIN);
    assert.equal(receiver.receive(), "x");
  });
});
