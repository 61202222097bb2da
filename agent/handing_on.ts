// SPDX-License-Identifier: Apache-2.0
/**
 * Hands windows on while a run goes on, and what is left at its end.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { VERSION } from "../common/main.ts";
import { counted } from "../common/words.ts";
import type { OtlpExporter } from "../profile/otlp/exporter.ts";
import { writingBatch } from "../profile/wire/write_batch.ts";
import type { Recording } from "./agent.ts";
import { newEpoch } from "./epoch.ts";
import type { Pusher } from "./push/pusher.ts";
import { Slices } from "./slices.ts";

const logger = getLogger(["aperture", "agent"]);

/** An agent that stops tries for so many ms to deliver what is left. */
export const FLUSH_MS = 5000;

/** Returns what hands a window on to a collector. */
export function sender(exporter: OtlpExporter, node: string): (recording: Recording) => Promise<void> {
  const identity = { agentId: node, epoch: newEpoch(), node, agentVersion: VERSION };
  let sequence = 0;
  return async ({ profile, startNs, endNs }) => {
    const batch = { ...profile, ...identity, sequence: ++sequence, startNs, endNs, losses: new Map() };
    exporter.offer(await new Slices().do(writingBatch(batch)));
  };
}

/** Delivers what is left. Not delivering it is a failure, unless the spool keeps it for the next start. */
export async function flushOnExit(pusher: Pusher): Promise<number> {
  const { batches, kept } = await pusher.stop({ deadlineMs: FLUSH_MS });
  const { pushed } = pusher.stats();
  if (batches === 0) {
    logger.info("Stopped: {pushed} delivered, none is left", { pushed: counted(pushed, "batch", "batches") });
    return 0;
  }
  const they = batches === 1 ? "it is" : "they are";
  const are = batches === 1 ? "is" : "are";
  logger.error("Stopped with {batches} that {are} not delivered: {fate}", {
    batches: counted(batches, "batch", "batches"),
    are,
    fate: kept ? `${they} in the spool's folder and ${are} sent at the next start` : `${they} lost`,
  });
  return kept ? 0 : 1;
}
