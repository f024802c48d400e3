/**
 * Branded integers: ids and indexes that the compiler keeps apart although all are numbers at run time.
 *
 * `as` casts that make a brand belong where the number is born (an allocator, a table), nowhere else.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Index of a shard, 0 ≤ id < number of shards ≤ 64. */
export type ShardId = Branded<"ShardId">;
/** Index of a socket in its reactor's tables. Reused after onClosed, so it never outlives that call. */
export type SocketId = Branded<"SocketId">;
/** Index of a listener in its reactor's tables. */
export type ListenerId = Branded<"ListenerId">;
/** Index of an output block in its pool. */
export type BlockId = Branded<"BlockId">;
/** A place in an arena, in units of 16 bytes; 0 is no place. */
export type Address = Branded<"Address">;
/** Number of a command in the command set's table. */
export type CommandId = Branded<"CommandId">;
/** CRC16 hash slot of a key, 0 ≤ slot < 16384. */
export type Slot = Branded<"Slot">;
