/** The reactors that kevy must be able to run on here: a machine that decides has all of them. */

export const REACTORS: readonly string[] = ["io_uring", "epoll", "net"];
