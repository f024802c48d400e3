/**
 * The protocol as a library, `kevy/resp`: a resumable request parser and a reply writer for RESP2 and RESP3.
 *
 * Both work on memory that the caller owns: the parser gives ranges over the bytes it was given, the writer writes into
 * a buffer of its own, or into blocks that a {@link ReplySink} supplies. Neither knows sockets or commands.
 *
 * @example
 * ```ts
 * import { ReplyWriter, REQUEST, RequestParser } from "kevy/resp";
 *
 * const parser = new RequestParser();
 * const input = Buffer.from("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n");
 * const writer = new ReplyWriter();
 * if (parser.parse(input, 0, input.length) === REQUEST) {
 *   const { argv } = parser;
 *   writer.bulk(argv.bytes, argv.starts[1], argv.ends[1]);
 * }
 * const reply = Buffer.from(writer.bytes.subarray(0, writer.pos)).toString();
 * // reply is "$5\r\nhello\r\n"
 * ```
 */

export { Argv, type ArgvView } from "./argv.ts";
export {
  INCOMPLETE,
  NOTHING,
  type ParseStatus,
  PartialRequest,
  PROTOCOL_ERROR,
  REQUEST,
  RequestParser,
} from "./parser.ts";
export { RESP2, RESP3, type ReplySink, ReplyWriter, type RespVersion } from "./writer.ts";
