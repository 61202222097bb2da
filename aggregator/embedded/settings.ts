// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the flags of `deno task clickhouse`.
 *
 * @module
 */

import { LOG_LEVELS } from "../../common/log.ts";
import { address, bytes, defineSettings, oneOf, text, toggle } from "../../common/settings.ts";

export const USAGE = `Run ClickHouse's engine on a data directory, behind ClickHouse's HTTP interface.

Usage: deno task clickhouse [flags]

Any client for that interface can use it, as the user 'default'. Who has the password can also read files of this
machine through SQL, so keep it on the loopback address, or where only who may do so can reach it.
`;

export const SETTINGS = defineSettings({
  listen: {
    flag: "listen",
    env: "APERTURE_CLICKHOUSE_LISTEN",
    placeholder: "ADDRESS",
    help: "Where to answer",
    default: "127.0.0.1:8123",
    schema: address(),
  },
  dataDir: {
    flag: "data-dir",
    env: "APERTURE_DATA_DIR",
    placeholder: "DIRECTORY",
    help: "Where the data are; created when missing",
    default: "./data",
    schema: text(),
  },
  password: {
    flag: "password",
    env: "APERTURE_CLICKHOUSE_PASSWORD",
    placeholder: "TEXT",
    help: "The password of the user 'default'; not needed on the loopback address",
    schema: text(),
  },
  memory: {
    flag: "memory",
    env: "APERTURE_CLICKHOUSE_MEMORY",
    placeholder: "SIZE",
    help: "What the engine may allocate in all",
    default: "1GiB",
    schema: bytes(256 * 2 ** 20),
  },
  logLevel: {
    flag: "log-level",
    env: "APERTURE_LOG_LEVEL",
    placeholder: "LEVEL",
    help: "What to log: debug, info, warning or error",
    default: "info",
    schema: oneOf(LOG_LEVELS),
  },
  supervised: {
    flag: "supervised",
    placeholder: "",
    help: "Started by the aggregator: take the password from standard input, and end when that ends",
    default: "false",
    schema: toggle(),
  },
  help: { flag: "help", alias: "h", placeholder: "", help: "Show this", default: "false", schema: toggle() },
});
