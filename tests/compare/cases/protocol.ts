/**
 * Cases: raw bytes: framing, inline commands, and everything that is no request.
 *
 * None has a NUL where a line's end is looked for: redis-server searches C strings there, and waits for ever.
 */

export interface RawCase {
  readonly name: string;
  readonly input: string;
  /** What is behind the input would become part of it: the input must end the connection by itself. */
  readonly bare?: boolean;
}

const raw = (name: string, input: string): RawCase => ({ name, input });
const bare = (name: string, input: string): RawCase => ({ name, input, bare: true });

const KIB_64 = 64 * 1024;

const FRAMES: readonly RawCase[] = [
  raw("nothing", ""),
  raw("an empty line", "\r\n"),
  raw("empty lines and a bare LF", "\r\n\r\n\n\n"),
  raw("blanks alone", "   \r\n \t \r\n"),
  raw("no elements", "*0\r\n"),
  raw("-1 elements", "*-1\r\n"),
  raw("-10 elements", "*-10\r\n*0\r\n"),
  raw("a plain request", "*1\r\n$4\r\nPING\r\n"),
  raw("an empty verb", "*1\r\n$0\r\n\r\n"),
  raw("an empty verb and an argument", "*2\r\n$0\r\n\r\n$1\r\na\r\n"),
  raw("an empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
  raw("numbers with leading zeros", "*02\r\n$4\r\nECHO\r\n$01\r\na\r\n"),
  raw("a length with leading zeros", "*2\r\n$4\r\nECHO\r\n$01\r\na\r\n"),
  raw("a count with a plus", "*+2\r\n$4\r\nECHO\r\n$1\r\na\r\n"),
  raw("a length with a plus", "*2\r\n$4\r\nECHO\r\n$+1\r\na\r\n"),
  raw("a count with a blank", "* 2\r\n$4\r\nECHO\r\n$1\r\na\r\n"),
  raw("a count with a blank behind", "*2 \r\n$4\r\nECHO\r\n$1\r\na\r\n"),
  raw("a length with a blank behind", "*2\r\n$4 \r\nECHO\r\n$1\r\na\r\n"),
  raw("no count", "*\r\n"),
  raw("no length", "*1\r\n$\r\n"),
  raw("a count of letters", "*abc\r\n"),
  raw("a count with letters behind", "*3x\r\n"),
  raw("a count of -0", "*-0\r\n"),
  raw("a count with a fraction", "*1.5\r\n"),
  raw("a count above 32 bits", "*2147483648\r\n"),
  raw("a count above 63 bits", "*9223372036854775808\r\n"),
  raw("a count below -63 bits", "*-9223372036854775809\r\n"),
  raw("a count of 20 digits", "*20000000000000000000\r\n"),
  raw("-1 bytes", "*1\r\n$-1\r\n"),
  raw("-1 bytes as the second argument", "*2\r\n$4\r\nECHO\r\n$-1\r\n"),
  raw("-2 bytes", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-2\r\n"),
  raw("a length of letters", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n"),
  raw("a length of 2 GB", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n"),
  raw("a length above 512 MB", "*1\r\n$600000000\r\n"),
  raw("a length of 512 MB and one byte", "*1\r\n$536870913\r\n"),
  raw("a length above 63 bits", "*1\r\n$9223372036854775808\r\n"),
  raw("no $", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n"),
  raw("no $ before the verb", "*1\r\nPING\r\n"),
  raw("another type in place of $", "*1\r\n:4\r\nPING\r\n"),
  raw("a nested array", "*1\r\n*1\r\n$4\r\nPING\r\n"),
  raw("a line end in place of $", "*1\r\n\r\n$4\r\nPING\r\n"),
  raw("CR in place of $", "*1\r\n\r4\r\nPING\r\n"),
  raw("a high byte in place of $", "*1\r\n\xff4\r\nPING\r\n"),
  raw("other bytes in place of the CRLF behind an argument", "*2\r\n$4\r\nECHOxx$1\r\nayy"),
  raw("another byte in place of LF", "*1\rx$4\rxPING\r\n"),
  raw("a good request before a bad one", "*1\r\n$4\r\nPING\r\n*1\r\n$-1\r\n*1\r\n$4\r\nPING\r\n"),
  raw("a write behind a protocol error", "*1\r\n$-5\r\n*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\nx\r\n"),
  raw("commands behind QUIT", "PING\r\nQUIT\r\nSET behindquit 1\r\nPING\r\n"),
  raw("QUIT in the middle of arrays", "*1\r\n$4\r\nQUIT\r\n*3\r\n$3\r\nSET\r\n$10\r\nbehindquit\r\n$1\r\n1\r\n"),
  raw("nothing was written behind QUIT or an error", "EXISTS behindquit after\r\n"),
];

const INLINE: readonly RawCase[] = [
  raw("PING and LF", "PING\n"),
  raw("PING and CRLF", "PING\r\n"),
  raw("PING and CR CR LF", "PING\r\r\n"),
  raw("lower case", "ping\r\n"),
  raw("blanks and tabs around", "  \tPING \t \r\n"),
  raw("an argument in double quotes", 'ECHO "a b"\r\n'),
  raw("an argument in single quotes", "ECHO 'a b'\r\n"),
  raw("escapes in double quotes", 'ECHO "a\\n\\r\\t\\b\\a\\\\\\"\\x41\\x00\\xff\\xZZ\\q"\r\n'),
  raw("escapes in single quotes", "ECHO 'a\\n\\'b\\\\'\r\n"),
  raw("a quote inside a word", 'ECHO a"b c"\r\n'),
  raw("a quote in a word, then more", 'ECHO a"b"c\r\n'),
  raw("empty quotes", 'ECHO ""\r\n'),
  raw("empty single quotes", "ECHO ''\r\n"),
  raw("an open double quote", 'ECHO "a b\r\n'),
  raw("an open single quote", "ECHO 'a b\r\n"),
  raw("a closing quote followed by a letter", 'ECHO "a"b\r\n'),
  raw("a closing single quote followed by a letter", "ECHO 'a'b\r\n"),
  raw("a backslash at the end", 'ECHO "a\\\r\n'),
  raw("a quoted verb", '"PING"\r\n'),
  raw("an empty verb", '""\r\n'),
  raw("high bytes", "ECHO \xe4\xf6\xfc\r\n"),
  raw("CR within the line", "ECHO a\rb\r\n"),
  raw("vertical tab and form feed", "ECHO\va\fb\r\n"),
  raw("two commands in one line", "PING PING PING\r\n"),
  raw("many lines", "PING\r\nPING\nECHO x\r\n\r\nPING\r\n"),
  raw("an unknown command", "FOO bar\r\n"),
  raw("a RESP3 map", "%1\r\n+a\r\n+b\r\n"),
  raw("a status", "+OK\r\n"),
  raw("a bulk string", "$4\r\nPING\r\n"),
  raw("a line of 60 KB", `ECHO ${"a".repeat(60 * 1024)}\r\n`),
  raw("inline and array by turns", "PING\r\n*1\r\n$4\r\nPING\r\nECHO 1\r\n*2\r\n$4\r\nECHO\r\n$1\r\n2\r\n"),
  raw("HTTP POST", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  // Without a GET before it: redis-server may drop that one's reply unsent.
  raw("an HTTP header", "Host: localhost\r\n\r\n"),
  raw("post alone", "post\r\n"),
  raw("POST as an array", "*1\r\n$4\r\nPOST\r\n"),
  raw("host: as an array", "*2\r\n$5\r\nhost:\r\n$1\r\nx\r\n"),
  raw("a write behind POST", "POST /\r\nSET after 1\r\n"),
  raw("nothing was written behind POST", "EXISTS after\r\n"),
];

/** CLIENT REPLY: commands without replies, which the other cases cannot have. */
const MUTED: readonly RawCase[] = [
  raw("CLIENT REPLY OFF and ON", "PING\r\nCLIENT REPLY OFF\r\nPING\r\nSET m 1\r\nCLIENT REPLY ON\r\nGET m\r\n"),
  raw("CLIENT REPLY SKIP", "CLIENT REPLY SKIP\r\nPING\r\nECHO 1\r\n"),
  raw("CLIENT REPLY SKIP of a command with keys", "CLIENT REPLY SKIP\r\nSET m 2\r\nGET m\r\nMSET m1 a m2 b m3 c\r\n"),
  raw("CLIENT REPLY SKIP of many keys", "CLIENT REPLY SKIP\r\nMSET m1 a m2 b m3 c\r\nMGET m1 m2 m3\r\n"),
  raw("CLIENT REPLY SKIP twice", "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO 2\r\n"),
  raw("CLIENT REPLY SKIP and ON", "CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n"),
  raw("CLIENT REPLY SKIP and OFF", "CLIENT REPLY SKIP\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n"),
  raw("CLIENT REPLY OFF and SKIP", "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\nCLIENT REPLY ON\r\n"),
  raw("CLIENT REPLY SKIP of an error", "CLIENT REPLY SKIP\r\nGET\r\nNOSUCH\r\nPING\r\n"),
  raw(
    "CLIENT REPLY OFF, errors",
    "CLIENT REPLY OFF\r\nGET\r\nNOSUCH a\r\nCLIENT REPLY x\r\nCLIENT REPLY ON\r\nPING\r\n",
  ),
  raw("CLIENT REPLY SKIP of a wrong word", "CLIENT REPLY SKIP\r\nCLIENT REPLY x\r\nCLIENT REPLY y\r\n"),
  raw("CLIENT REPLY OFF and HELLO", "CLIENT REPLY OFF\r\nHELLO 3\r\nCLIENT REPLY ON\r\nGET none\r\n"),
  raw("CLIENT REPLY OFF and RESET", "CLIENT REPLY OFF\r\nPING\r\nRESET\r\nPING\r\n"),
  raw("CLIENT REPLY SKIP and RESET", "CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n"),
];

/** Too big: each one byte above the limit, so that a server has read all when it closes. */
const TOO_BIG: readonly RawCase[] = [
  bare("an inline request without an end", "a".repeat(KIB_64 + 1)),
  bare("a count without an end", `*${"1".repeat(KIB_64 + 1)}`),
  bare("a length without an end", `*1\r\n$${"1".repeat(KIB_64 + 1)}`),
  bare("a second length without an end", `*2\r\n$4\r\nECHO\r\n$${"1".repeat(KIB_64 + 1)}`),
];

export const PROTOCOL: readonly RawCase[] = [...FRAMES, ...INLINE, ...MUTED, ...TOO_BIG];

/** With a password, before AUTH. */
export const UNAUTHENTICATED: readonly RawCase[] = [
  raw("a command", "GET a\r\n"),
  raw("PING", "PING\r\n"),
  raw("an unknown command", "NOSUCH a b\r\n"),
  raw("a wrong number of words", "GET\r\n"),
  raw("HELLO", "HELLO\r\n"),
  raw("HELLO 3", "HELLO 3\r\n"),
  raw("HELLO 4", "HELLO 4\r\n"),
  raw("HELLO with a wrong password", "HELLO 3 AUTH default wrong\r\n"),
  raw("AUTH with a wrong password", "AUTH wrong\r\nAUTH default wrong\r\nAUTH nobody secret\r\nAUTH\r\nAUTH a b c\r\n"),
  raw("AUTH with the password", "AUTH secret\r\nGET a\r\nAUTH wrong\r\nGET a\r\n"),
  raw("AUTH default with the password", "AUTH default secret\r\nGET a\r\nRESET\r\nGET a\r\n"),
  raw("QUIT", "QUIT\r\nPING\r\n"),
  raw("RESET", "RESET\r\n"),
  raw("SELECT and CLIENT", "SELECT 1\r\nCLIENT GETNAME\r\nCLIENT SETNAME a\r\nCOMMAND COUNT\r\n"),
  raw("10 arguments", `*10\r\n$4\r\nMGET\r\n${"$1\r\na\r\n".repeat(9)}`),
  raw("11 arguments", `*11\r\n$4\r\nMGET\r\n${"$1\r\na\r\n".repeat(10)}`),
  raw("11 arguments announced", "*11\r\n"),
  raw("an argument of 16 KB", `*2\r\n$4\r\nECHO\r\n$16384\r\n${"a".repeat(16_384)}\r\n`),
  raw("an argument of 16 KB and one byte", `*2\r\n$4\r\nECHO\r\n$16385\r\n${"a".repeat(16_385)}\r\n`),
  raw("an argument of 16 KB and one byte announced", "*2\r\n$4\r\nECHO\r\n$16385\r\n"),
  raw("more arguments once the password was given", `AUTH secret\r\n*12\r\n$4\r\nMGET\r\n${"$1\r\na\r\n".repeat(11)}`),
  raw("an inline line of many words", `MGET ${"a ".repeat(20)}\r\n`),
  raw("commands not allowed, pipelined", "SET a 1\r\nGET a\r\nDBSIZE\r\nFLUSHALL\r\nPING\r\n"),
  raw("POST", "POST /\r\n"),
];
