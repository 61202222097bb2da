/**
 * What the HTTP side is told by the rest of the aggregator.
 *
 * @module
 */

import type { Registry } from "prom-client";
import type { Head } from "../buffer/entry.ts";
import type { Queries } from "../query/types.ts";
import type { Page } from "./page.ts";

/** How the aggregator is. A `problem` makes it not ready and says why. */
export interface Health {
  readonly pushOk: number;
  readonly pushError: number;
  readonly buffer: {
    readonly batches: number;
    readonly bytes: number;
    readonly capacityBatches: number;
    readonly capacityBytes: number;
    readonly problem?: string;
  };
  readonly storage: {
    readonly mode: "embedded" | "server";
    /** Rows that are staged or on their way, and not yet in the tables. */
    readonly pendingRows: number;
    readonly problem?: string;
  };
}

/** Batches that are acknowledged and not yet in storage. */
export interface StagedBatches {
  /** Newest first. */
  readonly batches: readonly Omit<Head, "id" | "checksum">[];
  /** All that are staged, listed or not. */
  readonly staged: number;
}

export interface HandlerOptions {
  readonly queries: Queries;
  readonly health: () => Health | Promise<Health>;
  readonly staged: (
    options: { agentId?: string; limit: number; signal: AbortSignal },
  ) => StagedBatches | Promise<StagedBatches>;
  readonly metrics: Registry;
  readonly page: Page;
  /** Without it everything is open. */
  readonly token?: string;
  readonly version: string;
  /** How long one request may keep storage busy, in ms. @default {30000} */
  readonly queryTimeout?: number;
  /** Unix milliseconds. @default {Date.now} */
  readonly now?: () => number;
}
