// SPDX-License-Identifier: Apache-2.0
/**
 * Reads which form of the protocol a sender says that it speaks.
 *
 * @module
 */

import { ForeignError } from "../intake/windows.ts";
import type { WireForm } from "./form.ts";

/** Names the header; metadata of gRPC have it in lower case. */
export const VERSION_HEADER = "otlp-profiles-development-version";

/**
 * Returns the form that the header says; `undefined` where it is not there, which is one of the releases before it.
 *
 * @param values all that were given under its name, by commas or apart
 * @throws {ForeignError} for what is no version, more than one, or one that is not known
 */
export function formOfVersion(values: readonly string[]): WireForm | undefined {
  const given = values.flatMap((value) => value.split(","));
  if (given.length === 0) return undefined;
  const [version = ""] = given;
  if (given.length > 1 || !/^[1-9]\d{0,9}$/.test(version.trim())) {
    throw new ForeignError(
      `Cannot parse 'OTLP-Profiles-Development-Version' as it is not one whole number: current value is "${
        given.join(",").slice(0, 100)
      }"`,
    );
  }
  if (version.trim() !== "1") {
    throw new ForeignError(
      `Cannot read version ${version.trim()} of OTLP's profiles: the one that is known is 1`,
    );
  }
  return "1.10";
}
