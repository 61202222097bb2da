// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what the aggregator and its writing thread say to each other.
 *
 * @module
 */

import { type GroupToWrite, RefusedError, type Written } from "../buffer/sink.ts";
import { StorageError, storageErrorOf, type StorageOptions } from "../storage/client.ts";

/** Is what the thread is told: first where storage is, then a group at a time. */
export type ToThread =
  | { readonly storage: StorageOptions & { readonly url: string } }
  | { readonly group: GroupToWrite };

/** Is what it says first: Deno loses what a thread is told while its modules load. */
export const READY = "ready";
/** Is what it answers of a group. */
export type FromThread = { readonly written: Written } | { readonly failure: Failure };

/** Is an error on its way. */
interface Failure {
  readonly message: string;
  /** Is of a refusal. */
  readonly refused?: { readonly content: boolean; readonly written: readonly string[] };
  /** Is of storage's own error, which it is or was caused by. */
  readonly storage?: { readonly message: string; readonly code: number | undefined };
}

/** Returns what is told of an error. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const storage = storageErrorOf(error);
  return {
    message,
    ...error instanceof RefusedError && { refused: { content: error.content, written: error.written } },
    ...storage && { storage: { message: storage.message, code: storage.code } },
  };
}

/** Makes the error again. */
export function errorOf({ message, refused, storage }: Failure): Error {
  const cause = storage && new StorageError(storage.message, { ...storage, cause: undefined });
  if (refused) return new RefusedError(message, { ...refused, cause });
  return cause ?? new Error(message);
}
