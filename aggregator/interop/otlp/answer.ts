// SPDX-License-Identifier: Apache-2.0
/**
 * Writes OTLP's answers: what was not taken of a request, and errors as `google.rpc.Status`.
 *
 * @module
 */

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Taken } from "../decoding/request.ts";

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Returns `ExportProfilesServiceResponse` as protobuf; nothing where all was taken. */
export function responseProto(
  { rejected, message }: Pick<Taken, "rejected" | "message">,
): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  if (rejected > 0) {
    writer.tag(1, LENGTH_DELIMITED).fork();
    writer.tag(1, VARINT).int64(rejected);
    writer.tag(2, LENGTH_DELIMITED).string(message);
    writer.join();
  }
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

/** Returns the same as JSON. */
export function responseJson({ rejected, message }: Pick<Taken, "rejected" | "message">): string {
  if (rejected === 0) return "{}";
  return JSON.stringify({ partialSuccess: { rejectedProfiles: String(rejected), errorMessage: message } });
}

/** Says which code of gRPC a status of HTTP is. */
const CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  413: 3,
  415: 3,
  429: 8,
  503: 14,
  504: 4,
};
const INTERNAL = 13;

/** Returns the code of gRPC for a status of HTTP. */
export function rpcCode(status: number): number {
  return CODES[status] ?? INTERNAL;
}

/** Returns `google.rpc.Status` as protobuf. */
export function statusProto(status: number, message: string): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, VARINT).int32(rpcCode(status));
  writer.tag(2, LENGTH_DELIMITED).string(message);
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

/** Returns the same as JSON. */
export function statusJson(status: number, message: string): string {
  return JSON.stringify({ code: rpcCode(status), message });
}
