// SPDX-License-Identifier: Apache-2.0
/**
 * Stages what others pushed, by the same way as agents' batches: checked, relabelled, bounded and exactly once.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { STATUS_CODE } from "@std/http/status";
import { VERSION } from "../../../common/main.ts";
import { MalformedBatchError } from "../../../profile/wire/validate_batch.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { writeBatch } from "../../../profile/wire/write_batch.ts";
import { BufferFullError } from "../../buffer/staging_buffer.ts";
import { HttpError } from "../../http/errors.ts";
import { OutOfRangeError, UnavailableError } from "../../ingest/calls.ts";
import { push, type PushOptions } from "../../ingest/push.ts";
import { HalfTime } from "./half_time.ts";
import { ForeignError, type ForeignWindow } from "./windows.ts";

/** Lists the protocols by which others push. */
export const PROTOCOLS = ["otlp", "push", "ingest"] as const;
export type Protocol = (typeof PROTOCOLS)[number];
/** Is the agent of all batches that came by OTLP. */
export const OTLP_AGENT: Protocol = "otlp";
/** Says what became of a profile. */
export const RESULTS = ["staged", "duplicate", "refused"] as const;
export type Result = (typeof RESULTS)[number];

export interface IntakeOptions extends PushOptions {
  /** Is told what became of profiles. */
  readonly count?: (protocol: Protocol, result: Result, profiles: number) => void;
  /** @default {Math.random} */
  readonly random?: () => number;
}

/** Who is refused for want of room comes again after about so many seconds, and not all at once. */
const AGAIN_S = 10;

/** Stages windows. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #random: () => number;
  /** Names this run, as an agent's does. */
  readonly #epoch: bigint;
  #sequence = 0;
  readonly #halfTime = new HalfTime();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#epoch = BigInt((options.clock ?? Date.now)()) * 1_000_000n +
      BigInt(Math.floor(this.#random() * 1e6));
  }

  /** Returns the time in Unix ns. */
  get nowNs(): bigint {
    return BigInt((this.#options.clock ?? Date.now)()) * 1_000_000n;
  }

  /** Reads what was pushed: what takes the thread's time for others than agents has half of it at most. */
  reading<T>(read: () => T | Promise<T>): Promise<T> {
    return this.#halfTime.run(read);
  }

  /**
   * Stages `windows`, which were made of `content`: what was staged before, within an hour, is not staged again.
   *
   * @param profiles how many profiles that is
   * @throws {HttpError} 400 for what is of no use to send again, 429 or 503 with a time to come back for what is
   */
  async take(
    windows: readonly ForeignWindow[],
    { protocol, content, profiles = 1 }: {
      protocol: Protocol;
      content: readonly Uint8Array[];
      profiles?: number;
    },
  ): Promise<void> {
    const hash = createHash("sha256");
    for (const part of content) hash.update(part);
    const name = hash.digest("hex").slice(0, 32);
    let staged = windows.length === 0;
    try {
      for (const [i, { profile, ...window }] of windows.entries()) {
        const batch = {
          ...{ ...profile, ...window },
          ...{ agentId: protocol, epoch: this.#epoch, sequence: ++this.#sequence, agentVersion: VERSION },
          losses: new Map<string, number>(),
        };
        const { duplicate } = await this.#halfTime.run(() =>
          push(writeBatch(batch), { ...this.#options, content: `${name}/${i}` })
        );
        staged ||= !duplicate;
      }
      this.count(protocol, staged ? "staged" : "duplicate", profiles);
    } catch (error) {
      throw this.refused(protocol, error, profiles);
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
