// SPDX-License-Identifier: Apache-2.0
/**
 * Names of threads in what the kernel counted.
 *
 * @module
 */

import { COMM_BYTES } from "../libbpf/mod.ts";

const decoder = new TextDecoder();

/** Reads the name of a thread that stands at `at`. */
export function decodeComm(view: DataView<ArrayBuffer>, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, COMM_BYTES);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
