/** What tests and benchmarks of this folder share: entries with given keys. Not for production. */
import type { Address } from "../base/brands.ts";
import type { Arena } from "./arena.ts";
import { entryByteLength, entryByteLengthAt, entryIndex, writeEntryHeader } from "./entry.ts";

/** Makes an entry with a key and a value of `valueLength` arbitrary bytes. */
export function makeEntry(arena: Arena, key: Uint8Array, keyLength: number, valueLength: number): Address {
  const address = arena.allocate(entryByteLength(keyLength, valueLength, false));
  if (address === 0) return address;
  const index = entryIndex(address);
  writeEntryHeader(arena.words[address >>> 22], index, keyLength, valueLength, 0);
  const bytes = arena.bytes[address >>> 22];
  const offset = (index << 2) + 12;
  for (let i = 0; i < keyLength; i++) bytes[offset + i] = key[i];
  return address;
}

export function freeEntry(arena: Arena, address: Address): void {
  arena.free(address, entryByteLengthAt(arena.words[address >>> 22], entryIndex(address)));
}
