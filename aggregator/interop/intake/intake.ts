// SPDX-License-Identifier: Apache-2.0
/**
 * Stages what others pushed, by the same way as agents' batches: checked, relabelled, bounded and exactly once.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Relabeller } from "../../../profile/relabel/relabeller.ts";
import { MalformedBatchError } from "../../../profile/wire/check_columns.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { BufferFullError } from "../../buffer/held.ts";
import { HttpError } from "../../http/errors.ts";
import { OutOfRangeError, UnavailableError } from "../../ingest/calls.ts";
import { stageChecked, type StageOptions } from "../../ingest/push.ts";
import type { Decoded, Decoder, Protocol, Source, Taken } from "../decoding/request.ts";
import { ForeignError } from "./windows.ts";

/** Is the agent of all batches that came by OTLP. */
export const OTLP_AGENT: Protocol = "otlp";
/** Says what became of a profile. */
export const RESULTS = ["staged", "duplicate", "refused"] as const;
export type Result = (typeof RESULTS)[number];

export interface IntakeOptions extends StageOptions {
  readonly decoder: Decoder;
  /** Changes what is staged. */
  readonly relabeller?: Pick<Relabeller, "text" | "count"> | undefined;
  /** Is told what became of profiles. */
  readonly count?: (protocol: Protocol, result: Result, profiles: number) => void;
  /** @default {Math.random} */
  readonly random?: () => number;
}

/** Who is refused for want of room comes again after about so many seconds, and not all at once. */
const AGAIN_S = 10;
/** A request makes fewer batches than this. */
const MOST_BATCHES = 4096;

/** Has bodies decoded, and stages what is in them. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #random: () => number;
  /** Names this run, as an agent's does. */
  readonly #epoch: bigint;
  #sequence = 1;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#epoch = BigInt((options.clock ?? Date.now)()) * 1_000_000n +
      BigInt(Math.floor(this.#random() * 1e6));
  }

  /**
   * Stages what is in `body`: what was staged before, within an hour, is not staged again. Profiles of it that are not
   * sound are left out and counted.
   *
   * @param address is the sender's, or ""
   * @throws {HttpError} 400 or 413 for what is of no use to send again, 429 or 503 with a time to come back for what is
   */
  async take(source: Source, body: Uint8Array, { address }: { address: string }): Promise<Taken> {
    const { protocol } = source;
    const { decoder, relabeller, clock = Date.now } = this.#options;
    const numbers = { epoch: this.#epoch, sequence: this.#sequence };
    this.#sequence += MOST_BATCHES;
    let decoded: Decoded;
    try {
      const beside = { nowMs: clock(), address, rules: relabeller?.text };
      decoded = await decoder.decode({ ...source, ...beside, ...numbers }, body);
    } catch (error) {
      throw this.refused(protocol, error);
    }
    const { profiles, rejected, message, dropped } = decoded;
    relabeller?.count(dropped);
    if (rejected > 0) this.count(protocol, "refused", rejected);
    if (profiles > rejected) await this.#stage(decoded, protocol);
    return { profiles, rejected, message };
  }

  async #stage({ batches, profiles, rejected }: Decoded, protocol: Protocol): Promise<void> {
    let staged = batches.length === 0;
    try {
      for (const batch of batches) {
        const { duplicate } = await stageChecked(batch, this.#options);
        staged ||= !duplicate;
      }
      this.count(protocol, staged ? "staged" : "duplicate", profiles - rejected);
    } catch (error) {
      throw this.refused(protocol, error, profiles - rejected);
    }
  }

  /** Counts profiles by what became of them. */
  count(protocol: Protocol, result: Result, profiles: number): void {
    this.#options.count?.(protocol, result, profiles);
  }

  /** Counts profiles that are not taken for `error`, and returns what is told of it. */
  refused(protocol: Protocol, error: unknown, profiles = 1): unknown {
    this.count(protocol, "refused", profiles);
    const message = error instanceof Error ? error.message : String(error);
    const isBad = [ForeignError, MalformedBatchError, WireError, OutOfRangeError].some((type) =>
      error instanceof type
    );
    if (isBad) return new HttpError(STATUS_CODE.BadRequest, message, { cause: error });
    const headers = { "retry-after": String(Math.round(AGAIN_S * (0.5 + this.#random()))) };
    if (error instanceof BufferFullError) {
      return new HttpError(STATUS_CODE.TooManyRequests, message, { cause: error, headers });
    }
    if (error instanceof UnavailableError) {
      return new HttpError(STATUS_CODE.ServiceUnavailable, message, { cause: error, headers });
    }
    return error;
  }
}
