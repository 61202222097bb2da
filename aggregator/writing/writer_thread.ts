// SPDX-License-Identifier: Apache-2.0
/**
 * Has groups written by a thread of its own: what that takes of the processor is nothing that a push waits for.
 *
 * @module
 */

import type { GroupToWrite, Written } from "../buffer/sink.ts";
import { StorageError, type StorageOptions } from "../storage/client.ts";
import { errorOf, type FromThread, type READY, type ToThread } from "./messages.ts";

/** Writes one group after the other. A thread that dies is started again with the next group. */
export class WriterThread implements Disposable {
  readonly #storage: StorageOptions;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #fail: (error: Error) => void = () => {};

  constructor(storage: StorageOptions) {
    this.#storage = storage;
  }

  /** Starts the thread before there is anything to write: to make one takes this thread's time, too. */
  prepare(): void {
    this.#last = this.#last.then(() => this.#worker ?? this.#start()).catch(() => {});
  }

  /**
   * Writes `group`, whose bytes are the thread's from then on.
   *
   * @throws {RefusedError} when storage answers and does not take it
   * @throws {StorageError} write the same group again
   */
  write(group: GroupToWrite): Promise<Written> {
    const written = this.#last.then(() => this.#write(group));
    this.#last = written.catch(() => {});
    return written;
  }

  [Symbol.dispose](): void {
    this.#end("it was stopped");
  }

  async #write(group: GroupToWrite): Promise<Written> {
    const worker = this.#worker ?? await this.#start();
    const buffers = new Set(group.batches.map(({ bytes }) => bytes.buffer as ArrayBuffer));
    worker.postMessage({ group } satisfies ToThread, [...buffers]);
    const answer = await this.#next<FromThread>(worker);
    if ("failure" in answer) throw errorOf(answer.failure);
    return answer.written;
  }

  async #start(): Promise<Worker> {
    const url = new URL("./thread.ts", import.meta.url);
    const worker = this.#worker = new Worker(url, { type: "module", name: "writer" });
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(event.message);
    };
    await this.#next<typeof READY>(worker);
    const storage = { ...this.#storage, url: String(this.#storage.url) };
    worker.postMessage({ storage } satisfies ToThread);
    return worker;
  }

  /** Waits for what the thread says next. @throws {StorageError} when it ends before */
  #next<T>(worker: Worker): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#fail = reject;
    worker.onmessage = ({ data }: MessageEvent<T>) => resolve(data);
    return promise;
  }

  #end(why: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const message = `Cannot write to storage as the thread that does ended: ${why}`;
    this.#fail(new StorageError(message, { code: undefined, cause: undefined }));
  }
}
