// SPDX-License-Identifier: Apache-2.0
/**
 * Turns what a route answers into the response that the client gets: entity tag, compression, HEAD, headers.
 *
 * @module
 */

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { eTag, ifNoneMatch } from "@std/http/etag";
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE } from "@std/http/status";
import type { Principal } from "../access/tokens.ts";

const compress = promisify(gzip);

/** Shorter bodies do not get smaller by enough to be worth the work. */
const COMPRESS_FROM_BYTES = 1024;
const COMPRESSIBLE = /^(text\/|application\/(json|proto)|image\/svg)/;

/** Holds what a route answers. */
export interface Reply {
  /** @default {200} */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Is the body after gzip, where it was made before. */
  readonly packed?: Uint8Array<ArrayBuffer>;
  /** The body may be kept by the client and asked for again by its tag. @default {false} */
  readonly revalidate?: boolean;
  /** Is set where something was changed, for the audit log. */
  readonly change?: Change;
}

/** Says what was changed, as `created the rule "Grew"`. */
export interface Change {
  readonly what: string;
  /** Says who did, where the route itself found out. @default whoever was let in */
  readonly by?: Principal;
}

const SECURITY_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** Answers `body` as JSON. */
export function json(body: unknown, status: number = STATUS_CODE.OK): Reply {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) + "\n" };
}

/** Answers an error in the one form that all errors have. */
export function errorReply(
  status: number,
  { code, message, headers = {} }: {
    code: string;
    message: string;
    headers?: Readonly<Record<string, string>>;
  },
): Reply {
  const reply = json({ error: { code, message } }, status);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** Returns the response to `request`. */
export async function respond(request: Request, reply: Reply): Promise<Response> {
  const headers = new Headers({ ...SECURITY_HEADERS, "cache-control": "no-store", ...reply.headers });
  const status = reply.status ?? STATUS_CODE.OK;
  let body = typeof reply.body === "string" ? new TextEncoder().encode(reply.body) : reply.body;
  if (body && reply.revalidate) {
    headers.set("cache-control", "private, no-cache");
    // Weak, as the same tag stands for the plain and the compressed body.
    const tag = await eTag(body, { weak: true });
    if (tag) headers.set("etag", tag);
    if (!ifNoneMatch(request.headers.get("if-none-match"), tag)) {
      headers.delete("content-type");
      return new Response(null, { status: STATUS_CODE.NotModified, headers });
    }
  }
  if (body && COMPRESSIBLE.test(headers.get("content-type") ?? "")) {
    headers.append("vary", "accept-encoding");
    if ((reply.packed || body.length >= COMPRESS_FROM_BYTES) && takesGzip(request)) {
      body = reply.packed ?? new Uint8Array(await compress(body));
      headers.set("content-encoding", "gzip");
    }
  }
  if (body) headers.set("content-length", String(body.length));
  return new Response(request.method === "HEAD" ? null : body ?? null, { status, headers });
}

/**
 * Returns whether the client takes gzip: who does not say so (curl as it is called) may not know what to do with it.
 */
function takesGzip(request: Request): boolean {
  return request.headers.has("accept-encoding") && acceptsEncodings(request, "gzip", "identity") === "gzip";
}
