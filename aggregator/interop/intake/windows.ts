// SPDX-License-Identifier: Apache-2.0
/**
 * Sorts what others measured by node and bucket of time, as batches are of one of each.
 *
 * @module
 */

import { ProfileBuilder } from "../../../profile/builder.ts";
import type { Profile } from "../../../profile/model.ts";
import { isBatchTime } from "../../../profile/wire/validate_batch.ts";

/** Is a bucket of time in storage, in ns. */
export const BUCKET_NS = 10_000_000_000n;
/** One request makes at most so many batches. */
const MAX_WINDOWS = 2048;

/** Holds what was measured on one node in one bucket of time. */
export interface ForeignWindow {
  readonly node: string;
  /** The time is in Unix ns, and is the beginning of the bucket. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly profile: Profile;
}

/** Is thrown for a request that says what cannot be; sending it again is of no use. */
export class ForeignError extends Error {
  override name = "ForeignError";
}

/** Collects the windows of one request. */
export class Windows {
  readonly #windows = new Map<string, { node: string; startNs: bigint; builder: ProfileBuilder }>();

  /**
   * Returns the builder of what `node` measured at `timeNs`, Unix ns.
   *
   * @throws {ForeignError} when there are too many, or that is no time that can be stored
   */
  at(node: string, timeNs: bigint): ProfileBuilder {
    const startNs = timeNs / BUCKET_NS * BUCKET_NS;
    if (!isBatchTime(startNs) || !isBatchTime(startNs + BUCKET_NS)) {
      throw new ForeignError(`Cannot store a profile of this time in Unix nanoseconds: ${timeNs}`);
    }
    const key = `${startNs} ${node}`;
    let window = this.#windows.get(key);
    if (!window) {
      if (this.#windows.size === MAX_WINDOWS) {
        throw new ForeignError(`Cannot take a request of more than ${MAX_WINDOWS} nodes and buckets of 10 s`);
      }
      this.#windows.set(key, window = { node, startNs, builder: new ProfileBuilder() });
    }
    return window.builder;
  }

  /** Returns the windows that have something, in a fixed order: the same for the same request. */
  finish(): ForeignWindow[] {
    return this.#windows.entries().toArray().sort(([a], [b]) => a < b ? -1 : 1)
      .map(([, { node, startNs, builder }]) => ({
        ...{ node, startNs, endNs: startNs + BUCKET_NS },
        profile: builder.build(),
      }))
      .filter(({ profile }) => profile.samples.kind.length > 0 || profile.foreign !== undefined);
  }
}
