/** Long doubles: cases recorded from redis-server 7.0.15 on x86-64, properties, and random pairs against the referee. */

import { equal, notEqual } from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { depth, forEachSeed, seeds } from "../../tests/support/depth.ts";
import { missing, RedisServer } from "../../tests/support/redis-server.ts";
import { type Argument, parseReply, ReplyError, RespClient } from "../../tests/support/resp-client.ts";
import { bytesOf } from "../base/bytes.ts";
import { FLOAT_TEXT_BYTES_MAX } from "../base/limits.ts";
import { Random } from "../base/random.ts";
import { addLongDouble, formatLongDouble, LONG_DOUBLE_ZERO, type LongDouble, parseLongDouble } from "./long-double.ts";

const NOT_A_FLOAT = "ERR value is not a valid float";
const NOT_FINITE = "ERR increment would produce NaN or Infinity";

function parse(text: string): LongDouble | null {
  const bytes = bytesOf("<" + text + ">");
  return parseLongDouble(bytes, 1, bytes.length - 1);
}

/** What INCRBYFLOAT answers when `value` is stored (null: no such key). */
function increment(value: string | null, by: string): string {
  const a = value === null ? LONG_DOUBLE_ZERO : parse(value);
  const b = parse(by);
  if (a === null || b === null) return NOT_A_FLOAT;
  const sum = addLongDouble(a, b);
  return sum === null ? NOT_FINITE : formatLongDouble(sum);
}

const LARGEST = "1.18973149535723176502e4932";
const BEYOND_LARGEST = "1.18973149535723176508575932662800702e4932";

/** Value, increment, answer. */
const RECORDED: readonly (readonly [string | null, string, string])[] = [
  [null, "3.0", "3"],
  ["10.50", "0.1", "10.6"],
  ["5.0e3", "2.0e2", "5200"],
  ["0.1", "0.2", "0.3"],
  ["1", "-1", "0"],
  ["-0", "-0", "0"],
  ["0", "-1e-30", "0"],
  ["0", "1.", "1"],
  ["0", ".5", "0.5"],
  ["0", "+1", "1"],
  ["0", "0x1p4", "16"],
  ["0", "0x.8", "0.5"],
  ["0", "0X1P+3", "8"],
  ["0", "0xA.8p-1", "5.25"],
  ["0", "0e99999999999999999999", "0"],
  ["0", "1e-4940", "0"],
  ["0", "1.9e-4951", "0"],
  ["0", "1.8e-4951", NOT_A_FLOAT],
  ["0", "0x1p-16445", "0"],
  ["0", "0x1p-16446", NOT_A_FLOAT],
  ["0", "0x1.0000001p-16446", "0"],
  ["0", "0x1p16384", NOT_A_FLOAT],
  ["0", BEYOND_LARGEST, NOT_A_FLOAT],
  ["0", "1e99999999999999999999", NOT_A_FLOAT],
  ["0", "1e-99999999999999999999", NOT_A_FLOAT],
  [LARGEST, LARGEST, NOT_FINITE],
  ["-" + LARGEST, "-" + LARGEST, NOT_FINITE],
  ["0", "inf", NOT_FINITE],
  ["0", "-INFINITY", NOT_FINITE],
  ["inf", "-inf", NOT_FINITE],
  ["0", "infin", NOT_A_FLOAT],
  ["0", "nan", NOT_A_FLOAT],
  ["0", "nan(1)", NOT_A_FLOAT],
  ["0", "0x", NOT_A_FLOAT],
  ["0", "0x.", NOT_A_FLOAT],
  ["0", "0x1p", NOT_A_FLOAT],
  ["0", "1e", NOT_A_FLOAT],
  ["0", "1e+", NOT_A_FLOAT],
  ["0", ".", NOT_A_FLOAT],
  ["0", "", NOT_A_FLOAT],
  ["0", "-", NOT_A_FLOAT],
  ["0", " 1", NOT_A_FLOAT],
  ["0", "1 ", NOT_A_FLOAT],
  ["0", "1\n", NOT_A_FLOAT],
  ["0", "1\0", NOT_A_FLOAT],
  ["0", "1,0", NOT_A_FLOAT],
  ["abc", "1", NOT_A_FLOAT],
  ["9223372036854775807", "1", "9223372036854775808"],
  ["9223372036854775807", "0.5", "9223372036854775807.5"],
  ["9223372036854775808", "0.5", "9223372036854775808"],
  ["9223372036854775809", "0.5", "9223372036854775810"],
  ["18446744073709551615", "2", "18446744073709551616"],
  ["18446744073709551616", "1", "18446744073709551616"],
  ["1e19", "0.3", "10000000000000000000"],
  ["1e17", "0.3", "100000000000000000.296875"],
  ["100.1", "0.2", "100.3"],
  ["1000.1", "0.2", "1000.29999999999999999"],
  ["4000.3", "0.1", "4000.40000000000000013"],
  ["1e-17", "0", "0.00000000000000001"],
  // Exact halves of the last decimal cannot be written with fewer bits than 2^-18 needs: half to even.
  ["0x1p-18", "0", "0.00000381469726562"],
  ["0x3p-18", "0", "0.00001144409179688"],
  ["0." + "1".repeat(FLOAT_TEXT_BYTES_MAX - 2), "1", "1.11111111111111111"],
  ["0." + "1".repeat(FLOAT_TEXT_BYTES_MAX - 1), "1", NOT_A_FLOAT],
  ["0." + "0".repeat(5000) + "1e5003", "1", "101"],
];

