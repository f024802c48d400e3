/** The reactors that kevy must be able to run on here: a machine that decides has all of them. */

import { FULL } from "./depth.ts";

export const REACTORS: readonly string[] = ["io_uring", "epoll", "net"];

/** For what hardly depends on how sockets are driven: in a normal run the two that are least alike. */
export const SOME_REACTORS: readonly string[] = FULL ? REACTORS : ["io_uring", "net"];
