// SPDX-License-Identifier: Apache-2.0
/**
 * Reads folded stacks: a line for each, `process;…;leaf NUMBER`, as Aperture, perf's and bcc's scripts write them.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { FormatError, type Loaded } from "./loaded.ts";

const LINE = /^(.*\S)\s+(\d+)$/;

/**
 * Returns the samples of `text`. The first of several names is taken for the process's; the thread's that is behind it in
 * Aperture's files is read as a frame, as others do not have it. Values are taken for nanoseconds, as Aperture writes
 * them, where `unit` says so: a line is then of one sample at least.
 *
 * @throws {FormatError} naming the first line that is no stack
 */
export function readFolded(text: string, unit: "nanoseconds" | "count"): Loaded {
  const builder = new ProfileBuilder();
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const [, names, number] = LINE.exec(line) ?? [];
    const value = Number(number);
    if (names === undefined || !Number.isSafeInteger(value)) {
      throw new FormatError(`line ${i + 1} is no folded stack and a number: "${line.slice(0, 80)}"`);
    }
    const [process, ...frames] = names.split(";");
    const path = frames.length === 0 ? [process!] : frames;
    const stack = builder.stack(
      path.reverse().map((name) =>
        builder.frame({ function: name, module: "", file: "", line: 0, buildId: "", address: 0 })
      ),
    );
    const series = builder.series({ process: frames.length === 0 ? "" : process! });
    builder.add("cpu", series, stack, value, unit === "count" ? value : 1);
  }
  return {
    format: "folded",
    profile: builder.build(),
    ...{ kind: "cpu", type: "samples", unit, types: [], startNs: 0n, durationNs: 0, left: 0 },
  };
}
