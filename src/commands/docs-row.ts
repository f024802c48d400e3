/**
 * One row of the commands' metadata, and short ways to write one for each family of commands.
 */

export interface CommandDocs {
  readonly group: "cluster" | "connection" | "generic" | "server" | "string";
  /** Version of Redis that brought it. */
  readonly since: string;
  /** Empty where nobody says. */
  readonly complexity: string;
  /** ACL categories beyond those that follow from its flags. */
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  /** What it does with its keys, in Redis's words; empty where it has none. */
  readonly keyFlags: readonly string[];
  /** Remark in the key specification. */
  readonly keyNotes: string;
  /** Key flags of a call in which the optional word is absent: [word, flags without it]. */
  readonly without: readonly [word: string, keyFlags: readonly string[]] | null;
  /** Allowed while a script runs over time. */
  readonly allowBusy: boolean;
}

export type Rest = Partial<Omit<CommandDocs, "group" | "since" | "complexity">>;

export function docs(group: CommandDocs["group"], since: string, complexity: string, rest: Rest): CommandDocs {
  return {
    group,
    since,
    complexity,
    categories: rest.categories ?? [],
    tips: rest.tips ?? [],
    keyFlags: rest.keyFlags ?? [],
    keyNotes: rest.keyNotes ?? "",
    without: rest.without ?? null,
    allowBusy: rest.allowBusy ?? false,
  };
}

const words = (text: string): string[] => (text === "" ? [] : text.split(" "));

/** A string command. */
export function text(since: string, keyFlags: string, complexity = "O(1)", rest: Rest = {}): CommandDocs {
  return docs("string", since, complexity, { categories: ["string"], keyFlags: words(keyFlags), ...rest });
}

/** A command for keys of any type. */
export function key(since: string, keyFlags: string, complexity = "O(1)", rest: Rest = {}): CommandDocs {
  return docs("generic", since, complexity, { categories: ["keyspace"], keyFlags: words(keyFlags), ...rest });
}

export function connection(since: string, complexity = "O(1)", rest: Rest = {}): CommandDocs {
  return docs("connection", since, complexity, { categories: ["connection"], ...rest });
}

export function server(since: string, complexity = "O(1)", rest: Rest = {}): CommandDocs {
  return docs("server", since, complexity, rest);
}
