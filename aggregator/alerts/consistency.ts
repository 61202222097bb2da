// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what is written and read of alerts one order for all aggregators, on one server or on replicas.
 *
 * @module
 */

import type { ClickHouseSettings } from "@clickhouse/client";
import type { StorageClient } from "../storage/client.ts";

/**
 * Returns the settings of inserts: on a cluster most replicas have a row before it is acknowledged, one insert after the
 * other.
 */
export function insertSettings({ cluster }: StorageClient): ClickHouseSettings {
  return cluster === undefined ? {} : { insert_quorum: "auto", insert_quorum_parallel: 0 };
}

/** Returns the settings of selects: a replica that lacks what was acknowledged elsewhere does not answer. */
export function selectSettings({ cluster }: StorageClient, name: string): ClickHouseSettings {
  const own: ClickHouseSettings = { log_comment: `aperture ${name}` };
  return cluster === undefined ? own : { ...own, select_sequential_consistency: "1" };
}
