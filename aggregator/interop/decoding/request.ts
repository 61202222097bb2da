// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what is decoded of what others push, and what becomes of it.
 *
 * @module
 */

import type { CheckedBatch } from "../../ingest/checked_batch.ts";

/** Lists the protocols by which others push. */
export const PROTOCOLS = ["otlp", "push", "ingest"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Says by which protocol a body came, and what was said of it beside it. */
export type Source =
  | {
    readonly protocol: "otlp";
    readonly encoding: "proto" | "json";
    /** Holds what was given for the header of the version. */
    readonly versions: readonly string[];
  }
  | {
    readonly protocol: "push";
    readonly labels: readonly { readonly name: string; readonly value: string }[];
  }
  | {
    readonly protocol: "ingest";
    /** Is the query of the URL. */
    readonly search: string;
    readonly contentType: string;
  };

/** Is what the decoder is asked for, beside the body. */
export type DecodeRequest = Source & {
  /** The request came then, in Unix ms. */
  readonly nowMs: number;
  /** Is the sender's, or "". */
  readonly address: string;
  /** The batches are of this run of the aggregator, and numbered from `sequence` on. */
  readonly epoch: bigint;
  readonly sequence: number;
  /** Has relabel rules as they are written; without it, nothing is relabelled. */
  readonly rules: string | undefined;
};

/** Says what became of a request's profiles. */
export interface Taken {
  readonly profiles: number;
  readonly rejected: number;
  /** Says why the first ones were rejected; "" where none was. */
  readonly message: string;
}

/** Is what a body was. */
export interface Decoded extends Taken {
  /** Are named by a hash of what they were made of. */
  readonly batches: readonly CheckedBatch[];
  /** Counts the rows that relabel rules dropped. */
  readonly dropped: number;
}

/** Decodes bodies. */
export interface Decoder {
  /**
   * Decodes `body`.
   *
   * @throws {ForeignError | WireError | MalformedBatchError} for what is of no use to send again
   * @throws {HttpError} the same, where a status tells more
   * @throws {UnavailableError} for what is
   */
  decode(request: DecodeRequest, body: Uint8Array): Promise<Decoded>;
}
