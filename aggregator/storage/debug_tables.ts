// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what debug files say, and gives names to locations by it.
 *
 * @module
 */

import { RANK, type Rank } from "../../profile/model.ts";
import type { StorageClient } from "./client.ts";
import { functionKey } from "./content_hash.ts";
import { arrays, lowCardinalityArrays, numbers, strings } from "./native.ts";
import { StringDictionary } from "./part.ts";

/** Columns of a block of `debug_ranges`, in the order of `rangeBlock()`. */
const RANGE_COLUMNS = [
  ...["build_id", "start", "end", "rank", "functions", "files", "lines", "start_lines", "day"],
] as const;

/** So many locations are named at once. */
const PAGE = 20_000;
/** Names are written again when they are older, so that they outlive what they name. In days. */
const RENEW_DAYS = 30;

/** Is a debug file whose ranges are in storage. */
export interface StoredDebugFile {
  readonly buildId: string;
  readonly rank: Rank;
  readonly source: "upload" | "debuginfod";
  readonly ranges: number;
}

/** Selects what of one build id has no name of that rank that is young enough. */
const UNNAMED = `
native AND build_id = {build_id:String} AND hash NOT IN
(
    SELECT location FROM symbols
    WHERE rank >= {rank:UInt8} AND day >= today() - ${RENEW_DAYS}
        AND location IN (SELECT hash FROM locations WHERE native AND build_id = {build_id:String})
)`;

/** Finds for each of a page of locations the range that it is in; of several, that with the best names. */
const PLACES = `
SELECT hash, module, start, rank
FROM
(
    SELECT hash, any(module) AS module, argMax(start, range_rank) AS start, max(range_rank) AS rank
    FROM
    (
        SELECT hash, module, address, start, end, range_rank
        FROM
        (
            SELECT hash, module, address, toUInt8(arrayJoin([1, 2, 3])) AS range_rank
            FROM
            (
                SELECT hash, any(toString(locations.module)) AS module, any(locations.address) AS address
                FROM locations WHERE ${UNNAMED} AND hash > {after:UInt64}
                GROUP BY hash ORDER BY hash LIMIT ${PAGE}
            )
        ) AS places
        ASOF INNER JOIN
        (
            SELECT rank AS range_rank, start, end FROM debug_ranges WHERE build_id = {build_id:String}
        ) AS ranges
        ON places.range_rank = ranges.range_rank AND places.address >= ranges.start
    )
    WHERE address < end
    GROUP BY hash
) AS found
LEFT ANY JOIN
(
    SELECT location AS hash, max(symbols.rank) AS known FROM symbols
    WHERE day >= today() - ${RENEW_DAYS}
        AND location IN (SELECT hash FROM locations WHERE native AND build_id = {build_id:String})
    GROUP BY location
) AS names USING hash
WHERE rank > known`;

const LAST = `
SELECT max(hash) AS last, count() AS locations
FROM
(
    SELECT DISTINCT hash FROM locations WHERE ${UNNAMED} AND hash > {after:UInt64}
    ORDER BY hash LIMIT ${PAGE}
)`;

const RANGES = `
SELECT start, rank, any(functions) AS functions, any(files) AS files, any(lines) AS lines,
    any(start_lines) AS start_lines
FROM debug_ranges
WHERE build_id = {build_id:String} AND start IN {starts:Array(UInt64)}
GROUP BY start, rank`;

/** Finds the build ids of debug files of which locations have weaker names. */
const PENDING = `
SELECT DISTINCT build_id, rank
FROM
(
    SELECT hash, toString(build_id) AS build_id FROM locations
    WHERE native AND day >= today() - 1 AND build_id IN (SELECT build_id FROM debug_files)
) AS places
INNER JOIN (SELECT build_id, max(debug_files.rank) AS rank FROM debug_files GROUP BY build_id) AS files USING build_id
LEFT ANY JOIN
(
    SELECT location AS hash, max(symbols.rank) AS known FROM symbols
    WHERE day >= today() - ${RENEW_DAYS}
        AND location IN (SELECT hash FROM locations WHERE build_id IN (SELECT build_id FROM debug_files))
    GROUP BY location
) AS names USING hash
WHERE known < rank`;

/** Selects what was seen since yesterday of files that were not given. */
const NOT_GIVEN = `
native AND day >= today() - 1 AND build_id != '' AND build_id NOT IN (SELECT build_id FROM debug_files)`;

/** Finds the files that lack debug information of most locations, of those that were seen since yesterday. */
const WANTED = `
SELECT build
FROM
(
    SELECT hash, any(toString(locations.build_id)) AS build FROM locations WHERE ${NOT_GIVEN} GROUP BY hash
) AS places
LEFT ANY JOIN
(
    SELECT location AS hash, max(symbols.rank) AS known FROM symbols
    WHERE location IN (SELECT hash FROM locations WHERE ${NOT_GIVEN})
    GROUP BY location
) AS names USING hash
WHERE known < ${RANK.debug}
GROUP BY build
ORDER BY count() DESC, build
LIMIT {limit:UInt32}`;

const FILES = `
SELECT build_id, max(debug_files.rank) AS rank, argMax(toString(debug_files.source), debug_files.rank) AS source,
    argMax(debug_files.ranges, debug_files.rank) AS ranges
FROM debug_files
WHERE {build_id:String} IN ('', build_id)
GROUP BY build_id
ORDER BY max(received) DESC, build_id
LIMIT {limit:UInt32}`;

export interface FilesOptions {
  readonly buildId?: string | undefined;
  readonly limit: number;
  readonly signal?: AbortSignal;
}

