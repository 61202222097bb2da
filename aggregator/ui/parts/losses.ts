// SPDX-License-Identifier: Apache-2.0
/**
 * Says in words what agents lost, and what helps.
 *
 * @module
 */

import { splitLosses } from "../../../profile/losses.ts";
import { formatCount } from "./format.ts";

const WORDS: readonly (readonly [pattern: RegExp, words: string, cure: string])[] = [
  [/map_full/, "the kernel's maps were full", "give the agent more: --bpf-memory 128MiB"],
  [/map_busy/, "the kernel's maps were busy", ""],
  [/push_dropped/, "the aggregator could not be reached for too long", "give the agent a spool: --spool-dir"],
  [/outside_pid_namespace/, "processes outside the agent's pid namespace", "run the agent with hostPID"],
];

/** Returns `120 lost: the kernel's maps were full; 3 incomplete`. */
export function lossText(losses: Readonly<Record<string, number>>): string {
  const { lost, incomplete } = splitLosses(new Map(Object.entries(losses)));
  const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
  const reasons = [...new Set([...lost.keys()].map((reason) => wordsOf(reason)[0]))];
  return [
    lost.size > 0 && `${formatCount(sum(lost))} lost: ${reasons.join(", ")}`,
    incomplete.size > 0 &&
    `${formatCount(sum(incomplete))} incomplete (${[...incomplete.keys()].join(", ")})`,
  ].filter(Boolean).join("; ") || "nothing";
}

/** Returns what was lost, what of all that is, and what helps; `undefined` where it is less than `least` of all. */
export function seriousLoss(
  losses: Readonly<Record<string, number>>,
  { counted, least }: { readonly counted: number; readonly least: number },
): { readonly share: number; readonly text: string; readonly cure: string } | undefined {
  const { lost } = splitLosses(new Map(Object.entries(losses)));
  const sum = [...lost.values()].reduce((a, b) => a + b, 0);
  const share = sum / Math.max(1, sum + counted);
  if (share < least) return undefined;
  const [reason = ""] = lost.keys();
  const [words, cure] = wordsOf(reason);
  return { share, text: words, cure };
}

function wordsOf(reason: string): [words: string, cure: string] {
  const [, words, cure] = WORDS.find(([pattern]) => pattern.test(reason)) ?? [undefined, reason, ""];
  return [words, cure];
}
