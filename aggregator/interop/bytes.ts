// SPDX-License-Identifier: Apache-2.0
/**
 * Reads bodies that may be packed, within a bound for what comes and for what it becomes.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { gunzip, GunzipError, isGzip } from "../../common/gunzip.ts";
import { joined } from "../../common/messages.ts";
import { HttpError } from "../http/errors.ts";

/** Says how bodies may be packed, for messages and headers. */
export const ENCODINGS = "gzip, identity";

/**
 * Reads the body of `request`. One without bytes is never unpacked, whatever its header says. It is unpacked chunk by
 * chunk: others have the thread in between.
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
  const body = await collect(request.body ?? new Blob().stream(), maxBytes);
  if (encoding === "identity" || body.length === 0) return body;
  try {
    return await collect(new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip")), maxBytes);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw damaged(error);
  }
}

/**
 * Returns a file unpacked, whichever way it came.
 *
 * @throws {HttpError} 400 where it is no whole gzip, 413 where it becomes more than `maxBytes`
 */
export function unpacked(bytes: Uint8Array<ArrayBuffer>, maxBytes: number): Uint8Array<ArrayBuffer> {
  if (!isGzip(bytes)) return bytes;
  try {
    return gunzip(bytes, maxBytes);
  } catch (error) {
    throw error instanceof GunzipError && error.because === "size" ? tooLarge(maxBytes) : damaged(error);
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
  return joined(chunks, size);
}

function damaged(error: unknown): HttpError {
  const why = error instanceof Error ? error.message : String(error);
  return new HttpError(STATUS_CODE.BadRequest, `Cannot unpack a body as it is no whole gzip: ${why}`);
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(
    STATUS_CODE.ContentTooLarge,
    `Cannot read a body of more than ${maxBytes} bytes, packed or unpacked`,
  );
}
