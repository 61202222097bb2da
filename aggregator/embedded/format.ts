// SPDX-License-Identifier: Apache-2.0
/**
 * Knows which of ClickHouse's output formats can be sent block by block, and their media types.
 *
 * The engine formats each block of a stream as a document of its own. Where documents without a frame can
 * stand behind each other, or their frame is a header that can be left out, a result need not be held in memory.
 *
 * @module
 */

/** Returns the length of the header that begins each block: it is sent once. */
type HeaderLength = (block: Uint8Array) => number;

const none: HeaderLength = () => 0;

const STREAMED: ReadonlyMap<string, HeaderLength> = new Map<string, HeaderLength>([
  ["tabseparated", none],
  ["tsv", none],
  ["tabseparatedraw", none],
  ["tsvraw", none],
  ["csv", none],
  ["jsoneachrow", none],
  ["jsonlines", none],
  ["ndjson", none],
  ["jsonstringseachrow", none],
  ["jsoncompacteachrow", none],
  ["jsoncompactstringseachrow", none],
  ["rowbinary", none],
  ["native", none],
  ["tabseparatedwithnames", lines(1)],
  ["tsvwithnames", lines(1)],
  ["tabseparatedwithnamesandtypes", lines(2)],
  ["tsvwithnamesandtypes", lines(2)],
  ["jsoncompacteachrowwithnames", lines(1)],
  ["jsoncompacteachrowwithnamesandtypes", lines(2)],
  ["jsoncompactstringseachrowwithnames", lines(1)],
  ["jsoncompactstringseachrowwithnamesandtypes", lines(2)],
  ["rowbinarywithnames", strings(1)],
  ["rowbinarywithnamesandtypes", strings(2)],
]);

/** Returns how to join the blocks of `format`; `undefined` where they cannot be. */
export function headerLength(format: string): HeaderLength | undefined {
  return STREAMED.get(format.toLowerCase());
}

/** Returns how to measure a header of `count` lines: in these formats a line end inside of a name is escaped. */
function lines(count: number): HeaderLength {
  return (block) => {
    let end = 0;
    for (let i = 0; i < count; i++) end = block.indexOf(0x0a, end) + 1;
    return end;
  };
}

/** Returns a column count, then that many strings `perColumn` times, with LEB128 counts and lengths. */
function strings(perColumn: number): HeaderLength {
  return (block) => {
    let at = 0;
    const count = () => {
      let value = 0;
      for (let shift = 0;; shift += 7) {
        const byte = block[at++]!;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
    };
    for (let left = count() * perColumn; left > 0; left--) {
      const length = count();
      at += length;
    }
    return at;
  };
}

/** Returns the media type that ClickHouse gives with `format`. */
export function mediaType(format: string): string {
  const name = format.toLowerCase();
  if (/^(json(each|lines|compacteach|compactstringseach|stringseach)|ndjson)/.test(name)) {
    return "application/x-ndjson; charset=UTF-8";
  }
  if (name.startsWith("json")) return "application/json; charset=UTF-8";
  if (name.startsWith("csv")) return "text/csv; charset=UTF-8";
  if (/^(tabseparated|tsv)/.test(name)) return "text/tab-separated-values; charset=UTF-8";
  if (/^(rowbinary|native|parquet|arrow|orc|avro|msgpack|protobuf|capnproto|npy|bson)/.test(name)) {
    return "application/octet-stream";
  }
  if (name === "xml") return "application/xml; charset=UTF-8";
  if (name === "markdown") return "text/markdown; charset=UTF-8";
  return "text/plain; charset=UTF-8";
}
