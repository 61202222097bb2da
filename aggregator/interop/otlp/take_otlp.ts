// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the samples of a request of OTLP: CPU time as the agent's kind, all else as types of their own.
 *
 * @module
 */

import type { Frame } from "../../../profile/model.ts";
import { type AnyKind, profileType } from "../../../profile/profile_type.ts";
import type { Taken } from "../decoding/request.ts";
import { type Origin, originOf } from "../intake/series.ts";
import { ForeignError, type Windows } from "../intake/windows.ts";
import { OtlpFrames } from "./frames.ts";
import type { OtlpAttribute, OtlpProfile, OtlpRequest, OtlpResource, OtlpSample } from "./model.ts";

export interface TakeOptions {
  /** The request came then, in Unix ns. */
  readonly nowNs: bigint;
  /** Is the sender's, or "". */
  readonly address: string;
}

/** Attributes of samples that make a series; others, such as the CPU's number, would make one of each sample. */
const OF_SERIES =
  /^(thread\.name|process\.(pid|executable\.(path|name))|container\.id|service\.name|k8s\..*|process\.context\.label\..*)$/;
/** May hold secrets. */
const SECRET = /^process\.(environment_variable\.|command_args|command_line)/;
const MAX_LABELS = 64;
const MAX_VALUE = Number.MAX_SAFE_INTEGER;

/** Adds the samples of `request` to `windows`; a profile that is not sound is left out, and said. */
export function takeOtlp(request: OtlpRequest, windows: Windows, options: TakeOptions): Taken {
  const taker = new Taker(request, windows, options);
  const faults: string[] = [];
  let [profiles, rejected] = [0, 0];
  for (const resource of request.resources) {
    for (const profile of resource.profiles) {
      profiles++;
      try {
        taker.take(resource, profile);
      } catch (error) {
        if (!(error instanceof ForeignError)) throw error;
        rejected++;
        if (faults.length < 5 && !faults.includes(error.message)) faults.push(error.message);
      }
    }
  }
  return { profiles, rejected, message: faults.join("; ") };
}

interface Point {
  readonly origin: Origin;
  readonly timeNs: bigint;
  readonly frames: readonly Frame[];
  readonly amount: number;
}

class Taker {
  readonly #request: OtlpRequest;
  readonly #windows: Windows;
  readonly #options: TakeOptions;
  readonly #frames: OtlpFrames;
  readonly #origins = new Map<string, Origin>();

  constructor(request: OtlpRequest, windows: Windows, options: TakeOptions) {
    this.#request = request;
    this.#windows = windows;
    this.#options = options;
    this.#frames = new OtlpFrames(request.dictionary);
  }

  take(resource: OtlpResource, profile: OtlpProfile): void {
    const { kind, scale, counts } = this.#kindOf(profile);
    const given = this.#resourceLabels(resource);
    // All of them before the first is added: a profile is taken whole, or not at all.
    const points = profile.samples.flatMap((sample) => this.#points(sample, profile, given));
    for (const { amount } of points) {
      if (amount * scale > MAX_VALUE) {
        throw new ForeignError(`Cannot take a value that is not from 0 to 2^53 - 1, of ${kind}`);
      }
    }
    const builders = points.map(({ origin, timeNs }) => this.#windows.at(origin.node, timeNs));
    for (const [i, { origin, frames, amount }] of points.entries()) {
      if (amount === 0) continue;
      const builder = builders[i]!;
      const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
      builder.add(kind, builder.series(origin.series), stack, amount * scale, counts(amount));
    }
  }

  #string(index: number): string {
    const text = index === 0 ? "" : this.#request.dictionary.strings[index];
    if (text === undefined) throw outOf("strings", index);
    return text;
  }

  /** Says what the values of a profile are of; `scale` makes them ns. */
  #kindOf({ sampleType, periodType, period }: OtlpProfile): {
    readonly kind: AnyKind;
    readonly scale: number;
    readonly counts: (amount: number) => number;
  } {
    const own = this.#type(sampleType);
    const of = this.#type(periodType);
    const isCpu = of.type === "cpu" && of.unit === "nanoseconds" && period > 0;
    if (own.type === "samples" && own.unit === "count" && isCpu) {
      return { kind: "cpu", scale: period, counts: (amount) => amount };
    }
    if (own.type === "cpu" && own.unit === "nanoseconds") {
      return { kind: "cpu", scale: 1, counts: (amount) => isCpu ? Math.round(amount / period) : 1 };
    }
    const parts = { name: of.type || own.type, ...own, periodType: of.type, periodUnit: of.unit };
    return { kind: profileType(parts), scale: 1, counts: () => 1 };
  }

