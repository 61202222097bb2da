// SPDX-License-Identifier: Apache-2.0
/**
 * Reads pprof's profile.proto into columns, bounded. https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * A decoder that makes an object of each number takes a hundred times what a hostile file has; this takes eight times.
 *
 * @module
 */

import { fields, message, tagOf } from "../../../profile/wire/fields.ts";
import { Column, WireReader } from "../../../profile/wire/wire_reader.ts";
import { ForeignError } from "../intake/windows.ts";

/** Holds a type of value by its strings. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

export interface PprofFunction {
  readonly name: string;
  readonly systemName: string;
  readonly file: string;
  readonly startLine: number;
}

export interface PprofLocation {
  /** Is `undefined` where the location has no mapping. */
  readonly mapping: PprofMapping | undefined;
  readonly address: number;
  /** Has the innermost inlined function first. */
  readonly lines: readonly { readonly function: PprofFunction; readonly line: number }[];
}

export interface PprofMapping {
  readonly start: number;
  readonly offset: number;
  readonly file: string;
  readonly buildId: string;
}

/** Is a file of pprof, all of whose references are sound. */
export interface Pprof {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  readonly period: number;
  /** The time is in Unix ns, 0 where the file has none. */
  readonly timeNs: bigint;
  readonly samples: readonly PprofSample[];
}

