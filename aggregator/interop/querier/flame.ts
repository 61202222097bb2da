// SPDX-License-Identifier: Apache-2.0
/**
 * Answers flame graphs: of one selection, and of two side by side.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DiffRequest,
  type DiffResponseSchema,
  type FlameGraphSchema,
  ProfileFormat,
  type SelectMergeSpanProfileRequest,
  type SelectMergeSpanProfileResponseSchema,
  type SelectMergeStacktracesRequest,
  type SelectMergeStacktracesResponseSchema,
} from "../../../proto/gen/querier/v1/querier_pb.ts";
import type { StackTraceSelector } from "../../../proto/gen/types/v1/types_pb.ts";
import type { StackChoice } from "../../query/asked.ts";
import { ConnectError } from "../connect/error.ts";
import type { CallContext } from "../connect/unary.ts";
import { type CallNode, emptyNode, prune } from "./call_tree.ts";
import { compile } from "./conditions.ts";
import { layOut, type Levels, WHOLE } from "./levels.ts";
import { callTree, explained, selectionOf, settled, type Source, spanOf } from "./source.ts";

const DEFAULT_NODES = 8192;
const MAX_NODES = 2 ** 20;
/** Storage cuts by itself: where functions of several modules become one, or two sides one tree, fewer are left. */
const SPARE = 2;

/** Reads the most nodes that are wanted. @throws {ConnectError} `invalid_argument` */
export function maxNodesOf(asked: bigint | undefined): number {
  if (asked === undefined || asked === 0n) return DEFAULT_NODES;
  if (asked < 0n || asked > MAX_NODES) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot answer so many nodes: current value is ${asked}, and the most is ${MAX_NODES}`,
    );
  }
  return Number(asked);
}

/** Reads which stacks are wanted. @throws {ConnectError} `invalid_argument` */
export function choiceOf(selector: StackTraceSelector | undefined): StackChoice | undefined {
  if (!selector) return undefined;
  const { callSite, frameFilter } = selector;
  const path = callSite.map(({ name }) => name);
  const list = (names: readonly string[] = [], patterns: readonly string[] = []) => {
    patterns.forEach(compile);
    return { names, patterns };
  };
  return {
    // Some callers begin at the whole.
    path: path[0] === WHOLE ? path.slice(1) : path,
    include: list(frameFilter?.includeNames, frameFilter?.includeRegexes),
    exclude: list(frameFilter?.excludeNames, frameFilter?.excludeRegexes),
  };
}

/** Is what flame graphs are asked by. */
export interface Asked {
  readonly profileTypeID: string;
  readonly labelSelector: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly maxNodes?: bigint | undefined;
  readonly stackTraceSelector?: StackTraceSelector | undefined;
  readonly profileIdSelector?: readonly string[];
  readonly traceIdSelector?: readonly string[];
  readonly spanSelector?: readonly string[];
}

/** Asks for the tree that a request is of, with the whole alone where nothing is stored that it could choose. */
async function treeOf(
  source: Source,
  asked: Asked,
  { signal }: CallContext,
  into: { maxNodes: number; root?: CallNode; side?: number },
): Promise<CallNode> {
  const span = spanOf(asked.start, asked.end);
  const { spanSelector = [], traceIdSelector = [], profileIdSelector = [] } = asked;
  if (spanSelector.length > 0 && traceIdSelector.length > 0) {
    throw new ConnectError("invalid_argument", "Cannot choose by spans and by traces at the same time");
  }
  const choice = choiceOf(asked.stackTraceSelector);
  const found = selectionOf(asked.profileTypeID, asked.labelSelector, span);
  const { maxNodes, ...place } = into;
  // Samples belong to no span, trace or single profile.
  const ids = [...spanSelector, ...traceIdSelector, ...profileIdSelector];
  if (!found || ids.length > 0) return into.root ?? emptyNode(1);
  await settled(source, span.to);
  return await explained(() =>
    callTree(source, found, { maxNodes: Math.min(maxNodes * SPARE, MAX_NODES), choice, signal }, place)
  );
}

/** Answers the flame graph of a selection. */
export async function mergeStacktraces(
  source: Source,
  request: SelectMergeStacktracesRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof SelectMergeStacktracesResponseSchema>> {
  return { flamegraph: await flameGraph(source, request, context) };
}

/** Answers what older clients ask of spans. */
export async function mergeSpanProfile(
  source: Source,
  request: SelectMergeSpanProfileRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof SelectMergeSpanProfileResponseSchema>> {
  return { flamegraph: await flameGraph(source, request, context) };
}

async function flameGraph(
  source: Source,
  request: Asked & Pick<SelectMergeStacktracesRequest, "format">,
  context: CallContext,
): Promise<MessageInitShape<typeof FlameGraphSchema>> {
  if (request.format !== ProfileFormat.UNSPECIFIED && request.format !== ProfileFormat.FLAMEGRAPH) {
    throw new ConnectError(
      "unimplemented",
      `Cannot answer in this format: ask for a flame graph, or SelectMergeProfile for pprof`,
    );
  }
  const { names, levels, total, maxSelf } = await flameLevels(source, request, context);
  return {
    names: [...names],
    levels: levels.map((values) => ({ values: values.map(BigInt) })),
    total: BigInt(total),
    maxSelf: BigInt(maxSelf),
  };
}

/** Asks for a flame graph's levels. */
export async function flameLevels(source: Source, asked: Asked, context: CallContext): Promise<Levels> {
  const maxNodes = maxNodesOf(asked.maxNodes);
  const root = await treeOf(source, asked, context, { maxNodes });
  prune(root, maxNodes);
  return layOut(root);
}

/** Answers two selections of one type as one tree. */
export async function diffStacktraces(
  source: Source,
  { left, right }: DiffRequest,
  context: CallContext,
): Promise<MessageInitShape<typeof DiffResponseSchema>> {
  if (!left || !right) {
    throw new ConnectError("invalid_argument", "Cannot compare without 'left' and 'right'");
  }
  const { names, levels, total, maxSelf, sides } = await diffLevels(source, left, right, context);
  return {
    flamegraph: {
      names: [...names],
      levels: levels.map((values) => ({ values: values.map(BigInt) })),
      total: BigInt(total),
      maxSelf: BigInt(maxSelf),
      leftTicks: BigInt(sides[0]!),
      rightTicks: BigInt(sides[1]!),
    },
  };
}

/** Asks for both sides' levels. @throws {ConnectError} `invalid_argument` where their types differ */
export async function diffLevels(
  source: Source,
  left: Asked,
  right: Asked,
  context: CallContext,
): Promise<Levels> {
  if (left.profileTypeID !== right.profileTypeID) {
    throw new ConnectError(
      "invalid_argument",
      `Cannot compare profiles of different types: ${left.profileTypeID} and ${right.profileTypeID}`,
    );
  }
  const maxNodes = Math.max(maxNodesOf(left.maxNodes), maxNodesOf(right.maxNodes));
  const root = emptyNode(2);
  await treeOf(source, left, context, { maxNodes, root, side: 0 });
  await treeOf(source, right, context, { maxNodes, root, side: 1 });
  prune(root, maxNodes);
  return layOut(root);
}
