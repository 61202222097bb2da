/**
 * All queries of one database.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { aggregate } from "./aggregate.ts";
import { batches } from "./batches.ts";
import { diff } from "./diff.ts";
import { labelValues } from "./label_values.ts";
import { lockSites } from "./lock_sites.ts";
import { stacks } from "./stacks.ts";
import { syscalls } from "./syscalls.ts";
import type { Queries } from "./types.ts";

/** The queries of the database behind `client`. */
export function createQueries(client: StorageClient): Queries {
  return {
    stacks: (selection, options) => stacks(client, selection, options),
    aggregate: (selection, options) => aggregate(client, selection, options),
    diff: (base, compare, options) => diff(client, base, compare, options),
    labelValues: (label, selection, options) => labelValues(client, label, selection, options),
    lockSites: (selection, options) => lockSites(client, selection, options),
    syscalls: (selection, options) => syscalls(client, selection, options),
    batches: (options) => batches(client, options),
  };
}
