// SPDX-License-Identifier: Apache-2.0
/**
 * Writes answers in the format that was asked for.
 *
 * @module
 */

import { defineSettings, integer, oneOf, toggle, UsageError } from "../../common/settings.ts";
import { columnsOf } from "../../agent/output/fit.js";
import { printable } from "../../agent/output/top_table.ts";
import { type Io, say, write } from "../io.ts";
import { faint, separated, type Sheet, table } from "./sheet.ts";

/** Lists what any answer of rows can be written as. */
export const ROW_FORMATS = ["table", "wide", "json", "csv", "tsv"] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Lists what stacks can be written as, too. */
export const STACK_FORMATS = ["folded", "pprof", "svg", "speedscope"] as const;
export type StackFormat = (typeof STACK_FORMATS)[number];

/** Makes the settings of output in one of `formats`. */
export function outputSettings<const F extends string>(formats: readonly F[]) {
  return defineSettings({
    output: {
      flag: "output",
      alias: "o",
      placeholder: "FORMAT",
      help: `One of ${formats.join(", ")}; a table fits the terminal, wide and pipes are whole`,
      default: "table",
      schema: oneOf(formats),
    },
    quiet: {
      flag: "quiet",
      alias: "q",
      placeholder: "",
      help: "Say nothing beside the data",
      schema: toggle(),
    },
  });
}

/** Makes the setting of how many rows are shown. */
export function limitSettings(byDefault: number, max = 10_000) {
  return defineSettings({
    limit: {
      flag: "limit",
      alias: "n",
      placeholder: "N",
      help: "So many rows; the rest is summed and said",
      default: String(byDefault),
      schema: integer(1, max),
    },
  });
}

export interface Shown<R> {
  readonly format: RowFormat;
  readonly quiet?: boolean | undefined;
  /** Says what the answer rests on. */
  readonly head: string;
  readonly sheet: Sheet<R>;
  /** Is REST's answer. */
  readonly json: string;
  /** Say what was cut, or is not sure; below a table, beside other formats. */
  readonly notes?: readonly string[];
  /** Are shown below each row of a table. */
  readonly details?: (row: R) => readonly string[];
}

/** Writes rows. The head line of a table is part of it; beside other formats it is said on standard error. */
export async function show<R>(
  io: Io,
  { format, quiet = false, head, sheet, json, notes = [], details }: Shown<R>,
): Promise<void> {
  if (format !== "table" && format !== "wide") {
    await write(
      io,
      format === "json" ? `${json.trimEnd()}\n` : separated(sheet, format === "csv" ? "," : "\t"),
    );
    for (const line of [head, ...notes]) await say(io, line, { quiet });
    return;
  }
  const { colors } = io;
  const { text, left } = table(sheet, { width: format === "wide" ? Infinity : io.width(), colors });
  let body = text;
  if (details) {
    const [first, ...lines] = text.trimEnd().split("\n");
    const below = lines.map((
      line,
      i,
    ) => [line, ...details(sheet.rows[i]!).map((more) => faint(`    ${printable(more)}`, colors))]);
    body = [first, ...below.flat()].join("\n") + "\n";
  }
  const line = (text: string) =>
    write(io, wrapped(text, io.width()).map((part) => `${faint(printable(part), colors)}\n`).join(""));
  if (head !== "") await line(head);
  if (sheet.rows.length > 0) await write(io, body);
  for (const note of notes) await line(note);
  if (left.length > 0) await say(io, `No room for ${left.join(", ")}: -o wide shows all columns`, { quiet });
}

/** Returns lines of at most `width` columns, cut between words; a longer word has one of its own. */
function wrapped(text: string, width: number): string[] {
  return text.split("\n").flatMap((whole) => {
    const lines: string[] = [""];
    for (const word of whole.split(/(?<= )(?! )/)) {
      if (lines.at(-1) !== "" && columnsOf((lines.at(-1)! + word).trimEnd()) > width) lines.push("  ");
      lines[lines.length - 1] += word;
    }
    return lines.map((line) => line.trimEnd());
  });
}

/** Writes what is no text. @throws {UsageError} when a terminal would get it */
export async function showBytes(io: Io, bytes: Uint8Array, format: string): Promise<void> {
  if (io.terminal) {
    throw new UsageError(
      `Cannot write ${format} to a terminal: send it to a file, as in -o ${format} > FILE`,
    );
  }
  await write(io, bytes);
}
