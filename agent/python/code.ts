// SPDX-License-Identifier: Apache-2.0
/**
 * Reads code objects: what a Python function is called, and where it stands.
 *
 * @module
 */

import { LineTable } from "./line_table.ts";
import { wordAt } from "./memory.ts";
import { type ObjectReader, readBytes, readText } from "./objects.ts";

/** A Python function, or what is like one: a module's or a class's body, a comprehension. */
export interface Code {
  /** `co_qualname`, such as `Parser.feed` or `main.<locals>.<lambda>`; up to 3.10 `co_name`, such as `feed`. */
  readonly name: string;
  readonly file: string;
  readonly firstLine: number;
  readonly lines: LineTable;
}

/** Holds what tells whether the same function is still there: the fields that name it. */
export interface CodeHeader {
  readonly name: number;
  readonly file: number;
  readonly lines: number;
  readonly firstLine: number;
}

/** The largest table of lines that is read: one of a function of some 100,000 lines. */
const MAX_LINE_TABLE = 1 << 20;

/** Returns the header of the code object at `address`; `undefined` when there is none. */
export function readCodeHeader(
  { memory, layout, types }: ObjectReader,
  address: number,
): CodeHeader | undefined {
  const { fileName, qualifiedName, lineTable, firstLine } = layout.code;
  const bytes = memory.read(
    address,
    Math.max(layout.type, fileName, qualifiedName, lineTable, firstLine) + 8,
  );
  if (bytes === undefined || wordAt(bytes, layout.type) !== types.code) return undefined;
  return {
    name: wordAt(bytes, qualifiedName),
    file: wordAt(bytes, fileName),
    lines: wordAt(bytes, lineTable),
    firstLine: new DataView(bytes.buffer).getInt32(firstLine, true),
  };
}

/** Reads what `header` leads to; `undefined` when that makes no sense. */
export function readCode(reader: ObjectReader, header: CodeHeader): Code | undefined {
  const name = readText(reader, header.name);
  const file = readText(reader, header.file);
  if (name === undefined || file === undefined) return undefined;
  const table = readBytes(reader, header.lines, { limit: MAX_LINE_TABLE });
  const firstLine = Math.max(0, header.firstLine);
  const lines = LineTable.decode(table ?? new Uint8Array(), firstLine, reader.layout.code.lines);
  return { name, file, firstLine, lines };
}

/** Returns the line of the code unit; -1 is before the first, `undefined` not known. */
export function lineOf(code: Code, unit: number | undefined): number {
  if (unit === undefined) return 0;
  return unit < 0 ? code.firstLine : code.lines.line(unit);
}
