/**
 * Fuzzing of the request parser: `node src/resp/parser.fuzz.ts [rounds] [seed]`. The tests run it with few rounds.
 *
 * Inputs are random bytes, valid pipelines, and valid pipelines with a few bytes changed. Of each input: nothing throws,
 * nothing is read outside [start, end), positions advance and stay inside, and the outcome is the same for every way to
 * cut the input into pieces. A failure names its seed.
 */

import assert from "node:assert/strict";
import { Random } from "../base/random.ts";
import { encodeRequest, feed, guarded } from "./fixture.ts";

const ALPHABET = Buffer.from("*$\r\n\0-0123456789 \"'\\xPINGéA", "latin1");
const VERBS = ["GET", "SET", "PING", "ECHO", ""];

function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    bytes[i] = random.below(4) === 0 ? random.below(256) : ALPHABET[random.below(ALPHABET.length)];
  }
  return bytes;
}

function randomPipeline(random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let n = random.below(5); n >= 0; n--) {
    const kind = random.below(10);
    if (kind === 0) parts.push(Buffer.from("\r\n"));
    else if (kind === 1) parts.push(Buffer.from("*0\r\n"));
    else if (kind === 2) parts.push(Buffer.from(" SET  \"a\\x00b\" 'c d'\n"));
    else {
      const args: Buffer[] = [Buffer.from(VERBS[random.below(VERBS.length)])];
      for (let i = random.below(4); i > 0; i--) {
        args.push(randomBytes(random, random.below(8) === 0 ? random.below(300) : random.below(12)));
      }
      parts.push(encodeRequest(args));
    }
  }
  return Buffer.concat(parts);
}

function mutate(random: Random, bytes: Buffer): Buffer {
  for (let n = random.below(3); n >= 0 && bytes.length > 0; n--) {
    const at = random.below(bytes.length);
    const kind = random.below(3);
    if (kind === 0) bytes[at] = ALPHABET[random.below(ALPHABET.length)];
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random, 1), bytes.subarray(at)]);
  }
  return bytes;
}

/** The cuts of an input of `length` bytes: 0 to a few random ones, or one before every byte. */
function randomCuts(random: Random, length: number): number[] {
  const cuts: number[] = [];
  if (random.below(4) === 0) {
    for (let i = 1; i < length; i++) cuts.push(i);
  } else {
    for (let n = random.below(5); n > 0; n--) cuts.push(random.below(length + 1));
    cuts.sort((a, b) => a - b);
  }
  return cuts;
}

/** Runs `rounds` inputs; throws at the first that misbehaves. */
export function fuzzParser(rounds: number, seed: number): void {
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round);
    const kind = random.below(3);
    const pipeline = kind === 0 ? randomBytes(random, random.below(200)) : randomPipeline(random);
    const input = kind === 2 ? mutate(random, pipeline) : pipeline;
    const unauthenticated = random.below(8) === 0;
    try {
      const whole = feed(input, [], { unauthenticated, view: guarded });
      for (let n = 0; n < 3; n++) {
        const cuts = randomCuts(random, input.length);
        const offset = random.below(50);
        assert.deepEqual(feed(input, cuts, { unauthenticated, offset }), whole, `cut at ${cuts}, kept at ${offset}`);
      }
    } catch (cause) {
      throw new Error(`node src/resp/parser.fuzz.ts 1 ${seed + round}: ${JSON.stringify(input.toString("latin1"))}`, {
        cause,
      });
    }
  }
}

if (import.meta.main) {
  const rounds = Number(process.argv[2] ?? 100_000);
  fuzzParser(rounds, Number(process.argv[3] ?? 1));
  console.log(`${rounds} inputs`);
}
