// SPDX-License-Identifier: Apache-2.0
/**
 * Writes pprof's profile.proto, gzipped: what `go tool pprof`, Parca, Pyroscope and speedscope read.
 *
 * The format: https://github.com/google/pprof/blob/main/proto/profile.proto
 *
 * @module
 */

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import {
  Function as PprofFunction,
  Label,
  Line,
  Location,
  Mapping,
  Profile as PprofProfile,
  Sample,
  StringTable,
  ValueType,
} from "pprof-format";
import { frameAt, type Kind, type Profile, type Series, seriesAt, UNKNOWN_MODULE } from "../model.ts";
import { type AnyKind, isProfileType, profileTypeParts } from "../profile_type.ts";
import { samplesOf } from "../samples_of.ts";

export interface PprofOptions {
  readonly kind: AnyKind;
  /** Is a label of all samples. @default {""} */
  readonly node?: string;
  /** The time is in Unix nanoseconds. @default {0n} */
  readonly startNs?: bigint;
  /** @default {0} */
  readonly durationNs?: number;
  /** Is the time between two samples of one CPU; for `cpu` alone. @default {0} */
  readonly periodNs?: number;
}

/** Holds type and unit of a sample's count and value; the value is the one shown first. */
const SAMPLE_TYPES = {
  cpu: [["samples", "count"], ["cpu", "nanoseconds"]],
  lock: [["contentions", "count"], ["delay", "nanoseconds"]],
  syscall: [["calls", "count"], ["latency", "nanoseconds"]],
} as const satisfies Record<Kind, unknown>;

/**
 * Returns the samples of `kind` in pprof's format, gzipped.
 *
 * A frame is a location with its address in the module, and a module a mapping from address 0 on with the
 * build id. Mappings say that they have functions, files and lines, so that a reader does not symbolise what the
 * agent has, on another machine's files. What belongs to a series is in string labels, the thread's name in `thread`.
 */
export async function pprofBytes(profile: Profile, options: PprofOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { kind, startNs = 0n, durationNs = 0, periodNs = 0 } = options;
  const strings = new StringTable();
  const typeOf = (type: string, unit: string) =>
    new ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) });
  const foreign = isProfileType(kind) ? profileTypeParts(kind) : undefined;
  const types = isProfileType(kind)
    ? [typeOf(foreign!.type, foreign!.unit)]
    : SAMPLE_TYPES[kind].map(([type, unit]) => typeOf(type, unit));
  const places = new Places(profile, strings);
  const sample = pprofSamples(profile, options, { strings, places });
  const encoded = new PprofProfile({
    sampleType: types,
    sample,
    mapping: places.mappings(),
    location: places.locations,
    function: places.functions,
    stringTable: strings,
    timeNanos: startNs,
    durationNanos: durationNs,
    ...(kind === "cpu" && periodNs > 0 ? { periodType: types[1]!, period: periodNs } : {}),
    ...(foreign ? { periodType: typeOf(foreign.periodType, foreign.periodUnit) } : {}),
    defaultSampleType: types.at(-1)!.type,
  }).encode();
  return await promisify(gzip)(encoded) as Uint8Array<ArrayBuffer>;
}

function pprofSamples(
  profile: Profile,
  { kind, node = "" }: PprofOptions,
  { strings, places }: { strings: StringTable; places: Places },
): Sample[] {
  const { stacks: { offset, frame } } = profile;
  const samples = samplesOf(profile, kind);
  const labels: (Label[] | undefined)[] = [];
  const rows: Sample[] = [];
  for (let i = 0; i < samples.series.length; i++) {
    const series = samples.series[i]!;
    const stack = samples.stack[i]!;
    rows.push(
      new Sample({
        locationId: Array.from(
          frame.subarray(offset[stack], offset[stack + 1]),
          (row) => places.location(row),
        ),
        value: isProfileType(kind) ? [samples.value[i]!] : [samples.count[i]!, samples.value[i]!],
        label: labels[series] ??= labelsOf(seriesAt(profile, series), node, strings),
      }),
    );
  }
  return rows;
}

function labelsOf({ pid, comm, ...series }: Series, node: string, strings: StringTable): Label[] {
  const labels = { node, ...series, thread: comm, pid: pid === 0 ? "" : String(pid) };
  return Object.entries(labels).filter(([, text]) => text !== "").map(([key, text]) => {
    return new Label({ key: strings.dedup(key), str: strings.dedup(text) });
  });
}

/** Collects locations, functions and mappings of the frames that samples of the kind use; ids count from 1. */
class Places {
  readonly locations: Location[] = [];
  readonly functions: PprofFunction[] = [];
  readonly #profile: Profile;
  readonly #strings: StringTable;
  readonly #locationOf: number[] = [];
  readonly #functionOf = new Map<string, number>();
  readonly #mappingOf = new Map<string, { id: number; filename: number; buildId: number; top: number }>();

  constructor(profile: Profile, strings: StringTable) {
    this.#profile = profile;
    this.#strings = strings;
  }

  /** Returns the location's id of row `row` of the frame table. */
  location(row: number): number {
    return this.#locationOf[row] ??= this.#add(row);
  }

  /** Makes up where each begins and ends: the profile's addresses are the module's own. */
  mappings(): Mapping[] {
    const flags = { hasFunctions: true, hasFilenames: true, hasLineNumbers: true };
    return this.#mappingOf.values().map(({ top, ...mapping }) => {
      // The next page's beginning; by division, as addresses are wider than 32 bits.
      return new Mapping({ ...mapping, memoryLimit: (Math.floor(top / 4096) + 1) * 4096, ...flags });
    }).toArray();
  }

  #add(row: number): number {
    const { function: name, module, file, line, buildId, address } = frameAt(this.#profile, row);
    const text = (t: string) => this.#strings.dedup(t);
    const functionKey = `${name}\0${module}\0${file}`;
    let functionId = this.#functionOf.get(functionKey);
    if (functionId === undefined) {
      functionId = this.functions.length + 1;
      const known = { name: text(name), systemName: text(name), filename: text(file) };
      this.functions.push(new PprofFunction({ id: functionId, ...known }));
      this.#functionOf.set(functionKey, functionId);
    }
    const mappingKey = `${module}\0${buildId}`;
    let mapping = this.#mappingOf.get(mappingKey);
    if (mapping === undefined) {
      const id = this.#mappingOf.size + 1;
      mapping = { id, filename: text(module || UNKNOWN_MODULE), buildId: text(buildId), top: 0 };
      this.#mappingOf.set(mappingKey, mapping);
    }
    mapping.top = Math.max(mapping.top, address);
    const id = this.locations.length + 1;
    const lines = [new Line({ functionId, line })];
    this.locations.push(new Location({ id, mappingId: mapping.id, address, line: lines }));
    return id;
  }
}
