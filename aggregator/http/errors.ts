// SPDX-License-Identifier: Apache-2.0
/**
 * Declares errors that a client is told about.
 *
 * @module
 */

import { STATUS_CODE, type StatusCode } from "@std/http/status";

const CODES: Readonly<Partial<Record<StatusCode, string>>> = {
  [STATUS_CODE.BadRequest]: "bad_request",
  [STATUS_CODE.Unauthorized]: "unauthorized",
  [STATUS_CODE.Forbidden]: "forbidden",
  [STATUS_CODE.NotFound]: "not_found",
  [STATUS_CODE.MethodNotAllowed]: "method_not_allowed",
  [STATUS_CODE.ContentTooLarge]: "content_too_large",
  [STATUS_CODE.UnsupportedMediaType]: "unsupported_media_type",
  [STATUS_CODE.UnprocessableEntity]: "unprocessable",
  [STATUS_CODE.NotImplemented]: "not_implemented",
  [STATUS_CODE.TooManyRequests]: "overloaded",
  [STATUS_CODE.ServiceUnavailable]: "unavailable",
  [STATUS_CODE.GatewayTimeout]: "timeout",
};

/** Ends a request with `status`; the message is for the client. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: StatusCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: StatusCode,
    message: string,
    { headers = {}, ...options }: ErrorOptions & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = headers;
  }

  /** Is the machine's name of the error: `bad_request`. */
  get code(): string {
    return CODES[this.status] ?? "internal";
  }
}
