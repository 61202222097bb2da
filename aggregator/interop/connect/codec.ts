// SPDX-License-Identifier: Apache-2.0
/**
 * Reads and writes messages in both codecs of the Connect protocol, protobuf and its JSON.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { ConnectError } from "./error.ts";

/** Names the codec of a body. */
export type Codec = "proto" | "json";

/** Is a message that is written already: as protobuf, which spares its copy in memory. */
export class Encoded {
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }
}

/** Returns the codec of a content type; `undefined` for any other. */
export function codecOf(contentType: string | null): Codec | undefined {
  const [, name] = /^application\/(proto|json)\s*(?:;|$)/i.exec(contentType?.trim() ?? "") ?? [];
  return name?.toLowerCase() as Codec | undefined;
}

/**
 * Reads a message. JSON may have both spellings of a field, and fields that are not known; nothing at all is the empty
 * message.
 *
 * @throws {ConnectError} `invalid_argument`
 */
export function readMessage<D extends DescMessage>(
  schema: D,
  codec: Codec,
  bytes: Uint8Array,
): MessageShape<D> {
  if (bytes.length === 0) return create(schema);
  try {
    if (codec === "proto") return fromBinary(schema, bytes, { readUnknownFields: false });
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return fromJsonString(schema, text, { ignoreUnknownFields: true });
  } catch (cause) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot read ${schema.typeName} as ${codec}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** Writes a message. */
export function writeMessage<D extends DescMessage>(
  schema: D,
  codec: Codec,
  message: MessageInitShape<D> | Encoded,
): Uint8Array<ArrayBuffer> | string {
  if (message instanceof Encoded) {
    return codec === "proto" ? message.bytes : toJsonString(schema, fromBinary(schema, message.bytes));
  }
  const whole = create(schema, message);
  return codec === "proto" ? toBinary(schema, whole) : toJsonString(schema, whole);
}
