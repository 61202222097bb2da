// SPDX-License-Identifier: Apache-2.0
/**
 * Has what was acknowledged written before it is asked for.
 *
 * @module
 */

import { settledWithin } from "../common/timeout.ts";
import type { Flusher } from "./buffer/flusher.ts";
import type { StagingBuffer } from "./buffer/staging_buffer.ts";

/** Who asks waits so long at most: storage may be away. */
const LONGEST_MS = 2000;

/**
 * Makes a function that writes what is staged, and waits for it. Who calls meanwhile waits for the same. It never
 * rejects: that storage does not take it is the flusher's to say.
 */
export function settling(
  { buffer, flusher }: {
    readonly buffer: Pick<StagingBuffer, "staged">;
    readonly flusher: Pick<Flusher, "flushNow">;
  },
): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    if (buffer.staged === 0) return Promise.resolve();
    running ??= settledWithin(LONGEST_MS, flusher.flushNow().catch(() => {})).finally(() =>
      running = undefined
    );
    return running;
  };
}
