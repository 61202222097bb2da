// SPDX-License-Identifier: Apache-2.0
/**
 * Says why a request had no answer.
 *
 * @module
 */

/**
 * Returns why `fetch()` failed, without the address, which may have secrets; the message of any other error.
 *
 * Deno says only that it failed, and why in the cause, behind the address. That has no blanks, so that what follows the
 * words is not of it.
 */
export function fetchFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  if (!(cause instanceof Error)) return message;
  const why = /client error \(\w+\): (.+)$/s.exec(cause.message)?.[1];
  if (why !== undefined) return why.replace(/ \(os error \d+\)$/, "");
  return cause.message.replace(/ ?for url \(\S+\)/, "");
}
