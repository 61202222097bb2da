// SPDX-License-Identifier: Apache-2.0
/**
 * Says who may do what: tokens with names and scopes.
 *
 * @module
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * Lists what a token may be for:
 *
 * - `ingest`: push batches;
 * - `read`: ask what was profiled, by REST, gRPC and the page;
 * - `admin`: both, and change what others see.
 */
export const SCOPES = ["ingest", "read", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Says whose token it is. */
export interface Principal {
  /** Names the principal in the log; it is no secret. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** Returns whether `principal` may do what asks for `scope`. */
export function allows({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has("admin");
}

/** Is thrown for a file of tokens that cannot be used; the message is for the user, without any token. */
export class TokenFileError extends Error {
  override name = "TokenFileError";
}

interface Entry {
  readonly principal: Principal;
  readonly digest: Uint8Array;
  /** Is what a browser has in place of the token: it does not give it away, and ends with it. */
  readonly session: string;
}

const MIN_TOKEN = 8;

/** Holds tokens that are good at the same time. All comparisons take the same time whatever is compared. */
export class TokenSet {
  readonly #entries: readonly Entry[];

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  /** Returns the set of one token, which may do all. */
  static single(token: string): TokenSet {
    return new TokenSet([entryOf(token, { name: "token", scopes: new Set(SCOPES) })]);
  }

  /**
   * Returns the tokens of a file: a line for each, with a name, scopes with commas between them, and the token,
   * separated by spaces. What follows a `#` at the begin of a line is a comment.
   *
   * @throws {TokenFileError} naming the line
   */
  static parse(text: string): TokenSet {
    const entries: Entry[] = [];
    for (const [i, line] of text.split("\n").entries()) {
      const words = line.trim().split(/\s+/);
      if (words[0] === "" || words[0]!.startsWith("#")) continue;
      const where = `line ${i + 1} of the tokens`;
      if (words.length !== 3) {
        throw new TokenFileError(
          `Cannot parse ${where} as it is not 'NAME SCOPE[,SCOPE] TOKEN': it has ${words.length} words`,
        );
      }
      const [name, list, token] = words as [string, string, string];
      const scopes = list.split(",");
      const wrong = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope));
      if (wrong !== undefined) {
        throw new TokenFileError(
          `Cannot parse ${where} as a scope is not one of ${SCOPES.join(", ")}: current value is "${wrong}"`,
        );
      }
      if (token.length < MIN_TOKEN) {
        throw new TokenFileError(`Cannot use ${where} as the token has fewer than ${MIN_TOKEN} characters`);
      }
      entries.push(entryOf(token, { name, scopes: new Set(scopes as Scope[]) }));
    }
    if (entries.length === 0) throw new TokenFileError("Cannot use the tokens as there is none in the file");
    return new TokenSet(entries);
  }

  /** Returns the tokens of both. */
  with(other: TokenSet): TokenSet {
    return new TokenSet([...this.#entries, ...other.#entries]);
  }

  /** Returns whose `token` is. */
  find(token: string): Principal | undefined {
    return this.#match(sha256(token), ({ digest }) => digest);
  }

  /** Returns whose session it is that {@linkcode sessionOf} gave. */
  findSession(session: string): Principal | undefined {
    return this.#match(sha256(session), (entry) => sha256(entry.session));
  }

  /** Returns what a browser is given for `token`; `undefined` where it is nobody's. */
  sessionOf(token: string): string | undefined {
    const principal = this.find(token);
    return this.#entries.find((entry) => entry.principal === principal)?.session;
  }

  /** Compares all, so that the time does not tell which it was. */
  #match(digest: Uint8Array, digestOf: (entry: Entry) => Uint8Array): Principal | undefined {
    let found: Principal | undefined;
    for (const entry of this.#entries) {
      if (timingSafeEqual(digest, digestOf(entry))) found ??= entry.principal;
    }
    return found;
  }
}

function entryOf(token: string, principal: Principal): Entry {
  const session = createHmac("sha256", token).update("aperture page session").digest("base64url");
  return { principal, digest: sha256(token), session };
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
