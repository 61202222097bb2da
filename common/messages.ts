// SPDX-License-Identifier: Apache-2.0
/**
 * Frames what two processes say to each other through a pipe.
 *
 * A message is its kind in one byte, its length in four, little-endian, and so many bytes.
 *
 * @module
 */

const HEAD_BYTES = 5;
/** No message is longer. */
const MAX_MESSAGE_BYTES = 256 << 20;

/** Returns a message as bytes. */
export function encodeMessage(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.length, true);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/**
 * Yields the messages of `stream`, which are of `kinds`; one that is not whole is left out.
 *
 * @throws {RangeError} for one of no kind
 */
export async function* readMessages(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  kinds: readonly number[],
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
      if (length > MAX_MESSAGE_BYTES || !kinds.includes(bytes[0]!)) {
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

/** Writes all of `message` to `to`. */
export async function writeMessage(
  to: { write(bytes: Uint8Array): Promise<number> },
  message: Uint8Array,
): Promise<void> {
  for (let at = 0; at < message.length;) at += await to.write(message.subarray(at));
}
