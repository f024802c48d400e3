/**
 * A client of the simulation: says what its plan says, over a simulated connection, and writes down what it is told.
 *
 * It acts when it is called and something is due; it never waits. A reply that is not what its command can have, a reply
 * too many and an end that it did not ask for are problems; whether values fit is the checker's business.
 */

import type { SimConnection, SimNetwork } from "../../src/sys/sim-network.ts";
import type { History, Operation } from "./history.ts";
import { bulk, NIL, OK } from "./model.ts";
import { SCAN_ALL, scanCall, scanned, walkReply } from "./scan.ts";
import { type ClientPlan, randomOf } from "./scenario.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NULL = "_\r\n";
const UNKNOWN = "-ERR unknown command 'nosuchcommand', with args beginning with: ";
const ARITY = "-ERR wrong number of arguments for 'get' command\r\n";

export class SimClient {
  readonly plan: ClientPlan;
  /** What is wrong, or empty. */
  problem = "";
  /** Nothing more will happen here. */
  done = false;
  readonly #network: SimNetwork;
  readonly #history: History;
  readonly #connection: SimConnection;
  #batch = 0;
  /** When the next batch may be sent. */
  #batchUs: number;
  #readUs = 0;
  #resetUs = NEVER;
  #halfClosed = false;
  #outgoing = Buffer.alloc(0);
  #incoming = "";
  #commands = 0;
  /** Keys that the walk under way has found. */
  #walked: string[] = [];
  /** Without a reply, in the order in which they were sent. */
  readonly #waiting: Operation[] = [];

  constructor(plan: ClientPlan, network: SimNetwork, port: number, history: History, chance: number) {
    this.plan = plan;
    this.#network = network;
    this.#history = history;
    this.#connection = network.connect({ port }, randomOf(chance, 1000 + plan.id));
    this.#batchUs = this.#nowUs;
    if (plan.resp === 3) this.#ask(["hello", "3"]);
    if (plan.database !== 0) this.#ask(["select", String(plan.database)]);
    this.#batchUs += plan.batches.length > 0 ? plan.batches[0].pauseUs : 0;
  }

  get unanswered(): readonly Operation[] {
    return this.#waiting;
  }

