// SPDX-License-Identifier: Apache-2.0
/**
 * Waiting for what a test needs.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/** A busy machine, or one whose disk is slow, may take a while; what takes longer does not come. */
export const PATIENCE_MS = 300_000;

/**
 * Returns what `check` answers once that is neither `undefined` nor `false`.
 *
 * @param options.every is how long it rests between two checks, in ms: what costs more than a moment takes from what is
 * waited for. @default {50}
 * @throws {Error} when it has not come after five minutes
 */
export async function until<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { every = 50 }: { readonly every?: number } = {},
): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`Waited in vain for five minutes: ${check}`);
    await delay(every);
  }
}
