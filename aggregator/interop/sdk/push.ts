// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what SDKs and collectors push by `push.v1.PusherService/Push`.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { PusherService, type RawProfileSeries } from "../../../proto/gen/push/v1/push_pb.ts";
import { HttpError } from "../../http/errors.ts";
import { ConnectError } from "../connect/error.ts";
import { unaryRoute } from "../connect/unary.ts";
import type { ForeignRoute } from "../foreign.ts";
import type { Intake } from "../intake/intake.ts";

/** Bounds a request, packed and unpacked. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_PROFILES = 1024;
/** These say that it is the profile that is at fault. */
const FAULTS: ReadonlySet<number> = new Set([STATUS_CODE.BadRequest, STATUS_CODE.ContentTooLarge]);

/** Makes the route. */
export function pushRoutes(intake: Intake): ForeignRoute[] {
  const options = { scope: "ingest", turn: "ingest", maxBytes: MAX_BYTES, timeoutMs: 30_000 } as const;
  return [unaryRoute(PusherService.method.push, options, async ({ series }, { address }) => {
    if (series.length === 0) {
      throw new ConnectError("invalid_argument", "Cannot take a push without a series");
    }
    const profiles = series.reduce((sum, { samples }) => sum + samples.length, 0);
    if (profiles > MAX_PROFILES) {
      throw new ConnectError(
        "invalid_argument",
        `Cannot take more than ${MAX_PROFILES} profiles at once: ${profiles}`,
      );
    }
    // What is sound of a push is kept: who sent it sends none of it again.
    const faults: string[] = [];
    for (const one of series) await takeSeries(one, { intake, address, faults });
    if (faults.length > 0) throw new ConnectError("invalid_argument", faults.slice(0, 10).join("; "));
    return {};
  })];
}

async function takeSeries(
  { labels: pairs, samples }: RawProfileSeries,
  { intake, address, faults }: { intake: Intake; address: string; faults: string[] },
): Promise<void> {
  const labels = pairs.map(({ name, value }) => ({ name, value }));
  for (const { rawProfile } of samples) {
    try {
      await intake.take({ protocol: "push", labels }, rawProfile, { address });
    } catch (error) {
      if (!(error instanceof HttpError) || !FAULTS.has(error.status)) throw error;
      faults.push(error.message);
    }
  }
}
