// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the samples of a request of OTLP: CPU time as the agent's kind, all else as types of their own.
 *
 * @module
 */

import { type AnyKind, profileType } from "../../../profile/profile_type.ts";
import type { Taken } from "../decoding/request.ts";
import { type Origin, originOf } from "../intake/series.ts";
import { ForeignError, type Windows } from "../intake/windows.ts";
import { OtlpFrames } from "./frames.ts";
import { RequestWindows } from "./request_windows.ts";
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

/** Holds the points of a profile, in columns: what was measured of a stack at a time. */
interface Points {
  readonly origin: Origin[];
  readonly stack: number[];
  readonly timeNs: bigint[];
  readonly amount: number[];
}

/** Holds a resource's labels, and the origins of its samples by the indexes of their attributes. */
interface Given {
  readonly labels: ReadonlyMap<string, string>;
  readonly origins: Map<string, Origin>;
}

class Taker {
  readonly #request: OtlpRequest;
  readonly #windows: RequestWindows;
  readonly #options: TakeOptions;
  readonly #frames: OtlpFrames;
  readonly #given = new Map<OtlpResource, Given>();
  readonly #origins = new Map<string, Origin>();

  constructor(request: OtlpRequest, windows: Windows, options: TakeOptions) {
    this.#request = request;
    this.#options = options;
    this.#frames = new OtlpFrames(request.dictionary);
    this.#windows = new RequestWindows(windows, this.#frames);
  }

  take(resource: OtlpResource, profile: OtlpProfile): void {
    const { kind, scale, counts } = this.#kindOf(profile);
    const given = this.#givenBy(resource);
    // All of them before the first is added: a profile is taken whole, or not at all.
    const points: Points = { origin: [], stack: [], timeNs: [], amount: [] };
    for (const sample of profile.samples) this.#add(sample, profile, given, points);
    for (const amount of points.amount) {
      if (amount * scale > MAX_VALUE) {
        throw new ForeignError(`Cannot take a value that is not from 0 to 2^53 - 1, of ${kind}`);
      }
    }
    const windows = points.origin.map(({ node }, i) => this.#windows.at(node, points.timeNs[i]!));
    for (const [i, amount] of points.amount.entries()) {
      if (amount === 0) continue;
      const window = windows[i]!;
      const [series, stack] = [window.series(points.origin[i]!), window.stack(points.stack[i]!)];
      window.builder.add(kind, series, stack, amount * scale, counts(amount));
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

  #givenBy(resource: OtlpResource): Given {
    let given = this.#given.get(resource);
    if (!given) {
      const labels = new Map<string, string>();
      for (const attribute of resource.attributes) {
        const [key, value] = this.#attribute(attribute);
        const isOpen = key !== "" && value !== "" && !SECRET.test(key);
        if (isOpen && labels.size < MAX_LABELS) labels.set(key, value);
      }
      this.#given.set(resource, given = { labels, origins: new Map() });
    }
    return given;
  }

  #attribute({ key, value }: OtlpAttribute): readonly [key: string, value: string] {
    const text = (of: OtlpAttribute["value"]) => typeof of === "object" ? this.#string(of.index) : of ?? "";
    return [text(key), text(value)];
  }

  #originOf({ attributes }: OtlpSample, { labels: given, origins }: Given): Origin {
    const indexes = attributes.join();
    let origin = origins.get(indexes);
    if (origin) return origin;
    const labels = new Map(given);
    for (const index of attributes) {
      const attribute = index === 0 ? undefined : this.#request.dictionary.attributes[index];
      if (index !== 0 && attribute === undefined) throw outOf("attributes", index);
      const [key, value] = attribute ? this.#attribute(attribute) : ["", ""];
      if (OF_SERIES.test(key) && value !== "" && labels.size < MAX_LABELS) labels.set(key, value);
    }
    // Attributes that make no series, such as the CPU's number, are many; what is left of them is one origin.
    const name = JSON.stringify([...labels]);
    origin = this.#origins.get(name) ?? originOf(labels, this.#options.address);
    this.#origins.set(name, origin);
    origins.set(indexes, origin);
    return origin;
  }

  #add(sample: OtlpSample, profile: OtlpProfile, given: Given, to: Points): void {
    const { values, timestamps } = sample;
    if (values.length > 0 && timestamps.length > 0 && values.length !== timestamps.length) {
      throw new ForeignError(`Cannot take a sample of ${values.length} values at ${timestamps.length} times`);
    }
    const origin = this.#originOf(sample, given);
    // What it refers to must be there.
    this.#frames.of(sample.stack);
    const add = (timeNs: bigint, amount: number) => {
      to.origin.push(origin);
      to.stack.push(sample.stack);
      to.timeNs.push(timeNs);
      to.amount.push(amount);
    };
    const start = profile.timeNs === 0n ? this.#options.nowNs : profile.timeNs;
    if (timestamps.length === 0) return add(start, values.reduce((sum, value) => sum + value, 0));
    for (let i = 0; i < timestamps.length; i++) {
      add(within(timestamps[i]!, start, profile.durationNs), values[i] ?? 1);
    }
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
