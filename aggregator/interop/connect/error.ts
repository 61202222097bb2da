// SPDX-License-Identifier: Apache-2.0
/**
 * Tells errors as the Connect protocol does: https://connectrpc.com/docs/protocol/#error-codes
 *
 * @module
 */

import type { Problem } from "../../http/problem.ts";
import { json, type Reply } from "../../http/reply.ts";

/** Holds the status of HTTP for each code of the protocol. */
export const CONNECT_STATUS = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const satisfies Readonly<Record<string, number>>;

export type ConnectCode = keyof typeof CONNECT_STATUS;

/** Ends a call with a code of the protocol; the message is for the client. */
export class ConnectError extends Error {
  override name = "ConnectError";
  readonly code: ConnectCode;

  constructor(code: ConnectCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Says which code a status of HTTP becomes. What stays wrong however often it is sent is `invalid_argument`: clients
 * send again what is `resource_exhausted`, and a body that is too large would come for ever.
 */
const CODES: Readonly<Record<number, ConnectCode>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  413: "invalid_argument",
  415: "unimplemented",
  429: "resource_exhausted",
  503: "unavailable",
  504: "deadline_exceeded",
};

/** Answers an error of the protocol: always as JSON, whatever the request was written in. */
export function connectReply({ code, message }: Pick<ConnectError, "code" | "message">): Reply {
  return json({ code, message }, CONNECT_STATUS[code]);
}

/** Answers a problem as an error of the protocol. */
export function tellConnect({ status, message, headers = {} }: Problem): Reply {
  const reply = connectReply({ code: CODES[status] ?? "internal", message });
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
