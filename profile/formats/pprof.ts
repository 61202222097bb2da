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
import { decodeLabels } from "../labels.ts";
import { frameAt, type Kind, type Profile, type Series, seriesAt, UNKNOWN_MODULE } from "../model.ts";
import { processName } from "../process_name.ts";
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
  /** Says which values samples have, in this order. @default {["count", "value"]} */
  readonly values?: readonly ("count" | "value")[];
  /**
   * Makes one location of the functions that are inlined in each other, as compilers read them; else each is one, which
   * more viewers show. @default {false}
   */
  readonly inlinedInLocation?: boolean;
  /** Is the path of the program: reports are headed by the file that is first among the mappings. @default any */
  readonly program?: string;
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
 * agent has, on another machine's files. What belongs to a series is in string labels: what people call its process in
 * `process`, the thread's name in `thread`.
 */
export async function pprofBytes(profile: Profile, options: PprofOptions): Promise<Uint8Array<ArrayBuffer>> {
  return await promisify(gzip)(encodePprof(profile, options)) as Uint8Array<ArrayBuffer>;
}

/** Returns the same not gzipped. */
export function encodePprof(profile: Profile, options: PprofOptions): Uint8Array<ArrayBuffer> {
  const { kind, startNs = 0n, durationNs = 0, periodNs = 0 } = options;
  const strings = new StringTable();
  const typeOf = (type: string, unit: string) =>
    new ValueType({ type: strings.dedup(type), unit: strings.dedup(unit) });
  const foreign = isProfileType(kind) ? profileTypeParts(kind) : undefined;
  const [counts, amounts] = foreign
    ? [typeOf(foreign.periodType, foreign.periodUnit), typeOf(foreign.type, foreign.unit)] as const
    : SAMPLE_TYPES[kind as Kind].map(([type, unit]) => typeOf(type, unit)) as [ValueType, ValueType];
  const shown = valuesOf(options);
  const types = shown.map((value) => value === "count" ? counts : amounts);
  const places = new Places(profile, strings, options);
  const sample = pprofSamples(profile, options, { strings, places });
  // Of a lock or a call each one is counted; of a CPU's time a sample stands for a period.
  const periodType = kind !== "cpu" ? counts : periodNs > 0 ? amounts : undefined;
  const encoded = new PprofProfile({
    sampleType: types,
    sample,
    mapping: places.mappings(options.program),
    location: places.locations,
    function: places.functions,
    stringTable: strings,
    timeNanos: startNs,
    durationNanos: durationNs,
    ...(periodType && { periodType, period: foreign ? 0 : kind === "cpu" ? periodNs : 1 }),
    defaultSampleType: types.at(-1)!.type,
  }).encode();
  return encoded as Uint8Array<ArrayBuffer>;
}

/** Profiles that others made have one value; ours have two. */
function valuesOf({ kind, values }: PprofOptions): readonly ("count" | "value")[] {
  return isProfileType(kind) ? ["value"] : values ?? ["count", "value"];
}

function pprofSamples(
  profile: Profile,
  options: PprofOptions,
  { strings, places }: { strings: StringTable; places: Places },
): Sample[] {
  const { kind, node = "" } = options;
  const { stacks: { offset, frame } } = profile;
  const shown = valuesOf(options);
  const samples = samplesOf(profile, kind);
  const labels: (Label[] | undefined)[] = [];
  const rows: Sample[] = [];
  for (let i = 0; i < samples.series.length; i++) {
    const series = samples.series[i]!;
    const stack = samples.stack[i]!;
    rows.push(
      new Sample({
        locationId: places.stack(frame.subarray(offset[stack], offset[stack + 1])),
        value: shown.map((value) => samples[value][i]!),
        label: labels[series] ??= labelsOf(seriesAt(profile, series), node, strings),
      }),
    );
  }
  return rows;
}

function labelsOf(whole: Series, node: string, strings: StringTable): Label[] {
  const { pid, comm, labels: own, ...series } = whole;
  const process = processName(whole);
  const known = Object.entries({ node, ...series, process, thread: comm, pid: pid === 0 ? "" : String(pid) });
  // What a series is known by goes before labels of that name.
  const labels = new Map([...decodeLabels(own), ...known.filter(([, text]) => text !== "")]);
  return [...labels].filter(([, text]) => text !== "").map(([key, text]) => {
    return new Label({ key: strings.dedup(key), str: strings.dedup(text) });
  });
}

