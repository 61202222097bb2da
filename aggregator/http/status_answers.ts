// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers of the aggregator itself.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";

/** Says what the page must know of its aggregator. */
export interface AboutJson {
  readonly version: string;
  /** Is where a line of source code can be read, with `{file}`, `{line}` and `{build_id}` to fill in; `null` for none. */
  readonly source_url: string | null;
  /** Is the port that agents push to. */
  readonly ingest_port: number;
}

export interface ProblemJson {
  readonly part: "buffer" | "storage";
  readonly message: string;
}

export interface ReadinessJson {
  readonly status: "ready" | "not_ready";
  readonly problems: readonly ProblemJson[];
}

export interface HealthJson {
  readonly status: "ok" | "degraded";
  readonly version: string;
  readonly uptime_seconds: number;
  readonly push_total_ok: number;
  readonly push_total_error: number;
  readonly buffer: {
    readonly batches: number;
    readonly bytes: number;
    readonly capacity_batches: number;
    readonly capacity_bytes: number;
    readonly quarantined_batches: number;
  };
  readonly storage: {
    readonly mode: "embedded" | "server";
    readonly pending_rows: number;
    readonly failing_since: string | null;
    readonly failing_error: string | null;
  };
  readonly problems: readonly ProblemJson[];
}

/** Describes a batch that waits for storage; times in RFC 3339. */
export interface StagedBatchJson {
  readonly agent_id: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  readonly start: string;
  readonly end: string;
  readonly received: string;
  readonly samples: number;
  readonly size_bytes: number;
}

export interface StoredBatchJson {
  readonly agent_id: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  readonly start: string;
  readonly end: string;
  readonly samples: Total;
  readonly losses: Readonly<Record<string, number>>;
  readonly stack_ends: Readonly<Record<string, number>>;
}

export interface BatchesJson {
  readonly staged_total: number;
  readonly staged: readonly StagedBatchJson[];
  readonly stored: readonly StoredBatchJson[];
}

export interface QuarantineJson {
  readonly quarantined: readonly (StagedBatchJson & {
    readonly error: string;
    readonly since: string;
    readonly version: string;
  })[];
}
