/**
 * What a shard answers as its part of a command that looks at all shards: data as JSON in a bulk string, put together
 * where the client is. For commands that people and monitors call, not for the data path.
 */

import type { ReplyWriter } from "../resp/writer.ts";
import type { Parts } from "../runtime/commands.ts";
import { behindLine, headNumber } from "../runtime/reduce.ts";

/** Texts in `data` may be byte strings: JSON's own bytes are plain. */
export function writePart(reply: ReplyWriter, data: unknown): void {
  const text = JSON.stringify(data).replace(/[^ -~]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  reply.bulkText(text);
}

/** The data of all shards, in the order of Parts.shards. */
export function readParts<T>(parts: Parts): T[] {
  return parts.replies.map((bytes) => {
    const start = behindLine(bytes, 0);
    return JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset + start, headNumber(bytes, 0)).toString("latin1"),
    ) as T;
  });
}
