// SPDX-License-Identifier: Apache-2.0
/**
 * Turns functions that return or throw into unary gRPC handlers that answer or fail with a status.
 *
 * @module
 */

import { type handleUnaryCall, type Metadata, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import { MalformedBatchError } from "../../profile/wire/check_columns.ts";
import { WireError } from "../../profile/wire/wire_reader.ts";
import { BufferFullError } from "../buffer/held.ts";
import { QuestionError } from "../query/asked.ts";
import { OverloadedError } from "../turns.ts";
import { retryAfter } from "./admission.ts";

/** Is thrown for a request that asks for what cannot be: INVALID_ARGUMENT. */
export class InvalidArgumentError extends Error {
  override name = "InvalidArgumentError";
}

/** Is thrown for a request for what is not there: OUT_OF_RANGE. */
export class OutOfRangeError extends Error {
  override name = "OutOfRangeError";
}

/** What the request needs is down for now: UNAVAILABLE. */
export class UnavailableError extends Error {
  override name = "UnavailableError";
}

/** Lists codes of node's network errors. */
const NETWORK = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);

/** Agents wait about so long while the buffer is full. */
const FULL_MS = 10_000;

export interface CallsOptions {
  /** Gives a number from 0 to 1. @default {Math.random} */
  random?: () => number;
  /** Returns whether an error means that storage is down. @default {isNetworkError} */
  isUnavailable?: (error: unknown) => boolean;
}

/** Makes handlers, and knows how many of them are at work. */
export class Calls {
  readonly #isUnavailable: (error: unknown) => boolean;
  readonly #random: () => number;
  readonly #burst = new Burst(getLogger(["aperture", "ingest"]));
  #inFlight = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor({ isUnavailable = isNetworkError, random = Math.random }: CallsOptions = {}) {
    this.#random = random;
    this.#isUnavailable = isUnavailable;
  }

  /** Returns the handler that answers with what `answer` gives; its signal is aborted when the client goes away. */
  unary<Request, Response>(
    answer: (
      request: Request,
      signal: AbortSignal,
      call: Pick<ServerUnaryCall<Request, Response>, "metadata" | "getPeer">,
    ) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return async (call, callback) => {
      if (this.#closing) {
        return callback({ code: status.UNAVAILABLE, details: "The aggregator is shutting down" });
      }
      this.#inFlight++;
      const abort = new AbortController();
      let answered = false;
      // Every call's stream closes, which is told like this, too: it is news only to who is at work.
      call.on("cancelled", () => answered || abort.abort());
      try {
        const response = await answer(call.request, abort.signal, call);
        answered = true;
        callback(null, response);
      } catch (error) {
        answered = true;
        callback(this.#statusOf(error, call.getPath()));
      } finally {
        this.#inFlight--;
        this.#settle();
      }
    };
  }

  /** Takes no more calls; resolves when none is at work. */
  close(): Promise<void> {
    this.#closing ??= Promise.withResolvers();
    this.#settle();
    return this.#closing.promise;
  }

  #settle(): void {
    if (this.#inFlight === 0) this.#closing?.resolve();
  }

  #statusOf(error: unknown, path: string): { code: status; details: string; metadata?: Metadata } {
    const details = error instanceof Error ? error.message : String(error);
    if (
      error instanceof MalformedBatchError || error instanceof WireError ||
      error instanceof InvalidArgumentError || error instanceof QuestionError
    ) {
      this.#burst.warn(`invalid ${path}`, `Refused a call of ${path}: ${details}`);
      return { code: status.INVALID_ARGUMENT, details };
    }
    if (error instanceof OutOfRangeError) {
      this.#burst.warn("out of range", `Refused a batch: ${details}`);
      return { code: status.OUT_OF_RANGE, details };
    }
    if (error instanceof BufferFullError) {
      this.#burst.warn("full", `Refused a batch: ${details}`);
      // Not all at once, when there is room again.
      const metadata = retryAfter(FULL_MS * (0.5 + this.#random()));
      return { code: status.RESOURCE_EXHAUSTED, details, metadata };
    }
    if (error instanceof OverloadedError) {
      this.#burst.warn("overloaded", `Refused a question: ${details}`);
      return { code: status.RESOURCE_EXHAUSTED, details };
    }
    if (error instanceof Error && error.name === "AbortError") return { code: status.CANCELLED, details };
    this.#burst.warn(`failed ${path}`, `Cannot answer a call of ${path}: ${details}`);
    if (error instanceof UnavailableError) return { code: status.UNAVAILABLE, details };
    if (this.#isUnavailable(error)) {
      return { code: status.UNAVAILABLE, details: `Cannot reach storage: ${details}` };
    }
    // What it is may name files, or statements.
    return { code: status.INTERNAL, details: "Something went wrong here: the aggregator's log says what" };
  }
}

/** Returns whether `error`, or what caused it, is of the network. */
export function isNetworkError(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && NETWORK.has(String(at.code))) return true;
  }
  return false;
}
