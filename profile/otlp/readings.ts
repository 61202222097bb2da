// SPDX-License-Identifier: Apache-2.0
/**
 * Says what Prometheus is told of what is sent on to a collector.
 *
 * @module
 */

import type { Reading } from "../../common/metrics.ts";
import type { ExporterStats } from "./exporter.ts";

/** Stands where nothing is sent on. */
export const NO_EXPORTS: ExporterStats = {
  sent: 0,
  dropped: { full: 0, refused: 0, failed: 0 },
  rejectedProfiles: 0,
  queued: 0,
  queuedBytes: 0,
};

/** Makes the readings of an exporter, whose names begin with `prefix`. */
export function exporterReadings(prefix: string): readonly Reading<ExporterStats>[] {
  return [
    [`${prefix}_otlp_sent_batches_total`, "Batches that a collector took", ({ sent }) => sent],
    [
      `${prefix}_otlp_dropped_batches_total`,
      "Batches that no collector took: for want of room (full), refused, or tried too often (failed)",
      ({ dropped }) => ({ ...dropped }),
      "reason",
    ],
    [
      `${prefix}_otlp_rejected_profiles_total`,
      "Profiles that a collector left out of what it took",
      ({ rejectedProfiles }) => rejectedProfiles,
    ],
    [
      `${prefix}_otlp_queued_bytes`,
      "Bytes of batches that wait for a collector",
      ({ queuedBytes }) => queuedBytes,
    ],
  ];
}
