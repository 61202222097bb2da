// SPDX-License-Identifier: Apache-2.0
/**
 * Has bodies decoded by a process of its own: one after the other, bounded in bytes, memory and time. The process is
 * started when it is needed, started again when it dies, and ended when nobody pushes.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../../common/log.ts";
import { UnavailableError } from "../../ingest/calls.ts";
import { ForeignError } from "../intake/windows.ts";
import { type Death, DecoderChild, DecoderDeath } from "./child.ts";
import type { Decoded, Decoder, DecodeRequest } from "./request.ts";

export interface DecoderProcessOptions {
  /** The process may hold so many bytes of objects. @default {536870912} */
  readonly heapBytes?: number;
  /** Bodies that are decoded or wait for it may have so many bytes together. @default {134217728} */
  readonly maxBytes?: number;
  /** One body may take so long, in ms. @default {20000} */
  readonly timeoutMs?: number;
  /** Without bodies the process ends after so long, in ms. @default {60000} */
  readonly idleMs?: number;
}

/** A body whose process ended is given to so many. */
const MOST_TRIES = 2;

/** Decodes by a process. */
export class DecoderProcess implements Decoder, AsyncDisposable {
  /** Counts processes that ended without an answer, by why. */
  readonly deaths: Record<Death, number> = { memory: 0, time: 0, other: 0 };
  readonly #options: Required<DecoderProcessOptions>;
  readonly #burst = new Burst(getLogger(["aperture", "interop"]));
  #child: DecoderChild | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Resolves when those processes are gone that are of no more use. */
  #ending: Promise<unknown> = Promise.resolve();
  #running = 0;
  #bytes = 0;

  constructor(options: DecoderProcessOptions = {}) {
    this.#options = {
      heapBytes: 512 * 2 ** 20,
      maxBytes: 128 * 2 ** 20,
      timeoutMs: 20_000,
      idleMs: 60_000,
      ...options,
    };
  }

  /** Is the process's id; `undefined` where there is none now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Sums the bytes of bodies that are decoded or wait for it. */
  get bytes(): number {
    return this.#bytes;
  }

  async decode(request: DecodeRequest, body: Uint8Array): Promise<Decoded> {
    if (this.#bytes > 0 && this.#bytes + body.length > this.#options.maxBytes) {
      throw new UnavailableError("Cannot take profiles now as others wait to be read: try again later");
    }
    this.#bytes += body.length;
    this.#running++;
    clearTimeout(this.#idle);
    const decoded = this.#last.then(() => this.#ask(request, body));
    this.#last = decoded.catch(() => {});
    try {
      return await decoded;
    } finally {
      this.#bytes -= body.length;
      if (--this.#running === 0) this.#endWhenIdle();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#end();
  }

  async #ask(request: DecodeRequest, body: Uint8Array): Promise<Decoded> {
    const { heapBytes, timeoutMs } = this.#options;
    for (let tries = 1;; tries++) {
      this.#child ??= new DecoderChild(heapBytes);
      try {
        return await this.#child.ask(request, body, timeoutMs);
      } catch (error) {
        if (!(error instanceof DecoderDeath)) throw error;
        await this.#end();
        this.#tell(error, request, body.length);
        if (error.because !== "other") {
          throw new ForeignError(`Cannot take the profile as ${error.message}: push less at once`, {
            cause: error,
          });
        }
        // It may have died before, of what is not this body's fault.
        if (tries === MOST_TRIES) {
          throw new UnavailableError("Cannot read profiles now: try again later", { cause: error });
        }
      }
    }
  }

  #tell({ because, message }: DecoderDeath, { protocol, address }: DecodeRequest, bytes: number): void {
    this.deaths[because]++;
    this.#burst.warn(
      because,
      `Cannot read ${bytes} bytes that ${address || "somebody"} pushed by ${protocol}: ${message}`,
    );
  }

  #endWhenIdle(): void {
    this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs);
    Deno.unrefTimer(this.#idle);
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#ending = Promise.all([this.#ending, child?.[Symbol.asyncDispose]()]);
    await this.#ending;
  }
}
