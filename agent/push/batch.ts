// SPDX-License-Identifier: Apache-2.0
/**
 * Makes of a profile the batches that carry it.
 *
 * @module
 */

import { type AgentUsage, type Batch, type Profile, rowCount } from "../../profile/model.ts";
import { expandedSize } from "../../profile/expanded.ts";
import { BATCH_LIMITS } from "../../profile/wire/batch_limits.ts";
import { sliceProfile } from "../../profile/slice.ts";

/** Says which run of which agent a batch is of. */
export interface Identity {
  readonly agentId: string;
  /** Unix nanoseconds at which this run began. */
  readonly epoch: bigint;
  readonly node: string;
  readonly agentVersion: string;
}

/** Says what a batch covers. */
export interface BatchWindow {
  /** Unix nanoseconds. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Counts what could not be counted, by reason. */
  readonly losses: ReadonlyMap<string, number>;
  /** Counts how walks along user stacks ended. @default {none} */
  readonly stackEnds?: ReadonlyMap<string, number>;
  /** Is what the agent took in it. @default {not known} */
  readonly usage?: AgentUsage | undefined;
}

/**
 * Returns the batch of that identity and sequence; the profile's columns are shared, not copied.
 *
 * What the aggregator would refuse it for is made to fit: a name that is too long, and a window that a step of the
 * clock made end before it began or last for days.
 */
export function makeBatch(
  profile: Profile,
  { identity, window, sequence }: { identity: Identity; window: BatchWindow; sequence: number },
): Batch {
  const { strings, ...tables } = profile;
  const labels = new Set(tables.series.labels);
  const { agentId, epoch, node, agentVersion } = identity;
  const { endNs, losses, stackEnds = new Map(), usage } = window;
  const longest = BigInt(BATCH_LIMITS.windowMs) * 1_000_000n;
  const lasts = endNs - window.startNs;
  const startNs = lasts < 1n ? endNs - 1n : lasts > longest ? endNs - longest : window.startNs;
  return {
    ...{ agentId, epoch, sequence, startNs, endNs, node, agentVersion },
    ...{
      ...tables,
      strings: strings.map((text, i) => fitting(text, labels.has(i) ? LABELS_LENGTH : NAME_LENGTH)),
      losses,
    },
    ...stackEnds.size > 0 && { stackEnds },
    ...usage && { usage },
  };
}

/** Names of functions, files and programs are cut at this many characters; labels of a pod have as many as are taken. */
export const NAME_LENGTH = 4096;
const LABELS_LENGTH = BATCH_LIMITS.stringLength;

function fitting(text: string, length: number): string {
  return text.length > length ? text.slice(0, length - 1).toWellFormed() + "…" : text;
}

/** Returns whether the aggregator would refuse `profile` for what it is when it is written out. */
export function isTooLarge(profile: Profile): boolean {
  return expandedSize(profile) > BATCH_LIMITS.expandedBytes;
}

/** A part of a window, which becomes a batch of its own. */
export interface Part {
  readonly profile: Profile;
  readonly window: BatchWindow;
}

/** Returns two halves of the rows, the losses and the agent's usage with the first; `undefined` when there are fewer than two rows. */
export function halves({ profile, window }: Part): [Part, Part] | undefined {
  const count = rowCount(profile);
  if (count < 2) return undefined;
  const middle = count >> 1;
  return [
    { profile: sliceProfile(profile, 0, middle), window },
    {
      profile: sliceProfile(profile, middle, count),
      window: { ...window, losses: new Map(), stackEnds: new Map(), usage: undefined },
    },
  ];
}