type Row = Pick<StoredDebugFile, "rank" | "source"> & { readonly build_id: string; readonly ranges: string };

interface PlaceRow {
  readonly hash: string;
  readonly module: string;
  readonly start: string;
  readonly rank: Rank;
}

interface RangeRow {
  readonly start: string;
  readonly rank: Rank;
  readonly functions: readonly string[];
  readonly files: readonly string[];
  readonly lines: readonly number[];
  readonly start_lines: readonly number[];
}

/** Is what debug files said, in one database. */
export class DebugTables {
  readonly #client: StorageClient;

  constructor(client: StorageClient) {
    this.#client = client;
  }

  /** Lists the files whose ranges are there, the newest first; with `buildId`, that one. @throws {StorageError} */
  async files({ buildId = "", limit, signal }: FilesOptions): Promise<StoredDebugFile[]> {
    const rows = await this.#client.rows<Row>(FILES, { params: { build_id: buildId, limit }, signal });
    return rows.map(({ build_id, ranges, ...row }) => ({
      ...row,
      buildId: build_id,
      ranges: Number(ranges),
    }));
  }

  /** Returns the build ids of files that were not given yet, those that would name most first. @throws {StorageError} */
  async wanted(limit: number, signal?: AbortSignal): Promise<string[]> {
    const rows = await this.#client.rows<{ build: string }>(WANTED, { params: { limit }, signal });
    return rows.map(({ build }) => build);
  }

  /** Writes a block that `rangeBlock()` made, encoded. @throws {StorageError} */
  async addRanges(block: Uint8Array): Promise<void> {
    await this.#client.insertBlock("debug_ranges", RANGE_COLUMNS, block);
  }

  /** Notes that all ranges of a file are there. @throws {StorageError} */
  async addFile({ buildId, rank, source, ranges }: StoredDebugFile): Promise<void> {
    const now = Date.now();
    await this.#client.insert("debug_files", [
      strings("build_id", [buildId]),
      numbers("rank", "UInt8", Uint8Array.of(rank)),
      strings("source", [source]),
      numbers("ranges", "UInt64", BigUint64Array.of(BigInt(ranges))),
      numbers("received", "DateTime('UTC')", Uint32Array.of(now / 1000)),
      numbers("day", "Date", Uint16Array.of(now / 86_400_000)),
    ]);
  }

  /** Names all locations whose debug files know better. Returns how many. @throws {StorageError} */
  async nameAll(signal?: AbortSignal): Promise<number> {
    const pending = await this.#client.rows<{ build_id: string; rank: Rank }>(PENDING, { signal });
    let named = 0;
    for (const { build_id, rank } of pending) named += await this.name(build_id, rank, signal);
    return named;
  }

  /** Names the locations of one build id that have no name of `rank` yet. Returns how many. @throws {StorageError} */
  async name(buildId: string, rank: Rank, signal?: AbortSignal): Promise<number> {
    let named = 0;
    for (let after: string | undefined = "0"; after !== undefined;) {
      const params: Record<string, unknown> = { build_id: buildId, rank, after };
      const [page] = await this.#client.rows<{ last: string; locations: string }>(LAST, { params, signal });
      const places = await this.#client.rows<PlaceRow>(PLACES, { params, signal });
      named += await this.#write(buildId, places, signal);
      after = Number(page!.locations) < PAGE ? undefined : page!.last;
    }
    return named;
  }

  async #write(buildId: string, places: readonly PlaceRow[], signal?: AbortSignal): Promise<number> {
    if (places.length === 0) return 0;
    const starts = `[${[...new Set(places.map(({ start }) => start))].join()}]`;
    const params = { build_id: buildId, starts };
    const rows = await this.#client.rows<RangeRow>(RANGES, { params, signal });
    const ranges = new Map(rows.map((row) => [`${row.rank} ${row.start}`, row]));
    const symbols = places.map((place) => ({ ...place, ...ranges.get(`${place.rank} ${place.start}`)! }));
    const functions = new Map<bigint, { name: string; module: string }>();
    const keys = symbols.flatMap(({ module, functions: names }) =>
      names.map((name) => {
        const key = functionKey(name, module);
        functions.set(key, { name, module });
        return key;
      })
    );
    const day = Math.floor(Date.now() / 86_400_000);
    await this.#client.insert("functions", [
      numbers("key", "UInt64", BigUint64Array.from(functions.keys())),
      strings("name", [...functions.values()].map(({ name }) => name)),
      strings("module", [...functions.values()].map(({ module }) => module)),
      numbers("day", "Date", new Uint16Array(functions.size).fill(day)),
    ]);
    let end = 0;
    const ends = BigUint64Array.from(symbols, ({ functions }) => BigInt(end += functions.length));
    const files = new StringDictionary();
    const file = Uint32Array.from(symbols.flatMap((symbol) => symbol.files), (text) => files.of(text));
    await this.#client.insert("symbols", [
      numbers("location", "UInt64", BigUint64Array.from(symbols, ({ hash }) => BigInt(hash))),
      numbers("rank", "UInt8", Uint8Array.from(symbols, ({ rank }) => rank)),
      arrays("functions", ends, BigUint64Array.from(keys)),
      lowCardinalityArrays("files", ends, { values: files.all, items: file }),
      arrays("lines", ends, Uint32Array.from(symbols.flatMap(({ lines }) => lines))),
      arrays("start_lines", ends, Uint32Array.from(symbols.flatMap(({ start_lines }) => start_lines))),
      numbers("day", "Date", new Uint16Array(symbols.length).fill(day)),
    ]);
    return symbols.length;
  }
}
