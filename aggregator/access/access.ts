// SPDX-License-Identifier: Apache-2.0
/**
 * Lets in who has a token, slows those who guess, and says so in the log.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { LRUCache } from "lru-cache";
import { Audit } from "./audit.ts";
import { allows, type Principal, type Scope, TokenSet } from "./tokens.ts";

/** Returns the token that an `Authorization` header has: that of Bearer, or the password of Basic with any user. */
export function tokenOf(authorization: string): string | undefined {
  const [, scheme, rest] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return rest;
  try {
    const pair = new TextDecoder().decode(Uint8Array.from(atob(rest!), (char) => char.charCodeAt(0)));
    const at = pair.indexOf(":");
    return at < 0 ? undefined : pair.slice(at + 1);
  } catch {
    return undefined;
  }
}

/** Says what is decided of a request. */
export type Decision =
  | { readonly admitted: true; readonly principal: Principal }
  | { readonly admitted: false; readonly reason: "unauthenticated" | "forbidden" };

export interface AccessOptions {
  readonly tokens: TokenSet;
  /** Waits. @default {delay} */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** So many wrong tokens of an address are answered at once; then each takes twice as long, up to five seconds. */
const FREE_FAILURES = 5;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const FORGET_MS = 600_000;
const MAX_ADDRESSES = 4096;

/** Decides by tokens, which can be replaced. */
export class Access {
  #tokens: TokenSet;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #failures = new LRUCache<string, number>({ max: MAX_ADDRESSES, ttl: FORGET_MS, ttlResolution: 0 });
  readonly #audit = new Audit();
  #refused = 0;

  constructor({ tokens, sleep = delay }: AccessOptions) {
    this.#tokens = tokens;
    this.#sleep = sleep;
  }

  /** Counts the requests that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Makes these good from now on, and no others. */
  replace(tokens: TokenSet): void {
    this.#tokens = tokens;
  }

  /** Returns a session for `token`, see {@linkcode TokenSet.sessionOf}. */
  sessionOf(token: string): string | undefined {
    return this.#tokens.sessionOf(token);
  }

  /**
   * Decides whether who has `token`, or a browser with `session`, may do `what`, which asks for `scope`. A wrong one
   * is answered ever more slowly to its address.
   */
  async decide(
    { token, session }: { token?: string | undefined; session?: string | undefined },
    { scope, address, what }: { scope: Scope; address: string; what: string },
  ): Promise<Decision> {
    const principal = token !== undefined
      ? this.#tokens.find(token)
      : session !== undefined
      ? this.#tokens.findSession(session)
      : undefined;
    if (principal && allows(principal, scope)) return { admitted: true, principal };
    this.#refused++;
    if (principal) {
      this.#audit.refused({ what, address }, `as the token of '${principal.name}' has no scope '${scope}'`);
      return { admitted: false, reason: "forbidden" };
    }
    if (token !== undefined || session !== undefined) await this.#slow(address);
    this.#audit.refused({ what, address }, "which has no valid token");
    return { admitted: false, reason: "unauthenticated" };
  }

  async #slow(address: string): Promise<void> {
    const failures = (this.#failures.get(address) ?? 0) + 1;
    this.#failures.set(address, failures);
    if (failures <= FREE_FAILURES) return;
    await this.#sleep(Math.min(FIRST_PAUSE_MS * 2 ** (failures - FREE_FAILURES - 1), LONGEST_PAUSE_MS));
  }
}
