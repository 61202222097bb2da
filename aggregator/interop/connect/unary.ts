// SPDX-License-Identifier: Apache-2.0
/**
 * Serves unary calls of the Connect protocol: https://connectrpc.com/docs/protocol/#unary-request
 *
 * @module
 */

import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { STATUS_CODE } from "@std/http/status";
import type { Reply } from "../../http/reply.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import { codecOf, type Encoded, readMessage, writeMessage } from "./codec.ts";
import { ConnectError, connectReply, tellConnect } from "./error.ts";

/** Holds what a call is given. */
export interface CallContext {
  /** Is the request that it came by, whose body was read. */
  readonly request: Request;
  /** Is the address of the client, or ""; as {@linkcode ForeignContext} has it. */
  readonly address: string;
  /** Aborts when the client has gone, or its time or ours is over. */
  readonly signal: AbortSignal;
}

/** Says how a method is called. */
export type CallOptions = Pick<ForeignRoute, "scope" | "maxBytes" | "timeoutMs" | "turn">;

/** The protocol allows ten digits of ms. */
const TIMEOUT = /^\d{1,10}$/;
/** A timer takes 31 bits of ms; nobody waits for that long. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Makes the route of a method. */
export function unaryRoute<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  options: CallOptions,
  handle: (
    message: MessageShape<I>,
    context: CallContext,
  ) => Promise<MessageInitShape<O> | Encoded> | MessageInitShape<O> | Encoded,
): ForeignRoute {
  return {
    ...options,
    method: "POST",
    path: `/${method.parent.typeName}/${method.name}`,
    tell: tellConnect,
    handle: (context) =>
      answered(context, async (codec, { signal }) => {
        const message = readMessage(method.input, codec, await context.body());
        const answer = await handle(message, { request: context.request, address: context.address, signal });
        return writeMessage(method.output, codec, answer);
      }),
  };
}

/** Matches the path of any method of any service that has a version. */
const ANY_METHOD = /^\/[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*\.v\d+[a-z0-9]*\.[A-Za-z]+\/[A-Za-z]+$/;

/** Makes the route that answers all methods that are not here: clients take it that a feature is absent. */
export function unimplementedRoute(options: CallOptions): ForeignRoute {
  return {
    ...options,
    method: "POST",
    path: "/PACKAGE.SERVICE/METHOD",
    paths: ANY_METHOD,
    tell: tellConnect,
    handle: ({ url }) =>
      connectReply({ code: "unimplemented", message: `Cannot call ${url.pathname}: it is not implemented` }),
  };
}

async function answered(
  { request, signal }: ForeignContext,
  call: (
    codec: "proto" | "json",
    context: { signal: AbortSignal },
  ) => Promise<Uint8Array<ArrayBuffer> | string>,
): Promise<Reply> {
  const type = request.headers.get("content-type");
  const codec = codecOf(type);
  if (!codec) {
    const message =
      `Cannot read a message that is not application/proto or application/json: current type is "${
        type ?? ""
      }"`;
    const { headers, body } = connectReply({ code: "unknown", message });
    return {
      status: STATUS_CODE.UnsupportedMediaType,
      headers: { ...headers, "accept-post": "application/json, application/proto" },
      ...(body !== undefined && { body }),
    };
  }
  let deadline: Deadline | undefined;
  try {
    deadline = deadlineOf(request);
    const body = await call(codec, {
      signal: deadline ? AbortSignal.any([signal, deadline.signal]) : signal,
    });
    return { headers: { "content-type": `application/${codec}` }, body };
  } catch (error) {
    if (error instanceof ConnectError) return connectReply(error);
    if (deadline?.signal.aborted) {
      return connectReply({
        code: "deadline_exceeded",
        message: "Cannot answer within the time that the client gave",
      });
    }
    throw error;
  } finally {
    deadline?.[Symbol.dispose]();
  }
}

interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** Returns the client's own deadline. @throws {ConnectError} where a header of the protocol makes no sense */
function deadlineOf(request: Request): Deadline | undefined {
  const version = request.headers.get("connect-protocol-version");
  if (version !== null && version !== "1") {
    throw new ConnectError(
      "invalid_argument",
      `Cannot take another version of the protocol than 1: current value is "${version}"`,
    );
  }
  const text = request.headers.get("connect-timeout-ms");
  if (text === null) return undefined;
  if (!TIMEOUT.test(text)) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot parse 'Connect-Timeout-Ms' as it is not a number of at most 10 digits: current value is "${text}"`,
    );
  }
  const controller = new AbortController();
  const over = () => controller.abort(new DOMException("The client's time is over", "TimeoutError"));
  const timer = setTimeout(over, Math.min(Number(text), MAX_TIMER_MS));
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
