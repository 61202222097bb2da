// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the aggregator's settings.
 *
 * @module
 */

import {
  address,
  bytes,
  defineSettings,
  describeSettings,
  duration,
  httpUrl,
  httpUrls,
  integer,
  names,
  path,
  readSettings,
  text,
  toggle,
  UsageError,
  type Values,
} from "../common/settings.ts";
import * as v from "valibot";
import type { StorageLimit } from "./storage/storage_limit.ts";
import { COMMON_SETTINGS } from "../common/common_settings.ts";
import { OTLP_SETTINGS } from "../profile/otlp/settings.ts";
import { RELABEL_SETTINGS } from "../common/relabel_setting.ts";
import { userPath } from "../common/main.ts";

export const AGGREGATOR_SETTINGS = defineSettings({
  listen: {
    flag: "listen",
    env: "APERTURE_AGGREGATOR_LISTEN",
    placeholder: "ADDRESS",
    help: "Where agents push: gRPC",
    default: "0.0.0.0:50051",
    schema: address(),
  },
  adminListen: {
    flag: "admin-listen",
    env: "APERTURE_ADMIN_LISTEN",
    placeholder: "ADDRESS",
    help: "The page, REST, metrics and probes: HTTP",
    default: "0.0.0.0:9090",
    schema: address(),
  },
  authToken: {
    flag: "auth-token",
    env: "APERTURE_AUTH_TOKEN",
    placeholder: "TOKEN",
    help: "Ask for this token; the variable does not show in the process list",
    schema: text(),
  },
  authTokenFile: {
    flag: "auth-token-file",
    env: "APERTURE_AUTH_TOKEN_FILE",
    placeholder: "FILE",
    help: "Tokens with their scopes, a line each: NAME ingest,read,admin TOKEN; read again when it changes",
    schema: path(userPath),
  },
  allowedHosts: {
    flag: "allowed-hosts",
    env: "APERTURE_ALLOWED_HOSTS",
    placeholder: "NAMES",
    help: "Names by which the page and REST answer without a token, beside addresses and local names",
    schema: names(),
  },
  tlsCert: {
    flag: "tls-cert",
    env: "APERTURE_TLS_CERT",
    placeholder: "FILE",
    help: "PEM certificate chain: both ports speak TLS; with --tls-key; read again when it changes",
    schema: path(userPath),
  },
  tlsKey: {
    flag: "tls-key",
    env: "APERTURE_TLS_KEY",
    placeholder: "FILE",
    help: "PEM key of that certificate",
    schema: path(userPath),
  },
  tlsClientCa: {
    flag: "tls-client-ca",
    env: "APERTURE_TLS_CLIENT_CA",
    placeholder: "FILE",
    help: "PEM certificates of authorities: who pushes must have a certificate of one; with --tls-cert",
    schema: path(userPath),
  },
  maxConnections: {
    flag: "max-connections",
    env: "APERTURE_MAX_CONNECTIONS",
    placeholder: "N",
    help: "At most so many on each port; by default 4096, or half of what descriptors allow",
    schema: integer(1, 1_000_000),
  },
  maxConnectionsPerAddress: {
    flag: "max-connections-per-address",
    env: "APERTURE_MAX_CONNECTIONS_PER_ADDRESS",
    placeholder: "N",
    help: "At most so many of one client's address; by default half of all",
    schema: integer(1, 1_000_000),
  },
  clickhouseEndpoint: {
    flag: "clickhouse-endpoint",
    env: "APERTURE_CLICKHOUSE_ENDPOINT",
    placeholder: "URL",
    help: "ClickHouse's HTTP interface; without it the embedded engine runs",
    schema: httpUrl(),
  },
  clickhouseDatabase: {
    flag: "clickhouse-database",
    env: "APERTURE_CLICKHOUSE_DATABASE",
    placeholder: "NAME",
    help: "Made when it is missing",
    default: "aperture",
    schema: text(),
  },
  clickhouseCluster: {
    flag: "clickhouse-cluster",
    env: "APERTURE_CLICKHOUSE_CLUSTER",
    placeholder: "NAME",
    help:
      "Keep the tables on this cluster, replicated, and over its shards where it has several; with --clickhouse-endpoint",
    schema: text(),
  },
  clickhouseUser: {
    flag: "clickhouse-user",
    env: "APERTURE_CLICKHOUSE_USER",
    placeholder: "NAME",
    help: "ClickHouse user",
    default: "default",
    schema: text(),
  },
  clickhousePassword: {
    flag: "clickhouse-password",
    env: "APERTURE_CLICKHOUSE_PASSWORD",
    placeholder: "PASSWORD",
    help: "ClickHouse password",
    schema: text(),
  },
  bufferCapacity: {
    flag: "buffer-capacity",
    env: "APERTURE_BUFFER_CAPACITY",
    placeholder: "N",
    help: "At most so many batches are staged",
    default: "10000",
    schema: integer(1, 1_000_000),
  },
  bufferMemory: {
    flag: "buffer-memory",
    env: "APERTURE_BUFFER_MEMORY",
    placeholder: "SIZE",
    help: "At most so many bytes are staged",
    default: "256MiB",
    schema: bytes(1 << 20),
  },
  bufferPath: {
    flag: "buffer-path",
    env: "APERTURE_BUFFER_PATH",
    placeholder: "FILE",
    help: "A file keeps what is staged over a kill; in memory it is kept over an orderly stop alone",
    default: ":memory:",
    schema: path(userPath, { as: [":memory:"] }),
  },
  dataDir: {
    flag: "data-dir",
    env: "APERTURE_DATA_DIR",
    placeholder: "FOLDER",
    help: "Where the embedded engine keeps its tables",
    default: "./data",
    schema: path(userPath),
  },
  clickhouseMemory: {
    flag: "clickhouse-memory",
    env: "APERTURE_CLICKHOUSE_MEMORY",
    placeholder: "SIZE",
    help: "What the embedded engine may allocate; by default 40 % of the machine's memory, or its cgroup's",
    schema: bytes(256 * 2 ** 20),
  },
  maxMessage: {
    flag: "max-message",
    env: "APERTURE_MAX_MESSAGE",
    placeholder: "SIZE",
    help: "The largest batch that is accepted",
    default: "16MiB",
    schema: bytes(1 << 10, 256 << 20),
  },
  flushInterval: {
    flag: "flush-interval",
    env: "APERTURE_FLUSH_INTERVAL",
    placeholder: "TIME",
    help: "Staged batches are written this often",
    default: "1s",
    schema: duration(10, 600_000),
  },
  retention: {
    flag: "retention",
    env: "APERTURE_RETENTION",
    placeholder: "TIME",
    help: "How long buckets of 10 s are kept",
    default: "7d",
    schema: duration(3_600_000, 3650 * 86_400_000),
  },
  retention1m: {
    flag: "retention-1m",
    env: "APERTURE_RETENTION_1M",
    placeholder: "TIME",
    help: "How long sums of minutes are kept, and the list of batches",
    default: "30d",
    schema: duration(86_400_000, 3650 * 86_400_000),
  },
  retention1h: {
    flag: "retention-1h",
    env: "APERTURE_RETENTION_1H",
    placeholder: "TIME",
    help: "How long sums of hours and days are kept",
    default: "365d",
    schema: duration(86_400_000, 3650 * 86_400_000),
  },
  sourceUrl: {
    flag: "source-url",
    env: "APERTURE_SOURCE_URL",
    placeholder: "URL",
    help: "The page links lines of source code there: {file}, {line} and {build_id} are filled in",
    schema: sourceTemplate(),
  },
  storageLimit: {
    flag: "storage-limit",
    env: "APERTURE_STORAGE_LIMIT",
    placeholder: "SIZE",
    help:
      "The oldest data go before storage takes more than this, or than this share of its disk: 50GiB, 80%",
    schema: storageLimit(),
  },
  symbolsLimit: {
    flag: "symbols-limit",
    env: "APERTURE_SYMBOLS_LIMIT",
    placeholder: "SIZE",
    help: "The largest debug file that is taken: what reads it takes a few times as much memory",
    default: "512MiB",
    schema: bytes(1 << 20, 4 * 2 ** 30),
  },
  debuginfodUrls: {
    flag: "debuginfod-urls",
    env: "DEBUGINFOD_URLS",
    placeholder: "URLS",
    help: "debuginfod servers to ask for the debug files of what is stored, with spaces between them",
    schema: httpUrls(),
  },
  debuginfodCache: {
    flag: "debuginfod-cache",
    env: "DEBUGINFOD_CACHE_PATH",
    placeholder: "FOLDER",
    help: "Where what they give is kept until it is read; 'debuginfod' in the data directory by default",
    schema: path(userPath),
  },
  debuginfodTimeout: {
    flag: "debuginfod-timeout",
    env: "DEBUGINFOD_TIMEOUT",
    placeholder: "SECONDS",
    help: "Give a server up that sends less than 100 KiB in so many seconds; 0 waits for ever",
    default: "90",
    schema: integer(-86_400, 86_400),
  },
  ...RELABEL_SETTINGS,
  alertRules: {
    flag: "alert-rules",
    env: "APERTURE_ALERT_RULES",
    placeholder: "FILE",
    help: "Rules of alerts, YAML, beside those of REST; read again when it changes",
    schema: path(userPath),
  },
  alertInterval: {
    flag: "alert-interval",
    env: "APERTURE_ALERT_INTERVAL",
    placeholder: "TIME",
    help: "Rules are evaluated this often",
    default: "30s",
    schema: duration(1000, 3_600_000),
  },
  alertmanagers: {
    flag: "alertmanagers",
    env: "APERTURE_ALERTMANAGERS",
    placeholder: "URLS",
    help: "Alertmanagers that are told of alerts, all of them, with spaces between them",
    schema: httpUrls(),
  },
  alertWebhooks: {
    flag: "alert-webhooks",
    env: "APERTURE_ALERT_WEBHOOKS",
    placeholder: "URLS",
    help: "Webhooks that are told of each alert that fires or resolves, with spaces between them",
    schema: httpUrls(),
  },
  alertWebhookTemplate: {
    flag: "alert-webhook-template",
    env: "APERTURE_ALERT_WEBHOOK_TEMPLATE",
    placeholder: "FILE",
    help: "What webhooks are sent: JSON with names like {{annotations.summary}} in its texts",
    schema: path(userPath),
  },
  alertCapture: {
    flag: "alert-capture",
    env: "APERTURE_ALERT_CAPTURE",
    placeholder: "",
    help: "Ask agents that allow it for more samples while an alert is there whose rule has 'capture'",
    schema: toggle(),
  },
  publicUrl: {
    flag: "public-url",
    env: "APERTURE_PUBLIC_URL",
    placeholder: "URL",
    help:
      "Where people reach the page, for links; by default this host's name with the port of --admin-listen",
    schema: httpUrl(),
  },
  ...OTLP_SETTINGS,
  ...COMMON_SETTINGS,
});

