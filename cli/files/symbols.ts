// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture symbols`: which debug files name what is stored, and more of them.
 *
 * @module
 */

import type { SymbolsJson, SymbolsUploadJson } from "../../aggregator/http/answers.ts";
import { UserError } from "../../common/main.ts";
import { defineSettings, integer, text, UsageError, type Values } from "../../common/settings.ts";
import { counted } from "../../common/words.ts";
import { RANK } from "../../profile/model.ts";
import { RefusedError, type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import { type Io, say } from "../io.ts";
import { withRest } from "../questions/asking.ts";
import { formatCount } from "../show/figures.ts";
import { outputSettings, ROW_FORMATS, show } from "../show/output.ts";
import type { Column } from "../show/sheet.ts";

const SETTINGS = defineSettings({
  buildId: {
    flag: "build-id",
    placeholder: "ID",
    help: "Only the file of this build id",
    schema: text(),
  },
  limit: {
    flag: "limit",
    alias: "n",
    placeholder: "N",
    help: "At most so many files",
    default: "100",
    schema: integer(1, 10_000),
  },
  ...outputSettings(ROW_FORMATS),
  ...SERVER_SETTINGS,
});

export const symbols = defineCommand({
  name: "symbols",
  group: "Ask an aggregator",
  summary: "Debug files: those that the aggregator has, and more of them",
  usage: "symbols [upload FILE …]",
  words: ["upload"],
  about:
    `upload sends debug files, or programs that have their symbols: what is stored of those builds has names, inlined
functions and lines from then on, also what was measured before. The aggregator keeps tables made of a file, not the
file. It needs a token of scope ingest, the list one of scope read. \`aperture query --help\` says how to see names.`,
  settings: SETTINGS,
  examples: [
    { line: "aperture symbols", does: "the debug files that the aggregator has" },
    { line: "aperture symbols -n 5 -o wide", does: "the newest ones" },
    { line: "aperture symbols upload program.debug", does: "a debug file, as strip and objcopy make them" },
    { line: "aperture symbols upload program.debug -q", does: "the same without a word" },
    { line: "aperture symbols -o csv > symbols.csv", does: "a table for a script" },
  ],
  run: async ({ values, rest: [action, ...files], io }) => {
    if (action === undefined) return await withRest(values, io, (rest) => list(io, rest, values));
    if (action !== "upload") refuseRest([action]);
    if (files.length === 0) throw new UsageError("Missing a file: aperture symbols upload FILE");
    return await withRest(values, io, async (rest) => {
      for (const file of files) await upload(io, { rest, file, quiet: values.quiet });
      return STATUS.ok;
    });
  },
});

async function list(io: Io, rest: Rest, values: Values<typeof SETTINGS>): Promise<number> {
  const text = await rest.get("/api/symbols", { build_id: values.buildId, limit: values.limit });
  const { files } = JSON.parse(text) as SymbolsJson;
  await show(io, {
    format: values.output,
    quiet: values.quiet,
    head: counted(files.length, "debug file", "debug files"),
    sheet: { columns: COLUMNS, rows: files },
    json: text,
    notes: [],
  });
  return STATUS.ok;
}

async function upload(
  io: Io,
  { rest, file, quiet }: { rest: Rest; file: string; quiet: boolean | undefined },
): Promise<void> {
  let body: ReadableStream<Uint8Array>;
  try {
    body = (await Deno.open(file)).readable;
  } catch (cause) {
    throw new UserError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    const answer = JSON.parse(await rest.send("/api/symbols", body)) as SymbolsUploadJson;
    const { file: { build_id, rank, ranges }, named } = answer;
    await say(
      io,
      `${file}: build id ${build_id}, ${counted(ranges, "range", "ranges")} of ${ofRank(rank)}; ` +
        `${counted(named, "stored location has", "stored locations have")} better names now`,
      { quiet },
    );
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new UserError(`Cannot upload ${file}: ${error.message}`, { cause: error });
  }
}

/** Says what a file knows of its program. */
function ofRank(rank: number): string {
  return rank >= RANK.debug ? "debug information" : "a symbol table";
}

const COLUMNS: readonly Column<SymbolsJson["files"][number]>[] = [
  {
    head: "BUILD ID",
    cell: ({ build_id }) => build_id,
    text: true,
    least: 12,
    key: "build_id",
    value: ({ build_id }) => build_id,
  },
  { head: "KNOWS", cell: ({ rank }) => ofRank(rank), text: true, key: "rank", value: ({ rank }) => rank },
  {
    head: "RANGES",
    cell: ({ ranges }) => formatCount(ranges),
    key: "ranges",
    value: ({ ranges }) => ranges,
  },
  {
    head: "FROM",
    cell: ({ source }) => source,
    text: true,
    spare: 1,
    key: "source",
    value: ({ source }) => source,
  },
];