describe("long doubles", () => {
  it("give the recorded answers", () => {
    for (const [value, by, answer] of RECORDED) equal(increment(value, by), answer, `${value} + ${by}`.slice(0, 80));
  });

  it("write the largest value in full", () => {
    const largest = formatLongDouble(parse(LARGEST) as LongDouble);
    equal(largest.length, 4933);
    equal(BigInt(largest), ((1n << 64n) - 1n) << 16320n);
  });

  it("read back what they wrote, when that has no decimals", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 64n) + 1n, max: (1n << 64n) - 1n }), fc.nat(200), (whole, shift) => {
        const value = whole << BigInt(shift);
        equal(formatLongDouble(parse(value.toString()) as LongDouble), value.toString());
      }),
      { numRuns: depth(300, 5000) },
    );
  });

  it("keep every double exactly", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const value = parse(exactly(x));
        notEqual(value, null);
        const { negative, mantissa, exponent } = value as LongDouble;
        const sign = negative ? -1 : 1;
        // Two steps, as 2^exponent alone may be below the smallest double.
        const half = Math.trunc(exponent / 2);
        equal(sign * Number(mantissa) * 2 ** half * 2 ** (exponent - half), x);
      }),
      { numRuns: depth(300, 5000) },
    );
  });

  it("add in either order to the same, and a number and its negative to zero", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (x, y) => {
        const a = String(x).replace("Infinity", "inf");
        const b = String(y).replace("Infinity", "inf");
        equal(increment(a, b), increment(b, a));
        const opposite = a.startsWith("-") ? a.slice(1) : "-" + a;
        equal(increment(a, opposite), Number.isFinite(x) ? "0" : NOT_FINITE);
      }),
      { numRuns: depth(300, 5000) },
    );
  });
});

/** A double as a hexadecimal text that stands for exactly it. */
function exactly(x: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = (bits & 0xf_ffff_ffff_ffffn).toString(16).padStart(13, "0");
  const sign = bits >> 63n === 1n ? "-" : "";
  return exponent === 0 ? `${sign}0x0.${fraction}p-1022` : `${sign}0x1.${fraction}p${exponent - 1023}`;
}

describe("long doubles against redis-server", { skip: missing() }, () => {
  it("agree in the recorded cases", async () => {
    await using referee = await RedisServer.start();
    const client = await RespClient.connect(referee.port);
    const cases = RECORDED.map(([value, by]) => [value, by] as const);
    const answers = await ask(client, cases);
    answers.forEach((answer, i) => {
      equal(RECORDED[i][2], answer, `${RECORDED[i][0]} + ${RECORDED[i][1]}`.slice(0, 80));
    });
    await client.close();
  });

  it("agree on random pairs", async () => {
    await using referee = await RedisServer.start();
    const client = await RespClient.connect(referee.port);
    await forEachSeed(import.meta.filename, seeds(6, 30), async (seed) => {
      const random = new Random(seed);
      const cases = Array.from({ length: 500 }, () => [number(random), number(random)] as const);
      const answers = await ask(client, cases);
      answers.forEach((answer, i) => {
        equal(increment(cases[i][0], cases[i][1]), answer, `${cases[i][0]} + ${cases[i][1]}`);
      });
    });
    await client.close();
  });
});

/** What the referee answers to each case; the value is stored as it stands. */
async function ask(client: RespClient, cases: readonly (readonly [string | null, string])[]): Promise<string[]> {
  const commands: Argument[][] = [];
  for (const [value, by] of cases) {
    commands.push(value === null ? ["DEL", "k"] : ["SET", "k", value], ["INCRBYFLOAT", "k", by]);
  }
  const replies = await client.pipeline(commands, 20_000);
  return cases.map((_, i) => {
    const reply = parseReply(replies[2 * i + 1]);
    return reply instanceof ReplyError ? reply.message : String(reply);
  });
}

/** A text that is mostly a number: of all sizes and forms, often close to a boundary. */
function number(random: Random): string {
  const below = (n: number): number => (random.int32() >>> 0) % n;
  const digits = (n: number, base: number): string => {
    let text = "";
    for (let i = 0; i < n; i++) text += below(base).toString(base);
    return text;
  };
  const sign = ["", "", "-", "+"][below(4)];
  switch (below(10)) {
    case 0:
      return sign + digits(1 + below(19), 10);
    case 1:
      return sign + digits(below(3), 10) + "." + digits(below(20), 10);
    case 2:
      return sign + digits(1 + below(12), 10) + "." + digits(1 + below(25), 10);
    case 3:
      return sign + digits(1, 10) + "." + digits(1 + below(25), 10) + "e" + (below(60) - 30);
    case 4:
      return sign + digits(1, 10) + "." + digits(1 + below(25), 10) + "e" + (below(9950) - 4970);
    case 5:
      return sign + "0x" + digits(1 + below(18), 16) + "." + digits(below(12), 16) + "p" + (below(200) - 100);
    case 6:
      // Ties and their neighbours: a mantissa of 64 bits and one bit more.
      return sign + ((1n << 65n) - BigInt(below(9))).toString() + ["", ".0", ".5", "e3"][below(4)];
    case 7:
      // Ties of the seventeenth decimal.
      return sign + "0x" + digits(1 + below(4), 16) + "p-" + (17 + below(5));
    case 8:
      return sign + "0x" + digits(1 + below(20), 16) + "p" + [-16446, -16445, -16400, 16300, 16320][below(5)];
    default:
      return (
        sign + ["", ".", "inf", "nan", "1e", "0x", "1.5.2", " 1", "1e5 ", "e5", "0x1g", "00012.50", "1e0005"][below(13)]
      );
  }
}
