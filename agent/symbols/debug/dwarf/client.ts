// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for functions and lines of addresses, and never waits: answers are handed over when they come.
 *
 * The process that reads is started at the first question, and ended when nothing was asked for a while, which gives
 * back its memory. Where it dies it is started again, and the file that it died of twice is not asked for any more.
 *
 * @module
 */

import { settledWithin } from "../../../../common/timeout.ts";
import { getLogger } from "@logtape/logtape";
import type { SourceFrame } from "../../../../symbols/libdw/dwarf.ts";
import type { Answer, DebugInfoPlace, Request } from "./protocol.ts";
import { type ReaderOptions, ReaderProcess } from "./reader_process.ts";

const logger = getLogger(["aperture", "symbols"]);

/** Addresses of one question: an answer comes before the next is read, and a file is closed no sooner. */
const MAX_ADDRESSES = 512;

/** So often may it die of a file: the first time may have been chance, or the file before. */
const MAX_DEATHS = 2;
/** So often in a row may it die before it begins to read. */
const MAX_STARTS = 5;
const MIN_PAUSE_MS = 200;
const MAX_PAUSE_MS = 60_000;
/** Ids of processes that read, some of them gone, whose own samples are not of interest. */
const MAX_PIDS = 16;
/** Fewer addresses than that are not worth a process for so many times as long as others. */
const FEW_ADDRESSES = 64;
const PATIENCE = 6;

export interface DebugClientOptions {
  /** The files that are open together may take so many bytes. @default {128 MiB} */
  bytes?: number;
  /** Addresses that may wait for an answer; more are not asked for now. @default {65536} */
  maxWaiting?: number;
  /** Windows without a question after which the process is ended. @default {1} */
  idleWindows?: number;
  /**
   * Windows that must pass before it is started again, as a start takes a third of a second of CPU time; questions wait
   * meanwhile, a few of them six times as long: where all that runs is known, new leaves come one by one. @default {0}
   */
  restWindows?: number;
  /** @default {new ReaderProcess} */
  start?: (options: ReaderOptions) => Reader;
}

/** Has what is used of a {@linkcode ReaderProcess}. */
export type Reader = Pick<ReaderProcess, "pid" | "post" | "close">;

/** Is counted since the start, but for what is held now (`waiting`, `files`, `bytes`). */
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
  /** Counts how often the process that reads died. */
  readonly deaths: number;
}

interface Question {
  readonly request: Request;
  readonly count: number;
  readonly done: (answer: Answer | undefined) => void;
}

/** Is given instead of an answer: `later` may be asked again, `never` need not. */
export type NoFrames = "later" | "never";
export type OnFrames = (address: number, frames: readonly SourceFrame[] | NoFrames) => void;

/** One process that reads, its questions, and what it holds. */
export class DebugClient implements AsyncDisposable {
  readonly #bytes: number;
  readonly #maxWaiting: number;
  readonly #idleWindows: number;
  readonly #restWindows: number;
  readonly #questions = new Map<number, Question>();
  readonly #start: (options: ReaderOptions) => Reader;
  readonly #pids: number[] = [];
  /** Counts, by key, how often the process died while it read that. */
  readonly #deathsOf = new Map<string, number>();
  #reader: Reader | undefined;
  #restart: ReturnType<typeof setTimeout> | undefined;
  /** It settles when the processes that are not waited for have ended. */
  #closing: Promise<unknown> = Promise.resolve();
  #failed = false;
  #disposed = false;
  #deaths = 0;
  /** So many came in a row, without an answer. */
  #failures = 0;
  #idle = 0;
  /** Windows since the process was ended to rest; `undefined` where one may be started. */
  #rested: number | undefined;
  #next = 1;
  #waiting = 0;
  #asked = 0;
  #answered = 0;
  #dropped = 0;
  #tooLarge = 0;
  #unreadable = 0;
  #held = { files: 0, bytes: 0 };
  #settled: (() => void)[] = [];

  constructor(options: DebugClientOptions = {}) {
    const { bytes = 128 << 20, maxWaiting = 65_536, idleWindows = 1, restWindows = 0, start } = options;
    this.#restWindows = restWindows;
    this.#start = start ?? ((options) => new ReaderProcess(options));
    this.#bytes = bytes;
    this.#maxWaiting = maxWaiting;
    this.#idleWindows = idleWindows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#end();
    await this.#closing;
  }

  /** Returns the process that reads now. */
  get pid(): number | undefined {
    return this.#reader?.pid;
  }

