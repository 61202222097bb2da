// SPDX-License-Identifier: Apache-2.0
/**
 * Random batches on an engine of their own, and the same as plain samples.
 *
 * @module
 */

import fc from "fast-check";
import type { ReceivedBatch } from "../../aggregator/storage/part.ts";
import { createQueries } from "../../aggregator/query/queries.ts";
import type { Queries } from "../../aggregator/query/types.ts";
import type { Selection } from "../../aggregator/query/asked.ts";
import { Writer } from "../../aggregator/storage/writer.ts";
import type { StorageClient } from "../../aggregator/storage/client.ts";
import {
  batchArbitrary,
  FIRST_MS,
  healing,
  lockSamples,
  type PlainSample,
  plainSamples,
} from "./random_batches.ts";
import { PATIENT, startStorage } from "./storage.ts";

export interface StoredBatches extends AsyncDisposable {
  readonly client: StorageClient;
  readonly queries: Queries;
  readonly batches: readonly ReceivedBatch[];
  /** They are of all kinds, with the best names that any batch has. */
  readonly samples: readonly PlainSample[];
}

/** Writes `count` random batches, in several groups. */
export async function storeBatches({ count, seed }: { count: number; seed: number }): Promise<StoredBatches> {
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await startStorage());
  const batches = fc.sample(batchArbitrary(30), { numRuns: count, seed });
  const writer = new Writer(storage.client);
  for (let i = 0; i < batches.length; i += 10) {
    await writer.write({ token: `group ${i}`, batches: batches.slice(i, i + 10) });
  }
  const heal = healing(batches);
  const samples = [...plainSamples(batches), ...lockSamples(batches)].map((sample) => ({
    ...sample,
    frames: heal(sample.frames),
  }));
  const owned = stack.move();
  return {
    client: storage.client,
    queries: createQueries(storage.client, PATIENT),
    batches,
    samples,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Selects all of one kind, in the time of the batches. */
export function everything(kind: Selection["kind"]): Selection {
  return { kind, from: FIRST_MS - 60_000, to: FIRST_MS + 180_000, matchers: [], idle: true };
}
