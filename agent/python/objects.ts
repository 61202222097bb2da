// SPDX-License-Identifier: Apache-2.0
/**
 * Reads Python's strings and bytes out of a process. What is there may be anything: the object may have been freed
 * since.
 *
 * @module
 */

import type { ObjectLayout } from "./layouts.ts";
import { type Memory, wordAt } from "./memory.ts";

/** Addresses of the types' own objects. */
export interface TypeAddresses {
  readonly code: number;
  readonly text: number;
  readonly bytes: number;
}

/** Reads objects of one interpreter. */
export interface ObjectReader {
  readonly memory: Memory;
  readonly layout: ObjectLayout;
  readonly types: TypeAddresses;
}

/** Code points of a name; a longer one is cut, and is a path or a qualified name of nobody's. */
const MAX_TEXT = 1024;
const latin1 = new TextDecoder("latin1");
const utf16 = new TextDecoder("utf-16le");

/** Returns the `str` at `address`, control characters replaced; `undefined` when there is none. */
export function readText({ memory, layout, types }: ObjectReader, address: number): string | undefined {
  const { length: lengthAt, state: stateAt, asciiData, otherData } = layout.text;
  const header = memory.read(address, asciiData);
  if (header === undefined || wordAt(header, layout.type) !== types.text) return undefined;
  const state = header[stateAt]!;
  const kind = (state >>> 2) & 7;
  const compact = (state >>> 5) & 1;
  const ascii = (state >>> 6) & 1;
  // Strings that are not compact are those of subclasses, which no code object has.
  if (!compact || (kind !== 1 && kind !== 2 && kind !== 4) || (ascii && kind !== 1)) return undefined;
  const length = Math.min(wordAt(header, lengthAt), MAX_TEXT);
  const data = memory.read(address + (ascii ? asciiData : otherData), length * kind);
  // deno-lint-ignore no-control-regex
  return data && decode(data, kind).replace(/[\x00-\x1f\x7f]/g, "\ufffd");
}

function decode(data: Uint8Array<ArrayBuffer>, kind: 1 | 2 | 4): string {
  // What TextDecoder calls latin1 is windows-1252, which differs from 0x80 to 0x9f: control characters, all.
  if (kind === 1) return latin1.decode(data);
  if (kind === 2) return utf16.decode(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (let at = 0; at < data.length; at += 4) {
    const point = view.getUint32(at, true);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
  }
  return text.toWellFormed();
}

/** Returns the `bytes` at `address`; `undefined` when there are none, or more than `limit`. */
export function readBytes(
  { memory, layout, types }: ObjectReader,
  address: number,
  { limit }: { limit: number },
): Uint8Array<ArrayBuffer> | undefined {
  const { length: lengthAt, data } = layout.bytes;
  const header = memory.read(address, lengthAt + 8);
  if (header === undefined || wordAt(header, layout.type) !== types.bytes) return undefined;
  const length = wordAt(header, lengthAt);
  return length <= limit ? memory.read(address + data, length) : undefined;
}
