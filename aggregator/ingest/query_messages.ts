/**
 * Between the messages of the query methods and the types of `aggregator/query`; what a client may not ask for
 * is refused here.
 *
 * @module
 */

import type * as wire from "../../proto/gen/aperture/v1/aperture.ts";
import { kindOf, type Profile, stackCount, type Total } from "../../profile/model.ts";
import type { Head } from "../buffer/entry.ts";
import {
  type AggregateAnswer,
  type DiffAnswer,
  type Group,
  isSelectable,
  type Label,
  LABELS,
  type Matcher,
  type Selection,
  type StacksAnswer,
} from "../query/types.ts";
import { InvalidArgumentError } from "./calls.ts";

const MAX_MATCHERS = 32;
const MAX_VALUES = 1000;

/**
 * The selection that `message` asks for; times are widened to whole milliseconds.
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
  if (message.matchers.length > MAX_MATCHERS) {
    throw invalid(`${field}.matchers`, `are more than ${MAX_MATCHERS}: ${message.matchers.length}`);
  }
  return {
    kind,
    from: Number(message.fromNs / 1_000_000n),
    to: Number((message.toNs + 999_999n) / 1_000_000n),
    matchers: message.matchers.map((matcher) => matcherOf(matcher, `${field}.matchers`)),
    idle: message.includeIdle,
  };
}

function matcherOf({ label, values, negate }: wire.Matcher, field: string): Matcher {
  if (!isSelectable(label)) {
    throw invalid(`${field}.label`, `is not one of ${LABELS.join(", ")}, label.NAME: "${label}"`);
  }
  if (values.length === 0 || values.length > MAX_VALUES) {
    throw invalid(`${field}.values`, `are not from 1 to ${MAX_VALUES}: ${values.length}`);
  }
  return { label, values, negate };
}

/**
 * What to group by; functions when nothing is given.
 *
 * @throws {InvalidArgumentError}
 */
export function groupsOf(names: readonly string[]): readonly Group[] {
  if (names.length === 0) return ["function"];
  for (const name of names) {
    if (name !== "function" && name !== "module" && !isLabel(name)) {
      throw invalid("group_by", `is not one of function, module, ${LABELS.join(", ")}: "${name}"`);
    }
  }
  if (new Set(names).size < names.length) throw invalid("group_by", `names one twice: ${names.join(", ")}`);
  return names as readonly Group[];
}

/**
 * `limit`, or `whenZero` for 0.
 *
 * @throws {InvalidArgumentError} above `max`
 */
export function limitOf(limit: number, { whenZero, max }: { whenZero: number; max: number }): number {
  if (limit > max) throw invalid("limit", `is more than ${max}: ${limit}`);
  return limit === 0 ? whenZero : limit;
}

/** The message for a staged batch. */
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

/** The message for stacks: the samples of a stack, one for each thread's name, are summed. */
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

/** The message for values by group. */
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

/** The message for two selections side by side. */
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

function isLabel(name: string): name is Label {
  return (LABELS as readonly string[]).includes(name);
}

function invalid(field: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot answer as '${field}' ${why}`);
}
