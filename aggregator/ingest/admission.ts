// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds how many calls are read at once: the others wait, unread, which HTTP/2's flow control tells their clients.
 *
 * @module
 */

import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { streamOf } from "./slow_calls.ts";

export interface AdmissionLimits {
  /** So many calls are read and answered at once; each may hold a whole message. @default {32} */
  readonly atOnce?: number;
  /** So many calls may wait for that. @default {1000} */
  readonly waiting?: number;
  /** A call waits so long, and its message may take so long to arrive, in ms. @default {15000} */
  readonly waitMs?: number;
  /** A turn lasts until the client has the answer, which may be large, and not only until it is made. @default {false} */
  readonly untilTaken?: boolean;
}

/** Is the trailer by which gRPC's own retries are told when to come back, in ms. */
export const RETRY_HINT = "grpc-retry-pushback-ms";

/** Probes and descriptions are small, and answer while the others wait. */
const FREE = /^\/grpc\.(health|reflection)\./;

/**
 * Lets pushes in by turns of their own, so that no question keeps them out: place it behind what may refuse a call by its
 * metadata alone.
 */
export function admit(
  { pushes, questions }: Readonly<Record<"pushes" | "questions", Admission>>,
  { pushPaths }: { readonly pushPaths: ReadonlySet<string> },
): ServerInterceptor {
  return ({ path }, call) => {
    if (FREE.test(path)) return new ServerInterceptingCall(call);
    return (pushPaths.has(path) ? pushes : questions).hold(call);
  };
}

/** Makes trailers that ask to come back after `ms`. */
export function retryAfter(ms: number): Metadata {
  const metadata = new Metadata();
  metadata.set(RETRY_HINT, String(Math.round(ms)));
  return metadata;
}

/** Lets calls in, in the order in which they came. */
export class Admission {
  readonly #limits: Required<AdmissionLimits>;
  readonly #random: () => number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limits: AdmissionLimits = {}, { random = Math.random }: { random?: () => number } = {}) {
    this.#limits = { atOnce: 32, waiting: 1000, waitMs: 15_000, untilTaken: false, ...limits };
    this.#random = random;
  }

  /** Counts the calls that are read or answered. */
  get running(): number {
    return this.#running;
  }

  /** Counts the calls that wait for that. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Has `call` wait for its turn before its message is read. */
  hold(call: ConstructorParameters<typeof ServerInterceptingCall>[0]): ServerInterceptingCall {
    const { waitMs, untilTaken } = this.#limits;
    const stream = streamOf(call);
    let state: "waiting" | "running" | "over" = "waiting";
    let begin = () => {};
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      clearTimeout(timer);
      this.#waiting.delete(begin);
      if (state === "running") this.#release();
      state = "over";
    };
    const refuse = (code: status, details: string) => {
      end();
      // Those who are refused together come back one by one.
      call.sendStatus({ code, details, metadata: retryAfter(waitMs * (0.5 + this.#random())) });
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            begin = () => {
              state = "running";
              this.#running++;
              clearTimeout(timer);
              timer = setTimeout(
                () => refuse(status.DEADLINE_EXCEEDED, "Cannot wait any longer for the call's message"),
                waitMs,
              );
              nextMetadata(metadata);
            };
            if (this.#running < this.#limits.atOnce) return begin();
            if (this.#waiting.size >= this.#limits.waiting) {
              return refuse(
                status.RESOURCE_EXHAUSTED,
                "Cannot take the call as too many wait: try again later",
              );
            }
            this.#waiting.add(begin);
            timer = setTimeout(
              () => refuse(status.RESOURCE_EXHAUSTED, "Cannot take the call now: others come first"),
              waitMs,
            );
          },
          onReceiveHalfClose: (nextHalfClose) => {
            clearTimeout(timer);
            nextHalfClose();
          },
          // It is told of a call that was answered, too, before its client has the answer.
          onCancel: () => untilTaken && !stream.closed ? stream.once("close", end) : end(),
        }),
      sendStatus: (result, next) => {
        clearTimeout(timer);
        if (untilTaken && state === "running" && !stream.closed) stream.once("close", end);
        else end();
        next(result);
      },
    });
  }

  #release(): void {
    this.#running--;
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    next();
  }
}
