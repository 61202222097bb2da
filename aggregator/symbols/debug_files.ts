// SPDX-License-Identifier: Apache-2.0
/**
 * Takes debug files, and gives names by them: to all that is stored at once, and to what comes later.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import type { DebugTables, FilesOptions, StoredDebugFile } from "../storage/debug_tables.ts";
import { readDebugFile } from "./read_debug_file.ts";

const logger = getLogger(["aperture", "symbols"]);

export interface DebugFilesOptions {
  readonly tables: Pick<DebugTables, "addRanges" | "addFile" | "files" | "name" | "nameAll">;
  /** A file may have so many bytes. */
  readonly limit: number;
  /** Locations that came since are named so often, in ms. @default {300000} */
  readonly everyMs?: number;
}

/** Says what became of a file. */
export interface TakenDebugFile extends StoredDebugFile {
  /** Counts locations that have better names now. */
  readonly named: number;
}

/** Takes one file after another. */
export class DebugFiles implements AsyncDisposable {
  readonly #options: DebugFilesOptions;
  readonly #closing = new AbortController();
  readonly #burst = new Burst(logger);
  #last: Promise<unknown> = Promise.resolve();
  #naming: Promise<void> | undefined;

  constructor(options: DebugFilesOptions) {
    this.#options = options;
  }

  /** Begins to name what comes. */
  start(): void {
    this.#naming ??= this.#nameOnAndOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([this.#last, this.#naming]);
  }

  /** Lists the files whose names are in storage. @throws {StorageError} */
  files(options: FilesOptions): Promise<StoredDebugFile[]> {
    return this.#options.tables.files(options);
  }

  /**
   * Reads a debug file, keeps what it says, and names by it what is stored. Calls that overlap wait for each other.
   *
   * @throws {DebugFileError} when there is nothing to be had of it
   * @throws {StorageError} give the same file again
   */
  take(
    body: AsyncIterable<Uint8Array<ArrayBuffer>>,
    { source, signal }: { source: StoredDebugFile["source"]; signal: AbortSignal },
  ): Promise<TakenDebugFile> {
    const taken = this.#last.then(async () => {
      const { tables, limit } = this.#options;
      const until = AbortSignal.any([signal, this.#closing.signal]);
      const facts = await readDebugFile(body, {
        limit,
        signal: until,
        onBlock: (block) => tables.addRanges(block),
      });
      const file = { ...facts, source };
      await tables.addFile(file);
      const named = await tables.name(file.buildId, file.rank, until);
      logger.info("A debug file of {buildId} names {named} locations that are stored", { ...file, named });
      return { ...file, named };
    });
    this.#last = taken.catch(() => {});
    return taken;
  }

  async #nameOnAndOn(): Promise<void> {
    const { signal } = this.#closing;
    const { tables, everyMs = 300_000 } = this.#options;
    while (!signal.aborted) {
      await delay(everyMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await tables.nameAll(signal);
      } catch (error) {
        if (!signal.aborted) this.#burst.warn("naming", (error as Error).message);
      }
    }
  }
}
