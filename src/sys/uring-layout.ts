/**
 * io_uring's byte layouts and numbers, each with its picture. All integers are little-endian; x86-64 and arm64 agree.
 *
 * Refuses: to do anything. uring-ring.ts writes and reads these.
 */

/*
 * Submission entry (SQE), 64 bytes = 16 words
 *
 *   word 0   | opcode u8 | flags u8 | ioprio u16 |      word 8, 9   user data
 *   word 1   | file descriptor                   |      word 10     | buffer group u16 | personality u16 |
 *   word 2,3 | offset / second address           |      word 11     file index
 *   word 4,5 | address                           |      word 12-15  third address, padding
 *   word 6   | length                            |
 *   word 7   | flags of the operation            |
 */
export const SQE_WORDS = 16;

/*
 * Completion entry (CQE), 16 bytes = 4 words
 *
 *   | user data low | user data high | result i32 | flags (buffer id in the upper 16 bits) |
 */
export const CQE_WORDS = 4;

/*
 * io_uring_params, 120 bytes = 30 words
 *
 *   0 sq entries   1 cq entries   2 flags   3 thread cpu   4 thread idle   5 features   6 wq fd   7-9 reserved
 *   10-19 submission ring offsets: head, tail, ring mask, ring entries, flags, dropped, array, reserved, user address (2)
 *   20-29 completion ring offsets: head, tail, ring mask, ring entries, overflow, cqes, flags, reserved, user address (2)
 */
export const PARAMS_WORDS = 30;
export const PARAMS_SQ_ENTRIES = 0;
export const PARAMS_CQ_ENTRIES = 1;
export const PARAMS_FLAGS = 2;
export const PARAMS_FEATURES = 5;
export const PARAMS_SQ_HEAD = 10;
export const PARAMS_SQ_TAIL = 11;
export const PARAMS_SQ_MASK = 12;
export const PARAMS_SQ_FLAGS = 14;
export const PARAMS_SQ_ARRAY = 16;
export const PARAMS_CQ_HEAD = 20;
export const PARAMS_CQ_TAIL = 21;
export const PARAMS_CQ_MASK = 22;
export const PARAMS_CQ_CQES = 25;

/*
 * Provided buffer (io_uring_buf), 16 bytes; the ring's tail lies in the reserved bytes of the first entry
 *
 *   | address u64 | length u32 | buffer id u16 | entry 0: tail u16 |
 */
export const BUFFER_WORDS = 4;
export const BUFFER_TAIL_HALF_WORD = 7;

/*
 * io_uring_buf_reg, 40 bytes: | ring address u64 | entries u32 | group u16 | flags u16 | reserved 3 × u64 |
 *
 * io_uring_getevents_arg, 24 bytes: | signal mask u64 | its size u32 | padding u32 | address of a timespec u64 |
 * timespec, 16 bytes: | seconds i64 | nanoseconds i64 |
 *
 * msghdr, 56 bytes: | name u64 | its length u32, padding | iovecs u64 | their count u64 | control u64 | its length u64 | flags |
 * iovec, 16 bytes: | address u64 | length u64 |
 */
export const EVENTS_ARGUMENT_BYTES = 24;
export const MESSAGE_HEADER_BYTES = 64;
export const IO_VECTOR_BYTES = 16;

export const OP_POLL_ADD = 6;
export const OP_SENDMSG = 9;
export const OP_ACCEPT = 13;
export const OP_ASYNC_CANCEL = 14;
export const OP_CLOSE = 19;
export const OP_SEND = 26;
export const OP_RECV = 27;
export const OP_MSG_RING = 40;

export const SQE_BUFFER_SELECT = 1 << 5;
/** No completion unless the operation fails. */
export const SQE_SKIP_SUCCESS = 1 << 6;

export const ACCEPT_MULTISHOT = 1 << 0;
export const RECV_MULTISHOT = 1 << 1;
export const CANCEL_ALL = 1 << 0;
export const CANCEL_FD = 1 << 1;
export const CANCEL_ANY = 1 << 2;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const POLLIN = 1;

export const CQE_HAS_BUFFER = 1 << 0;
export const CQE_MORE = 1 << 1;
export const CQE_BUFFER_SHIFT = 16;

const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_COOP_TASKRUN = 1 << 8;
const SETUP_TASKRUN_FLAG = 1 << 9;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
/**
 * One thread submits, and completions are made only when it enters the kernel (DEFER_TASKRUN): no interruption in between.
 * TASKRUN_FLAG shows in the mapped ring that some are due, so that a poll that need not wait can do without the system call.
 * SUBMIT_ALL: a bad entry fails alone and does not hold up those behind it.
 */
export const SETUP_FLAGS =
  SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;

const FEATURE_SINGLE_MMAP = 1 << 0;
const FEATURE_NODROP = 1 << 1;
const FEATURE_SUBMIT_STABLE = 1 << 2;
const FEATURE_EXT_ARG = 1 << 8;
const FEATURE_CQE_SKIP = 1 << 11;
/** What the reactor rests on; a kernel that knows DEFER_TASKRUN (6.1) has them all. */
export const FEATURES_NEEDED =
  FEATURE_SINGLE_MMAP | FEATURE_NODROP | FEATURE_SUBMIT_STABLE | FEATURE_EXT_ARG | FEATURE_CQE_SKIP;

export const ENTER_GETEVENTS = 1 << 0;
export const ENTER_EXT_ARG = 1 << 3;
export const RING_CQ_OVERFLOW = 1 << 1;
export const RING_TASKRUN = 1 << 2;
export const REGISTER_BUFFER_RING = 22;

export const OFFSET_SQ_RING = 0n;
export const OFFSET_SQES = 0x1000_0000n;
