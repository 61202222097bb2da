// SPDX-License-Identifier: Apache-2.0
/**
 * Says what a request carries to be let in, and where it may come from.
 *
 * @module
 */

import { getCookies } from "@std/http/cookie";
import { tokenOf } from "../access/access.ts";

const COOKIE = "aperture_session";
/** The token ends a session, not time: 30 days only keep a browser from forgetting earlier. */
const COOKIE_AGE_SECONDS = 30 * 24 * 3600;

/** Returns the token or the session that `request` carries; of both the token counts. */
export function credentialsOf(request: Request): { token?: string; session?: string } {
  const token = tokenOf(request.headers.get("authorization") ?? "");
  if (token !== undefined) return { token };
  const session = cookieOf(request, COOKIE);
  return session === undefined ? {} : { session };
}

/** Returns the `Set-Cookie` value that lets a browser in. */
export function sessionCookie(session: string, { secure }: { secure: boolean }): string {
  return `${COOKIE}=${session}; Path=/; Max-Age=${COOKIE_AGE_SECONDS}; HttpOnly; SameSite=Strict` +
    (secure ? "; Secure" : "");
}

/**
 * Returns whether a browser sent `request` for another site's page: its user did not mean it. A browser says which site
 * it is; one that does not, and has a cookie, is not believed, unless cookies do not count.
 */
export function isForged(
  request: Request,
  url: URL,
  { cookies = true }: { readonly cookies?: boolean } = {},
): boolean {
  if (request.method === "GET" || request.method === "HEAD") return false;
  const origin = request.headers.get("origin");
  // A page that tells nobody where it is sends "null", as one does that is boxed in on another site.
  if (origin !== null && origin !== "null") {
    if (!URL.canParse(origin)) return true;
    // A proxy may have asked by another name; no page can make a browser send this header to another site.
    const hosts = [url.host, request.headers.get("x-forwarded-host")];
    return !hosts.includes(new URL(origin).host);
  }
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  if (origin === "null") return true;
  return cookies && request.headers.has("cookie") && !request.headers.has("authorization");
}

/** Matches top-level domains that nobody can register: what ends in them is of a local network, or of a cluster. */
const LOCAL = /\.(local|localhost|internal|test|example|home\.arpa|svc|lan)$/;

/**
 * Returns whether `hostname` is one that a page from elsewhere cannot point at this machine (DNS rebinding): an
 * address, a name without a dot, or one of a local network; or one of `allowed`.
 */
export function isLocalName(hostname: string, allowed: readonly string[] = []): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return allowed.includes(name) || /^[\d.]+$/.test(name) || name.startsWith("[") || !name.includes(".") ||
    LOCAL.test(name);
}

function cookieOf(request: Request, name: string): string | undefined {
  try {
    return getCookies(request.headers)[name];
  } catch {
    return undefined; // A header that makes no sense.
  }
}
