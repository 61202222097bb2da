// SPDX-License-Identifier: Apache-2.0
/**
 * Tells the wire forms of samples apart, which decode into each other without an error.
 *
 * In 1.10 the fields of a sample got other numbers: 2 was its values and became its attributes, 3 was its attributes and
 * became its link, 4 was its link and became its values. Senders before that say no version.
 *
 * @module
 */

import { ForeignError } from "../intake/windows.ts";

/** Is a release of the protocol by the form of its samples; 1.8 has that of 1.9. */
export type WireForm = "1.9" | "1.10";

/** Is a sample whose fields 2 to 4 may mean either. */
export interface RawSample {
  readonly stack: number;
  readonly field2: readonly number[];
  readonly field3: readonly number[];
  readonly field4: readonly number[];
  readonly timestamps: readonly bigint[];
}

/** Counts, over all samples of a request, how their fields came. */
export interface Evidence {
  /** Field 3 or 4 with a length, as a packed list has, or alone, as one number has. */
  packed3: number;
  packed4: number;
  single3: number;
  single4: number;
  /** Fields that samples had up to 1.7 alone. */
  old: number;
}

/** Makes evidence of nothing. */
export function noEvidence(): Evidence {
  return { packed3: 0, packed4: 0, single3: 0, single4: 0, old: 0 };
}

/**
 * Returns the form of all samples.
 *
 * @param isAttribute tells whether an index is of an attribute that is there, and none
 * @throws {ForeignError} for a form up to 1.7, and for what cannot be one form
 */
export function formOf(
  evidence: Evidence,
  samples: Iterable<RawSample>,
  isAttribute: (indexes: readonly number[]) => boolean,
): WireForm {
  if (evidence.old > 0) {
    throw new ForeignError("Cannot read samples of OTLP up to 1.7: send those of 1.8 or newer");
  }
  const isNew = evidence.packed4 > 0;
  const isOld = evidence.packed3 > 0 || evidence.single4 > 0;
  if (isNew && isOld) {
    throw new ForeignError("Cannot tell which form of OTLP samples have, as some have each of two");
  }
  if (isNew) return "1.10";
  if (isOld) return "1.9";
  if (evidence.single3 > 0) return "1.10";
  // Now samples have fields 2 and 5 at most. Without 5, or beside it, 2 may be values; attributes need 5.
  let mayBeOld = true;
  let isNoAttribute = false;
  for (const { field2, timestamps } of samples) {
    if (field2.length === 0) continue;
    if (timestamps.length === 0) return "1.9";
    mayBeOld &&= field2.length === timestamps.length;
    isNoAttribute ||= !isAttribute(field2);
  }
  return mayBeOld && isNoAttribute ? "1.9" : "1.10";
}
