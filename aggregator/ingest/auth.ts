/**
 * The bearer token of gRPC calls.
 *
 * Health and reflection are open: probes of a cluster have no token, and the schema is public. All else,
 * methods that are not there included, asks for it.
 *
 * @module
 */

import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { createHash, timingSafeEqual } from "node:crypto";

const OPEN = /^\/grpc\.(health|reflection)\./;

/** Refuses calls without `token` with UNAUTHENTICATED, before their message is read. */
export function authenticate(token: string): ServerInterceptor {
  const matches = tokenMatcher(token);
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, nextMetadata) {
            if (OPEN.test(path) || matches(bearerOf(metadata))) return nextMetadata(metadata);
            call.sendStatus({
              code: status.UNAUTHENTICATED,
              details: "Cannot authenticate as there is no valid bearer token in 'authorization'",
            });
          },
        });
      },
    });
}

/**
 * Compares with `token` in a time that does not depend on how much of it is right, nor on its length.
 */
export function tokenMatcher(token: string): (candidate: string) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(token);
  return (candidate) => timingSafeEqual(digest(candidate), expected);
}

/** "" where there is none, or more than one. */
function bearerOf(metadata: Metadata): string {
  const values = metadata.get("authorization");
  const match = values.length === 1 ? /^bearer (.+)$/i.exec(String(values[0])) : null;
  return match?.[1] ?? "";
}
