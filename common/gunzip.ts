// SPDX-License-Identifier: Apache-2.0
/**
 * Unpacks gzip within a bound.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";

/** Something cannot be unpacked. */
export class GunzipError extends Error {
  override name = "GunzipError";
  readonly because: "damaged" | "size";

  constructor(message: string, because: GunzipError["because"], options?: ErrorOptions) {
    super(message, options);
    this.because = because;
  }
}

/** Returns whether `bytes` begin as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks gzip.
 *
 * @throws {GunzipError} where it is none, or not whole, or becomes more than `maxBytes`
 */
export function gunzip(packed: Uint8Array<ArrayBuffer>, maxBytes: number): Uint8Array<ArrayBuffer> {
  try {
    const { buffer, byteOffset, byteLength } = gunzipSync(packed, { maxOutputLength: maxBytes });
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    if (code !== "ERR_BUFFER_TOO_LARGE") throw new GunzipError(message, "damaged", { cause });
    throw new GunzipError(`it becomes more than ${maxBytes} bytes`, "size", { cause });
  }
}
