/**
 * Who may read: the token as a bearer, or for the page as a cookie that is derived from it.
 *
 * @module
 */

import { getCookies } from "@std/http/cookie";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const COOKIE = "aperture_session";
/** The token ends a session, not time: 30 days only keep a browser from forgetting earlier. */
const COOKIE_AGE_SECONDS = 30 * 24 * 3600;

/** Decides by one token. All comparisons take the same time whatever is compared. */
export class TokenGate {
  readonly #digest: Uint8Array;
  /** The cookie does not give the token away, and a new token ends all sessions. */
  readonly #session: string;

  constructor(token: string) {
    this.#digest = sha256(token);
    this.#session = createHmac("sha256", token).update("aperture page session").digest("base64url");
  }

  /** Whether `token` is the one. */
  matches(token: string): boolean {
    return timingSafeEqual(sha256(token), this.#digest);
  }

  /** Whether `request` carries the token, or the cookie of {@linkcode sessionCookie}. */
  admits(request: Request): boolean {
    const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (bearer !== undefined) return this.matches(bearer);
    const session = cookieOf(request, COOKIE);
    return session !== undefined && timingSafeEqual(sha256(session), sha256(this.#session));
  }

  /** The `Set-Cookie` value that lets a browser in. */
  sessionCookie({ secure }: { secure: boolean }): string {
    return `${COOKIE}=${this.#session}; Path=/; Max-Age=${COOKIE_AGE_SECONDS}; HttpOnly; SameSite=Strict` +
      (secure ? "; Secure" : "");
  }
}

function cookieOf(request: Request, name: string): string | undefined {
  try {
    return getCookies(request.headers)[name];
  } catch {
    return undefined; // A header that makes no sense.
  }
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
