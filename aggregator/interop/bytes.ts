// SPDX-License-Identifier: Apache-2.0
/**
 * Reads bodies that may be packed, within a bound for what comes and for what it becomes.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { HttpError } from "../http/errors.ts";

/** Says how bodies may be packed, for messages and headers. */
export const ENCODINGS = "gzip, identity";

/**
 * Reads the body of `request`. One without bytes is never unpacked, whatever its header says.
 *
 * @throws {HttpError} 400 where it is no gzip, 413 beyond `maxBytes`, 415 for another encoding
 */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new HttpError(
      STATUS_CODE.UnsupportedMediaType,
      `Cannot unpack a body as it is none of ${ENCODINGS}: current encoding is "${encoding}"`,
      { headers: { "accept-encoding": ENCODINGS } },
    );
  }
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const packed = await collect(request.body ?? new Blob().stream(), maxBytes);
  return encoding === "gzip" && packed.length > 0 ? await gunzipWithin(packed, maxBytes) : packed;
}

/**
 * Unpacks gzip.
 *
 * @throws {HttpError} 400 where it is none, 413 where it becomes more than `maxBytes`
 */
export async function gunzipWithin(
  packed: Uint8Array<ArrayBuffer>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await collect(
      new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")),
      maxBytes,
    );
  } catch (error) {
    if (error instanceof HttpError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new HttpError(STATUS_CODE.BadRequest, `Cannot unpack a body as it is no whole gzip: ${why}`);
  }
}

async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(
    STATUS_CODE.ContentTooLarge,
    `Cannot read a body of more than ${maxBytes} bytes, packed or unpacked`,
  );
}
