// SPDX-License-Identifier: Apache-2.0
/** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
export function delay(ms: number, options?: { signal?: AbortSignal; persistent?: boolean }): Promise<void>;
