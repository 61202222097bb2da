// SPDX-License-Identifier: Apache-2.0
/** The part of `@std/http/etag` that Aperture uses. */
export function eTag(
  entity: string | Uint8Array,
  options?: { algorithm?: string; weak?: boolean },
): Promise<string | undefined>;

/** `false` when the client's `If-None-Match` names `etag`: answer 304. */
export function ifNoneMatch(value: string | null, etag: string | undefined): boolean;
