// SPDX-License-Identifier: Apache-2.0
/**
 * Lists what programs tell Prometheus of the debug files that they ask for.
 *
 * @module
 */

import type { Reading } from "../../common/metrics.ts";
import type { DebuginfodStats } from "./debuginfod.ts";

/** Is what a program has that asks no server. */
export const NO_DEBUGINFOD: DebuginfodStats = {
  ...{ asked: 0, found: 0, notFound: 0, tooLarge: 0, rejected: 0, failed: 0, dropped: 0 },
  ...{ requests: 0, bytes: 0, pending: 0, cacheBytes: 0, evicted: 0 },
};

/** Returns the readings of metrics whose names begin with `prefix`. */
export function debuginfodReadings(prefix: string): readonly Reading<DebuginfodStats>[] {
  return [
    [
      `${prefix}_debuginfod_asked_total`,
      "Debug files that were asked for, by build id",
      ({ asked }) => asked,
    ],
    [
      `${prefix}_debuginfod_answers_total`,
      "How that went: the file came (found), no server has it (not_found), it is too large, it is another file " +
      "(rejected), or there were too many to ask (dropped)",
      ({ found, notFound, tooLarge, rejected, dropped }) => ({
        ...{ found, not_found: notFound, too_large: tooLarge },
        ...{ rejected, dropped },
      }),
      "result",
    ],
    [`${prefix}_debuginfod_requests_total`, "Requests to servers", ({ requests }) => requests],
    [
      `${prefix}_debuginfod_request_failures_total`,
      "Requests that gave no answer or an error, and are made again",
      ({ failed }) => failed,
    ],
    [`${prefix}_debuginfod_bytes_total`, "What the files were that came", ({ bytes }) => bytes],
    [`${prefix}_debuginfod_pending`, "Debug files that are waited for", ({ pending }) => pending],
    [
      `${prefix}_debuginfod_cache_bytes`,
      "What its own files in the folder of debug files take",
      ({ cacheBytes }) => cacheBytes,
    ],
    [`${prefix}_debuginfod_evicted_total`, "Files that made room for others", ({ evicted }) => evicted],
  ];
}
