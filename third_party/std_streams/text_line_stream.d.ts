// SPDX-License-Identifier: Apache-2.0
/** Splits text into lines, without their ends `\n` or `\r\n`; the last may have none. */
export class TextLineStream extends TransformStream<string, string> {
  /** @param options.allowCR whether a lone `\r` ends a line, too @default {false} */
  constructor(options?: { allowCR?: boolean });
}
