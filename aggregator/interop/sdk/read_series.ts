// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a profile of a series as SDKs and collectors push it: labels, and a file of pprof.
 *
 * @module
 */

import { unpacked } from "../bytes.ts";
import { ForeignError, type Windows } from "../intake/windows.ts";
import { readPprof } from "../pprof/reader.ts";
import { takePprof } from "../pprof/take_pprof.ts";
import { nameOfType } from "./names.ts";
import { MAX_PPROF_BYTES } from "./read_ingest.ts";

const MAX_LABELS = 64;
const NAME_LENGTH = 1024;
const VALUE_LENGTH = 2048;

interface Label {
  readonly name: string;
  readonly value: string;
}

export interface SeriesOptions {
  /** Counts where the file has no time, in Unix ns. */
  readonly nowNs: bigint;
  /** Is the sender's, or "". */
  readonly address: string;
  /** Has what is read added. */
  readonly windows: Windows;
}

/**
 * Reads a file of a series of `pairs`.
 *
 * @throws {ForeignError | WireError} where labels or the file make no sense
 * @throws {HttpError} 400 or 413 where it cannot be unpacked
 */
export function readSeries(
  pairs: readonly Label[],
  file: Uint8Array,
  { nowNs: timeNs, address, windows }: SeriesOptions,
): void {
  const labels = labelsOf(pairs);
  const name = labels.get("__name__")!;
  const pprof = readPprof(unpacked(file as Uint8Array<ArrayBuffer>, MAX_PPROF_BYTES));
  takePprof(pprof, { labels, nameOf: (type) => nameOfType(name, type), timeNs, address }, windows);
}

/** @throws {ForeignError} for labels that cannot be, and for those without a name of the profile */
function labelsOf(pairs: readonly Label[]): ReadonlyMap<string, string> {
  if (pairs.length > MAX_LABELS) {
    throw new ForeignError(`Cannot take a series of more than ${MAX_LABELS} labels: ${pairs.length}`);
  }
  const labels = new Map<string, string>();
  for (const { name, value } of pairs) {
    if (name === "" || name.length > NAME_LENGTH || value.length > VALUE_LENGTH) {
      throw new ForeignError(
        `Cannot take a label that has no name, one of more than ${NAME_LENGTH} characters, or a value of more than ` +
          `${VALUE_LENGTH}: "${name.slice(0, 100)}"`,
      );
    }
    if (labels.has(name)) throw new ForeignError(`Cannot take a series with a label twice: "${name}"`);
    labels.set(name, value);
  }
  if (!labels.get("__name__")) throw new ForeignError("Cannot take a series without the label '__name__'");
  return labels;
}
