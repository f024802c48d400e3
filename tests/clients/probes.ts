/**
 * What client libraries and tools send when they connect: the sequences as they are on the wire, one group of commands
 * per write. Found in the libraries' sources; each probe names where.
 *
 * A command with `reads` is one whose reply says something of the server itself: then only its shape is compared, and
 * that the fields are there that the client reads. All other replies must be equal.
 *
 * Refuses: to know servers.
 */

export interface ProbeCommand {
  readonly args: readonly string[];
  /** Null: the reply must be equal. Otherwise fields (`name:` of INFO, `name=` of CLIENT LIST) that it must have. */
  readonly reads: readonly string[] | null;
}

export interface Probe {
  readonly name: string;
  readonly source: string;
  /** For a server that wants the password "secret". */
  readonly locked: boolean;
  /** Each group is one write; its replies are awaited before the next one goes. */
  readonly writes: readonly (readonly ProbeCommand[])[];
}

/** A command line; the reply must be equal. Words are divided by blanks. */
function ask(line: string): ProbeCommand {
  return { args: line.split(" "), reads: null };
}

/** The same, and the shape of the reply and these fields count. */
function look(line: string, reads: readonly string[] = []): ProbeCommand {
  return { args: line.split(" "), reads };
}

type Line = string | ProbeCommand;

function probe(name: string, source: string, writes: readonly (readonly Line[])[], locked = false): Probe {
  const groups = writes.map((lines) => lines.map((line) => (typeof line === "string" ? ask(line) : line)));
  return { name, source, locked, writes: groups };
}

const hello = (line: string): ProbeCommand => look(line);

const GO = "redis/go-redis: redis.go initConn, commands.go Hello, ClientSetInfo, ClientMaintNotifications";
const PY = "redis/redis-py: redis/connection.py on_connect_check_health, activate_maint_notifications_handling";
const JEDIS = "redis/jedis: Connection.java initializeFromClientConfig";
const LETTUCE = "redis/lettuce: RedisHandshake.java";
const NODE = "redis/node-redis: packages/client/lib/client/index.ts";
const IOREDIS = "redis/ioredis: lib/redis/event_handler.ts";
const BULLMQ = "taskforcesh/bullmq: src/classes/redis-connection.ts";
const INSIGHT =
  "RedisInsight/RedisInsight: api/src/modules/database/providers/database-info.provider.ts, browser, cli, slow-log";
const EXPORTER =
  "oliver006/redis_exporter: exporter/exporter.go, clients.go, latency.go, slowlog.go, keys.go, commandlog.go";

const CLIENT_FIELDS = ["id=", "addr=", "name=", "age=", "idle=", "flags=", "db=", "omem=", "cmd="];

const GO_PROBES: readonly Probe[] = [
  probe("go-redis", GO, [
    [hello("hello 3 setname app")],
    ["select 2", "client setname app"],
    ["client maint_notifications on moving-endpoint-type none"],
    ["client setinfo LIB-NAME go-redis(,go1.24.1)", "client setinfo LIB-VER 9.14.0"],
    ["ping", "client getname"],
  ]),
  probe("go-redis in RESP2", GO, [
    [hello("hello 2")],
    ["client setinfo LIB-NAME go-redis(,go1.24.1)", "client setinfo LIB-VER 9.14.0"],
    ["ping"],
  ]),
  probe("go-redis with a protocol that nobody speaks", GO, [
    ["hello 4 setname app"],
    ["hello 0"],
    ["client getname", "ping"],
  ]),
  probe("go-redis without a password", GO, [["hello 3"], ["client setinfo LIB-VER 9.14.0", "select 2", "ping"]], true),
  probe(
    "go-redis with a wrong password, then the right one",
    GO,
    [
      ["hello 3 auth default wrong"],
      ["auth wrong", "auth nobody secret", "ping"],
      [hello("hello 3 auth default secret setname app")],
      ["client getname", "ping"],
    ],
    true,
  ),
];

const PY_PROBES: readonly Probe[] = [
  probe("redis-py", PY, [
    [hello("HELLO 3")],
    ["CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip"],
    ["CLIENT SETNAME worker"],
    ["CLIENT SETINFO LIB-NAME redis-py"],
    ["CLIENT SETINFO LIB-VER 6.4.0"],
    ["SELECT 1"],
    ["PING"],
  ]),
  probe(
    "redis-py with a user, and a health check",
    PY,
    [
      [hello("HELLO 3 AUTH default secret")],
      ["CLIENT SETINFO LIB-NAME redis-py"],
      ["PING"],
      ["CLIENT SETINFO LIB-VER 6.4.0", "PING"],
    ],
    true,
  ),
  probe(
    "redis-py in RESP2 with a password",
    PY,
    [["AUTH secret"], ["SELECT 1"], ["PING"], ["AUTH default secret"]],
    true,
  ),
];

