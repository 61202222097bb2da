// SPDX-License-Identifier: Apache-2.0
/**
 * Is what the process that reads a debug file says: blocks of rows, then what they were, or why there are none.
 *
 * A message is its kind in one byte, its length in four, little-endian, and so many bytes.
 *
 * @module
 */

import type { Rank } from "../../profile/model.ts";

/** Kinds of messages. */
export const MESSAGE = { block: 1, done: 2, refused: 3 } as const;

const HEAD_BYTES = 5;
/** No message is longer: a block has some thousand rows. */
const MAX_MESSAGE_BYTES = 256 << 20;

/** Is the last message where all went well. */
export interface DebugFileFacts {
  /** Is lower-case hex. */
  readonly buildId: string;
  /** Is the rank of the best names in the file. */
  readonly rank: Rank;
  readonly ranges: number;
}

/** Is the last message where there is nothing to be had of the file. */
export interface DebugFileRefusal {
  /** `file`: it is of no use; `reader`: libdw is missing. */
  readonly because: "file" | "reader";
  readonly message: string;
}

/** Returns a message as bytes. */
export function encodeMessage(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.length, true);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Yields the messages of `stream`; one that is not whole is left out. @throws {RangeError} for one of no kind */
export async function* readMessages(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ kind: number; payload: Uint8Array<ArrayBuffer> }> {
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let held = 0;
  let wanted = HEAD_BYTES;
  for await (const chunk of stream) {
    parts.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const bytes = joined(parts, held);
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
      if (length > MAX_MESSAGE_BYTES || !Object.values<number>(MESSAGE).includes(bytes[0]!)) {
        throw new RangeError(`Cannot read a message of kind ${bytes[0]} and ${length} bytes`);
      }
      wanted = HEAD_BYTES + length;
      parts = [bytes];
      if (held < wanted) break;
      yield { kind: bytes[0]!, payload: bytes.subarray(HEAD_BYTES, wanted) };
      const rest = bytes.subarray(wanted);
      [parts, held, wanted] = [[rest], rest.length, HEAD_BYTES];
    }
  }
}

/** Joins `parts`, which are of `length` bytes in all. */
export function joined(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
