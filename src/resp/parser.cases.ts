/**
 * What Redis does with requests well and badly formed, as a table: for the parser's own tests and for the comparison
 * with a live redis-server.
 */

export interface ProtocolCase {
  /** One character per byte. */
  readonly input: string;
  readonly requests: string[][];
  /** Text behind "-ERR ". */
  readonly error?: string;
  /** Bytes that wait for more. */
  readonly left?: number;
}

const BAD_COUNT = "Protocol error: invalid multibulk length";
const BAD_LENGTH = "Protocol error: invalid bulk length";
const UNBALANCED = "Protocol error: unbalanced quotes in request";

export const PROTOCOL_CASES: readonly ProtocolCase[] = [
  // Arrays.
  { input: "*1\r\n$4\r\nPING\r\n", requests: [["PING"]] },
  { input: "*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n", requests: [["ECHO", "a\r\n"]] },
  { input: "*0\r\n*1\r\n$4\r\nPING\r\n", requests: [["PING"]] },
  { input: "*-5\r\nPING\r\n", requests: [["PING"]] },
  { input: "*-99999999999999999\r\nPING\r\n", requests: [["PING"]] },
  { input: "*-9223372036854775809\r\n", requests: [], error: BAD_COUNT },
  { input: "*1048577\r\n", requests: [], left: 10 },
  { input: "*2147483647\r\n", requests: [], left: 13 },
  { input: "*2147483648\r\n", requests: [], error: BAD_COUNT },
  { input: "*99999999999999999\r\n", requests: [], error: BAD_COUNT },
  { input: "*-0\r\n", requests: [], error: BAD_COUNT },
  { input: "*01\r\n", requests: [], error: BAD_COUNT },
  { input: "*+1\r\n", requests: [], error: BAD_COUNT },
  { input: "* 1\r\n", requests: [], error: BAD_COUNT },
  { input: "*1 \r\n", requests: [], error: BAD_COUNT },
  { input: "*\r\n", requests: [], error: BAD_COUNT },
  { input: "*a\r\n", requests: [], error: BAD_COUNT },
  { input: "*1\r\n$4\r\nPING\r\n*x\r\n", requests: [["PING"]], error: BAD_COUNT },
  { input: "*1\r", requests: [], left: 3 },
  { input: "*1\n", requests: [], left: 3 },
  // Only CR is looked for: the byte behind it is taken as it is.
  { input: "*1\rX$4\rXPINGzz", requests: [["PING"]] },
  { input: "*1\r\n$4\r", requests: [], left: 7 },
  { input: "*1\r\n$4\rX", requests: [], left: 8 },
  // The two bytes behind a bulk string are not looked at.
  { input: "*1\r\n$4\r\nPINGabPING\r\n", requests: [["PING"], ["PING"]] },
  { input: "*1\r\n$4\r\nPING\r", requests: [], left: 13 },
  { input: "*1\r\n$0\r\n\r\nPING\r\n", requests: [[""], ["PING"]] },
  // Headers of bulk strings.
  { input: "*1\r\n$123", requests: [], left: 8 },
  { input: "*1\r\n$-1\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$536870912\r\n", requests: [], left: 16 },
  { input: "*1\r\n$536870913\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$99999999999999999999\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$04\r\nPING\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$1x\r\nPING\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\n$x1\r\nPING\r\n", requests: [], error: BAD_LENGTH },
  { input: "*2\r\n$4\r\nECHO\r\n$ 1\r\n", requests: [], error: BAD_LENGTH },
  { input: "*1\r\nPING\r\n", requests: [], error: "Protocol error: expected '$', got 'P'" },
  { input: "*1\r\n*1\r\n", requests: [], error: "Protocol error: expected '$', got '*'" },
  { input: "*1\r\n\x01\r\n", requests: [], error: "Protocol error: expected '$', got '\x01'" },
  { input: "*1\r\n\xff\r\n", requests: [], error: "Protocol error: expected '$', got '\xff'" },
  { input: "*1\r\n\r\n", requests: [], error: "Protocol error: expected '$', got '\r'" },
  { input: "*1\r\n\n", requests: [], left: 5 },
  { input: "*1\r\nPING", requests: [], left: 8 },
  // A NUL hides the rest of a line.
  { input: "*1\r\n\0\r\n", requests: [], left: 7 },
  { input: "*1\0\r\nPING\r\n", requests: [], left: 11 },
  { input: "*1\r\n$4\0\r\n", requests: [], left: 9 },
  { input: "PI\0NG\r\nPING\r\n", requests: [], left: 13 },
  { input: "\0\r\n", requests: [], left: 3 },
  { input: "*2\r\n$4\r\nECHO\r\n$1\r\n\0\r\n", requests: [["ECHO", "\0"]] },
  // Lines.
  { input: "PING\r\n", requests: [["PING"]] },
  { input: "PING\n", requests: [["PING"]] },
  { input: "PING\r\r\n", requests: [["PING"]] },
  { input: "PING", requests: [], left: 4 },
  { input: "\r\nPING\r\n", requests: [["PING"]] },
  { input: "\nPING\n", requests: [["PING"]] },
  { input: "  \t PING \r\n", requests: [["PING"]] },
  { input: '""\r\nPING\r\n', requests: [[""], ["PING"]] },
  { input: "$5\r\n", requests: [["$5"]] },
  { input: 'ECHO "a\\x41\\n"\r\n', requests: [["ECHO", "aA\n"]] },
  { input: "ECHO 'a\\'b'\r\n", requests: [["ECHO", "a'b"]] },
  { input: "ECHO \xe9\r\n", requests: [["ECHO", "\xe9"]] },
  { input: 'ECHO "a"b\r\n', requests: [], error: UNBALANCED },
  { input: '"a\r\n', requests: [], error: UNBALANCED },
  { input: "PING\r\n'\r\nPING\r\n", requests: [["PING"]], error: UNBALANCED },
];
