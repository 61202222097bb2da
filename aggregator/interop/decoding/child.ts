// SPDX-License-Identifier: Apache-2.0
/**
 * Is one process that decodes, from its start to its end.
 *
 * @module
 */

import { kill, lowerPriority, startModule } from "../../../common/child.ts";
import { encodeMessage, readMessages } from "../../../common/messages.ts";
import { errorOf, fromPayload, KINDS, MESSAGE, toPayload } from "./message.ts";
import type { Decoded, DecodeRequest } from "./request.ts";

const PROCESS = new URL("./process.ts", import.meta.url).href;

/** Says why a process ended without an answer. */
export type Death = "memory" | "time" | "other";

/** Is told in place of an answer. */
export class DecoderDeath extends Error {
  override name = "DecoderDeath";
  readonly because: Death;

  constructor(message: string, because: Death) {
    super(message);
    this.because = because;
  }
}

/** Answers one request after another. */
export class DecoderChild implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #messages: ReturnType<typeof readMessages>;

  /** @param heapBytes what V8 may hold of objects; beyond, the process ends */
  constructor(heapBytes: number) {
    this.#child = startModule(PROCESS, {
      flags: [`--v8-flags=--max-old-space-size=${Math.ceil(heapBytes / 2 ** 20)}`],
      stderr: "null",
    });
    // It runs beside agents' pushes, which come first.
    lowerPriority(this.#child);
    this.#input = this.#child.stdin.getWriter();
    this.#messages = readMessages(this.#child.stdout, KINDS);
  }

  /** Is the process's id. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Asks, and waits at most `timeoutMs`.
   *
   * @throws {DecoderDeath} when it ended, as it does where it took too long: it is of no more use
   * @throws {Error} what the body was refused with
   */
  async ask(request: DecodeRequest, body: Uint8Array, timeoutMs: number): Promise<Decoded> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill(this.#child);
    }, timeoutMs);
    try {
      // Where it has died, that is told by the end of its answers.
      void this.#send(request, body).catch(() => {});
      const { value } = await this.#messages.next();
      if (!value) throw await this.#death(isLate);
      if (value.kind === MESSAGE.decoded) return fromPayload(value.payload);
      const { error, message } = errorOf(value.payload);
      throw error ?? new Error(`Cannot decode a profile: ${message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child);
    await Promise.allSettled([this.#messages.return(undefined), this.#input.abort(), this.#child.status]);
  }

  async #send(request: DecodeRequest, body: Uint8Array): Promise<void> {
    await this.#input.write(encodeMessage(MESSAGE.request, toPayload(request)));
    await this.#input.write(encodeMessage(MESSAGE.body, body));
  }

  async #death(isLate: boolean): Promise<DecoderDeath> {
    kill(this.#child);
    const { signal, code } = await this.#child.status;
    if (isLate) return new DecoderDeath("it takes too long to read", "time");
    // So V8 ends a process whose heap is full.
    if (signal === "SIGTRAP" || signal === "SIGABRT" || signal === "SIGILL") {
      return new DecoderDeath("it takes too much memory to read", "memory");
    }
    return new DecoderDeath(`the process that decodes ended with ${signal ?? `status ${code}`}`, "other");
  }
}