/** Makes the schema of an address with places for a file and a line. */
function sourceTemplate(): v.GenericSchema<string, string> {
  const message = "an http or https address with {file} in it";
  return v.pipe(
    v.string(),
    v.check((text) => /^https?:\/\//.test(text) && text.includes("{file}") && URL.canParse(text), message),
  );
}

/** Makes the schema of a number of bytes, or a share of the disk. */
function storageLimit(): v.GenericSchema<string, StorageLimit> {
  const message = "a size like 50GiB of at least 1048576 bytes, or a share like 80%";
  const share = v.pipe(
    v.string(),
    v.regex(/^[1-9]\d?%$/, message),
    v.transform((text): StorageLimit => ({ share: parseInt(text) / 100 })),
  );
  const size = v.pipe(bytes(1 << 20), v.transform((bytes): StorageLimit => ({ bytes })));
  return v.union([share, size], message);
}

export type AggregatorConfig = Values<typeof AGGREGATOR_SETTINGS>;

/**
 * Reads the aggregator's settings.
 *
 * @throws {UsageError} for what cannot be used
 */
export function readAggregatorConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AggregatorConfig {
  const config = readSettings(AGGREGATOR_SETTINGS, args, env);
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    const [given, missing] = config.tlsKey === undefined ? ["cert", "key"] : ["key", "cert"];
    throw new UsageError(`Missing a value: '--tls-${missing} FILE', as '--tls-${given}' needs it`);
  }
  if (config.tlsClientCa !== undefined && config.tlsCert === undefined) {
    throw new UsageError("Missing a value: '--tls-cert FILE', as '--tls-client-ca' needs it");
  }
  if (config.clickhouseCluster !== undefined && config.clickhouseEndpoint === undefined) {
    throw new UsageError("Missing a value: '--clickhouse-endpoint URL', as '--clickhouse-cluster' needs it");
  }
  return config;
}

/** Returns the text of `--help`. */
export function aggregatorHelp(): string {
  return `Aperture's aggregator: collects from agents, stores in ClickHouse, answers by gRPC, REST and a page.

Usage:
  deno task aggregator                                            everything on this machine
  deno task aggregator --clickhouse-endpoint http://host:8123     storage on a ClickHouse server

Flags, and the environment variables that set them (a flag wins):
${describeSettings(AGGREGATOR_SETTINGS)}

Exit status: 0 stopped in order, 1 failed, 2 wrong usage.
`;
}
