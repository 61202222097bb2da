// SPDX-License-Identifier: Apache-2.0
/**
 * Decides who may call, by the token of gRPC calls.
 *
 * Health and reflection are open: probes of a cluster have no token, and the schema is public. All else,
 * methods that are not there included, asks for it.
 *
 * @module
 */

import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { type Access, tokenOf } from "../access/access.ts";
import { EXPORT_PATH } from "../interop/otlp/grpc.ts";

const OPEN = /^\/grpc\.(health|reflection)\./;
/** These take what is pushed. */
export const PUSH_PATHS: ReadonlySet<string> = new Set(["/aperture.v1.Aggregator/Push", EXPORT_PATH]);

/** Refuses calls without a token that may make them, before their message is read. */
export function authenticate(access: Access): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          async onReceiveMetadata(metadata, nextMetadata) {
            if (OPEN.test(path)) return nextMetadata(metadata);
            const decision = await access.decide({ token: tokenIn(metadata) }, {
              scope: PUSH_PATHS.has(path) ? "ingest" : "read",
              address: call.getConnectionInfo().remoteAddress ?? "",
              what: path,
            });
            if (decision.admitted) return nextMetadata(metadata);
            call.sendStatus(
              decision.reason === "forbidden"
                ? { code: status.PERMISSION_DENIED, details: "Cannot do this as the token has not its scope" }
                : {
                  code: status.UNAUTHENTICATED,
                  details: "Cannot authenticate as there is no valid bearer token in 'authorization'",
                },
            );
          },
        });
      },
    });
}

/** Returns the call's token; `undefined` where there is none, or more than one. */
function tokenIn(metadata: Metadata): string | undefined {
  const values = metadata.get("authorization");
  return values.length === 1 ? tokenOf(String(values[0])) : undefined;
}
