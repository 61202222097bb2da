// SPDX-License-Identifier: Apache-2.0
/**
 * Says what profiles are called whose files do not say it.
 *
 * @module
 */

import type { ValueType } from "../pprof/reader.ts";

/** Says how the types of Go's own profiles are shown where the client does not say. */
const SHOWN: Readonly<Record<string, string>> = {
  samples: "cpu",
  contentions: "mutex_count",
  delay: "mutex_duration",
  goroutine: "goroutines",
};

/** Returns the name of a whole file by its types; `shown` says how the client shows a type. */
export function nameOfFile(
  types: readonly ValueType[],
  shown: Readonly<Record<string, string>> = SHOWN,
): string {
  if (types.some(({ type }) => type === "wall")) return "wall";
  for (const { type } of types) {
    const text = Object.hasOwn(shown, type) ? shown[type]! : type;
    if (text.includes("cpu")) return "process_cpu";
    if (/alloc_|inuse_|^space$|^objects$/.test(text)) return "memory";
    if (text.includes("mutex_")) return "mutex";
    if (text.includes("block_")) return "block";
    if (text.includes("goroutines")) return "goroutines";
  }
  return types.at(-1)?.type ?? "unknown";
}

/**
 * Returns the name of what a file called `name` has of a type: `godeltaprof_` says who made the difference, and CPU
 * time in a profile of time is CPU time.
 */
export function nameOfType(name: string, { type }: ValueType): string {
  if (name === "wall" && type === "cpu") return "process_cpu";
  return name.replace(/^godeltaprof_/, "");
}

/** Reads how a client shows its types, of its part `sample_type_config`. */
export function shownTypes(config: unknown): Readonly<Record<string, string>> {
  if (typeof config !== "object" || config === null) return SHOWN;
  return Object.fromEntries(
    Object.entries(config).map(([type, of]) => {
      const shown = typeof of === "object" && of !== null && "display-name" in of
        ? of["display-name"]
        : undefined;
      return [type, typeof shown === "string" && shown !== "" ? shown : type];
    }),
  );
}
