// SPDX-License-Identifier: Apache-2.0
/**
 * Says how many requests of each sort are answered at once.
 *
 * @module
 */

import { Turns } from "../turns.ts";

/** Names who wait for each other. */
export type TurnName = "question" | "export" | "ingest" | "upload";

/** Makes the turns. Each holds its answer until it was read: so many of them fit into memory beside what is pushed. */
export function defaultTurns(): Record<TurnName, Turns> {
  return {
    question: new Turns({ atOnce: 16, waiting: 64, waitMs: 10_000 }),
    export: new Turns({ atOnce: 2, waiting: 16, waitMs: 10_000 }),
    // Each may hold a whole body, unpacked.
    ingest: new Turns({ atOnce: 4, waiting: 256, waitMs: 10_000 }),
    // What waits has not been read yet, and is read by one process.
    upload: new Turns({ atOnce: 1, waiting: 8, waitMs: 120_000 }),
  };
}
