// SPDX-License-Identifier: Apache-2.0
/**
 * Exports REST, the page, probes and metrics.
 *
 * @module
 */

export { createHandler } from "./handler.ts";
export { defaultTurns } from "./turns.ts";
export { loadPage, type Page } from "./page.ts";
export type { HandlerOptions, Health, StagedBatches } from "./types.ts";
