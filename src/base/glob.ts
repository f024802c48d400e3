/**
 * Redis's glob patterns over bytes: `*`, `?`, `[a-z]`, `[^a]` and `\` before a literal. Hot path.
 *
 * The semantics are those of Redis to the letter, its oddities included: an unclosed class ends with the pattern, a range
 * may be written backwards, and no star matches an empty text. It is not a path glob: a `/` is a byte like any other.
 * Cost: at most pattern length times text length, because a failed match goes back to the last star only.
 */

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;

function lower(c: number): number {
  return c >= 65 && c <= 90 ? c | 32 : c;
}

function signed(c: number): number {
  return (c << 24) >> 24;
}

/**
 * Reads the class whose `[` stands before `at`. Returns the offset behind the class when `c` is in it, and the ones'
 * complement of that offset (a negative number) when it is not.
 */
function classAt(pattern: Uint8Array, at: number, end: number, c: number, anyCase: boolean): number {
  const inverted = at < end && pattern[at] === CARET;
  if (inverted) at++;
  const wanted = anyCase ? lower(c) : c;
  let found = false;
  while (at < end) {
    const p = pattern[at];
    if (p === BACKSLASH && at + 1 < end) {
      at++;
      // An escaped byte is compared as it stands, even when case does not matter: so does Redis.
      if (pattern[at] === c) found = true;
    } else if (p === CLOSE) {
      at++;
      return found !== inverted ? at : ~at;
    } else if (at + 2 < end && pattern[at + 1] === DASH) {
      // Redis compares ranges as signed bytes on the machines it mostly runs on: 0xff stands before 0.
      let from = signed(p);
      let to = signed(pattern[at + 2]);
      if (from > to) {
        const swap = from;
        from = to;
        to = swap;
      }
      if (anyCase) {
        from = lower(from);
        to = lower(to);
      }
      at += 2;
      const place = signed(wanted);
      if (place >= from && place <= to) found = true;
    } else if ((anyCase ? lower(p) : p) === wanted) {
      found = true;
    }
    at++;
  }
  return found !== inverted ? end : ~end;
}

/** Does the glob pattern[patternStart, patternEnd) match the whole of text[textStart, textEnd)? */
export function globMatches(
  pattern: Uint8Array,
  patternStart: number,
  patternEnd: number,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
  anyCase: boolean,
): boolean {
  let p = patternStart;
  let t = textStart;
  if (t >= textEnd) return p >= patternEnd;
  // Where to go on after a mismatch: behind the last star, one text byte further. -1: no star so far.
  let starPattern = -1;
  let starText = 0;
  while (t < textEnd) {
    let matched = false;
    if (p < patternEnd) {
      const c = pattern[p];
      if (c === STAR) {
        p++;
        if (p === patternEnd) return true;
        starPattern = p;
        starText = t;
        continue;
      }
      if (c === QUESTION) {
        p++;
        matched = true;
      } else if (c === OPEN) {
        const next = classAt(pattern, p + 1, patternEnd, text[t], anyCase);
        matched = next >= 0;
        if (matched) p = next;
      } else {
        const at = c === BACKSLASH && p + 1 < patternEnd ? p + 1 : p;
        matched = anyCase ? lower(pattern[at]) === lower(text[t]) : pattern[at] === text[t];
        p = at + 1;
      }
    }
    if (matched) {
      t++;
    } else {
      if (starPattern < 0) return false;
      p = starPattern;
      t = ++starText;
    }
  }
  while (p < patternEnd && pattern[p] === STAR) p++;
  return p === patternEnd;
}
