// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the samples of a file of pprof: CPU time as the agent's kind, all else as types of their own.
 *
 * @module
 */

import type { ProfileBuilder } from "../../../profile/builder.ts";
import { type Frame, type Kind, RANK } from "../../../profile/model.ts";
import { type ProfileType, profileType } from "../../../profile/profile_type.ts";
import { isBatchTime } from "../../../profile/wire/validate_batch.ts";
import { originOf } from "../intake/series.ts";
import { ForeignError, type Windows } from "../intake/windows.ts";
import type { Pprof, PprofLocation, PprofSample, ValueType } from "./reader.ts";

/** Says of a file what it does not say itself. */
export interface PprofContext {
  /** Holds the labels of all samples; those of a sample add to them. */
  readonly labels: ReadonlyMap<string, string>;
  /** Returns what the profile is called whose values are of a type. */
  readonly nameOf: (type: ValueType) => string;
  /** Counts where the file has no time, in Unix ns. */
  readonly timeNs: bigint;
  /** Is the client's, or "". */
  readonly address: string;
}

/** Labels of samples that tell of one request, and would make each a series. */
const OF_REQUESTS = new Set(["profile_id", "span_id", "trace_id", "span_name"]);
/** A stack of storage has so many frames; what is beyond is cut at its leaf. */
const MAX_FRAMES = 1024;
/** Values and their sums are exact up to this. */
const MAX_VALUE = Number.MAX_SAFE_INTEGER;
const NAME_LENGTH = 16_384;

/** Adds the samples of `pprof` to `windows`. @throws {ForeignError} when a value is negative, or too large */
export function takePprof(pprof: Pprof, context: PprofContext, windows: Windows): void {
  // Some write microseconds, or nothing.
  const timeNs = isBatchTime(pprof.timeNs) ? pprof.timeNs : context.timeNs;
  const columns = columnsOf(pprof, context.nameOf);
  const origins = new Map<string, ReturnType<typeof originOf>>();
  const frames = new Map<PprofLocation, Frame[]>();
  for (const sample of pprof.samples) {
    const labels = labelsOf(sample, context.labels);
    const key = JSON.stringify([...labels]);
    let origin = origins.get(key);
    if (!origin) origins.set(key, origin = originOf(labels, context.address));
    const builder = windows.at(origin.node, timeNs);
    const series = builder.series(origin.series);
    const stack = stackOf(builder, sample, frames);
    for (const { kind, value, count } of columns) {
      const [amount, times] = [value(sample.values), count(sample.values)];
      if (amount < 0 || amount > MAX_VALUE) {
        throw new ForeignError(`Cannot take a value that is not from 0 to 2^53 - 1, of ${kind}`);
      }
      if (amount > 0 || times > 0) builder.add(kind, series, stack, amount, times);
    }
  }
}

interface Col {
  readonly kind: Kind | ProfileType;
  readonly value: (values: Float64Array) => number;
  readonly count: (values: Float64Array) => number;
}

/** Says what is made of the values of a sample. */
function columnsOf({ sampleTypes, periodType, period }: Pprof, nameOf: PprofContext["nameOf"]): Col[] {
  const at = (type: string, unit: string) =>
    sampleTypes.findIndex((each) =>
      each.type === type && each.unit === unit && nameOf(each) === "process_cpu"
    );
  const [cpu, samples] = [at("cpu", "nanoseconds"), at("samples", "count")];
  const isTimed = periodType.type === "cpu" && periodType.unit === "nanoseconds" && period > 0;
  const columns: Col[] = [];
  if (cpu >= 0) {
    const count = (values: Float64Array) =>
      samples >= 0 ? values[samples]! : isTimed ? Math.round(values[cpu]! / period) : 1;
    columns.push({ kind: "cpu", value: (values) => values[cpu]!, count });
  } else if (samples >= 0 && isTimed) {
    columns.push({
      kind: "cpu",
      value: (values) => values[samples]! * period,
      count: (values) => values[samples]!,
    });
  }
  const taken = columns.length > 0 ? [cpu, samples] : [];
  sampleTypes.forEach((each, i) => {
    if (taken.includes(i)) return;
    const parts = { name: nameOf(each), ...each, periodType: periodType.type, periodUnit: periodType.unit };
    columns.push({
      kind: profileType(parts),
      value: (values) => values[i]!,
      count: (values) => values[i]! > 0 ? 1 : 0,
    });
  });
  return columns;
}

function labelsOf({ labels }: PprofSample, given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (labels.size === 0) return given;
  return new Map([...labels].filter(([name]) => !OF_REQUESTS.has(name)).concat([...given]));
}

function stackOf(builder: ProfileBuilder, sample: PprofSample, known: Map<PprofLocation, Frame[]>): number {
  const frames = sample.locations.flatMap((location) => {
    let own = known.get(location);
    if (!own) known.set(location, own = framesOf(location));
    return own;
  });
  return builder.stack(frames.slice(-MAX_FRAMES).map((frame) => builder.frame(frame)));
}

/** Returns the frames of a location, the innermost first. What has no function is told by its address in the module. */
function framesOf({ mapping, address, lines }: PprofLocation): Frame[] {
  const module = (mapping?.file ?? "").slice(0, NAME_LENGTH);
  if (lines.length === 0) {
    const own = Math.max(0, mapping ? address - mapping.start + mapping.offset : address);
    const place = own <= MAX_VALUE ? own : 0;
    const buildId = /^[0-9a-f]+$/i.test(mapping?.buildId ?? "") ? mapping!.buildId.toLowerCase() : "";
    const name = `${module.slice(module.lastIndexOf("/") + 1) || "[unknown]"}+0x${place.toString(16)}`;
    return [{ function: name, module, file: "", line: 0, buildId, address: place, rank: RANK.none }];
  }
  return lines.map(({ function: of, line }, i) => ({
    function: (of.name || of.systemName || "[unknown]").slice(-NAME_LENGTH),
    module,
    file: of.file.slice(-NAME_LENGTH),
    line,
    ...{ buildId: "", address: 0, startLine: of.startLine, inlined: i < lines.length - 1 },
  }));
}
