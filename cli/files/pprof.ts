// SPDX-License-Identifier: Apache-2.0
/**
 * Reads pprof's profile.proto, gzipped or not, of any program.
 *
 * @module
 */

import { Profile as Pprof } from "pprof-format";
import { ProfileBuilder } from "../../profile/builder.ts";
import type { Kind, Series } from "../../profile/model.ts";
import { FormatError, type Loaded, type Unit } from "./loaded.ts";

/** Says which of our kinds a type of samples is, where it is one. */
const KIND_OF: Readonly<Record<string, Kind>> = { cpu: "cpu", delay: "lock", latency: "syscall" };
/** These types count what the others measure. */
const COUNTS = /^(samples|contentions|calls|.*_objects|count)$/;
/** A location has so many inlined functions at most, and a sample so many frames: far more than any program has. */
const MAX_FRAMES = 65_536;

/**
 * Returns the samples of `bytes`, unpacked.
 *
 * @param type says which of its types is wanted; the file's default where it is left out
 * @throws {FormatError} saying what is wrong with the file, or which types it has
 */
export function readPprof(bytes: Uint8Array<ArrayBuffer>, type?: string): Loaded {
  let pprof: Pprof;
  try {
    pprof = Pprof.decode(bytes);
  } catch (cause) {
    throw new FormatError(`it is no pprof profile: ${(cause as Error).message}`);
  }
  const text = (index: number | bigint) => pprof.stringTable.strings[Number(index)] ?? "";
  const types = pprof.sampleType.map((type) => text(type.type));
  if (types.length === 0) {
    throw new FormatError("it is no pprof profile: it says of nothing what it measures");
  }
  const byDefault = text(pprof.defaultSampleType);
  const wanted = type ?? (types.includes(byDefault) ? byDefault : types.at(-1)!);
  const column = types.indexOf(wanted);
  if (column < 0) throw new FormatError(`it has no '${wanted}', but ${types.join(", ")}`);
  const count = types.findIndex((type) => COUNTS.test(type) && type !== wanted);
  const unit = unitOf(text(pprof.sampleType[column]!.unit));
  const kind = unit === "nanoseconds" ? KIND_OF[wanted] ?? "cpu" : "cpu";
  const builder = new ProfileBuilder();
  const places = placesOf(pprof, { builder, text });
  let left = 0;
  for (const sample of pprof.sample) {
    const amounts = sample.value.map(Number);
    const value = amounts[column] ?? 0;
    const number = unit === "count" ? value : count < 0 ? 0 : amounts[count] ?? 0;
    if (
      ![value, number].every((n) => Number.isSafeInteger(n) && n >= 0) ||
      sample.locationId.length > MAX_FRAMES
    ) {
      left++;
      continue;
    }
    if (value === 0 && number === 0) continue;
    const rows = sample.locationId.flatMap((id) => places(Number(id)));
    builder.add(kind, builder.series(seriesOf(sample.label, text)), builder.stack(rows), value, number);
  }
  return {
    profile: builder.build(),
    ...{ format: "pprof", kind, type: wanted, unit, types, left } as const,
    startNs: BigInt(pprof.timeNanos),
    durationNs: Number(pprof.durationNanos),
  };
}

function unitOf(unit: string): Unit {
  return unit === "nanoseconds" ? "nanoseconds" : unit === "bytes" ? "bytes" : "count";
}

type Text = (index: number | bigint) => string;

/** Returns what gives the rows of the frames of a location, the innermost first. */
function placesOf(pprof: Pprof, { builder, text }: { builder: ProfileBuilder; text: Text }) {
  const functions = new Map(pprof.function.map((each) => [Number(each.id), each]));
  const mappings = new Map(pprof.mapping.map((each) => [Number(each.id), each]));
  const locations = new Map(pprof.location.map((each) => [Number(each.id), each]));
  const rows = new Map<number, number[]>();
  return (id: number): readonly number[] => {
    const known = rows.get(id);
    if (known) return known;
    const location = locations.get(id);
    if (!location) throw new FormatError(`a sample refers to location ${id}, which is not there`);
    const mapping = mappings.get(Number(location.mappingId));
    const module = mapping ? text(mapping.filename) : "";
    const buildId = mapping ? text(mapping.buildId) : "";
    const address = safe(location.address);
    const place = { module, buildId: /^[0-9a-f]*$/.test(buildId) ? buildId : "", address };
    const lines = location.line.slice(0, MAX_FRAMES);
    const found = lines.map((line, i) => {
      const of = functions.get(Number(line.functionId));
      const name = of ? text(of.name) || text(of.systemName) : "";
      return builder.frame({
        ...place,
        function: name || `${module.split("/").at(-1)}+0x${address.toString(16)}`,
        file: of ? text(of.filename) : "",
        line: safe(line.line),
        startLine: of ? safe(of.startLine) : 0,
        inlined: i < lines.length - 1,
      });
    });
    if (found.length === 0) {
      const name = `${module.split("/").at(-1)}+0x${address.toString(16)}`;
      found.push(builder.frame({ ...place, function: name, file: "", line: 0 }));
    }
    rows.set(id, found);
    return found;
  };
}

/** Returns a number that the model can hold; 0 of one that it cannot. */
function safe(number: number | bigint): number {
  const value = Number(number);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

const LABELS = ["process", "exe", "container", "pod", "namespace", "service"] as const;

function seriesOf(
  labels: readonly { key: number | bigint; str: number | bigint; num: number | bigint }[],
  text: Text,
): Partial<Series> {
  const values = new Map(labels.map(({ key, str, num }) => [text(key), text(str) || String(num)]));
  const pid = Number(values.get("pid") ?? 0);
  return {
    comm: values.get("thread") ?? "",
    pid: Number.isInteger(pid) && pid >= 0 && pid < 2 ** 32 ? pid : 0,
    ...Object.fromEntries(LABELS.map((label) => [label, values.get(label) ?? ""])),
  };
}
