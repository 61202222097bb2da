// SPDX-License-Identifier: Apache-2.0
/**
 * Declares routes whose form others have set: what every one of them must say of itself.
 *
 * @module
 */

import type { Context, Foreign, Route } from "../http/route.ts";
import type { Reply } from "../http/reply.ts";
import { readBytes } from "./bytes.ts";

/** Holds what such a route is given. */
export interface ForeignContext extends Context {
  /**
   * Reads the body, unpacked.
   *
   * @throws {HttpError} 400 where it cannot be unpacked, 413 beyond the route's limit, 415 where it is packed otherwise
   */
  readonly body: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Is a line of the table. Parameters that it does not know are passed over: its clients send what they like. Cookies
 * and what proxies say of their users count for nothing; the token in `Authorization` does.
 */
export interface ForeignRoute extends Foreign {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly paths?: RegExp;
  /** Is the scope that its token needs. */
  readonly scope: "read" | "ingest";
  readonly turn?: Route["turn"];
  readonly handle: (context: ForeignContext) => Reply | Promise<Reply>;
}

/** Makes it a route as all are. */
export function toRoute({ scope, handle, ...line }: ForeignRoute): Route {
  const { method, path, paths, turn, maxBytes, timeoutMs, tell } = line;
  return {
    method,
    path,
    ...(paths && { paths }),
    ...(turn && { turn }),
    access: scope === "read" ? "token" : "ingest",
    foreign: { maxBytes, timeoutMs, tell },
    handle: (context) => handle({ ...context, body: () => readBytes(context.request, maxBytes) }),
  };
}
