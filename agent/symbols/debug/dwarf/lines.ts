// SPDX-License-Identifier: Apache-2.0
/**
 * Lines of a stream of bytes.
 *
 * @module
 */

/** Returns the whole lines of `bytes`, without their ends; a last one without an end is left out. */
export async function* lines(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let parts: string[] = [];
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      parts.push(text.slice(from, end));
      yield parts.join("");
      parts = [];
      from = end + 1;
    }
    parts.push(text.slice(from));
  }
}
