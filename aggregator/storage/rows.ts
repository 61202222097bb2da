// SPDX-License-Identifier: Apache-2.0
/**
 * Turns batches into blocks, one for each table.
 *
 * @module
 */

import { type Batch, kindOf, OUTCOME_NUMBER } from "../../profile/model.ts";
import { holdBlock } from "./hold_block.ts";
import { lockBlock } from "./lock_block.ts";
import { type NameBlocks, nameBlocks, type SeenTables } from "./name_blocks.ts";
import { type Column, maps, numbers, strings, toUint64 } from "./native.ts";
import { partOf, type ReceivedBatch } from "./part.ts";
import { sampleBlock } from "./sample_block.ts";
import { foreignBlock } from "./foreign_block.ts";
import { slowCallBlock } from "./slow_call_block.ts";
import { syscallBlock } from "./syscall_block.ts";

/** DateTime64(9) is 63 bits of nanoseconds; times beyond are held at the last one. */
const MAX_NS = 2n ** 63n - 1n;

/** Holds the blocks of one group of batches. */
export interface Blocks extends NameBlocks {
  readonly samples: readonly Column[];
  readonly locks: readonly Column[];
  readonly holds: readonly Column[];
  readonly syscalls: readonly Column[];
  readonly profiles: readonly Column[];
  readonly slow_calls: readonly Column[];
  readonly batches: readonly Column[];
}

/**
 * Turns `batches` into blocks: all samples, waits and calls, and of what they refer to that which `seen` does not
 * have. The blocks of what was counted and of batches depend on nothing but the batches.
 */
export function toBlocks(batches: readonly ReceivedBatch[], seen: SeenTables): Blocks {
  const parts = batches.map(partOf);
  return {
    ...nameBlocks(parts, seen),
    samples: sampleBlock(parts),
    locks: lockBlock(parts),
    holds: holdBlock(parts),
    syscalls: syscallBlock(parts),
    profiles: foreignBlock(parts),
    slow_calls: slowCallBlock(parts),
    batches: batchBlock(batches),
  };
}

function batchBlock(batches: readonly ReceivedBatch[]): Column[] {
  const sums = batches.map(sumsByKind);
  const time = (ns: bigint) => ns < MAX_NS ? ns : MAX_NS;
  return [
    strings("agent_id", batches.map(({ agentId }) => agentId)),
    numbers("epoch", "UInt64", BigUint64Array.from(batches, ({ epoch }) => epoch)),
    numbers("sequence", "UInt64", toUint64(batches.map(({ sequence }) => sequence))),
    strings("node", batches.map(({ node }) => node)),
    strings("agent_version", batches.map(({ agentVersion }) => agentVersion)),
    numbers("start", "DateTime64(9, 'UTC')", BigInt64Array.from(batches, ({ startNs }) => time(startNs))),
    numbers("end", "DateTime64(9, 'UTC')", BigInt64Array.from(batches, ({ endNs }) => time(endNs))),
    numbers(
      "received",
      "DateTime64(3, 'UTC')",
      BigInt64Array.from(batches, ({ receivedMs }) => BigInt(Math.floor(receivedMs))),
    ),
    maps("value", sums.map(({ value }) => value)),
    maps("count", sums.map(({ count }) => count)),
    maps("losses", batches.map(({ losses }) => losses)),
    maps("stack_ends", batches.map(({ stackEnds }) => stackEnds ?? new Map())),
    numbers("agent_cpu", "UInt64", toUint64(batches.map(({ usage }) => usage?.cpuNs ?? 0))),
    numbers("agent_memory", "UInt64", toUint64(batches.map(({ usage }) => usage?.memoryBytes ?? 0))),
  ];
}

/** Sums by kind in bigints: 2^53 ns is 104 days, which a batch may not hold but a wrong one may claim. */
function sumsByKind(
  { samples, locks, foreign, strings }: Batch,
): Record<"value" | "count", Map<string, bigint>> {
  const value = new Map<string, bigint>();
  const count = new Map<string, bigint>();
  const add = (kind: string, { ns, times }: { ns: number; times: number }) => {
    value.set(kind, (value.get(kind) ?? 0n) + BigInt(ns));
    count.set(kind, (count.get(kind) ?? 0n) + BigInt(times));
  };
  for (let i = 0; i < samples.kind.length; i++) {
    add(kindOf(samples.kind[i]!)!, { ns: samples.value[i]!, times: samples.count[i]! });
  }
  // As in a graph of all waits: those that gave up got no lock, and those that are open did not end.
  for (let i = 0; i < locks.outcome.length; i++) {
    const woken = locks.outcome[i] === OUTCOME_NUMBER.woken;
    if (!woken && locks.outcome[i] !== OUTCOME_NUMBER.open) continue;
    add("lock", { ns: locks.delay[i]!, times: woken ? locks.count[i]! : 0 });
  }
  for (let i = 0; foreign && i < foreign.type.length; i++) {
    add(strings[foreign.type[i]!]!, { ns: foreign.value[i]!, times: foreign.count[i]! });
  }
  return { value, count };
}
