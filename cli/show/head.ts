// SPDX-License-Identifier: Apache-2.0
/**
 * Says in one line what an answer rests on: selection, time, nodes, amount, what was lost, which stacks are whole.
 *
 * @module
 */

import type {
  FleetJson,
  KindsJson,
  LabelValuesJson,
  QualityJson,
  SelectionJson,
} from "../../aggregator/http/answers.ts";
import { splitLosses } from "../../profile/losses.ts";
import { type Kind, KINDS, type Total } from "../../profile/model.ts";
import type { AnyKind } from "../../profile/profile_type.ts";
import { counted } from "../../common/words.ts";
import { paramsOf, type Question } from "../ask/selection.ts";
import type { Rest } from "../ask/rest.ts";
import { amountOf, formatPercent, range } from "./figures.ts";

/** Holds what is asked beside a question, about the same time. */
export interface Surroundings {
  readonly nodes: number;
  readonly lost: Lost;
  /** Is the share of user stacks that are whole; NaN where there are none. */
  readonly whole: number;
}

/** Is what agents could not count of a kind. */
export interface Lost {
  /** Is the share of all events of the kind; NaN where there are none. */
  readonly share: number;
  /** Some of it may be of another kind. */
  readonly atMost: boolean;
}

/** Asks for the nodes of a selection, and for what their agents lost. */
export async function surroundings(rest: Rest, question: Question): Promise<Surroundings> {
  const { from, to } = paramsOf(question);
  const [nodes, { agents }, { kinds }] = await Promise.all([
    nodesOf(rest, question),
    rest.json<FleetJson>("/api/fleet", { from, to, limit: 10_000 }),
    rest.json<KindsJson>("/api/kinds", { from, to }),
  ]);
  const names = nodes ??
    new Set(agents.filter(({ values }) => (values[question.kind] ?? 0) > 0).map(({ node }) => node));
  const ends = sumCounts(agents.filter(({ node }) => names.has(node)).map(({ stack_ends }) => stack_ends));
  const stacks = ends.values().reduce((a, b) => a + b, 0);
  const losses = sumCounts(agents.map(({ losses }) => losses));
  return {
    nodes: names.size,
    lost: isKind(question.kind) ? lostOf(question.kind, { losses, kinds }) : { share: NaN, atMost: false },
    whole: isKind(question.kind) ? (ends.get("complete") ?? 0) / stacks : NaN,
  };
}

/** Asks for the nodes that a selector chooses; without one, those of agents that send the kind are meant. */
async function nodesOf(rest: Rest, question: Question): Promise<ReadonlySet<string> | undefined> {
  // Of calls only the slow ones are in what agents sum, and of what others made nothing.
  if (question.match === "" && (question.kind === "cpu" || question.kind === "lock")) return undefined;
  const { values } = await rest.json<LabelValuesJson>("/api/labels", {
    label: "node",
    kind: question.kind,
    ...paramsOf(question),
    limit: 10_000,
  });
  return new Set(values.map(({ value }) => value));
}

function isKind(kind: AnyKind): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

/** Tells which kinds a reason may belong to; one that is not listed may be of any. */
const REASONS: readonly (readonly [RegExp, readonly Kind[]])[] = [
  [/^syscall/, ["syscall"]],
  [/^(threads_map|contentions_map|program_busy|wait_shares|holds_map|open_map)/, ["lock"]],
  [/^counts_map/, ["cpu", "lock"]],
];

/** Returns which share of the events of `kind` was lost, of losses by reason and what was counted of each kind. */
export function lostOf(
  kind: Kind,
  { losses, kinds }: Pick<KindsJson, "kinds"> & { readonly losses: ReadonlyMap<string, number> },
): Lost {
  let sum = 0;
  let atMost = false;
  for (const [reason, count] of splitLosses(losses).lost) {
    const owners = REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? KINDS;
    if (!owners.includes(kind)) continue;
    sum += count;
    atMost ||= owners.some((owner) => owner !== kind && kinds.some((other) => other.kind === owner));
  }
  const counted = kinds.find((counted) => counted.kind === kind)?.total.count ?? 0;
  return { share: sum / (sum + counted), atMost };
}

function sumCounts(records: readonly Readonly<Record<string, number>>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return sums;
}

/** Returns `cpu · service=shop · 15:00–15:15 UTC · 3 nodes · 4.2 cores · 0.3 % lost · 99.0 % whole` */
export function headLine(
  { selection, written, total, around, now }: {
    readonly selection: SelectionJson;
    readonly written: string;
    readonly total: Total;
    readonly around: Surroundings;
    readonly now: number;
  },
): string {
  const { kind, from, to, idle } = selection;
  const { nodes, lost, whole } = around;
  const ms = Date.parse(to) - Date.parse(from);
  return [
    kind + (idle && kind !== "cpu" ? " with idle" : ""),
    written || "everything",
    range(from, to, now),
    counted(nodes, "node", "nodes"),
    amountOf(kind, total, ms),
    ...Number.isNaN(lost.share) ? [] : [`${lost.atMost ? "at most " : ""}${formatPercent(lost.share)} lost`],
    ...Number.isNaN(whole) ? [] : [`${formatPercent(whole)} whole`],
  ].join(" · ");
}

/** Says what is not in storage yet; none where all is. */
export function stagedNotes({ staged }: QualityJson): string[] {
  if (staged === 0) return [];
  return [
    `The last seconds may be missing: ${counted(staged, "batch is", "batches are")} not in storage yet`,
  ];
}
