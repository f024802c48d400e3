/**
 * kevy/runtime: the runtime without the Redis command set, for those who bring a command set of their own.
 *
 * A command set is a module that exports createCommands(); see Commands for the contract and docs/runtime.md for a
 * whole one. Everything a command function touches is exported here.
 */

export { Config } from "../config/config.ts";
export type { ArgvView } from "../resp/argv.ts";
export type { ReplyWriter, RespVersion } from "../resp/writer.ts";
export type { Database } from "../store/database.ts";
export {
  CommandFlag,
  type CommandFunction,
  type CommandModule,
  type CommandRow,
  type Commands,
  type KeyRange,
  type Parts,
  type PlaceFunction,
  type ReduceFunction,
  type Reduction,
} from "./commands.ts";
export type { Effects, EffectsObserver } from "./effects.ts";
export type { Execution } from "./execution.ts";
export { Runtime, type RuntimeOptions, StartError } from "./runtime.ts";
export type { LogLevel, ProcessFacts, ShardServices } from "./services.ts";
export { shardOfSlot, shardSlotRange, slotOf } from "./slots.ts";
