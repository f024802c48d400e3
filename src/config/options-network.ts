/**
 * Rows of the option table: replication, cluster, TLS.
 *
 * Rows only; what the columns mean is in option.ts.
 */

import { HOST_NAME, INT_MAX, LONG_MAX, PRIMARY } from "./kinds.ts";
import { bytes, flag, number, type Option, oneOf, option, text } from "./option.ts";

const PORT_MAX = 65_535;
const MiB = 1024 * 1024;

export const NETWORK_OPTIONS: readonly Option[] = [
  // Replication
  option("replicaof", PRIMARY, "", "start refused", "Follow another server.", { alias: "slaveof" }),
  text("masteruser", "", "live refused", "User at the server to follow."),
  text("masterauth", "", "live refused", "Password at the server to follow.", { secret: true }),
  number("min-replicas-to-write", [0, 0, INT_MAX], "live refused", "Replicas that a write needs.", {
    alias: "min-slaves-to-write",
  }),
  number("min-replicas-max-lag", [10, 0, INT_MAX], "live tuning", "Seconds after which a replica does not count.", {
    alias: "min-slaves-max-lag",
  }),
  flag("replica-serve-stale-data", "yes", "live tuning", "Answer while out of touch.", {
    alias: "slave-serve-stale-data",
  }),
  flag("replica-read-only", "yes", "live tuning", "Refuse writes at a replica.", { alias: "slave-read-only" }),
  flag("replica-ignore-maxmemory", "yes", "live tuning", "Leave eviction to the primary.", {
    alias: "slave-ignore-maxmemory",
  }),
  flag("replica-lazy-flush", "no", "live tuning", "Empty a replica in the background.", { alias: "slave-lazy-flush" }),
  flag("replica-ignore-disk-write-errors", "no", "live tuning", "Go on when the disk fails."),
  flag("replica-announced", "yes", "live tuning", "Let Sentinel see this replica."),
  number("replica-priority", [100, 0, INT_MAX], "live tuning", "Rank for Sentinel.", { alias: "slave-priority" }),
  text("replica-announce-ip", "", "live tuning", "Address to be reached at.", { alias: "slave-announce-ip" }),
  number("replica-announce-port", [0, 0, PORT_MAX], "live tuning", "Port to be reached at.", {
    alias: "slave-announce-port",
  }),
  number("repl-timeout", [60, 1, INT_MAX], "live tuning", "Seconds of silence that end a link."),
  number("repl-ping-replica-period", [10, 1, INT_MAX], "live tuning", "Seconds between pings.", {
    alias: "repl-ping-slave-period",
  }),
  bytes("repl-backlog-size", [1 * MiB, 1, LONG_MAX], "live tuning", "Stream kept for replicas that come back."),
  number("repl-backlog-ttl", [3600, 0, LONG_MAX], "live tuning", "Seconds that it is kept without replicas."),
  flag("repl-disable-tcp-nodelay", "no", "live tuning", "Gather small packets."),
  flag("repl-diskless-sync", "yes", "live tuning", "Send snapshots without a file."),
  number("repl-diskless-sync-delay", [5, 0, INT_MAX], "live tuning", "Seconds to wait for more replicas."),
  number("repl-diskless-sync-max-replicas", [0, 0, INT_MAX], "live tuning", "Replicas that end the wait."),
  oneOf("repl-diskless-load", ["disabled", "on-empty-db", "swapdb"], "live tuning", "Load without a file."),
  oneOf("propagation-error-behavior", ["ignore", "panic", "panic-on-replicas"], "live tuning", "After a bad command."),

  // Cluster
  flag("cluster-enabled", "no", "start refused", "Be a node of a cluster."),
  text("cluster-config-file", "nodes.conf", "start tuning", "The node's own file."),
  number("cluster-node-timeout", [15_000, 0, LONG_MAX], "live tuning", "Milliseconds until a node is down."),
  number("cluster-port", [0, 0, PORT_MAX], "start tuning", "Port of the cluster bus."),
  number("cluster-replica-validity-factor", [10, 0, INT_MAX], "live tuning", "How stale a replica may take over.", {
    alias: "cluster-slave-validity-factor",
  }),
  flag("cluster-replica-no-failover", "no", "live tuning", "Never take over.", { alias: "cluster-slave-no-failover" }),
  number("cluster-migration-barrier", [1, 0, INT_MAX], "live tuning", "Replicas that a primary keeps."),
  flag("cluster-allow-replica-migration", "yes", "live tuning", "Replicas may move to other primaries."),
  flag("cluster-require-full-coverage", "yes", "live tuning", "Serve nothing when slots are missing."),
  flag("cluster-allow-reads-when-down", "no", "live tuning", "Serve reads when the cluster is down."),
  flag("cluster-allow-pubsubshard-when-down", "yes", "live tuning", "Serve pub/sub when the cluster is down."),
  bytes("cluster-link-sendbuf-limit", [0], "live tuning", "Unsent bytes on a bus link."),
  text("cluster-announce-ip", "", "live tuning", "Address to be reached at."),
  number("cluster-announce-port", [0, 0, PORT_MAX], "live tuning", "Port to be reached at."),
  number("cluster-announce-tls-port", [0, 0, PORT_MAX], "live tuning", "TLS port to be reached at."),
  number("cluster-announce-bus-port", [0, 0, PORT_MAX], "live tuning", "Bus port to be reached at."),
  option("cluster-announce-hostname", HOST_NAME, "", "live tuning", "Name to be reached at."),
  text("cluster-announce-human-nodename", "", "live tuning", "Name of the node in logs."),
  oneOf("cluster-preferred-endpoint-type", ["ip", "hostname", "unknown-endpoint"], "live tuning", "What clients see."),

  // TLS
  number("tls-port", [0, 0, PORT_MAX], "live refused", "TCP port for TLS."),
  text("tls-cert-file", "", "live refused", "Certificate of the server."),
  text("tls-key-file", "", "live refused", "Its key."),
  text("tls-key-file-pass", "", "live refused", "Password of the key.", { secret: true }),
  text("tls-client-cert-file", "", "live refused", "Certificate for outgoing connections."),
  text("tls-client-key-file", "", "live refused", "Its key."),
  text("tls-client-key-file-pass", "", "live refused", "Password of the key.", { secret: true }),
  text("tls-dh-params-file", "", "live refused", "Diffie-Hellman parameters."),
  text("tls-ca-cert-file", "", "live refused", "Certificates to trust."),
  text("tls-ca-cert-dir", "", "live refused", "Folder of certificates to trust."),
  oneOf("tls-auth-clients", ["no", "yes", "optional"], "live refused", "Must clients show a certificate?", {
    initial: "yes",
  }),
  flag("tls-replication", "no", "live refused", "TLS between primary and replica."),
  flag("tls-cluster", "no", "live refused", "TLS on the cluster bus."),
  text("tls-protocols", "", "live refused", "Versions of TLS."),
  text("tls-ciphers", "", "live refused", "Ciphers of TLS 1.2."),
  text("tls-ciphersuites", "", "live refused", "Ciphers of TLS 1.3."),
  flag("tls-prefer-server-ciphers", "no", "live refused", "The server chooses the cipher."),
  flag("tls-session-caching", "yes", "live refused", "Remember sessions."),
  number("tls-session-cache-size", [20_480, 0, INT_MAX], "live refused", "Sessions to remember."),
  number("tls-session-cache-timeout", [300, 0, INT_MAX], "live refused", "Seconds to remember them."),
];
