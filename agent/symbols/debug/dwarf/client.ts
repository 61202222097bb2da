/**
 * Asks for functions and lines of addresses, and never waits: answers are handed over when they come.
 *
 * The Worker is started at the first question, and ended when nothing was asked for a while, which gives back
 * its memory.
 *
 * @module
 */

import { settledWithin } from "../../../../common/timeout.ts";
import { getLogger } from "@logtape/logtape";
import type { SourceFrame } from "../../libdw/dwarf.ts";
import type { Answer, DebugPlace, Request, WorkerOptions } from "./protocol.ts";

const logger = getLogger(["aperture", "symbols"]);

/** Addresses of one question: an answer comes before the next is read, and a file is closed no sooner. */
const MAX_ADDRESSES = 512;

export interface DebugClientOptions {
  /** For the files that are open together. @default {128 MiB} */
  bytes?: number;
  /** Addresses that may wait for an answer; more are not asked for now. @default {65536} */
  maxWaiting?: number;
  /** Windows without a question after which the Worker is ended. @default {6} */
  idleWindows?: number;
}

/** Counted since the start, but for what is held now (`waiting`, `files`, `bytes`). */
export interface DebugStats {
  readonly asked: number;
  readonly answered: number;
  /** Addresses that were not asked for, as too many were waiting. */
  readonly dropped: number;
  readonly waiting: number;
  readonly files: number;
  readonly bytes: number;
  /** Files whose debug information takes more than the budget. */
  readonly tooLarge: number;
  readonly unreadable: number;
}

interface Question {
  readonly count: number;
  readonly done: (answer: Answer | undefined) => void;
}

/** What is not an answer: `later` may be asked again, `never` need not. */
export type NoFrames = "later" | "never";
export type OnFrames = (address: number, frames: readonly SourceFrame[] | NoFrames) => void;

/** One Worker, its questions, and what it holds. */
export class DebugClient implements Disposable {
  readonly #bytes: number;
  readonly #maxWaiting: number;
  readonly #idleWindows: number;
  readonly #questions = new Map<number, Question>();
  #worker: Worker | undefined;
  #failed = false;
  #idle = 0;
  #next = 1;
  #waiting = 0;
  #asked = 0;
  #answered = 0;
  #dropped = 0;
  #tooLarge = 0;
  #unreadable = 0;
  #held = { files: 0, bytes: 0 };
  #settled: (() => void)[] = [];

  constructor({ bytes = 128 << 20, maxWaiting = 65_536, idleWindows = 6 }: DebugClientOptions = {}) {
    this.#bytes = bytes;
    this.#maxWaiting = maxWaiting;
    this.#idleWindows = idleWindows;
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  get stats(): DebugStats {
    return {
      asked: this.#asked,
      answered: this.#answered,
      dropped: this.#dropped,
      waiting: this.#waiting,
      ...this.#held,
      tooLarge: this.#tooLarge,
      unreadable: this.#unreadable,
    };
  }

  /** Asks for `addresses` in the debug information that `key` names; `onFrames` is called for each that is answered. */
  ask(key: string, place: DebugPlace, addresses: readonly number[], onFrames: OnFrames): void {
    for (let at = 0; at < addresses.length; at += MAX_ADDRESSES) {
      const part = addresses.slice(at, at + MAX_ADDRESSES);
      if (this.#failed || this.#waiting + part.length > this.#maxWaiting) {
        this.#dropped += part.length;
        for (const address of part) onFrames(address, this.#failed ? "never" : "later");
        continue;
      }
      this.#post({ key, place, addresses: part }, (answer) => {
        if (answer?.refused === "too large") this.#tooLarge++;
        if (answer?.refused === "unreadable") this.#unreadable++;
        const none = answer?.refused === "too large" || this.#failed ? "never" : "later";
        const frames = answer?.refused ? undefined : answer?.frames;
        part.forEach((address, i) => onFrames(address, frames?.[i] ?? none));
      });
    }
  }

  /** Resolves when nothing is waited for any more, or after `ms`. */
  async settle(ms: number): Promise<void> {
    if (this.#waiting === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled.push(resolve);
    await settledWithin(ms, promise);
  }

  /** Ends a Worker that has nothing to do for a while. */
  endWindow(): void {
    if (this.#worker && this.#waiting === 0 && ++this.#idle >= this.#idleWindows) this.#end();
  }

  #post(question: Omit<Request, "id">, done: Question["done"]): void {
    const id = this.#next++;
    const count = question.addresses.length;
    this.#idle = 0;
    this.#asked += count;
    this.#waiting += count;
    this.#questions.set(id, { count, done });
    const request: Request = { id, ...question };
    this.#start().postMessage(request);
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: "debug info",
    });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      logger.warn("Cannot read debug information: {reason}", { reason: event.message });
      this.#failed = true;
      this.#end();
    };
    const options: WorkerOptions = { bytes: this.#bytes };
    worker.postMessage(options);
    return this.#worker = worker;
  }

  #take(answer: Answer): void {
    const question = this.#questions.get(answer.id);
    if (question === undefined) return;
    this.#questions.delete(answer.id);
    this.#waiting -= question.count;
    this.#answered += question.count;
    this.#held = answer.stats;
    question.done(answer);
    if (this.#waiting === 0) this.#settle();
  }

  #end(): void {
    // To end it from here would leave behind what libdw holds.
    this.#worker?.postMessage("close");
    this.#worker = undefined;
    this.#held = { files: 0, bytes: 0 };
    this.#idle = 0;
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    this.#waiting = 0;
    for (const { done } of questions) done(undefined);
    this.#settle();
  }

  #settle(): void {
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}
