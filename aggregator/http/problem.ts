// SPDX-License-Identifier: Apache-2.0
/**
 * Says what went wrong in answering, whatever form it is told in.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { STATUS_CODE } from "@std/http/status";
import { Burst } from "../../common/log.ts";
import { QuestionError } from "../query/asked.ts";
import { OverloadedError } from "../turns.ts";
import { isUnavailable } from "../storage/unavailable.ts";
import { HttpError } from "./errors.ts";

const failures = new Burst(getLogger(["aperture", "http"]));

/** Is what a client is told in place of an answer. */
export interface Problem {
  /** Is the status of HTTP that fits. */
  readonly status: number;
  /** Is the machine's name of it: `bad_request`. */
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Returns what is told of `error`, which is logged where it is no client's fault. */
export function problemOf(error: unknown, { gone = false }: { gone?: boolean } = {}): Problem {
  if (error instanceof HttpError) {
    const { status, code, message, headers } = error;
    return { status, code, message, headers };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof QuestionError) {
    return { status: STATUS_CODE.BadRequest, code: "bad_request", message };
  }
  // Nobody reads this answer, and an aborted query is no failure.
  if (gone) {
    return { status: STATUS_CODE.ServiceUnavailable, code: "cancelled", message: "Client has gone" };
  }
  if (error instanceof OverloadedError) {
    failures.warn("overloaded", `Refused a request: ${message}`);
    return {
      status: STATUS_CODE.TooManyRequests,
      code: "overloaded",
      message: `${message}: ask again in a moment`,
      headers: { "retry-after": "5" },
    };
  }
  if (isUnavailable(error)) {
    failures.warn("unavailable", `Storage does not answer: ${message}`);
    return {
      status: STATUS_CODE.ServiceUnavailable,
      code: "unavailable",
      message: `Storage does not answer now: ${message || "no connection"}`,
      headers: { "retry-after": "5" },
    };
  }
  failures.warn("internal", `Request failed: ${error instanceof Error ? error.stack ?? message : message}`);
  return {
    status: STATUS_CODE.InternalServerError,
    code: "internal",
    message: "Something went wrong here: the aggregator's log says what",
  };
}
