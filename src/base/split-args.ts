/**
 * Splits a line into arguments by Redis's quoting rules: for redis.conf and for the inline protocol.
 *
 * "…" knows \n \r \t \b \a \xHH and takes any other escaped byte as it is; '…' knows only \'. A quote may open inside a
 * word, and what follows a closing quote must be blank. It works on bytes, so a value may be anything but NUL, which
 * ends the line. It allocates: it is for lines typed by people, not for the binary protocol.
 */

const NUL = 0;
const SPACE = 32;
const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;
const LOWER_X = 120;

function isBlank(c: number): boolean {
  return c === SPACE || (c >= TAB && c <= CARRIAGE_RETURN);
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function escaped(c: number): number {
  switch (c) {
    case 110:
      return LINE_FEED;
    case 114:
      return CARRIAGE_RETURN;
    case 116:
      return TAB;
    case 98:
      return 8;
    case 97:
      return 7;
    default:
      return c;
  }
}

/** One word being read: `out` is as long as the line, which no word exceeds. */
class Word {
  readonly out: Uint8Array;
  length: number;

  constructor(room: number) {
    this.out = new Uint8Array(room);
    this.length = 0;
  }

  add(c: number): void {
    this.out[this.length++] = c;
  }
}

/** Reads from behind the opening quote to behind the closing one; -1 if it is missing or not followed by a blank. */
function readQuoted(line: Uint8Array, at: number, end: number, quote: number, word: Word): number {
  while (at < end && line[at] !== NUL) {
    const c = line[at];
    if (c === quote) {
      at++;
      return at < end && line[at] !== NUL && !isBlank(line[at]) ? -1 : at;
    }
    if (c !== BACKSLASH || at + 1 >= end || line[at + 1] === NUL) {
      word.add(c);
      at++;
    } else if (quote === SINGLE_QUOTE) {
      const isQuote = line[at + 1] === SINGLE_QUOTE;
      word.add(isQuote ? SINGLE_QUOTE : c);
      at += isQuote ? 2 : 1;
    } else if (line[at + 1] === LOWER_X && at + 3 < end && hexDigit(line[at + 2]) >= 0 && hexDigit(line[at + 3]) >= 0) {
      word.add(hexDigit(line[at + 2]) * 16 + hexDigit(line[at + 3]));
      at += 4;
    } else {
      word.add(escaped(line[at + 1]));
      at += 2;
    }
  }
  return -1;
}

/** The arguments of line[start, end), each a copy of its own; null when its quotes are not balanced. */
export function splitArgs(line: Uint8Array, start: number, end: number): Uint8Array[] | null {
  const args: Uint8Array[] = [];
  let at = start;
  for (;;) {
    while (at < end && isBlank(line[at])) at++;
    if (at >= end || line[at] === NUL) return args;
    const word = new Word(end - at);
    while (at < end) {
      const c = line[at];
      // Vertical tab and form feed separate words but do not end one: so does Redis.
      if (c === NUL || c === SPACE || c === TAB || c === LINE_FEED || c === CARRIAGE_RETURN) break;
      if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) {
        at = readQuoted(line, at + 1, end, c, word);
        if (at < 0) return null;
        // The closing quote ends the word.
        break;
      }
      word.add(c);
      at++;
    }
    args.push(word.out.slice(0, word.length));
  }
}
