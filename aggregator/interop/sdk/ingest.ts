// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what SDKs push by `POST /ingest`.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import type { Problem } from "../../http/problem.ts";
import { HttpError } from "../../http/errors.ts";
import type { Reply } from "../../http/reply.ts";
import type { ForeignContext, ForeignRoute } from "../foreign.ts";
import type { Intake } from "../intake/intake.ts";
import { ForeignError } from "../intake/windows.ts";
import { readApp } from "./app.ts";
import { noJfr } from "./read_ingest.ts";

/** Bounds a request, packed and unpacked. */
const MAX_BYTES = 32 * 2 ** 20;

/** Makes the routes, which are one by two names. */
export function ingestRoutes(intake: Intake): ForeignRoute[] {
  return ["/ingest", "/pyroscope/ingest"].map((path) => ({
    ...{
      method: "POST",
      path,
      scope: "ingest",
      turn: "ingest",
      maxBytes: MAX_BYTES,
      timeoutMs: 30_000,
    } as const,
    tell: tellPlain,
    handle: (context) => ingest(context, intake),
  }));
}

/** Says what went wrong as text, which is all that SDKs log. */
function tellPlain({ status, message, headers = {} }: Problem): Reply {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: `${message}\n`,
  };
}

async function ingest(context: ForeignContext, intake: Intake): Promise<Reply> {
  const { url: { search, searchParams }, request, address } = context;
  if (searchParams.get("format") === "jfr") {
    void request.body?.cancel();
    throw noJfr();
  }
  const body = await context.body();
  try {
    readApp(searchParams);
  } catch (error) {
    throw intake.refused("ingest", error);
  }
  const contentType = request.headers.get("content-type") ?? "";
  try {
    await intake.take({ protocol: "ingest", search, contentType }, body, { address });
  } catch (told) {
    // It is the body that is at fault.
    const cause = told instanceof HttpError ? told.cause : undefined;
    if (!(cause instanceof ForeignError || cause instanceof WireError)) throw told;
    throw new HttpError(STATUS_CODE.UnprocessableEntity, cause.message, { cause });
  }
  // Some clients take any other status of success for a failure.
  return { status: STATUS_CODE.OK, headers: {}, body: "" };
}
