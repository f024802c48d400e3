/**
 * A histogram of durations: logarithmic buckets, each divided into equal parts, so that a value is known to two
 * significant digits whatever its size. Recording is an index and an addition. Hot path.
 *
 * Values are whole nanoseconds from 0 to a second; what is longer counts as a second. The division is that of an HDR
 * histogram with two digits, so that figures read as Redis's do:
 *
 *     0 … 255      steps of 1
 *     256 … 511    steps of 2
 *     512 … 1023   steps of 4, and so on
 */

const HALF_BITS = 7;
const HALF = 1 << HALF_BITS;
const WHOLE_MASK = HALF * 2 - 1;
/** A second in nanoseconds. */
const VALUE_MAX = 1_000_000_000;
const PLACES = placeOf(VALUE_MAX) + 1;

function placeOf(value: number): number {
  const octave = 31 - Math.clz32(value | WHOLE_MASK) - HALF_BITS;
  return (octave << HALF_BITS) + (value >>> octave);
}

/** The largest value that has this place. */
function highestAt(place: number): number {
  if (place < HALF * 2) return place;
  const octave = (place >>> HALF_BITS) - 1;
  const step = 2 ** octave;
  return (HALF + (place & (HALF - 1))) * step + step - 1;
}

/** What a histogram holds, for the way to another shard: place, count, place, count, … */
export type SparseCounts = readonly number[];

export class Histogram {
  /** Values recorded. */
  count: number;
  readonly #counts: Float64Array;

  constructor() {
    this.count = 0;
    this.#counts = new Float64Array(PLACES);
  }

  /** Records `weight` values of `ns` nanoseconds; a fraction is cut off. */
  record(ns: number, weight: number): void {
    const value = ns >= VALUE_MAX ? VALUE_MAX : ns > 0 ? ns | 0 : 0;
    this.#counts[placeOf(value)] += weight;
    this.count += weight;
  }

  reset(): void {
    this.count = 0;
    this.#counts.fill(0);
  }

  /** The value that `percent` of the recorded ones do not exceed, as the highest of its step; 0 when there are none. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.floor((Math.min(percent, 100) / 100) * this.count + 0.5));
    let seen = 0;
    for (let place = 0; place < PLACES; place++) {
      seen += this.#counts[place];
      if (seen >= wanted) return highestAt(place);
    }
    return 0;
  }

  /** How many recorded values are not above `ns`, to the step in which it lies. */
  countUpTo(ns: number): number {
    const last = placeOf(Math.min(Math.max(0, ns), VALUE_MAX));
    let seen = 0;
    for (let place = 0; place <= last; place++) seen += this.#counts[place];
    return seen;
  }

  // tidy: cold function, for reports
  sparse(): number[] {
    const result: number[] = [];
    for (let place = 0; place < PLACES; place++) {
      if (this.#counts[place] > 0) result.push(place, this.#counts[place]);
    }
    return result;
  }

  // tidy: cold function, for reports
  addSparse(counts: SparseCounts): void {
    for (let i = 0; i + 1 < counts.length; i += 2) {
      this.#counts[counts[i]] += counts[i + 1];
      this.count += counts[i + 1];
    }
  }
}