  /** Returns a type by its strings; an old exporter has type and unit the wrong way round. */
  #type(given: { readonly type: number; readonly unit: number }): { type: string; unit: string } {
    const [type, unit] = [this.#string(given.type), this.#string(given.unit)];
    const isUnit = (text: string) => ["count", "nanoseconds", "bytes"].includes(text);
    return isUnit(type) && unit !== "" && !isUnit(unit) ? { type: unit, unit: type } : { type, unit };
  }

  #resourceLabels({ attributes }: OtlpResource): ReadonlyMap<string, string> {
    const labels = new Map<string, string>();
    for (const attribute of attributes) {
      const [key, value] = this.#attribute(attribute);
      if (key !== "" && value !== "" && !SECRET.test(key) && labels.size < MAX_LABELS) labels.set(key, value);
    }
    return labels;
  }

  #attribute({ key, value }: OtlpAttribute): readonly [key: string, value: string] {
    const text = (of: OtlpAttribute["value"]) => typeof of === "object" ? this.#string(of.index) : of ?? "";
    return [text(key), text(value)];
  }

  #originOf({ attributes }: OtlpSample, given: ReadonlyMap<string, string>): Origin {
    const labels = new Map(given);
    for (const index of attributes) {
      const attribute = index === 0 ? undefined : this.#request.dictionary.attributes[index];
      if (index !== 0 && attribute === undefined) throw outOf("attributes", index);
      const [key, value] = attribute ? this.#attribute(attribute) : ["", ""];
      if (OF_SERIES.test(key) && value !== "" && labels.size < MAX_LABELS) labels.set(key, value);
    }
    const name = JSON.stringify([...labels]);
    let origin = this.#origins.get(name);
    if (!origin) this.#origins.set(name, origin = originOf(labels, this.#options.address));
    return origin;
  }

  #points(sample: OtlpSample, profile: OtlpProfile, given: ReadonlyMap<string, string>): Point[] {
    const { values, timestamps } = sample;
    if (values.length > 0 && timestamps.length > 0 && values.length !== timestamps.length) {
      throw new ForeignError(`Cannot take a sample of ${values.length} values at ${timestamps.length} times`);
    }
    const origin = this.#originOf(sample, given);
    const frames = this.#frames.of(sample.stack);
    const start = profile.timeNs === 0n ? this.#options.nowNs : profile.timeNs;
    if (timestamps.length === 0) {
      return [{ origin, timeNs: start, frames, amount: values.reduce((sum, value) => sum + value, 0) }];
    }
    return timestamps.map((timeNs, i) => ({
      ...{ origin, frames, amount: values[i] ?? 1 },
      timeNs: within(timeNs, start, profile.durationNs),
    }));
  }
}

/** Returns the time that is nearest to `timeNs` in what lasts `durationNs` from `startNs` on. */
function within(timeNs: bigint, startNs: bigint, durationNs: bigint): bigint {
  if (durationNs <= 0n) return timeNs;
  const last = startNs + durationNs - 1n;
  return timeNs < startNs ? startNs : timeNs > last ? last : timeNs;
}

/** Says that an index is of nothing. */
export function outOf(table: string, index: number): ForeignError {
  return new ForeignError(
    `Cannot take a profile as it refers to what is not in the table of ${table}: ${index}`,
  );
}