export interface PprofSample {
  /** Has the leaf first. */
  readonly locations: readonly PprofLocation[];
  /** Has one for each sample type; what is below 0 is above 2^63. */
  readonly values: Float64Array;
  /** Has labels of text alone. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Bounds what one file may have. */
const MOST = {
  samples: 65_536,
  locations: 262_144,
  functions: 262_144,
  mappings: 16_384,
  strings: 524_288,
  types: 64,
};
const MAX_LABELS = 100;
const MAX_DEPTH = 4096;

interface RawSample {
  readonly locations: Column<Float64Array>;
  readonly values: Column<Float64Array>;
  readonly labels: readonly { readonly key: number; readonly text: number }[];
}

const float64 = () => new Column((length) => new Float64Array(length));

/**
 * Reads a file that is not packed.
 *
 * @throws {WireError | ForeignError} when it is no such file, or refers to what it does not have
 */
export function readPprof(bytes: Uint8Array): Pprof {
  const raw = readRaw(bytes);
  const text = (index: number, what: string) => {
    const string = raw.strings[index];
    if (string === undefined) throw bad(`${what} is none of its ${raw.strings.length} strings: ${index}`);
    return string;
  };
  if (raw.strings.length > 0 && raw.strings[0] !== "") throw bad(`string_table[0] is not ""`);
  const valueType = (type: RawType, what: string) => ({
    type: text(type.type, what),
    unit: text(type.unit, what),
  });
  if (raw.strings.length === 0) raw.strings.push("");
  const functions = new Map<number, PprofFunction>();
  for (const { id, name, systemName, file, startLine } of raw.functions) {
    if (id === 0) throw bad("a function has the id 0");
    functions.set(id, {
      name: text(name, "function.name"),
      systemName: text(systemName, "function.system_name"),
      file: text(file, "function.filename"),
      startLine: startLine < 2 ** 31 ? startLine : 0,
    });
  }
  const mappings = new Map(raw.mappings.map(({ id, start, offset, file, buildId }) => {
    return [id, {
      start,
      offset,
      file: text(file, "mapping.filename"),
      buildId: text(buildId, "mapping.build_id"),
    }];
  }));
  const locations = new Map<number, PprofLocation>();
  for (const { id, mapping, address, lines } of raw.locations) {
    if (id === 0) throw bad("a location has the id 0");
    if (mapping !== 0 && !mappings.has(mapping)) {
      throw bad(`a location has a mapping that is not there: ${mapping}`);
    }
    locations.set(id, {
      mapping: mappings.get(mapping),
      address,
      lines: lines.map(({ function: of, line }) => {
        const found = functions.get(of);
        if (!found) throw bad(`a line has a function that is not there: ${of}`);
        return { function: found, line: line < 2 ** 31 ? line : 0 };
      }),
    });
  }
  return {
    sampleTypes: raw.sampleTypes.map((type) => valueType(type, "sample_type")),
    periodType: valueType(raw.periodType, "period_type"),
    period: raw.period,
    timeNs: BigInt(Math.round(raw.timeNs)),
    samples: raw.samples.map((sample): PprofSample => {
      const values = sample.values.finish();
      if (values.length !== raw.sampleTypes.length) {
        throw bad(`a sample has ${values.length} values for ${raw.sampleTypes.length} types`);
      }
      return {
        locations: Array.from(sample.locations.finish(), (id) => {
          const found = locations.get(id);
          if (!found) throw bad(`a sample has a location that is not there: ${id}`);
          return found;
        }),
        values,
        labels: new Map(
          sample.labels.filter(({ text }) => text !== 0)
            .map(({ key, text: value }) => [text(key, "label.key"), text(value, "label.str")]),
        ),
      };
    }),
  };
}

interface RawType {
  type: number;
  unit: number;
}

function readRaw(bytes: Uint8Array) {
  const reader = new WireReader(bytes);
  const raw = {
    sampleTypes: [] as RawType[],
    samples: [] as RawSample[],
    mappings: [] as { id: number; start: number; offset: number; file: number; buildId: number }[],
    locations: [] as {
      id: number;
      mapping: number;
      address: number;
      lines: { function: number; line: number }[];
    }[],
    functions: [] as { id: number; name: number; systemName: number; file: number; startLine: number }[],
    strings: [] as string[],
    periodType: { type: 0, unit: 0 },
    period: 0,
    timeNs: 0,
  };
  let lines = 0;
  fields(reader, bytes.length, (tag) => {
    switch (tag) {
      case tagOf(1, 2):
        add(raw.sampleTypes, numbers(reader, { type: 1, unit: 2 }), MOST.types, "sample types");
        return true;
      case tagOf(2, 2):
        add(raw.samples, readSample(reader), MOST.samples, "samples");
        return true;
      case tagOf(3, 2):
        add(
          raw.mappings,
          numbers(reader, { id: 1, start: 2, offset: 4, file: 5, buildId: 6 }),
          MOST.mappings,
          "mappings",
        );
        return true;
      case tagOf(4, 2): {
        const own: { function: number; line: number }[] = [];
        const location = numbers(reader, { id: 1, mapping: 2, address: 3 }, (tag) => {
          if (tag !== tagOf(4, 2)) return false;
          if (++lines > MOST.locations) throw bad(`it has more than ${MOST.locations} lines`);
          own.push(numbers(reader, { function: 1, line: 2 }));
          return true;
        });
        add(raw.locations, { ...location, lines: own }, MOST.locations, "locations");
        return true;
      }
      case tagOf(5, 2):
        add(
          raw.functions,
          numbers(reader, { id: 1, name: 2, systemName: 3, file: 4, startLine: 5 }),
          MOST.functions,
          "functions",
        );
        return true;
      case tagOf(6, 2):
        add(raw.strings, reader.string(), MOST.strings, "strings");
        return true;
      case tagOf(9, 0):
        raw.timeNs = reader.uint64();
        return true;
      case tagOf(11, 2):
        raw.periodType = numbers(reader, { type: 1, unit: 2 });
        return true;
      case tagOf(12, 0):
        raw.period = reader.uint64();
        return true;
      default:
        return false;
    }
  });
  return raw;
}

function readSample(reader: WireReader): RawSample {
  const [locations, values] = [float64(), float64()];
  const labels: { key: number; text: number }[] = [];
  message(reader, (tag) => {
    switch (tag) {
      case tagOf(1, 0):
      case tagOf(1, 2):
        reader.uint64s(locations, tag === tagOf(1, 2));
        if (locations.length > MAX_DEPTH) throw bad(`a stack has more than ${MAX_DEPTH} locations`);
        return true;
      case tagOf(2, 0):
      case tagOf(2, 2):
        reader.uint64s(values, tag === tagOf(2, 2));
        return true;
      case tagOf(3, 2):
        add(labels, numbers(reader, { key: 1, text: 2 }), MAX_LABELS, "labels of a sample");
        return true;
      default:
        return false;
    }
  });
  return { locations, values, labels };
}

/** Reads a message whose fields are numbers, 0 where they are left out; `other` takes fields of other sorts. */
function numbers<const F extends Readonly<Record<string, number>>>(
  reader: WireReader,
  of: F,
  other: (tag: number) => boolean = () => false,
): Record<keyof F, number> {
  const values = Object.fromEntries(Object.keys(of).map((name) => [name, 0])) as Record<keyof F, number>;
  const names = Object.entries(of);
  message(reader, (tag) => {
    const found = (tag & 7) === 0 && names.find(([, number]) => tag === tagOf(number, 0));
    if (!found) return other(tag);
    values[found[0] as keyof F] = reader.uint64();
    return true;
  });
  return values;
}

function add<T>(list: T[], item: T, most: number, what: string): void {
  if (list.length === most) throw bad(`it has more than ${most} ${what}`);
  list.push(item);
}

function bad(why: string): ForeignError {
  return new ForeignError(`Cannot read the file of pprof as ${why}`);
}
