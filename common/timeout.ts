// SPDX-License-Identifier: Apache-2.0
/**
 * Waiting with a bound.
 *
 * @module
 */

/** Settles with `work`, or resolves after `ms`, while `work` goes on. */
export async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs `work` with a signal that aborts with `signal` and after `ms`.
 *
 * @throws {Deno.errors.TimedOut} after `ms`
 */
export async function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  { signal }: { signal: AbortSignal },
): Promise<T> {
  // Not AbortSignal.any(): what it gives may be collected as garbage while it is still waited on.
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  const timer = setTimeout(() => own.abort(new Deno.errors.TimedOut(`No answer within ${ms} ms`)), ms);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
