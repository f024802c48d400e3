/**
 * Planted bugs: ways to break the server from outside, so that tests see that the simulator would find them.
 *
 * Each works on what goes into a shard by its constructor (the mesh), or on a prototype for as long as it is installed.
 * Production code knows nothing of them.
 */

import { Directory } from "../../src/memory/directory.ts";
import { Table } from "../../src/memory/table.ts";
import type { Mesh } from "../../src/mesh/mesh.ts";
import type { Conn } from "../../src/runtime/conn.ts";
import { Router } from "../../src/runtime/router.ts";
import type { Parts, World } from "./world.ts";

/** Kinds of messages, as exchange.ts numbers them. */
const REPLY = 2;
const FRAGMENT = 6;
const NO_MESSAGE = -1;
/** An eighth of all hashes. */
const LEAP = 2 ** 29;
const LAST_HASH = 2 ** 32 - 1;

export interface Plant {
  readonly name: string;
  /** What is wrong. */
  readonly what: string;
  readonly parts: Parts;
  /** Breaks a prototype; the result mends it. */
  readonly install: () => () => void;
}

function nothing(): () => void {
  return () => {};
}

function inMesh(name: string, what: string, breakIt: (mesh: Mesh, world: World) => void): Plant {
  const mesh = (real: Mesh, world: World): Mesh => {
    breakIt(real, world);
    return real;
  };
  return { name, what, parts: { mesh }, install: nothing };
}

/** The readers of a mesh pass over messages that `dropped` chooses. */
function dropMessages(mesh: Mesh, dropped: (kind: number, client: number) => boolean): void {
  for (const reader of mesh.readers) {
    const next = reader.next.bind(reader);
    reader.next = (): number => {
      let at = next();
      while (at !== NO_MESSAGE && dropped(reader.kind, reader.second >>> 0)) at = next();
      return at;
    };
  }
}

function isConnected(world: World, shard: number, id: number): boolean {
  let found = false;
  const visit = (conn: Conn): void => {
    found ||= conn.id === id;
  };
  world.shards[shard].visitClients({ visit });
  return found;
}

export const PLANTS: readonly Plant[] = [
  inMesh("lost-wake-up", "a shard goes to sleep without a last look at its rings", (mesh) => {
    mesh.hasInput = () => false;
  }),
  inMesh("lost-wake-up-of-sender", "who has made room in a ring does not wake the shard that waits for it", (mesh) => {
    mesh.release = (source) => {
      mesh.readers[source].release();
    };
  }),
  {
    name: "reply-out-of-order",
    what: "a reply leaves when it comes, and not in its turn",
    parts: {},
    install: () => {
      const { replied } = Router.prototype;
      Router.prototype.replied = function (conn, seq, bytes, view, start, end): void {
        const turn = conn.nextEmit;
        conn.nextEmit = seq;
        replied.call(this, conn, seq, bytes, view, start, end);
        conn.nextEmit = (turn + 1) | 0;
      };
      return () => {
        Router.prototype.replied = replied;
      };
    },
  },
  {
    name: "order-not-strict",
    what: "with pipeline-order strict, commands of a pipeline overlap on several shards",
    parts: {},
    install: () => {
      const { request } = Router.prototype;
      Router.prototype.request = function (conn, argv, id, target): boolean {
        this.strict = false;
        return request.call(this, conn, argv, id, target);
      };
      return () => {
        Router.prototype.request = request;
      };
    },
  },
  inMesh("dropped-fragment", "of every ten fragments of long messages one is lost", (mesh) => {
    let fragments = 0;
    dropMessages(mesh, (kind) => kind === FRAGMENT && ++fragments % 10 === 0);
  }),
  {
    name: "stale-read",
    what: "the look-up after a leaf of the table has grown does not see its entry",
    parts: {},
    install: () => {
      const { makeRoom } = Directory.prototype;
      const { find } = Table.prototype;
      const grown = new WeakSet<Directory>();
      Directory.prototype.makeRoom = function (hash): boolean {
        grown.add(this);
        return makeRoom.call(this, hash);
      };
      Table.prototype.find = function (view, start, end, hash) {
        const found = find.call(this, view, start, end, hash);
        if (found === 0 || !grown.delete(this.directory)) return found;
        return 0 as typeof found;
      };
      return () => {
        Directory.prototype.makeRoom = makeRoom;
        Table.prototype.find = find;
      };
    },
  },
  {
    name: "scan-leaps",
    what: "a walk that goes on after a leaf has grown leaves out some hashes",
    parts: {},
    install: () => {
      const { makeRoom } = Directory.prototype;
      const { scan } = Table.prototype;
      const grown = new WeakSet<Directory>();
      Directory.prototype.makeRoom = function (hash): boolean {
        grown.add(this);
        return makeRoom.call(this, hash);
      };
      Table.prototype.scan = function (cursor, countMin, visitor): number {
        const leap = cursor > 0 && grown.delete(this.directory) ? LEAP : 0;
        return scan.call(this, Math.min(cursor + leap, LAST_HASH), countMin, visitor);
      };
      return () => {
        Directory.prototype.makeRoom = makeRoom;
        Table.prototype.scan = scan;
      };
    },
  },
  inMesh("credit-leak", "the reply to a client that is gone does not give its credit back", (mesh, world) => {
    dropMessages(mesh, (kind, client) => kind === REPLY && !isConnected(world, mesh.shard, client));
  }),
];

export function plantOf(name: string): Plant {
  const plant = PLANTS.find((one) => one.name === name);
  if (plant === undefined) throw new Error(`no plant ${name}: ${PLANTS.map((one) => one.name).join(", ")}`);
  return plant;
}

/** Runs `body` with a bug in place. */
export function withPlant<T>(plant: Plant, body: (parts: Parts) => T): T {
  const mend = plant.install();
  try {
    return body(plant.parts);
  } finally {
    mend();
  }
}
