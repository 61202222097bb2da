// SPDX-License-Identifier: Apache-2.0
/**
 * Is storage as the flusher writes to it: made ready and kept within its limit, and written to by a thread.
 *
 * @module
 */

import type { GroupToWrite, Sink, Written } from "./buffer/sink.ts";
import type { Storage } from "./storage/storage.ts";

/** Writes to storage. */
export class StorageSink implements Sink {
  readonly #storage: Pick<Storage, "writing">;
  readonly #writer: Pick<Sink, "write">;

  constructor(storage: Pick<Storage, "writing">, writer: Pick<Sink, "write">) {
    this.#storage = storage;
    this.#writer = writer;
  }

  write(group: GroupToWrite): Promise<Written> {
    return this.#storage.writing(() => this.#writer.write(group));
  }
}
