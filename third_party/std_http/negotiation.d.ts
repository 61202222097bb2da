// SPDX-License-Identifier: Apache-2.0
/** The part of `@std/http/negotiation` that Aperture uses. */
interface WithHeaders {
  readonly headers: Headers;
}

/** The best of `types` for the request's `Accept` header. */
export function accepts(request: WithHeaders, ...types: string[]): string | undefined;

/** The best of `encodings` for the request's `Accept-Encoding` header. */
export function acceptsEncodings(request: WithHeaders, ...encodings: string[]): string | undefined;
