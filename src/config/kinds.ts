/**
 * The kinds of option values: how each is read from words, what is wrong with it in Redis's words, and its one printed form.
 *
 * A value is kept as the text that CONFIG GET prints. Texts here are byte strings (one character per byte, latin1), so
 * that a password or a path survives whatever its encoding. Nothing here knows which options exist.
 */

/** A value in its printed form, or what is wrong with the words, as Redis says it. */
export type Reading = { readonly value: string } | { readonly error: string };

export interface Kind {
  /** As the help shows it: `yes|no`, `integer`, … */
  readonly shape: string;
  /** Does it take several words? Then one word with blanks is split at each blank, as CONFIG SET's single argument is. */
  readonly many: boolean;
  /** How CONFIG REWRITE writes the value into a line: one that may hold any character stands in quotes. */
  readonly written: "plain" | "quoted" | "memory";
  /** `current` is the value so far: some directives add to it. */
  read(words: readonly string[], current: string): Reading;
}

const SIGNED_64_MAX = 9223372036854775807n;
const SIGNED_64_MIN = -9223372036854775808n;
const UNSIGNED_64_MAX = 18446744073709551615n;
export const INT_MAX = 2147483647;
export const LONG_MAX = SIGNED_64_MAX;

const wrong = (error: string): Reading => ({ error });

function single(
  shape: string,
  read: (word: string, current: string) => Reading,
  written: Kind["written"] = "plain",
): Kind {
  return { shape, many: false, written, read: (words, current) => read(words[0], current) };
}

/** The number of a text that Redis's string2ll takes, or null. */
function integerOf(text: string): bigint | null {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value > SIGNED_64_MAX || value < SIGNED_64_MIN ? null : value;
}

export const YES_NO: Kind = single("yes|no", (word) => {
  const value = word.toLowerCase();
  return value === "yes" || value === "no" ? { value } : wrong("argument must be 'yes' or 'no'");
});

export const TEXT: Kind = single("text", (value) => ({ value }), "quoted");

/** A file name without a folder. `what` is Redis's word for it. */
export function bareName(name: string, what: string): Kind {
  return single(
    "name",
    (value) => (value.includes("/") ? wrong(`${name} can't be a path, just a ${what}`) : { value }),
    "quoted",
  );
}

export function integer(min: number | bigint, max: number | bigint): Kind {
  return single("integer", (word) => {
    const value = integerOf(word);
    if (value === null) return wrong("argument couldn't be parsed into an integer");
    if (value < BigInt(min) || value > BigInt(max)) {
      return wrong(`argument must be between ${min} and ${max} inclusive`);
    }
    return { value: String(value) };
  });
}

/** An integer that Redis brings into its bounds silently instead of refusing it. */
export function clampedInteger(min: number, max: number): Kind {
  return single("integer", (word) => {
    const reading = integer(0, INT_MAX).read([word], "");
    if ("error" in reading) return reading;
    return { value: String(Math.min(max, Math.max(min, Number(reading.value)))) };
  });
}

/** `auto`, or an integer. */
export function automaticOr(min: number, max: number): Kind {
  return single("auto|integer", (word) =>
    word.toLowerCase() === "auto" ? { value: "auto" } : integer(min, max).read([word], ""),
  );
}

/** File permissions. The bounds are given, and printed, in octal. */
export function octal(max: number): Kind {
  return single("octal", (word) => {
    if (!/^[0-7]{1,20}$/.test(word)) return wrong("argument couldn't be parsed as an octal number");
    const value = Number.parseInt(word, 8);
    if (value > max) return wrong(`argument must be between 0 and ${max.toString(8)} inclusive`);
    return { value: value.toString(8) };
  });
}

