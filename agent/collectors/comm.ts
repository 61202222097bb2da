// SPDX-License-Identifier: Apache-2.0
/**
 * Names of threads in what the kernel counted.
 *
 * @module
 */

import { COMM_BYTES } from "../libbpf/mod.ts";
import { TupleTable } from "../../common/tuple_table.ts";

const decoder = new TextDecoder();
/** Most rows have a name that others have, and to read one costs as much as the rest of a row. */
const MAX_KNOWN = 4096;
let names = new TupleTable();
let texts: string[] = [];

/** Reads the name of a thread that stands at `at`. */
export function decodeComm(view: DataView<ArrayBuffer>, at: number): string {
  if (names.size >= MAX_KNOWN) [names, texts] = [new TupleTable(), []];
  const name = names.number(
    view.getUint32(at, true),
    view.getUint32(at + 4, true),
    view.getUint32(at + 8, true),
    view.getUint32(at + 12, true),
  );
  return texts[name] ??= readComm(view, at);
}

function readComm(view: DataView<ArrayBuffer>, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, COMM_BYTES);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
