// SPDX-License-Identifier: Apache-2.0
/**
 * Decides what a failed push asks for.
 *
 * @module
 */

import { status } from "@grpc/grpc-js";
import { PushError } from "./client.ts";

/**
 * - `retry`: the same again, later;
 * - `postpone`: later, and should it fail again and again, after the others, as it may be the batch;
 * - `slow`: someone must change a setting first;
 * - `split`: it is too large;
 * - `refuse`: it will never be taken.
 */
export type Remedy = "retry" | "postpone" | "slow" | "split" | "refuse";

/**
 * RESOURCE_EXHAUSTED is a full buffer and a message that is too large alike; gRPC's libraries (and proxies, whose
 * 413 comes as UNKNOWN) tell them apart by words alone.
 */
const TOO_LARGE = /larger than|too large|HTTP status code 413/i;

/** Returns what to do with the batch whose push failed with `error`. */
export function remedyFor(error: unknown): Remedy {
  if (!(error instanceof PushError)) return "postpone";
  switch (error.code) {
    case status.RESOURCE_EXHAUSTED:
      return TOO_LARGE.test(error.message) ? "split" : "retry";
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
      return "retry";
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
      return "refuse";
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
    case status.UNIMPLEMENTED:
    case status.NOT_FOUND:
      return "slow";
    default:
      return TOO_LARGE.test(error.message) ? "split" : "postpone";
  }
}

/** Says for the log what happened, and what to do where that is known. */
export function explain(error: unknown): string {
  if (!(error instanceof PushError)) return error instanceof Error ? error.message : String(error);
  const name = status[error.code];
  switch (error.code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return `the aggregator does not accept the token (set APERTURE_AUTH_TOKEN to its own): ${error.message}`;
    case status.UNIMPLEMENTED:
    case status.NOT_FOUND:
      return `what answers there is not an aggregator (see APERTURE_AGGREGATOR): ${error.message}`;
    default:
      return `${name}: ${error.message}`;
  }
}
