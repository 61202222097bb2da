// SPDX-License-Identifier: Apache-2.0
/**
 * Takes profiles of OpenTelemetry by HTTP: `POST /v1development/profiles`, protobuf or JSON.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { HttpError } from "../../http/errors.ts";
import { type Problem, problemOf } from "../../http/problem.ts";
import type { Reply } from "../../http/reply.ts";
import { ENCODINGS } from "../bytes.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import type { Intake } from "../intake/intake.ts";
import { responseJson, responseProto, statusJson, statusProto } from "./answer.ts";
import { VERSION_HEADER } from "./version.ts";

/** Bounds a request, packed and unpacked. */
const MAX_BYTES = 64 * 2 ** 20;
/** JSON takes more memory once it is read. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

type Encoding = "proto" | "json";
const TYPES: Readonly<Record<Encoding, string>> = {
  proto: "application/x-protobuf",
  json: "application/json",
};

/** Makes the route. */
export function otlpRoutes(intake: Intake): ForeignRoute[] {
  return [{
    ...{ method: "POST", path: "/v1development/profiles", scope: "ingest", turn: "ingest" } as const,
    ...{ maxBytes: MAX_BYTES, timeoutMs: 30_000 },
    tell: (problem) => told(problem, "json"),
    handle: (context) => take(context, intake),
  }];
}

async function take(context: ForeignContext, intake: Intake): Promise<Reply> {
  const { request, address } = context;
  const encoding = encodingOf(request);
  try {
    refusePacking(request);
    const body = await context.body();
    if (encoding === "json" && body.length > MAX_JSON_BYTES) {
      throw new HttpError(
        STATUS_CODE.ContentTooLarge,
        `Cannot read JSON of more than ${MAX_JSON_BYTES} bytes`,
      );
    }
    const version = request.headers.get(VERSION_HEADER);
    const versions = version === null ? [] : [version];
    const taken = await intake.take({ protocol: "otlp", encoding, versions }, body, { address });
    return {
      headers: { "content-type": TYPES[encoding] },
      body: encoding === "json" ? responseJson(taken) : responseProto(taken),
    };
  } catch (error) {
    if (context.signal.aborted) throw error;
    return told(problemOf(error), encoding);
  }
}

/** @throws {HttpError} 415 */
function encodingOf(request: Request): Encoding {
  const type = request.headers.get("content-type") ?? "";
  const [, name] = /^application\/(x-protobuf|protobuf|json)\s*(?:;|$)/i.exec(type.trim()) ?? [];
  if (name === undefined) {
    throw new HttpError(
      STATUS_CODE.UnsupportedMediaType,
      `Cannot read profiles that are not ${TYPES.proto} or ${TYPES.json}: current type is "${type}"`,
    );
  }
  return name.toLowerCase() === "json" ? "json" : "proto";
}

/** @throws {HttpError} 400, as senders expect it, where the body is packed in another way */
function refusePacking(request: Request): void {
  const packing = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (["", "gzip", "identity"].includes(packing)) return;
  throw new HttpError(
    STATUS_CODE.BadRequest,
    `Cannot unpack a body as it is none of ${ENCODINGS}: current encoding is "${packing}"`,
  );
}

function told({ status, message, headers = {} }: Problem, encoding: Encoding): Reply {
  return {
    status,
    headers: { "content-type": TYPES[encoding], ...headers },
    body: encoding === "json" ? statusJson(status, message) : statusProto(status, message),
  };
}
