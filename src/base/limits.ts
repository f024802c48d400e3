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
/** In use until they run out: as much as stays in a core's cache. */
export const RECEIVE_BUFFERS_AT_FIRST = 64;
export const RING_ENTRIES = 1024;
export const COMPLETION_ENTRIES = 8192;
export const TICK_MS = 100;
/** A connection that does not parse, because it waits, takes this much more input, then stops reading. */
export const STOPPED_INPUT_BYTES_MAX = 64 * KiB;

// Clients
/** Every client is looked at once a second, in slices of at most this many a tick; with fewer than the least, all of them. */
export const CLIENTS_PER_TICK_MIN = 5;
export const CLIENTS_PER_TICK_MAX = 4096;
/** What a client is counted with before it has any buffer: its state here and in the reactor. */
export const CLIENT_BYTES = 1 * KiB;
/** A lower maxmemory-clients is taken for this one (Redis's number). */
export const CLIENTS_MEMORY_BYTES_MIN = 128 * KiB;
/** Over maxmemory-clients a shard sorts its clients by size at most so often. */
export const EVICTION_SCAN_PAUSE_MS = 10;
/** The largest buffers of clients are remembered for so many seconds (Redis's number). */
export const CLIENT_PEAK_SECONDS = 8;
/** Input of a client that passes client-query-buffer-limit is quoted in the log up to this length (Redis's number). */
export const LOGGED_INPUT_BYTES_MAX = 64;

// Protocol (Redis's numbers)
export const INLINE_BYTES_MAX = 64 * KiB;
export const BULK_BYTES_MAX_DEFAULT = 512 * MiB;
/** Before authentication Redis takes less. */
export const MULTIBULK_COUNT_UNAUTHENTICATED_MAX = 10;
export const BULK_BYTES_UNAUTHENTICATED_MAX = 16 * KiB;
export const QUERY_BUFFER_BYTES_MAX_DEFAULT = 1024 * MiB;
export const DATABASES_DEFAULT = 16;
export const STRING_BYTES_MAX = 512 * MiB;

// Memory: arena and table
/** Off-heap memory comes from the system in segments of this size; a value of more than half of it has one of its own. */
export const SEGMENT_BYTES = 64 * MiB;
/** Segment numbers have 9 bits, 0 is no segment: 511 × 64 MiB a shard. */
export const SEGMENTS_MAX = 512;
export const HUGE_BYTES_MIN = 32 * MiB;
export const HUGE_BYTES_MAX = 1024 * MiB + 64 * KiB;
/** Granule of all memory above the small size classes. */
export const PAGE_BYTES = 4 * KiB;
export const SMALL_BYTES_MAX = 8 * KiB;
/** Free pages of a living segment go back to the system, where it can be asked, when a run has this many dirty ones. */
export const RELEASE_PAGES_MIN = 256;
/** An empty segment is kept for the next need only if no more than this many of its pages were ever used. */
export const SPARE_SEGMENT_PAGES_MAX = 256;
/** Runs looked at in a bin that may hold one that is long enough, before going on to another segment. */
export const FIT_TRIES_MAX = 8;
/** Bits of a key hash that may choose the leaf of a table: 4 M leaves of some 600 entries, a directory of 32 MiB. */
export const TABLE_DEPTH_MAX = 22;
/** A directory never has more than this many places per leaf; beyond it a leaf is chained instead of split. */
export const DIRECTORY_PLACES_PER_LEAF_MAX = 16;
/** Slots looked at for one sample of entries. */
export const SAMPLE_SLOTS_MAX = 1024;
/** Places tried for a random entry before the nearest one is taken. */
export const RANDOM_TRIES_MAX = 1024;

// Configuration
/** A longer redis.conf is taken for a mistake. */
export const CONFIG_FILE_BYTES_MAX = 16 * MiB;
/** Files read in one start, includes counted; it also ends includes that multiply. */
export const CONFIG_INCLUDES_MAX = 1000;
/** Redis sets no bound but memory's; a table of databases must be one that can be made. */
export const DATABASES_MAX = 16_384;

// Log
/** A longer message is cut. */
export const LOG_MESSAGE_CHARS_MAX = 64 * KiB;
/** How often, in ms at most, the log looks whether its file was moved away. */
export const LOG_REOPEN_CHECK_MS = 1000;

