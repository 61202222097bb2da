// SPDX-License-Identifier: Apache-2.0
/**
 * Does what OTLP's Export does with a request, however it came.
 *
 * @module
 */

import type { Intake } from "../intake/intake.ts";
import { Windows } from "../intake/windows.ts";
import { readJson } from "./read_json.ts";
import { readProto, utf8 } from "./read_proto.ts";
import { type Taken, takeOtlp } from "./take_otlp.ts";
import { formOfVersion } from "./version.ts";

export interface ExportOptions {
  readonly encoding: "proto" | "json";
  /** Holds what was given for {@linkcode VERSION_HEADER}. */
  readonly versions: readonly string[];
  readonly address: string;
}

/**
 * Reads and stages a request.
 *
 * @returns what is told of it: profiles that are not sound are left out and counted
 * @throws {HttpError} 400 for what is of no use to send again, 429 or 503 for what is
 */
export async function exportProfiles(
  intake: Intake,
  body: Uint8Array,
  { encoding, versions, address }: ExportOptions,
): Promise<Taken> {
  const windows = new Windows();
  let taken: Taken;
  try {
    const form = formOfVersion(versions);
    taken = await intake.reading(() => {
      const request = encoding === "json" ? readJson(utf8(body)) : readProto(body, form);
      return takeOtlp(request, windows, { nowNs: intake.nowNs, address });
    });
  } catch (error) {
    throw intake.refused("otlp", error);
  }
  if (taken.rejected > 0) intake.count("otlp", "refused", taken.rejected);
  const profiles = taken.profiles - taken.rejected;
  if (profiles > 0) await intake.take(windows.finish(), { protocol: "otlp", content: [body], profiles });
  return taken;
}