const UNITS: Readonly<Record<string, bigint>> = {
  "": 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/** The bytes of `64mb`, `1k`, `12`, or null. No digits at all count as zero, as they do in Redis. */
function memoryOf(text: string): bigint | null {
  const parts = /^([0-9]{0,40})([a-z]*)$/.exec(text.toLowerCase());
  if (parts === null || !Object.hasOwn(UNITS, parts[2])) return null;
  const value = BigInt(parts[1] || "0") * UNITS[parts[2]];
  return value > UNSIGNED_64_MAX ? UNSIGNED_64_MAX : value;
}

export function memory(min: number | bigint, max: number | bigint): Kind {
  const read = (word: string): Reading => {
    const value = memoryOf(word);
    if (value === null) return wrong("argument must be a memory value");
    if (value < BigInt(min) || value > BigInt(max)) {
      return wrong(`argument must be between ${min} and ${max} inclusive`);
    }
    return { value: String(value) };
  };
  return single("bytes", read, "memory");
}

/** The shortest text of an amount of memory that means exactly that amount: `100mb`, `1500`. Other texts stay as they are. */
export function memoryText(value: string): string {
  if (!/^[0-9]+$/.test(value) || value === "0") return value;
  const bytes = BigInt(value);
  for (const unit of ["gb", "mb", "kb"]) {
    if (bytes % UNITS[unit] === 0n) return `${bytes / UNITS[unit]}${unit}`;
  }
  return value;
}

/** Any amount of memory that 64 bits hold. */
export const MEMORY: Kind = memory(0, UNSIGNED_64_MAX);

function memoryOrPercent(word: string): Reading {
  if (word.endsWith("%")) {
    const digits = word.slice(0, -1);
    if (!/^[0-9]{1,18}$/.test(digits)) return wrong("argument must be a memory or percent value");
    const percent = Number(digits);
    if (percent > 100) return wrong("percentage argument must be less or equal to 100");
    return { value: percent === 0 ? "0" : `${percent}%` };
  }
  const value = memoryOf(word);
  return value === null ? wrong("argument must be a memory or percent value") : { value: String(value) };
}

export const MEMORY_OR_PERCENT: Kind = single("bytes|percent", memoryOrPercent, "memory");

function oneOf(names: readonly string[]): Reading {
  return wrong(`argument(s) must be one of the following: ${names.join(", ")}`);
}

/** One of a few words. */
export function choice(names: readonly string[]): Kind {
  return single(names.join("|"), (word) => {
    const value = word.toLowerCase();
    return names.includes(value) ? { value } : oneOf(names);
  });
}

const SHUTDOWN_WORDS = ["default", "save", "nosave", "now", "force"];

/** What a signal does: words of SHUTDOWN, `default` being none of them. */
export const SHUTDOWN_OPTIONS: Kind = {
  shape: SHUTDOWN_WORDS.join("|"),
  many: true,
  written: "plain",
  read(words) {
    const given = words.map((word) => word.toLowerCase());
    if (given.length === 0 || !given.every((word) => SHUTDOWN_WORDS.includes(word))) return oneOf(SHUTDOWN_WORDS);
    if (given.includes("save") && given.includes("nosave")) {
      return wrong("shutdown options SAVE and NOSAVE can't be used simultaneously");
    }
    return {
      value: SHUTDOWN_WORDS.filter((word) => word !== "default" && given.includes(word)).join(" ") || "default",
    };
  },
};

const BIND_ADDRESSES_MAX = 16;

export const ADDRESSES: Kind = {
  shape: "address …",
  many: true,
  written: "plain",
  read(words) {
    if (words.length > BIND_ADDRESSES_MAX) return wrong("Too many bind addresses specified.");
    return { value: words.filter((word) => word !== "").join(" ") };
  },
};

/** Save points. Each directive adds its points; `save ""` takes all away. */
export const SAVE_POINTS: Kind = {
  shape: "seconds changes …",
  many: true,
  written: "plain",
  read(words, current) {
    if (words.length === 0) return { value: "" };
    if (words.length % 2 !== 0) return wrong("Invalid save parameters");
    for (let i = 0; i < words.length; i += 2) {
      const seconds = integerOf(words[i]);
      const changes = integerOf(words[i + 1]);
      if (seconds === null || changes === null || seconds < 1n || changes < 0n) return wrong("Invalid save parameters");
    }
    return { value: [current, ...words].filter((part) => part !== "").join(" ") };
  },
};

const OUTPUT_CLASSES = ["normal", "slave", "pubsub"];

/** Output limits by class of client; a directive changes the classes it names. */
export const OUTPUT_LIMITS: Kind = {
  shape: "class hard soft seconds …",
  many: true,
  written: "plain",
  read(words, current) {
    if (words.length % 4 !== 0) return wrong("Wrong number of arguments in buffer limit configuration.");
    const values = current.split(" ");
    for (let i = 0; i < words.length; i += 4) {
      const name = words[i].toLowerCase();
      const index = OUTPUT_CLASSES.indexOf(name === "replica" ? "slave" : name);
      if (index < 0) return wrong("Invalid client class specified in buffer limit configuration.");
      const hard = memoryOf(words[i + 1]);
      const soft = memoryOf(words[i + 2]);
      const seconds = integerOf(words[i + 3]);
      if (hard === null || soft === null || seconds === null || seconds < 0n || seconds > BigInt(INT_MAX)) {
        return wrong("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
      }
      values.splice(index * 4 + 1, 3, String(hard), String(soft), String(seconds));
    }
    return { value: values.join(" ") };
  },
};

const EVENT_CLASSES = "g$lshzxetd";

function events(word: string): Reading {
  for (const letter of word) {
    if (!`A${EVENT_CLASSES}KEmn`.includes(letter)) {
      return wrong("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }
  }
  const has = (letter: string): boolean =>
    word.includes(letter) || (EVENT_CLASSES.includes(letter) && word.includes("A"));
  const classes = [...EVENT_CLASSES].filter(has).join("");
  const others = [..."KEmn"].filter(has).join("");
  return { value: (classes === EVENT_CLASSES ? "A" : classes) + others };
}

export const EVENTS: Kind = single("classes", events, "quoted");

export const PERCENTILES: Kind = {
  shape: "percentile …",
  many: true,
  written: "plain",
  read(words) {
    const values: string[] = [];
    for (const word of words) {
      if (!/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(word))
        return wrong("Invalid latency-tracking-info-percentiles parameters");
      const value = Number(word);
      if (value < 0 || value > 100) {
        return wrong("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
      }
      values.push(String(value));
    }
    return { value: values.join(" ") };
  },
};

const OOM_SCORE_MAX = 2000n;

export const OOM_SCORES: Kind = {
  shape: "n n n",
  many: true,
  written: "plain",
  read(words) {
    if (words.length !== 3) return wrong("wrong number of arguments");
    for (const word of words) {
      const score = integerOf(word);
      if (score === null || score < -OOM_SCORE_MAX || score > OOM_SCORE_MAX) {
        return wrong("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
      }
    }
    return { value: words.join(" ") };
  },
};

const PORT_MAX = 65_535n;

export const PRIMARY: Kind = {
  shape: "host port",
  many: true,
  written: "plain",
  read(words) {
    if (words.length !== 2) return wrong("wrong number of arguments");
    if (words[0].toLowerCase() === "no" && words[1].toLowerCase() === "one") return { value: "" };
    const port = integerOf(words[1]);
    if (port === null || port < 0n || port > PORT_MAX) return wrong("Invalid master port");
    return { value: words.join(" ") };
  },
};

const HOST_NAME_CHARS_MAX = 255;

function hostName(value: string): Reading {
  if (value.length > HOST_NAME_CHARS_MAX) return wrong("Hostnames must be less than 256 characters");
  if (!/^[A-Za-z0-9.-]*$/.test(value)) {
    return wrong("Hostnames may only contain alphanumeric characters, hyphens or dots");
  }
  return { value };
}

export const HOST_NAME: Kind = single("host name", hostName, "quoted");

/** Fields of the process title that are never empty, and those that may be. */
const TITLE_FIELDS = "listen-addr|port|tls-port|unixsocket|config-file";
const TITLE_FIELDS_EMPTY = "title|server-mode";

function title(value: string): Reading {
  const rest = value
    .replaceAll(new RegExp(`\\{(${TITLE_FIELDS})\\}`, "g"), "x")
    .replaceAll(new RegExp(`\\{(${TITLE_FIELDS_EMPTY})\\}`, "g"), "");
  // A title that comes out blank is none.
  return rest.trim() === "" || /[{}]/.test(rest)
    ? wrong("template format is invalid or contains unknown variables")
    : { value };
}

export const TITLE: Kind = single("template", title, "quoted");
