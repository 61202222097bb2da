// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the batches of a group and writes them.
 *
 * @module
 */

import type { BatchToWrite, GroupToWrite, StoredBatch, Written } from "../buffer/sink.ts";
import { type Kind, kindOf, KINDS } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import type { ReceivedBatch } from "../storage/part.ts";
import type { Writer } from "../storage/writer.ts";
import { refusalOf } from "./refusal.ts";

/**
 * Writes what of `group` can be read.
 *
 * @throws {RefusedError} when storage answers and does not take it
 * @throws {StorageError} write the same group again
 */
export async function writeGroup(
  writer: Pick<Writer, "write">,
  { token, skip, batches: given }: GroupToWrite,
): Promise<Written> {
  const unreadable: string[] = [];
  const batches = given.map((batch) => read(batch, unreadable)).filter((batch) => batch !== undefined);
  if (batches.length === 0) return { rows: 0, stored: [], unreadable };
  try {
    const { rows } = await writer.write({ token, skip, batches });
    return { rows, stored: batches.map(storedOf), unreadable };
  } catch (error) {
    throw refusalOf(error);
  }
}

function read(
  { agentId, sequence, receivedMs, bytes }: BatchToWrite,
  unreadable: string[],
): ReceivedBatch | undefined {
  try {
    return { ...readBatch(bytes), receivedMs };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    unreadable.push(`Cannot read batch ${sequence} of agent '${agentId}' any more, and drop it: ${why}`);
    return undefined;
  }
}

function storedOf({ sequence, endNs, samples, locks, syscalls }: ReceivedBatch): StoredBatch {
  const has = new Set<Kind>();
  if (locks.outcome.length > 0) has.add("lock");
  if (syscalls.call.length > 0) has.add("syscall");
  // Most batches have samples of one kind, or have met all before long.
  for (let i = 0; i < samples.kind.length && has.size < KINDS.length; i++) {
    if (i === 0 || samples.kind[i] !== samples.kind[i - 1]) has.add(kindOf(samples.kind[i]!)!);
  }
  return { sequence, endNs, kinds: [...has] };
}
