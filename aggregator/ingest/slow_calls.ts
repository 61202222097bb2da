// SPDX-License-Identifier: Apache-2.0
/**
 * Ends calls whose client does not send what it asks, or does not take what it is answered.
 *
 * What a stream of HTTP/2 has to send is held until its client has room for it, and the connection lives on by pings: it
 * is not seen from the connection that nobody reads.
 *
 * @module
 */

import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { getLogger } from "@logtape/logtape";
import { constants, type ServerHttp2Stream } from "node:http2";
import { Burst } from "../../common/log.ts";

export interface SlowCallLimits {
  /** So long may pass until a call's message is there, its wait for a turn included, in ms. @default {60000} */
  readonly messageMs?: number;
  /** So long may pass from the answer until the client has it, in ms. @default {120000} */
  readonly takeMs?: number;
}

/** Returns the interceptor: place it before all others, as they answer calls, too. */
export function endSlowCalls(
  { messageMs = 60_000, takeMs = 120_000 }: SlowCallLimits = {},
): ServerInterceptor {
  const burst = new Burst(getLogger(["aperture", "ingest"]));
  return ({ path }, call) => {
    const stream = streamOf(call);
    const cutAfter = (ms: number, why: string) =>
      setTimeout(() => {
        burst.warn(why, `Ended a call of ${path}: its client did not ${why}`);
        stream.close(constants.NGHTTP2_CANCEL);
      }, ms);
    let timer = cutAfter(messageMs, "send its message");
    stream.once("close", () => clearTimeout(timer));
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveHalfClose(nextHalfClose) {
            clearTimeout(timer);
            nextHalfClose();
          },
        }),
      sendStatus(result, next) {
        clearTimeout(timer);
        if (!stream.closed) timer = cutAfter(takeMs, "take the answer");
        next(result);
      },
    });
  };
}

/** Returns the stream that a call came by, which grpc-js keeps for itself. */
export function streamOf(call: object): ServerHttp2Stream {
  let at = call as { nextCall?: object; stream?: ServerHttp2Stream };
  while (at.nextCall) at = at.nextCall;
  if (!at.stream) throw new Error("grpc-js has the streams of calls elsewhere");
  return at.stream;
}
