/**
 * Every bound of the system by name and unit: queues, buffers, loops.
 *
 * A limit that users may change lives in config/ and only its default is here. Where a number follows Redis, it says so.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

// Shards and mesh
/** One bit per shard in the words that name sets of shards limits us to 64. */
export const SHARDS_MAX = 64;
export const SLOTS = 16_384;
/** All rings together, whatever the number of shards. */
export const MESH_BYTES_MAX = 64 * MiB;
export const RING_BYTES_MAX = 1 * MiB;
export const RING_BYTES_MIN = 4 * KiB;
/** A longer message travels in fragments of at most this size. */
export const MESSAGE_BYTES_MAX = 16 * KiB;
/** Requests an origin may have outstanding at one owner before its connections stop parsing. */
export const CREDITS_PER_OWNER = 4096;

// Reactor
export const OUTPUT_BLOCK_BYTES = 16 * KiB;
export const OUTPUT_BLOCKS_PER_SLAB = 64;
/** Blocks handed to the kernel in one send. */
export const SEND_BLOCKS_MAX = 8;
export const RECEIVE_BUFFER_BYTES = 16 * KiB;
export const RECEIVE_BUFFERS = 512;
export const RING_ENTRIES = 1024;
export const COMPLETION_ENTRIES = 8192;
export const TICK_MS = 100;
/** A connection that does not parse (it waits, or its peer does not read) takes this much more input, then stops reading. */
export const STOPPED_INPUT_BYTES_MAX = 64 * KiB;
/** A reply value from this size on is sent from where it is stored, at the reader's pace, instead of being copied whole. */
export const PINNED_REPLY_BYTES_MIN = 64 * KiB;
/** How much of a pinned value may stand in output blocks at a time. */
export const PINNED_WINDOW_BYTES = 64 * KiB;

// Protocol (Redis's numbers)
export const INLINE_BYTES_MAX = 64 * KiB;
export const BULK_BYTES_MAX_DEFAULT = 512 * MiB;
export const MULTIBULK_COUNT_MAX = 1024 * 1024;
/** Before authentication Redis takes less. */
export const MULTIBULK_COUNT_UNAUTHENTICATED_MAX = 10;
export const BULK_BYTES_UNAUTHENTICATED_MAX = 16 * KiB;
export const QUERY_BUFFER_BYTES_MAX_DEFAULT = 1024 * MiB;
export const DATABASES_DEFAULT = 16;
export const STRING_BYTES_MAX = 512 * MiB;
