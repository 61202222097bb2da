// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the parameters of `/ingest`: which application, when, and what its profile is called.
 *
 * @module
 */

import type { ProfileTypeParts } from "../../../profile/profile_type.ts";
import { ForeignError } from "../intake/windows.ts";

/** Is what the parameters say. */
export interface App {
  /** Is without the suffix that tells the type. */
  readonly name: string;
  readonly suffix: string;
  readonly labels: ReadonlyMap<string, string>;
  /** The time is in Unix ns; `undefined` where none is given. */
  readonly fromNs: bigint | undefined;
  readonly sampleRate: number;
  readonly units: string;
  readonly spyName: string;
}

const MAX_NAME = 4096;
const MAX_LABELS = 64;
const DEFAULT_RATE = 100;

/** Says what a suffix makes of a text of stacks. */
const SUFFIXES: Readonly<Record<string, ProfileTypeParts>> = {
  cpu: type("process_cpu", "cpu", "nanoseconds"),
  itimer: type("process_cpu", "cpu", "nanoseconds"),
  wall: type("wall", "wall", "nanoseconds"),
  inuse_objects: type("memory", "inuse_objects", "count", "space", "bytes"),
  inuse_space: type("memory", "inuse_space", "bytes", "space", "bytes"),
  alloc_objects: type("memory", "alloc_objects", "count", "space", "bytes"),
  alloc_space: type("memory", "alloc_space", "bytes", "space", "bytes"),
  goroutines: type("goroutines", "goroutine", "count", "goroutine", "count"),
  mutex_count: type("mutex", "contentions", "count", "contentions", "count"),
  mutex_duration: type("mutex", "delay", "nanoseconds", "contentions", "count"),
  block_count: type("block", "contentions", "count", "contentions", "count"),
  block_duration: type("block", "delay", "nanoseconds", "contentions", "count"),
  lock_count: type("block", "contentions", "count", "contentions", "count"),
  lock_duration: type("block", "delay", "nanoseconds", "contentions", "count"),
  exceptions: type("exceptions", "exceptions", "count"),
  live: type("memory", "live", "count"),
};

function type(
  name: string,
  type: string,
  unit: string,
  periodType = type,
  periodUnit = unit,
): ProfileTypeParts {
  return { name, type, unit, periodType, periodUnit };
}

/** Reads the parameters. @throws {ForeignError} naming the one that makes no sense */
export function readApp(params: URLSearchParams): App {
  const written = params.get("name") ?? "";
  if (written === "" || written.length > MAX_NAME) {
    throw new ForeignError(`Cannot take a profile without a 'name' of at most ${MAX_NAME} characters`);
  }
  const match = /^([^{}]*)(?:\{([^{}]*)\})?$/.exec(written.trim());
  const own = match?.[1]?.trim() ?? "";
  if (own === "") {
    throw new ForeignError(`Cannot parse 'name' as it is not like app{key=value}: "${written}"`);
  }
  const labels = new Map<string, string>();
  for (const pair of (match![2] ?? "").split(",").map((text) => text.trim()).filter((text) => text !== "")) {
    const at = pair.indexOf("=");
    if (at < 1) {
      throw new ForeignError(`Cannot parse 'name' as a label of it is not like key=value: "${pair}"`);
    }
    labels.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim().replaceAll(/^"|"$/g, ""));
    if (labels.size > MAX_LABELS) throw new ForeignError(`Cannot take more than ${MAX_LABELS} labels`);
  }
  const dot = own.lastIndexOf(".");
  const suffix = dot > 0 && Object.hasOwn(SUFFIXES, own.slice(dot + 1)) ? own.slice(dot + 1) : "";
  const name = suffix === "" ? own : own.slice(0, dot);
  if (!labels.has("service_name")) labels.set("service_name", name);
  const spyName = params.get("spyName") ?? "";
  if (spyName !== "") labels.set("pyroscope_spy", spyName);
  const rate = Number(params.get("sampleRate") ?? DEFAULT_RATE);
  return {
    ...{ name, suffix, labels, spyName },
    fromNs: readTime(params.get("from")),
    sampleRate: rate > 0 && rate <= 1e9 ? rate : DEFAULT_RATE,
    units: params.get("units") ?? "",
  };
}

/** Returns the type of an application's text of stacks: by its suffix, else by its units. */
export function typeOfApp({ suffix, units }: Pick<App, "suffix" | "units">): ProfileTypeParts {
  if (suffix !== "") return SUFFIXES[suffix]!;
  if (units === "bytes") return SUFFIXES["inuse_space"]!;
  if (units === "objects") return SUFFIXES["inuse_objects"]!;
  if (units === "goroutines") return SUFFIXES["goroutines"]!;
  return units === "seconds" ? SUFFIXES["wall"]! : SUFFIXES["cpu"]!;
}

/** Reads a time of seconds, ms, µs or ns by how many digits it has, in Unix ns. */
function readTime(text: string | null): bigint | undefined {
  if (text === null || !/^\d{1,19}$/.test(text)) return undefined;
  const digits = text.length;
  return BigInt(text) *
    (digits <= 11 ? 1_000_000_000n : digits <= 14 ? 1_000_000n : digits <= 17 ? 1000n : 1n);
}
