// SPDX-License-Identifier: Apache-2.0
/**
 * Takes debug files.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { StoredDebugFile } from "../storage/debug_tables.ts";
import { DebugFileError } from "../symbols/read_debug_file.ts";
import type { DebugFileJson, SymbolsJson, SymbolsUploadJson } from "./answers.ts";
import { HttpError } from "./errors.ts";
import { limitParam, readParams, textParam } from "./params.ts";
import { json } from "./reply.ts";
import { type Context, getRoute, type Route } from "./route.ts";
import type { HandlerOptions } from "./types.ts";

/** A large file comes by a slow line, and is then read. */
const UPLOAD_MS = 600_000;

/** Makes the routes of debug files; none where they are not taken. */
export function symbolRoutes(options: HandlerOptions): Route[] {
  const { debugFiles } = options;
  if (debugFiles === undefined) return [];
  return [
    getRoute("/api/symbols", options, (context) => known(context, debugFiles)),
    {
      method: "POST",
      path: "/api/symbols",
      // Who pushes names what it pushes already.
      access: "ingest",
      turn: "upload",
      timeoutMs: UPLOAD_MS,
      handle: (context) => upload(context, debugFiles),
    },
  ];
}

type Files = NonNullable<HandlerOptions["debugFiles"]>;

async function known({ url, signal }: Context, debugFiles: Files) {
  const { build_id, limit } = readParams(url, { build_id: textParam, limit: limitParam(100, 10_000) });
  const files = await debugFiles.files({ buildId: build_id, limit, signal });
  return json({ files: files.map(fileJson) } satisfies SymbolsJson);
}

async function upload({ request, signal }: Context, debugFiles: Files) {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/octet-stream\s*(;|$)/i.test(type)) {
    throw new HttpError(
      STATUS_CODE.UnsupportedMediaType,
      `Cannot read a file that is not application/octet-stream: current type is "${type}"`,
    );
  }
  try {
    const taken = await debugFiles.take(request.body ?? NO_BODY, { source: "upload", signal });
    const answer = json({ file: fileJson(taken), named: taken.named } satisfies SymbolsUploadJson);
    return { ...answer, change: { what: `gave the debug file of build id ${taken.buildId}` } };
  } catch (error) {
    throw error instanceof DebugFileError ? refusal(error) : error;
  }
}

const NO_BODY: AsyncIterable<Uint8Array<ArrayBuffer>> = ReadableStream.from([]);

function refusal(error: DebugFileError): HttpError {
  const status = {
    file: STATUS_CODE.UnprocessableEntity,
    size: STATUS_CODE.ContentTooLarge,
    reader: STATUS_CODE.NotImplemented,
  }[error.because];
  return new HttpError(status, error.message, { cause: error });
}

function fileJson({ buildId, rank, source, ranges }: StoredDebugFile): DebugFileJson {
  return { build_id: buildId, rank, source, ranges };
}
