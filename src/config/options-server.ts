/**
 * Rows of the option table: kevy's own, the network, access, the process, logs, clients.
 *
 * Rows only; what the columns mean is in option.ts.
 */

import {
  BULK_BYTES_MAX_DEFAULT,
  DATABASES_DEFAULT,
  DATABASES_MAX,
  QUERY_BUFFER_BYTES_MAX_DEFAULT,
  SHARDS_MAX,
} from "../base/limits.ts";
import {
  ADDRESSES,
  automaticOr,
  clampedInteger,
  INT_MAX,
  LONG_MAX,
  MEMORY_OR_PERCENT,
  OOM_SCORES,
  OUTPUT_LIMITS,
  octal,
  PERCENTILES,
  SHUTDOWN_OPTIONS,
  TITLE,
} from "./kinds.ts";
import { bytes, flag, number, type Option, oneOf, option, text } from "./option.ts";

const PORT_MAX = 65_535;
const UINT_MAX = 4_294_967_295;
const PERMISSIONS_MAX = 0o777;
const SIZE_MIN = 1024 * 1024;
const OUTPUT_LIMITS_DEFAULT = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
const SYSLOG_FACILITIES = ["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

const savesAtShutdown = (value: string): boolean => value.split(" ").includes("save");

export const SERVER_OPTIONS: readonly Option[] = [
  // Ours
  option("shards", automaticOr(1, SHARDS_MAX), "auto", "start works", "Threads, each with its part of the keys.", {
    repeatable: true,
  }),
  oneOf(
    "reactor",
    ["auto", "io_uring", "epoll", "net"],
    "start works",
    "How sockets are driven: auto takes the fastest that works.",
    { repeatable: true },
  ),
  oneOf(
    "pipeline-order",
    ["strict", "relaxed"],
    "start works",
    "May pipelined commands of one connection to different shards overlap (relaxed)?",
    { repeatable: true },
  ),

  // Network
  number("port", [6379, 0, PORT_MAX], "start works", "TCP port; 0 listens on none.", { repeatable: true }),
  option("bind", ADDRESSES, "* -::*", "start works", "Addresses to listen on; one with a leading - may be missing.", {
    repeatable: true,
  }),
  text("bind-source-addr", "", "live tuning", "Source address of outgoing connections."),
  text("unixsocket", "", "start works", "Path of a Unix socket to listen on as well."),
  option("unixsocketperm", octal(PERMISSIONS_MAX), "0", "start works", "Its permissions, octal; 0 leaves the umask's."),
  number("tcp-backlog", [511, 0, INT_MAX], "start works", "Connections that may wait to be accepted."),
  number("tcp-keepalive", [300, 0, INT_MAX], "live works", "Seconds between keep-alive probes; 0 sends none."),
  number("timeout", [0, 0, INT_MAX], "live works", "Seconds after which an idle client is closed; 0 never."),
  number("socket-mark-id", [0, 0, UINT_MAX], "start refused", "Mark of listening sockets, for routing and filters."),
  number("maxclients", [10_000, 1, UINT_MAX], "live works", "Connections that may be open at a time."),
  number("max-new-connections-per-cycle", [10, 1, 1000], "live tuning", "Connections accepted per loop pass."),
  number("max-new-tls-connections-per-cycle", [1, 1, 1000], "live tuning", "TLS connections accepted per loop pass."),
  bytes(
    "proto-max-bulk-len",
    [BULK_BYTES_MAX_DEFAULT, SIZE_MIN, LONG_MAX],
    "live works",
    "Longest argument of a command.",
  ),
  bytes(
    "client-query-buffer-limit",
    [QUERY_BUFFER_BYTES_MAX_DEFAULT, SIZE_MIN, LONG_MAX],
    "live works",
    "Most unparsed input of one client.",
  ),
  option(
    "client-output-buffer-limit",
    OUTPUT_LIMITS,
    OUTPUT_LIMITS_DEFAULT,
    "live works",
    "Most unsent output by class of client.",
  ),
  option("maxmemory-clients", MEMORY_OR_PERCENT, "0", "live works", "Most memory of all clients together."),

  // Access
  flag("protected-mode", "yes", "live works", "Without a password, take only clients of this machine."),
  text("requirepass", "", "live works", "Password of the default user.", { secret: true }),
  text("aclfile", "", "start refused", "File of users and their rights.", { keepsEmpty: true }),
  number("acllog-max-len", [128, 0, LONG_MAX], "live tuning", "Entries of ACL LOG."),
  oneOf("acl-pubsub-default", ["allchannels", "resetchannels"], "live tuning", "Channels of new users.", {
    initial: "resetchannels",
  }),
  oneOf("enable-debug-command", ["no", "yes", "local"], "start works", "Who may call DEBUG."),
  oneOf("enable-module-command", ["no", "yes", "local"], "start works", "Who may call MODULE."),
  oneOf("enable-protected-configs", ["no", "yes", "local"], "start works", "Who may CONFIG SET dir and dbfilename."),

  // Process
  number("databases", [DATABASES_DEFAULT, 1, DATABASES_MAX], "start works", "Number of databases."),
  text("dir", "", "live works", "Folder of the data files.", { isProtected: true }),
  text("pidfile", "", "start works", "File that holds the process id while the server runs."),
  flag("daemonize", "no", "start tuning", "Go to the background.", {
    warning: "kevy stays in the foreground; let the service manager or the shell put it into the background",
  }),
  oneOf("supervised", ["upstart", "systemd", "auto", "no"], "start works", "Tell systemd of start and end.", {
    initial: "no",
    refuses: (value) => value === "upstart",
  }),
  option("hz", clampedInteger(1, 500), "10", "live tuning", "Background passes a second."),
  flag("dynamic-hz", "yes", "live tuning", "More background passes with more clients."),
  flag("always-show-logo", "no", "start tuning", "Print the logo at the start."),
  flag("set-proc-title", "yes", "start tuning", "Put addresses into the process title."),
  option(
    "proc-title-template",
    TITLE,
    "{title} {listen-addr} {server-mode}",
    "live tuning",
    "Form of the process title.",
  ),
  number("shutdown-timeout", [10, 0, INT_MAX], "live tuning", "Seconds that SHUTDOWN waits for replicas."),
  option("shutdown-on-sigint", SHUTDOWN_OPTIONS, "default", "live tuning", "What SIGINT does.", {
    refuses: savesAtShutdown,
  }),
  option("shutdown-on-sigterm", SHUTDOWN_OPTIONS, "default", "live tuning", "What SIGTERM does.", {
    refuses: savesAtShutdown,
  }),
  number("io-threads", [1, 1, 128], "start tuning", "I/O threads: kevy has shards instead."),
  flag("io-threads-do-reads", "no", "start tuning", "I/O threads that read, too."),
  text("server_cpulist", "", "start tuning", "Processors of the server."),
  text("bio_cpulist", "", "start tuning", "Processors of background threads."),
  text("aof_rewrite_cpulist", "", "start tuning", "Processors of the log rewrite."),
  text("bgsave_cpulist", "", "start tuning", "Processors of the background save."),
  oneOf("oom-score-adj", ["no", "yes", "relative", "absolute"], "live tuning", "Tell the kernel whom to kill first."),
  option("oom-score-adj-values", OOM_SCORES, "0 200 800", "live tuning", "The scores that it is told."),
  flag("disable-thp", "yes", "start tuning", "Switch transparent huge pages off."),
  flag("jemalloc-bg-thread", "yes", "live tuning", "Free memory in the background."),
  flag("crash-log-enabled", "yes", "live tuning", "Log a report at a crash."),
  flag("crash-memcheck-enabled", "yes", "live tuning", "Test memory at a crash."),
  flag("use-exit-on-panic", "no", "live tuning", "Exit instead of aborting.", { hidden: true }),
  flag("enable-debug-assert", "no", "start tuning", "Check more at run time.", { hidden: true }),
  number("watchdog-period", [0, 0, INT_MAX], "live tuning", "Milliseconds after which a stall is logged.", {
    hidden: true,
  }),
  text("ignore-warnings", "", "live tuning", "Start-up warnings to leave out.", { keepsEmpty: true }),
  text("locale-collate", "", "live tuning", "Order of texts in SORT ALPHA."),

  // Logs and statistics
  oneOf("loglevel", ["debug", "verbose", "notice", "warning", "nothing"], "live works", "What is worth a log line.", {
    initial: "notice",
  }),
  text("logfile", "", "start works", "File for the log; empty is standard output.", { keepsEmpty: true }),
  flag("syslog-enabled", "no", "start refused", "Log to syslog."),
  text("syslog-ident", "redis", "start tuning", "Name in syslog."),
  oneOf("syslog-facility", SYSLOG_FACILITIES, "start tuning", "Facility in syslog.", { initial: "local0" }),
  number("slowlog-log-slower-than", [10_000, -1, LONG_MAX], "live works", "Microseconds that make a command slow."),
  number("slowlog-max-len", [128, 0, LONG_MAX], "live works", "Entries of SLOWLOG."),
  number("latency-monitor-threshold", [0, 0, LONG_MAX], "live works", "Milliseconds that make an event late."),
  flag("latency-tracking", "yes", "live works", "Distribution of time by command."),
  option("latency-tracking-info-percentiles", PERCENTILES, "50 99 99.9", "live works", "Which percentiles INFO shows."),
  number("tracking-table-max-keys", [1_000_000, 0, LONG_MAX], "live tuning", "Keys that client tracking remembers."),

  // Scripts
  number("busy-reply-threshold", [5000, 0, LONG_MAX], "live tuning", "Milliseconds until a script is called busy.", {
    alias: "lua-time-limit",
  }),
  flag("lua-enable-deprecated-api", "no", "start tuning", "Old calls in scripts.", { hidden: true }),
];