const JAVA_PROBES: readonly Probe[] = [
  probe("jedis", JEDIS, [
    [hello("HELLO 3")],
    ["CLIENT SETNAME app", "CLIENT SETINFO LIB-NAME jedis", "CLIENT SETINFO LIB-VER 6.2.0"],
    ["SELECT 1"],
    ["READONLY"],
    ["PING"],
  ]),
  probe(
    "jedis with a password",
    JEDIS,
    [[hello("HELLO 3 AUTH default secret")], ["CLIENT SETINFO LIB-NAME jedis"]],
    true,
  ),
  probe("lettuce", LETTUCE, [
    [hello("HELLO 3 SETNAME app")],
    [
      "SELECT 1",
      "CLIENT SETNAME app",
      "CLIENT SETINFO lib-name Lettuce",
      "CLIENT SETINFO lib-ver 6.8.0.RELEASE/a1b2c3d",
      "CLIENT MAINT_NOTIFICATIONS on moving-endpoint-type none",
    ],
    [look("COMMAND"), look("INFO", ["redis_version:"])],
    ["CLUSTER NODES", "CLUSTER MYID", "ROLE"],
  ]),
  probe("lettuce without a password", LETTUCE, [["HELLO 3"], ["PING"], ["AUTH default secret"], ["PING"]], true),
];

const NODE_PROBES: readonly Probe[] = [
  probe("node-redis", NODE, [
    [
      hello("HELLO 3 SETNAME app"),
      "SELECT 1",
      "CLIENT SETINFO LIB-VER 5.8.0",
      "CLIENT SETINFO LIB-NAME node-redis",
      "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none",
    ],
    ["PING"],
  ]),
  probe(
    "node-redis with a password",
    NODE,
    [[hello("HELLO 3 AUTH default secret"), "CLIENT SETINFO LIB-VER 5.8.0"]],
    true,
  ),
  probe("ioredis", IOREDIS, [
    ["select 1", "client SETNAME app", look("info", ["loading:", "role:", "redis_version:"])],
    ["client SETINFO LIB-VER 5.7.0", "client SETINFO LIB-NAME ioredis", "cluster SLOTS"],
    ["quit"],
  ]),
  probe(
    "ioredis with a password",
    IOREDIS,
    [["auth secret", look("info", ["loading:"])], ["auth default secret"]],
    true,
  ),
  probe("BullMQ", BULLMQ, [
    [look("info", ["redis_version:", "maxmemory_policy:noeviction"])],
    ["client SETNAME bull:cGFpbnQ=:w:app"],
    [look("client LIST", ["name=bull:cGFpbnQ=:w:app"])],
  ]),
];

const TOOL_PROBES: readonly Probe[] = [
  probe("RedisInsight", INSIGHT, [
    ["client setname redisinsight-common-0"],
    [
      look("info", [
        "redis_version:",
        "redis_mode:",
        "os:",
        "uptime_in_seconds:",
        "used_memory:",
        "connected_clients:",
        "keyspace_hits:",
        "keyspace_misses:",
        "role:",
        "instantaneous_ops_per_sec:",
        "instantaneous_input_kbps:",
        "instantaneous_output_kbps:",
        "used_cpu_sys:",
        "used_cpu_user:",
      ]),
      "module list",
      look("config get databases"),
      look("client list", CLIENT_FIELDS),
      "acl whoami",
      "command info ft.search json.get graph.query ts.add bf.add",
      "dbsize",
    ],
    ["set probe:key 12345", "set probe:ttl x ex 1000", look("scan 0 match probe:* count 200 type string")],
    ["type probe:key", look("memory usage probe:key samples 0"), look("ttl probe:ttl"), "strlen probe:key"],
    ["object encoding probe:key", look("object idletime probe:key"), "get probe:key"],
    [look("slowlog get 50"), look("config get slowlog*"), look("slowlog len")],
    ["cluster info", look("command"), "del probe:key probe:ttl"],
  ]),
  probe("redis_exporter", EXPORTER, [
    ["PING"],
    ["CLIENT SETNAME redis_exporter"],
    [
      look("INFO ALL", [
        "redis_version:",
        "redis_mode:",
        "cluster_enabled:0",
        "connected_clients:",
        "used_memory:",
        "maxmemory:",
        "total_connections_received:",
        "total_commands_processed:",
        "expired_keys:",
        "keyspace_hits:",
        "connected_slaves:0",
        "role:master",
      ]),
    ],
    [look("CONFIG GET *")],
    [look("LATENCY LATEST")],
    [look("LATENCY HISTOGRAM")],
    ["CLUSTER INFO"],
    ["SET probe:exported 5", "TYPE probe:exported", look("MEMORY USAGE probe:exported"), "STRLEN probe:exported"],
    [look("SCAN 0 MATCH probe:exp* COUNT 100"), "GET probe:exported", "DEL probe:exported"],
    [look("SLOWLOG LEN"), look("SLOWLOG GET 1")],
    [look("CLIENT LIST", CLIENT_FIELDS), "COMMAND INFO COMMANDLOG", look("INFO MODULES"), "CONFIG GET commandlog-*"],
    ["SELECT 0"],
  ]),
];

export const PROBES: readonly Probe[] = [...GO_PROBES, ...PY_PROBES, ...JAVA_PROBES, ...NODE_PROBES, ...TOOL_PROBES];
