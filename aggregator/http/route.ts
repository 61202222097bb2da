// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the route table's entries and how a request finds its own.
 *
 * @module
 */

import type { Problem } from "./problem.ts";
import type { Reply } from "./reply.ts";
import type { TurnName } from "./turns.ts";
import type { HandlerOptions } from "./types.ts";

/** Holds what a route is given. */
export interface Context {
  readonly request: Request;
  readonly url: URL;
  /** Aborts when the client has gone or the request's time is over. */
  readonly signal: AbortSignal;
  /** Is the address of the client, or of the last proxy before this server; "" where it is not known. */
  readonly address: string;
}

/** Says what differs for a route whose form others have set. */
export interface Foreign {
  /** Its body has so many bytes at most, before and after it was unpacked. */
  readonly maxBytes: number;
  /** It is answered within so many ms. */
  readonly timeoutMs: number;
  /** Answers what went wrong as its clients read it. */
  readonly tell: (problem: Problem) => Reply;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Is what a request's path is, or names what {@linkcode paths} matches. */
  readonly path: string;
  /** Matches paths that no route has as its own. */
  readonly paths?: RegExp;
  /**
   * Says who may ask. `token`: only with a token that may read or the page's session, where tokens are set; `ingest`:
   * with one that may push; `admin`: that may change.
   */
  readonly access: "open" | "token" | "ingest" | "admin";
  /** Is set where others have set the form: no session counts, as no page asks. */
  readonly foreign?: Foreign;
  /** Is set where what it answers with takes time and memory: it waits for its turn, among those of its name. */
  readonly turn?: TurnName;
  /** It may take so long, in ms. @default {that of all} */
  readonly timeoutMs?: number;
  readonly handle: (context: Context) => Reply | Promise<Reply>;
}

/** Answers a request with what the handler was made of. */
export type Handler = (context: Context, options: HandlerOptions) => Reply | Promise<Reply>;

/** Makes a route of GET that asks for the token. */
export function getRoute(path: string, options: HandlerOptions, handle: Handler): Route {
  return {
    method: "GET",
    path,
    access: "token",
    turn: "question",
    handle: (context) => handle(context, options),
  };
}

/** Makes a route of POST that asks for the token. */
export function postRoute(path: string, options: HandlerOptions, handle: Handler): Route {
  return { ...getRoute(path, options, handle), method: "POST" };
}

/** Makes a route that changes something: it asks for a token that may. */
export function adminRoute(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  { options, handle }: { options: HandlerOptions; handle: Handler },
): Route {
  return { ...getRoute(path, options, handle), method, access: "admin" };
}

export type Found =
  | { readonly route: Route }
  /** The path is known, the method is not: these are. */
  | { readonly allow: readonly string[] }
  | undefined;

/** Returns the route of `method` and `path`; HEAD is answered by GET's. */
export function findRoute(
  routes: readonly Route[],
  { method, path }: { method: string; path: string },
): Found {
  const own = routes.filter((route) => !route.paths && route.path === path);
  const atPath = own.length > 0 ? own : routes.filter((route) => route.paths?.test(path));
  if (atPath.length === 0) return undefined;
  const wanted = method === "HEAD" ? "GET" : method;
  const route = atPath.find((route) => route.method === wanted);
  if (route) return { route };
  return { allow: atPath.flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : [method]) };
}
