// SPDX-License-Identifier: Apache-2.0
/** The part of `@std/http/status` that Aperture uses. */
export const STATUS_CODE: {
  readonly OK: 200;
  readonly Created: 201;
  readonly NoContent: 204;
  readonly SeeOther: 303;
  readonly NotModified: 304;
  readonly BadRequest: 400;
  readonly Unauthorized: 401;
  readonly Forbidden: 403;
  readonly NotFound: 404;
  readonly MethodNotAllowed: 405;
  readonly NotAcceptable: 406;
  readonly ContentTooLarge: 413;
  readonly UnsupportedMediaType: 415;
  readonly UnprocessableEntity: 422;
  readonly TooManyRequests: 429;
  readonly InternalServerError: 500;
  readonly NotImplemented: 501;
  readonly BadGateway: 502;
  readonly ServiceUnavailable: 503;
  readonly GatewayTimeout: 504;
};

export type StatusCode = (typeof STATUS_CODE)[keyof typeof STATUS_CODE];

export const STATUS_TEXT: { readonly [code in StatusCode]: string };