// Server
/** What a server without data was measured to have resident, for its process … */
export const PROCESS_MEMORY_BYTES = 80 * MiB;
/** … and for each shard. */
export const SHARD_MEMORY_USED_BYTES = 20 * MiB;
/** Open files that Redis sets aside before it counts clients. */
export const DESCRIPTORS_RESERVED = 32;
/** What Node.js, the main thread and standard streams have open: 23 measured, … */
export const DESCRIPTORS_OF_PROCESS = 24;
/** … and each shard besides its listeners: 6 measured with either reactor, and two to spare. */
export const DESCRIPTORS_PER_SHARD = 8;
/** A shard is not started on less: what a worker's heap and its first segments need. */
export const SHARD_MEMORY_BYTES = 32 * MiB;

// io_uring and epoll reactors
/** Sockets of one shard; what the kernel reports gives a slot 24 bits. */
export const SOCKETS_MAX = 1 << 20;
/** Out of descriptors or memory, a listener rests this long before it accepts again; its queue is the kernel's meanwhile. */
export const ACCEPT_REST_MS = 100;
/** io_uring: how often sockets that fell silent are asked whether their peer has ended, and how many by one call. */
export const SWEEP_MS = 1000;
export const SWEEP_SOCKETS_MAX = 512;
/** epoll: taken from the kernel in one wait; others come with the next. */
export const EPOLL_EVENTS_MAX = 512;
/** epoll: what one read takes of one socket. */
export const EPOLL_RECEIVE_BYTES = 64 * KiB;
/** epoll: connections accepted in a row before other sockets have their turn. */
export const ACCEPTS_PER_EVENT_MAX = 64;
/** node:net turns clients away without a word when descriptors run out: after new ones it looks this often at most. */
export const DESCRIPTOR_PROBE_MS = 1000;
/** A server says so often at most that it cannot accept clients. */
export const ACCEPT_WARNING_MS = 60_000;
/** destroy() waits at most this many rounds of DESTROY_ROUND_MS for the kernel to let go of what it cancelled. */
export const DESTROY_ROUNDS_MAX = 50;
export const DESTROY_ROUND_MS = 10;

// Numbers as text
/** Longest text that is read as a floating-point number (Redis's number). */
export const FLOAT_TEXT_BYTES_MAX = 5119;

/** A server that another one keeps from looking for its port tries again after this time, … */
export const START_LOCK_POLL_MS = 10;
/** … and goes on without the lock after this one. */
export const START_LOCK_WAIT_MS_MAX = 5_000;
/** Once nobody is served any more, a thread has this long to give back its sockets before it is ended. */
export const THREAD_STOP_MS_MAX = 1_000;

// Statistics
/** Kinds of errors (their first words) that are counted apart; Redis's number. */
export const ERROR_KINDS_MAX = 128;
/** Arguments of a command that SLOWLOG shows, and bytes of each; Redis's numbers. */
export const SLOWLOG_ARGUMENTS_MAX = 32;
export const SLOWLOG_ARGUMENT_BYTES_MAX = 128;
/** Samples that LATENCY keeps of an event; Redis's number. */
export const LATENCY_SAMPLES_MAX = 160;
/** A command that moves more bytes than this is timed whatever it is. */
export const MOVED_BYTES_MAX = 64 * KiB;
/** With a threshold below this, in microseconds, any command may be a slow one: each is timed. */
export const SLOW_US_TIMES_ALL = 1000;

// maxmemory
/** The ledger of memory counts in pieces of this size: 2^31 of them are 8 TiB. */
export const LEDGER_GRANULE_BYTES = 4 * KiB;
/** A shard claims so much at once while there is plenty. */
export const LEDGER_CLAIM_BYTES = 64 * KiB;
/** What a shard may claim for its next commands before another one, which holds more, has evicted, and not over an eighth of its share. */
export const LEDGER_RESERVE_BYTES_MAX = 256 * KiB;
/** A shard that holds so much less than another leaves eviction to that one; or a 32nd of a share, if that is more. */
export const LEDGER_TOLERANCE_BYTES = 64 * KiB;
/** A shard that cannot evict may go so far over the limit while another one, which can, has not yet. */
export const LEDGER_OVERDRAFT_BYTES_MAX = 1 * MiB;
/** Best candidates for eviction that are remembered from sample to sample (Redis's number). */
export const EVICTION_POOL_MAX = 16;
/** Candidates are looked at in so many databases at a time. */
export const EVICTION_DATABASES_MAX = 16;
/** More samples per eviction than this tell nothing new. */
export const EVICTION_SAMPLES_MAX = 64;
/** A slice of eviction that no command waits for, and the pause before it. */
export const EVICTION_SLICE_US = 1_000;
export const EVICTION_PAUSE_US = 1_000;
/** A command that would be refused while another shard evicts waits so many times for so many ms, once in a turn. */
export const LEDGER_PAUSES_MAX = 30;
export const LEDGER_PAUSE_MS = 1;
