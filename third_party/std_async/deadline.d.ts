// SPDX-License-Identifier: Apache-2.0
/** Rejects with a `TimeoutError` DOMException when `p` takes longer than `ms`. */
export function deadline<T>(p: Promise<T>, ms: number, options?: { signal?: AbortSignal }): Promise<T>;
