// SPDX-License-Identifier: Apache-2.0
/**
 * Converts between the messages of the query methods and the types of `aggregator/query`; what a client may not ask for
 * is refused here.
 *
 * @module
 */

import type * as wire from "../../proto/gen/aperture/v1/aperture.ts";
import { kindOf, type Profile, stackCount, type Total } from "../../profile/model.ts";
import type { Head } from "../buffer/entry.ts";
import { LABELS } from "../../profile/labels.ts";
import { isLabel, type Matcher, MatcherError, parseMatchers } from "../query/matchers.ts";
import {
  type AggregateAnswer,
  CODE_GROUPS,
  type DiffAnswer,
  type GroupBy,
  isWaitGroup,
  type StacksAnswer,
  WAIT_GROUPS,
} from "../query/stack_answers.ts";
import type { Selection } from "../query/asked.ts";
import { InvalidArgumentError } from "./calls.ts";

/**
 * Returns the selection that `message` asks for; times are widened to whole milliseconds.
 *
 * @param field its name in the request, for the error
 * @throws {InvalidArgumentError}
 */
export function selectionOf(message: wire.Selection | undefined, field: string): Selection {
  if (!message) throw invalid(field, "is missing");
  const kind = kindOf(message.kind);
  if (!kind) throw invalid(`${field}.kind`, `is not known: ${message.kind}`);
  if (message.fromNs >= message.toNs) {
    throw invalid(`${field}.from_ns`, `is not before to_ns: ${message.fromNs} and ${message.toNs}`);
  }
  return {
    kind,
    from: Number(message.fromNs / 1_000_000n),
    to: Number((message.toNs + 999_999n) / 1_000_000n),
    matchers: matchersOf(message.match, `${field}.match`),
    idle: message.includeIdle,
    holders: message.holders,
  };
}

function matchersOf(match: string, field: string): Matcher[] {
  try {
    return parseMatchers(match);
  } catch (error) {
    if (!(error instanceof MatcherError)) throw error;
    throw invalid(field, `is no selector: ${error.message}`);
  }
}

/**
 * Returns what to group by; functions when nothing is given.
 *
 * @throws {InvalidArgumentError}
 */
export function groupsOf(names: readonly string[]): readonly GroupBy[] {
  if (names.length === 0) return ["function"];
  for (const name of names) {
    if (!CODE_GROUPS.some((group) => group === name) && !isWaitGroup(name) && !isLabel(name)) {
      const known = [...CODE_GROUPS, ...WAIT_GROUPS, ...LABELS, "label_NAME"].join(", ");
      throw invalid("group_by", `is not one of ${known}: "${name}"`);
    }
  }
  if (new Set(names).size < names.length) throw invalid("group_by", `names one twice: ${names.join(", ")}`);
  return names as readonly GroupBy[];
}

/**
 * Returns `limit`, or `whenZero` for 0.
 *
 * @throws {InvalidArgumentError} above `max`
 */
export function limitOf(limit: number, { whenZero, max }: { whenZero: number; max: number }): number {
  if (limit > max) throw invalid("limit", `is more than ${max}: ${limit}`);
  return limit === 0 ? whenZero : limit;
}

/** Makes the message for a staged batch. */
export function stagedBatchMessage(head: Head): wire.StagedBatch {
  return {
    agentId: head.agentId,
    epoch: head.epoch,
    sequence: BigInt(head.sequence),
    node: head.node,
    startNs: head.startNs,
    endNs: head.endNs,
    samples: BigInt(head.samples),
    sizeBytes: BigInt(head.size),
    receivedNs: BigInt(head.receivedMs) * 1_000_000n,
  };
}

/** Makes the message for stacks: the samples of a stack, one for each thread's name, are summed. */
export function stacksMessage({ profile, total, other }: StacksAnswer): wire.QueryStorageResponse {
  const { samples, frames, stacks } = profile;
  const value = new Float64Array(stackCount(profile));
  const count = new Float64Array(stackCount(profile));
  for (let i = 0; i < samples.stack.length; i++) {
    value[samples.stack[i]!]! += samples.value[i]!;
    count[samples.stack[i]!]! += samples.count[i]!;
  }
  return {
    strings: [...profile.strings],
    frames: {
      function: [...frames.function],
      module: [...frames.module],
      file: [...frames.file],
      line: [...frames.line],
      buildId: [...frames.buildId],
      address: Array.from(frames.address, BigInt),
      startLine: [...frames.startLine],
      inlined: [...frames.inlined],
      rank: [...frames.rank],
    },
    stacks: { depth: depths(profile), frame: [...stacks.frame] },
    value: Array.from(value, BigInt),
    count: Array.from(count, BigInt),
    total: totalMessage(total),
    other: totalMessage(other),
  };
}

function depths(profile: Profile): number[] {
  const { offset } = profile.stacks;
  return Array.from({ length: stackCount(profile) }, (_, i) => offset[i + 1]! - offset[i]!);
}

/** Makes the message for values by group. */
export function aggregateMessage({ rows, total, other }: AggregateAnswer): wire.AggregateResponse {
  return {
    rows: rows.map((row) => ({
      group: [...row.group],
      self: totalMessage(row.self),
      total: totalMessage(row.total),
    })),
    total: totalMessage(total),
    other: totalMessage(other),
  };
}

/** Makes the message for two selections side by side. */
export function diffMessage({ rows, base, compare }: DiffAnswer): wire.DiffResponse {
  return {
    rows: rows.map((row) => ({
      function: row.function,
      module: row.module,
      baseSelf: totalMessage(row.baseSelf),
      baseTotal: totalMessage(row.baseTotal),
      compareSelf: totalMessage(row.compareSelf),
      compareTotal: totalMessage(row.compareTotal),
    })),
    base: totalMessage(base),
    compare: totalMessage(compare),
  };
}

function totalMessage({ value, count }: Total): wire.Total {
  return { value: BigInt(value), count: BigInt(count) };
}

function invalid(field: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot answer as '${field}' ${why}`);
}
