/**
 * Effects: what a write did. Hot path.
 *
 * A write that changed something says which keys changed and under which event; a write that changed nothing has no
 * effect. Log, replication, WATCH, notifications and wake-ups all derive from this one list. A command whose outcome
 * depends on time or chance also gives the record that repeats it (SET k v PXAT …); otherwise the record is the command
 * as it came. With no observer a change costs one addition.
 */

import { Argv, type ArgvView } from "../resp/argv.ts";

export interface EffectsObserver {
  /** A key changed. The bytes are valid during the call. */
  onChange(database: number, event: string, bytes: Uint8Array, start: number, end: number): void;
  /** The canonical record of what was just changed: repeating it on a store in the same state has the same effect. Borrowed. */
  onRecord(database: number, record: ArgvView): void;
}

export class Effects {
  /** Changes since the start; INFO's rdb_changes_since_last_save. */
  changes: number;
  observer: EffectsObserver | null;
  #database: number;
  #before: number;
  #recorded: boolean;

  constructor() {
    this.changes = 0;
    this.observer = null;
    this.#database = 0;
    this.#before = 0;
    this.#recorded = false;
  }

  /** True when somebody wants records; a command builds its canonical record only then. */
  get observed(): boolean {
    return this.observer !== null;
  }

  /** A command begins. */
  begin(database: number): void {
    this.#database = database;
    this.#before = this.changes;
    this.#recorded = false;
  }

  /** A key changed: `event` is the name of its notification. */
  changed(event: string, bytes: Uint8Array, start: number, end: number): void {
    this.changes++;
    if (this.observer !== null) this.observer.onChange(this.#database, event, bytes, start, end);
  }

  /** The whole database, or all of them, changed: `count` keys went. */
  changedAll(event: string, count: number): void {
    if (count === 0) return;
    this.changes += count;
    if (this.observer !== null) this.observer.onChange(this.#database, event, NO_KEY, 0, 0);
  }

  /** The canonical record of this command, in place of the command as it came. May be called several times. */
  record(args: readonly (string | Uint8Array)[]): void {
    this.#recorded = true;
    if (this.observer !== null) this.observer.onRecord(this.#database, Argv.of(args));
  }

  /** A key expired or was evicted while nobody wrote it. */
  removed(database: number, event: string, bytes: Uint8Array, start: number, end: number): void {
    if (this.observer === null) return;
    this.observer.onChange(database, event, bytes, start, end);
    this.observer.onRecord(database, Argv.of(["DEL", bytes.slice(start, end)]));
  }

  /** The command is done: if it changed something and gave no record, the record is the command. */
  finish(argv: ArgvView): void {
    if (this.observer !== null && this.changes !== this.#before && !this.#recorded) {
      this.observer.onRecord(this.#database, argv);
    }
  }
}

const NO_KEY = new Uint8Array(0);