/** Collects locations, functions and mappings of the frames that samples of the kind use; ids count from 1. */
class Places {
  readonly locations: Location[] = [];
  readonly functions: PprofFunction[] = [];
  readonly #profile: Profile;
  readonly #strings: StringTable;
  readonly #locationOf = new Map<string, number>();
  readonly #functionOf = new Map<string, number>();
  readonly #mappingOf = new Map<string, { id: number; filename: number; buildId: number; top: number }>();

  readonly #inlinedInLocation: boolean;

  constructor(
    profile: Profile,
    strings: StringTable,
    { inlinedInLocation = false }: Pick<PprofOptions, "inlinedInLocation">,
  ) {
    this.#profile = profile;
    this.#strings = strings;
    this.#inlinedInLocation = inlinedInLocation;
  }

  /** Returns the ids of the locations of a stack, whose frames are rows of the frame table. */
  stack(frames: Uint32Array): number[] {
    if (!this.#inlinedInLocation) return Array.from(frames, (row) => this.#location([row]));
    const ids: number[] = [];
    let rows: number[] = [];
    for (const row of frames) {
      rows.push(row);
      if (this.#profile.frames.inlined[row] === 1) continue;
      ids.push(this.#location(rows));
      rows = [];
    }
    return rows.length > 0 ? [...ids, this.#location(rows)] : ids;
  }

  /** Returns the location of frames that are inlined in each other, the innermost first. */
  #location(rows: readonly number[]): number {
    const key = rows.join();
    let id = this.#locationOf.get(key);
    if (id === undefined) this.#locationOf.set(key, id = this.#add(rows));
    return id;
  }

  /** Makes up where each begins and ends: the profile's addresses are the module's own. */
  mappings(program?: string): Mapping[] {
    const flags = {
      ...{ hasFunctions: true, hasFilenames: true, hasLineNumbers: true },
      hasInlineFrames: this.#inlinedInLocation,
    };
    const first = program === undefined ? -1 : this.#strings.dedup(program);
    const inOrder = [...this.#mappingOf.values()].sort((a, b) =>
      Number(b.filename === first) - Number(a.filename === first)
    );
    return inOrder.map(({ top, ...mapping }) => {
      // The next page's beginning; by division, as addresses are wider than 32 bits.
      return new Mapping({ ...mapping, memoryLimit: (Math.floor(top / 4096) + 1) * 4096, ...flags });
    });
  }

  #add(rows: readonly number[]): number {
    const line = rows.map((row) => this.#line(row));
    // Frames that are inlined in each other are of one module and address.
    const { module, buildId, address } = frameAt(this.#profile, rows.at(-1)!);
    const text = (t: string) => this.#strings.dedup(t);
    const mappingKey = `${module}\0${buildId}`;
    let mapping = this.#mappingOf.get(mappingKey);
    if (mapping === undefined) {
      const id = this.#mappingOf.size + 1;
      mapping = { id, filename: text(module || UNKNOWN_MODULE), buildId: text(buildId), top: 0 };
      this.#mappingOf.set(mappingKey, mapping);
    }
    mapping.top = Math.max(mapping.top, address);
    const id = this.locations.length + 1;
    this.locations.push(new Location({ id, mappingId: mapping.id, address, line }));
    return id;
  }

  #line(row: number): Line {
    const { function: name, module, file, line, startLine } = frameAt(this.#profile, row);
    const text = (t: string) => this.#strings.dedup(t);
    const key = `${name}\0${module}\0${file}\0${startLine}`;
    let functionId = this.#functionOf.get(key);
    if (functionId === undefined) {
      functionId = this.functions.length + 1;
      const known = { name: text(name), systemName: text(name), filename: text(file), startLine };
      this.functions.push(new PprofFunction({ id: functionId, ...known }));
      this.#functionOf.set(key, functionId);
    }
    return new Line({ functionId, line });
  }
}
