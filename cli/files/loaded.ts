// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what a file of a profile is once it was read.
 *
 * @module
 */

import { UserError } from "../../common/main.ts";
import type { Kind, Profile } from "../../profile/model.ts";

/** The value of a sample is in it. */
export type Unit = "nanoseconds" | "count" | "bytes";

/** Is a profile of one kind; what others measured is in samples of kind cpu, whatever it was. */
export interface Loaded {
  readonly format: "pprof" | "json" | "folded";
  readonly profile: Profile;
  readonly kind: Kind;
  /** Is what was measured: `cpu`, or as the file calls it, such as `inuse_space`. */
  readonly type: string;
  readonly unit: Unit;
  /** Lists what else the file has. */
  readonly types: readonly string[];
  /** The time is in Unix nanoseconds; 0n where the file has none. */
  readonly startNs: bigint;
  readonly durationNs: number;
  /** Counts samples that were left out as their value is no amount. */
  readonly left: number;
}

/** The file is no profile; the message completes "Cannot read FILE: ". */
export class FormatError extends UserError {
  override name = "FormatError";
}
