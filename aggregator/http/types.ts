// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what the HTTP side is told by the rest of the aggregator.
 *
 * @module
 */

import type { Registry } from "prom-client";
import type { Head, Quarantined } from "../buffer/entry.ts";
import type { Access } from "../access/access.ts";
import type { AlertsApi } from "../alerts/alerts_api.ts";
import type { Intake } from "../interop/intake/intake.ts";
import type { Queries } from "../query/types.ts";
import type { DebugFiles } from "../symbols/debug_files.ts";
import type { Page } from "./page.ts";
import type { Turns } from "../turns.ts";
import type { TurnName } from "./turns.ts";

/** Says how the aggregator is. A `problem` of the buffer makes it not ready and says why. */
export interface Health {
  readonly pushOk: number;
  readonly pushError: number;
  readonly buffer: {
    readonly batches: number;
    readonly bytes: number;
    readonly capacityBatches: number;
    readonly capacityBytes: number;
    /** Counts batches that storage refused for what is in them. */
    readonly quarantined: number;
    readonly problem?: string;
  };
  readonly storage: {
    readonly mode: "embedded" | "server";
    /** Counts rows that are staged or on their way, and not yet in the tables. */
    readonly pendingRows: number;
    readonly problem?: string;
    /** It does not take what is staged: since when, in Unix ms, and what it said last. */
    readonly failing?: { readonly sinceMs: number; readonly error: string };
  };
}

/** Holds batches that are acknowledged and not yet in storage. */
export interface StagedBatches {
  /** The batches are newest first. */
  readonly batches: readonly Omit<Head, "id" | "checksum" | "expanded">[];
  /** Counts all that are staged, listed or not. */
  readonly staged: number;
}

/** Is what storage refused, as it is told. */
export type QuarantinedBatch = Omit<Quarantined, "head"> & {
  readonly head: Omit<Head, "id" | "checksum" | "expanded">;
};

export interface HandlerOptions {
  readonly queries: Queries;
  readonly health: () => Health | Promise<Health>;
  readonly staged: (
    options: { agentId?: string; limit: number; signal: AbortSignal },
  ) => StagedBatches | Promise<StagedBatches>;
  /** Writes what is staged, as far as storage takes it now. @default nothing is waited for */
  readonly settle?: () => Promise<void>;
  /** Lists the batches in quarantine. @default {() => []} */
  readonly quarantined?: () => readonly QuarantinedBatch[];
  readonly alerts: AlertsApi;
  /** Takes what others push; without it nothing is taken. */
  readonly intake?: Intake;
  /** Takes debug files; without it, none are. */
  readonly debugFiles?: Pick<DebugFiles, "files" | "take">;
  readonly metrics: Registry;
  readonly page: Page;
  /** Says who may ask what; without it everything is open, to whom asks by a local name. */
  readonly access?: Access;
  /**
   * Lists names that this server has, beside local ones and addresses; asked for only where everything is open.
   * @default {[]}
   */
  readonly allowedHosts?: readonly string[];
  /** @default {defaultTurns()} */
  readonly turns?: Readonly<Record<TurnName, Turns>>;
  readonly version: string;
  /** Is where source code can be read, with `{file}`, `{line}` and `{build_id}` to fill in. @default none */
  readonly sourceUrl?: string;
  /** Is where agents push. @default {50051} */
  readonly ingestPort?: number;
  /** One request may keep storage busy so long, in ms. @default {30000} */
  readonly queryTimeout?: number;
  /** Tells the time in Unix milliseconds. @default {Date.now} */
  readonly now?: () => number;
}
