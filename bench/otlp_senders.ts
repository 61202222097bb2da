// SPDX-License-Identifier: Apache-2.0
/**
 * Senders of OTLP that push recorded profiles by HTTP as fast as they are answered.
 *
 * @module
 */

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { delay } from "@std/async/delay";
import type { Batch } from "../profile/model.ts";
import { writeOtlp } from "../profile/otlp/write_otlp.ts";
import { samplesIn } from "./simulated_fleet.ts";

/** Is a field that no release has: the same profiles are pushed once more, and are no repetition. */
const UNKNOWN_FIELD = 1000;
const VARINT = 0;
/** Who is refused comes again after so long. */
const AGAIN_MS = 500;

/** Pushes from {@linkcode OtlpSenders.start} to {@linkcode OtlpSenders.stop}. */
export class OtlpSenders {
  readonly #url: string;
  readonly #bodies: readonly { readonly bytes: Uint8Array; readonly samples: number }[];
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #sent = 0;
  #staged = 0;

  constructor(url: string, recorded: readonly Batch[]) {
    this.#url = `${url}/v1development/profiles`;
    const endNs = BigInt(Date.now()) * 1_000_000n;
    this.#bodies = recorded.map((batch, i) => ({
      bytes: writeOtlp({ ...batch, node: `otlp-${i}`, startNs: endNs - 10_000_000_000n, endNs })!,
      samples: samplesIn(batch),
    }));
  }

  /** Counts the samples that were taken. */
  get staged(): number {
    return this.#staged;
  }

  start(senders: number): void {
    this.#running = Promise.all(Array.from({ length: senders }, () => this.#send()));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #send(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { bytes, samples } = this.#bodies[this.#sent++ % this.#bodies.length]!;
      const mark = new BinaryWriter().tag(UNKNOWN_FIELD, VARINT).uint32(this.#sent).finish();
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/x-protobuf" },
        body: new Blob([bytes as Uint8Array<ArrayBuffer>, mark as Uint8Array<ArrayBuffer>]),
      });
      const answer = await response.bytes();
      if (response.ok && answer.length === 0) this.#staged += samples;
      else if (response.status === 429 || response.status === 503) await delay(AGAIN_MS);
      else throw new Error(`OTLP was refused with ${response.status}: ${new TextDecoder().decode(answer)}`);
    }
  }
}