  /** Ends the process that reads, if it has nothing to do. */
  rest(): void {
    if (!this.#reader || this.#waiting > 0) return;
    this.#end();
    if (this.#restWindows > 0) this.#rested = 0;
  }

  /** Returns whether `pid` is, or was a while ago, a process that reads. */
  isReader(pid: number): boolean {
    return this.#pids.includes(pid);
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
      deaths: this.#deaths,
    };
  }

  /** Asks for `addresses` in the debug information that `key` names; `onFrames` is called for each that is answered. */
  ask(key: string, place: DebugInfoPlace, addresses: readonly number[], onFrames: OnFrames): void {
    for (let at = 0; at < addresses.length; at += MAX_ADDRESSES) {
      const part = addresses.slice(at, at + MAX_ADDRESSES);
      const never = this.#failed || this.#isDeadly(key);
      if (never || this.#waiting + part.length > this.#maxWaiting) {
        this.#dropped += part.length;
        for (const address of part) onFrames(address, never ? "never" : "later");
        continue;
      }
      this.#post({ key, place, addresses: part }, (answer) => {
        if (answer?.refused === "too large") this.#tooLarge++;
        if (answer?.refused === "unreadable") this.#unreadable++;
        const none = answer?.refused === "too large" || this.#failed || this.#isDeadly(key)
          ? "never"
          : "later";
        const frames = answer?.refused ? undefined : answer?.frames;
        part.forEach((address, i) => onFrames(address, frames?.[i] ?? none));
      });
    }
  }

  /** Resolves when nothing is waited for any more, or after `ms`; at once while no process is started. */
  async settle(ms: number): Promise<void> {
    if (this.#waiting === 0 || this.#rested !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled.push(resolve);
    await settledWithin(ms, promise);
  }

  /** Ends a process that has nothing to do for a while. */
  endWindow(): void {
    if (this.#rested !== undefined) {
      this.#rested++;
      if (this.#rested < this.#restWindows * (this.#waiting < FEW_ADDRESSES ? PATIENCE : 1)) return;
      this.#rested = undefined;
      if (this.#questions.size > 0) this.#begin();
      return;
    }
    if (this.#waiting === 0 && ++this.#idle >= this.#idleWindows) this.rest();
  }

  #post(question: Omit<Request, "id">, done: Question["done"]): void {
    const id = this.#next++;
    const count = question.addresses.length;
    this.#idle = 0;
    this.#asked += count;
    this.#waiting += count;
    const request: Request = { id, ...question };
    this.#questions.set(id, { request, count, done });
    if (this.#reader) this.#reader.post(request);
    else if (this.#restart === undefined && this.#rested === undefined) this.#begin();
  }

  /** Starts a process, and asks it all that is not answered. */
  #begin(): void {
    this.#restart = undefined;
    try {
      this.#reader = this.#start({
        bytes: this.#bytes,
        onAnswer: (answer) => this.#take(answer),
        onDeath: (ready) => this.#onDeath(ready),
      });
    } catch (error) {
      logger.warn("Cannot start what reads debug information: {reason}", {
        reason: (error as Error).message,
      });
      return this.#onDeath(false);
    }
    this.#pids.push(this.#reader.pid);
    if (this.#pids.length > MAX_PIDS) this.#pids.shift();
    for (const { request } of this.#questions.values()) this.#reader.post(request);
  }

  /** It reads one file after another, so that it died of the first that is not answered. */
  #onDeath(ready: boolean): void {
    this.#reader = undefined;
    this.#held = { files: 0, bytes: 0 };
    this.#deaths++;
    this.#failures++;
    const [first] = this.#questions.values();
    if (ready && first) this.#blame(first.request);
    if (!ready && this.#failures >= MAX_STARTS) {
      logger.warn("Cannot read debug information: what reads it ends before it begins");
      this.#failed = true;
      return this.#end();
    }
    if (this.#questions.size === 0 || this.#disposed) return;
    const pauseMs = Math.min(MIN_PAUSE_MS * 2 ** (this.#failures - 1), MAX_PAUSE_MS);
    this.#restart = setTimeout(() => this.#begin(), pauseMs);
  }

  #blame({ key, place }: Request): void {
    this.#deathsOf.set(key, (this.#deathsOf.get(key) ?? 0) + 1);
    if (!this.#isDeadly(key)) return;
    logger.warn("Debug information of {path} is not read, as what read it died of it", { path: place.path });
    for (const [id, { request, count, done }] of this.#questions) {
      if (request.key !== key) continue;
      this.#questions.delete(id);
      this.#waiting -= count;
      done(undefined);
    }
    if (this.#waiting === 0) this.#settle();
  }

  #isDeadly(key: string): boolean {
    return (this.#deathsOf.get(key) ?? 0) >= MAX_DEATHS;
  }

  #take(answer: Answer): void {
    const question = this.#questions.get(answer.id);
    if (question === undefined) return;
    this.#questions.delete(answer.id);
    this.#failures = 0;
    this.#waiting -= question.count;
    this.#answered += question.count;
    this.#held = answer.stats;
    question.done(answer);
    if (this.#waiting === 0) this.#settle();
  }

  #end(): void {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    if (this.#reader) this.#closing = Promise.all([this.#closing, this.#reader.close()]);
    this.#reader = undefined;
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
