/** Addresses in two words: halves, and the carry between them. */

import { equal } from "node:assert/strict";
import { describe, it } from "node:test";
import { carriedHigh, highWord, lowWord } from "./native-address.ts";

describe("a native address", () => {
  it("falls into its halves", () => {
    equal(lowWord(0x7fff_8000_0010n), -0x8000_0000 + 0x10);
    equal(highWord(0x7fff_8000_0010n), 0x7fff);
  });

  it("carries into the upper half", () => {
    equal(carriedHigh(-16, 5, 15), 5);
    equal(carriedHigh(-16, 5, 16), 6);
    equal(carriedHigh(0x7fff_ffff, 5, 16), 5);
    equal(carriedHigh(0, 5, 0), 5);
  });
});
