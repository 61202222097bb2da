// SPDX-License-Identifier: Apache-2.0
/**
 * Asks the aggregator what the demo found, and shows it.
 *
 * @module
 */

import { bold, dim } from "@std/fmt/colors";
import { basename } from "node:path/posix";
import { lossesText } from "../profile/losses.ts";
import type { RunningAggregator } from "../tasks/programs.ts";
import type { Total } from "../profile/model.ts";

interface Row {
  readonly function: string;
  readonly module: string;
  readonly self: Total;
  readonly total: Total;
}

export interface Found {
  /** The hottest functions, by the time that they were the leaf. */
  readonly rows: readonly Row[];
  readonly total: Total;
  readonly batches: number;
  readonly losses: ReadonlyMap<string, number>;
}

/**
 * Asks the aggregator's REST for the whole machine's hottest functions and for what was lost.
 *
 * @returns undefined while less than `windows` batches are stored
 */
export async function query(aggregator: RunningAggregator, windows: number): Promise<Found | undefined> {
  const { stored } = await aggregator.json("/api/batches?limit=1000") as {
    stored: { losses: Record<string, number> }[];
  };
  if (stored.length < windows) return undefined;
  const top = await aggregator.json("/api/top?kind=cpu&from=-1h&limit=10") as { rows: Row[]; total: Total };
  const losses = new Map<string, number>();
  for (const batch of stored) {
    for (const [reason, count] of Object.entries(batch.losses)) {
      losses.set(reason, (losses.get(reason) ?? 0) + count);
    }
  }
  return { rows: top.rows, total: top.total, batches: stored.length, losses };
}

/** Returns the ten hottest functions of the machine, and what the figures rest on, as text. */
export function report({ rows, total, batches, losses }: Found): string {
  const lines = rows.map(({ function: name, module, self, total: inclusive }) => {
    const share = (part: Total) => `${(100 * part.value / total.value).toFixed(1)} %`.padStart(7);
    return `  ${share(self)}  ${share(inclusive)}  ${name}  ${dim(basename(module))}`;
  });
  const seconds = (total.value / 1e9).toFixed(1);
  return [
    "",
    bold("The hottest functions of this machine, as stored"),
    dim("     self    total  function"),
    ...lines,
    "",
    `${total.count} samples, ${seconds} s of CPU time, in ${batches} batches; ${lossesText(losses)}`,
  ].join("\n");
}