  /** It has sent all it wants, has read all that came, and still waits for replies. */
  get isStuck(): boolean {
    return (
      !this.done &&
      this.#outgoing.length === 0 &&
      this.#connection.toServer.held === 0 &&
      this.#connection.toClient.held === 0 &&
      (this.#waiting.length > 0 || (this.#halfClosed && this.#connection.clientDueUs === NEVER))
    );
  }

  /** When act() has something to do; it may have passed. */
  get dueUs(): number {
    if (this.done) return NEVER;
    const connection = this.#connection;
    if (!connection.connected) return connection.openUs;
    let dueUs = Math.min(this.#resetUs, Math.max(this.#readUs, connection.clientDueUs));
    if (this.#outgoing.length > 0 && connection.toServer.room > 0) dueUs = 0;
    if (this.#mayContinue()) dueUs = Math.min(dueUs, this.#batchUs);
    return dueUs;
  }

  act(): void {
    const nowUs = this.#nowUs;
    const connection = this.#connection;
    if (connection.errorCode !== "") {
      this.#finish(`its connection broke: ${connection.errorCode}`);
      return;
    }
    if (!connection.connected) return;
    if (this.#resetUs <= nowUs) {
      connection.reset();
      this.done = true;
      return;
    }
    if (this.#mayContinue() && this.#batchUs <= nowUs) this.#continue();
    if (this.#outgoing.length > 0) this.#outgoing = this.#outgoing.subarray(connection.write(this.#outgoing));
    if (this.#readUs <= nowUs) this.#read(nowUs);
  }

  /** Nothing waits for the client any more, and it has said everything. */
  #mayContinue(): boolean {
    const { batches } = this.plan;
    if (this.#halfClosed) return false;
    if (this.#batch === batches.length)
      return this.#waiting.length === 0 || (this.plan.halfCloses && this.#outgoing.length === 0);
    return this.#outgoing.length === 0 && (this.#waiting.length === 0 || !batches[this.#batch].waits);
  }

  #continue(): void {
    const { batches, halfCloses } = this.plan;
    if (this.#batch === batches.length) {
      if (halfCloses) {
        this.#connection.end();
        this.#halfClosed = true;
      } else {
        this.#connection.close();
        this.done = true;
      }
      return;
    }
    for (const command of batches[this.#batch].commands) this.#ask(command);
    this.#batch++;
    if (this.#batch < batches.length) this.#batchUs = this.#nowUs + batches[this.#batch].pauseUs;
    const { resetAfter, resetPauseUs } = this.plan;
    if (resetAfter >= 0 && this.#commands >= resetAfter && this.#resetUs === NEVER) {
      this.#resetUs = this.#nowUs + resetPauseUs;
    }
  }

  #ask(command: readonly string[]): void {
    const operation: Operation = {
      client: this.plan.id,
      shard: this.plan.shard,
      database: this.plan.database,
      command,
      invoked: this.#history.stamp(),
      invokedUs: this.#nowUs,
      completed: NEVER,
      completedUs: NEVER,
      reply: "",
    };
    this.#commands++;
    this.#waiting.push(operation);
    this.#history.operations.push(operation);
    this.#send(command[0] === SCAN_ALL ? scanCall("0", command) : command);
  }

  #send(command: readonly string[]): void {
    const parts = command.map((arg) => `$${arg.length}\r\n${arg}\r\n`);
    const bytes = Buffer.from(`*${command.length}\r\n${parts.join("")}`, "latin1");
    this.#outgoing = this.#outgoing.length === 0 ? bytes : Buffer.concat([this.#outgoing, bytes]);
  }

  /** One call of a walk has been answered. True when the walk goes on. */
  #walkOn(operation: Operation, reply: string): boolean {
    const { cursor, keys } = scanned(reply);
    this.#walked.push(...keys);
    if (cursor !== "0") this.#send(scanCall(cursor, operation.command));
    return cursor !== "0";
  }

  #read(nowUs: number): void {
    const bytes = this.#connection.read(this.plan.readBytesMax);
    if (bytes.length > 0) {
      this.#readUs = nowUs + this.plan.readPauseUs;
      this.#incoming += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
      this.#takeReplies();
    }
    if (this.problem !== "" || !this.#connection.ended) return;
    if (!this.#halfClosed) this.#finish("the server closed it");
    else if (this.#waiting.length > 0)
      this.#finish(`the server closed it with ${this.#waiting.length} replies missing`);
    else {
      this.#connection.close();
      this.done = true;
    }
  }

  #takeReplies(): void {
    let at = 0;
    while (at < this.#incoming.length && this.problem === "") {
      const end = replyEnd(this.#incoming, at);
      if (end < 0) break;
      this.#reply(this.#incoming.slice(at, end));
      at = end;
    }
    this.#incoming = this.#incoming.slice(at);
  }

  #reply(text: string): void {
    let raw = text;
    const operation = this.#waiting[0];
    if (operation === undefined) {
      this.#finish(`a reply that nobody asked for: ${raw.slice(0, 80)}`);
      return;
    }
    if (operation.command[0] === SCAN_ALL && raw.startsWith("*2\r\n$")) {
      if (this.#walkOn(operation, raw)) return;
      raw = walkReply(this.#walked);
      this.#walked = [];
    }
    this.#waiting.shift();
    operation.reply = this.plan.resp === 3 ? inResp2(raw) : raw;
    operation.completed = this.#history.stamp();
    operation.completedUs = this.#nowUs;
    if (!fits(operation)) {
      this.#finish(`${operation.command.join(" ").slice(0, 80)} was answered ${JSON.stringify(raw.slice(0, 80))}`);
    }
    // A pause counts from the last reply.
    const { batches } = this.plan;
    if (this.#waiting.length === 0) {
      this.#batchUs = this.#nowUs + (this.#batch < batches.length ? batches[this.#batch].pauseUs : 0);
    }
  }

  #finish(problem: string): void {
    this.problem ||= problem;
    this.done = true;
  }

  get #nowUs(): number {
    return this.#network.clock.monotonicUs();
  }
}

/** Can the command have this reply, whatever the keys hold? */
function fits(operation: Operation): boolean {
  const { command, reply } = operation;
  switch (command[0]) {
    case "ping":
      return reply === "+PONG\r\n";
    case "echo":
      return reply === bulk(command[1]);
    case "nosuchcommand":
      return reply.startsWith(UNKNOWN) && reply.includes(command[1]);
    case "select":
      return reply === OK;
    case "mset":
      return reply === OK;
    case "get":
      return command.length === 1 ? reply === ARITY : reply[0] === "$";
    case "hello":
      return reply[0] === "%" || reply[0] === "*";
    case "mget":
    case "keys":
    case SCAN_ALL:
      return reply[0] === "*";
    default:
      return "+:$-".includes(reply[0]);
  }
}

/** Where the reply that starts at `at` ends, or -1 when it is not all there. */
export function replyEnd(text: string, at: number): number {
  const line = text.indexOf("\n", at) + 1;
  if (line === 0) return -1;
  const size = Number(text.slice(at + 1, line - 2));
  let end = line;
  switch (text[at]) {
    case "$":
      if (size >= 0) end += size + 2;
      return end <= text.length ? end : -1;
    case "*":
    case "%":
      for (let i = size * (text[at] === "%" ? 2 : 1); i > 0; i--) {
        if (end >= text.length) return -1;
        end = replyEnd(text, end);
        if (end < 0) return -1;
      }
      return end;
    default:
      return end;
  }
}

/** Of RESP3, only its null differs in the replies that are checked. */
function inResp2(raw: string): string {
  if (raw === NULL) return NIL;
  if (raw[0] !== "*") return raw;
  let text = raw.slice(0, raw.indexOf("\n") + 1);
  for (let at = text.length; at < raw.length; ) {
    const end = replyEnd(raw, at);
    text += inResp2(raw.slice(at, end));
    at = end;
  }
  return text;
}
