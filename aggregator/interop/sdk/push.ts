// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what SDKs and collectors push by `push.v1.PusherService/Push`.
 *
 * @module
 */

import { PusherService, type RawProfileSeries } from "../../../proto/gen/push/v1/push_pb.ts";
import { HttpError } from "../../http/errors.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { ConnectError } from "../connect/error.ts";
import { unaryRoute } from "../connect/unary.ts";
import type { ForeignRoute } from "../foreign.ts";
import type { Intake } from "../intake/intake.ts";
import { ForeignError, Windows } from "../intake/windows.ts";
import { readPprof, type ValueType } from "../pprof/reader.ts";
import { takePprof } from "../pprof/take_pprof.ts";
import { unpacked } from "./ingest.ts";
import { nameOfType } from "./names.ts";

/** Bounds a request, packed and unpacked. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_PROFILES = 1024;
const MAX_LABELS = 64;
const NAME_LENGTH = 1024;
const VALUE_LENGTH = 2048;

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
  const encoded = new TextEncoder().encode(JSON.stringify(pairs.map(({ name, value }) => [name, value])));
  for (const { rawProfile } of samples) {
    const windows = new Windows();
    try {
      const labels = labelsOf(pairs);
      const name = labels.get("__name__")!;
      const file = await unpacked(rawProfile as Uint8Array<ArrayBuffer>);
      const at = {
        labels,
        nameOf: (type: ValueType) => nameOfType(name, type),
        timeNs: intake.nowNs,
        address,
      };
      await intake.reading(() => takePprof(readPprof(file), at, windows));
    } catch (error) {
      intake.refused("push", error);
      const isBad = error instanceof ForeignError || error instanceof WireError || error instanceof HttpError;
      if (!isBad) throw error;
      faults.push(error.message);
      continue;
    }
    await intake.take(windows.finish(), { protocol: "push", content: [encoded, rawProfile] });
  }
}

/** @throws {ForeignError} for labels that cannot be, and for those without a name of the profile */
function labelsOf(pairs: RawProfileSeries["labels"]): ReadonlyMap<string, string> {
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
