// SPDX-License-Identifier: Apache-2.0
/**
 * Sends batches on to a collector as OTLP's profiles, beside the way on which they are kept: nothing waits for it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { delay } from "@std/async/delay";
import { backoffMs } from "../../common/backoff.ts";
import { Burst } from "../../common/log.ts";
import { settledWithin } from "../../common/timeout.ts";
import { fields, message, tagOf } from "../wire/fields.ts";
import { readBatch } from "../wire/read_batch.ts";
import { WireReader } from "../wire/wire_reader.ts";
import type { OtlpTransport } from "./transport.ts";
import { writeOtlp } from "./write_otlp.ts";

export interface ExporterOptions {
  readonly transport: OtlpTransport;
  /** So many bytes of batches wait at most; the oldest go for new ones. @default {67108864} */
  readonly capacityBytes?: number;
  /** A batch is tried so often. @default {8} */
  readonly tries?: number;
  /** The first pause after a failure, in ms. @default {1000} */
  readonly firstPauseMs?: number;
}

/** Says what became of batches. */
export interface ExporterStats {
  readonly sent: number;
  /** Counts batches that were dropped: for want of room, refused, or tried too often. */
  readonly dropped: { readonly full: number; readonly refused: number; readonly failed: number };
  /** Counts profiles that the collector left out of what it took. */
  readonly rejectedProfiles: number;
  readonly queued: number;
  readonly queuedBytes: number;
}

/** The longest pause after failures, in ms. */
const MAX_PAUSE_MS = 60_000;

/** Holds what waits, and sends it one after the other, oldest first. */
export class OtlpExporter implements AsyncDisposable {
  readonly #transport: OtlpTransport;
  readonly #options: Required<Omit<ExporterOptions, "transport">>;
  readonly #queue: Uint8Array[] = [];
  readonly #dropped = { full: 0, refused: 0, failed: 0 };
  readonly #stop = new AbortController();
  readonly #logger = getLogger(["aperture", "otlp"]);
  readonly #burst = new Burst(this.#logger);
  #bytes = 0;
  #sent = 0;
  #rejected = 0;
  #sending: Promise<void> | undefined;

  constructor({ transport, ...options }: ExporterOptions) {
    this.#transport = transport;
    this.#options = { capacityBytes: 2 ** 26, tries: 8, firstPauseMs: 1000, ...options };
  }

  get stats(): ExporterStats {
    return {
      sent: this.#sent,
      dropped: { ...this.#dropped },
      rejectedProfiles: this.#rejected,
      queued: this.#queue.length,
      queuedBytes: this.#bytes,
    };
  }

  /** Takes an encoded `PushRequest` that was checked; it returns at once. */
  offer(request: Uint8Array): void {
    if (this.#stop.signal.aborted) return;
    this.#queue.push(request);
    this.#bytes += request.length;
    while (this.#bytes > this.#options.capacityBytes && this.#queue.length > 1) {
      this.#bytes -= this.#queue.shift()!.length;
      this.#dropped.full++;
      this.#burst.warn("full", "Dropped a batch for the collector, as too many wait for it");
    }
    this.#sending ??= this.#send().finally(() => this.#sending = undefined);
  }

  /** Resolves when nothing waits, or after `ms`. */
  async flush(ms: number): Promise<void> {
    await settledWithin(ms, this.#sending ?? Promise.resolve());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sending;
    this.#dropped.failed += this.#queue.length;
    this.#queue.length = 0;
    this.#transport[Symbol.dispose]();
  }

  async #send(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#queue.length > 0 && !signal.aborted) {
      const batch = this.#queue[0]!;
      // Work for the collector is done between what others wait for.
      await delay(0);
      const request = writeOtlp(readBatch(batch));
      const result = request === undefined ? "sent" : await this.#deliver(request);
      // It may have gone for new ones meanwhile.
      if (this.#queue[0] === batch) {
        this.#queue.shift();
        this.#bytes -= batch.length;
        if (result === "sent") this.#sent++;
        else this.#dropped[result]++;
      }
    }
  }

  async #deliver(request: Uint8Array<ArrayBuffer>): Promise<"sent" | "refused" | "failed"> {
    const { tries, firstPauseMs } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 1; failures <= tries; failures++) {
      const answer = await this.#transport.send(request, signal);
      if (answer.result === "sent") {
        this.#noteRejected(answer.response);
        return "sent";
      }
      this.#burst.warn(answer.result, `The collector did not take a batch: ${answer.why}`);
      if (answer.result === "refused") return "refused";
      if (failures === tries || signal.aborted) break;
      const pause = Math.max(
        answer.retryMs ?? 0,
        backoffMs(failures, { firstMs: firstPauseMs, maxMs: MAX_PAUSE_MS }),
      );
      await delay(Math.min(pause, MAX_PAUSE_MS), { signal }).catch(() => {});
    }
    return "failed";
  }

  #noteRejected(response: Uint8Array): void {
    const { rejected, why } = readResponse(response);
    if (rejected === 0 && why === "") return;
    this.#rejected += rejected;
    this.#burst.warn(`rejected ${why}`, `The collector left out ${rejected} profiles: ${why}`);
  }
}

/** Reads `ExportProfilesServiceResponse`; what is no such message says nothing. */
function readResponse(bytes: Uint8Array): { rejected: number; why: string } {
  let [rejected, why] = [0, ""];
  try {
    const reader = new WireReader(bytes);
    fields(reader, bytes.length, (tag) => {
      if (tag !== tagOf(1, 2)) return false;
      return message(reader, (tag) => {
        if (tag === tagOf(1, 0)) rejected = reader.uint64();
        else if (tag === tagOf(2, 2)) why = reader.string();
        else return false;
        return true;
      });
    });
  } catch {
    return { rejected: 0, why: "" };
  }
  return { rejected, why: why.slice(0, 200) };
}
