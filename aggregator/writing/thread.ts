// SPDX-License-Identifier: Apache-2.0

/// <reference lib="webworker" />
/**
 * Is the thread that reads staged batches, makes blocks of them and sends these to storage, while the main thread takes
 * the next ones.
 *
 * @module
 */

import { lowerThreadPriority } from "../../common/child.ts";
import type { GroupToWrite } from "../buffer/sink.ts";
import { StorageClient } from "../storage/client.ts";
import { Writer } from "../storage/writer.ts";
import { failureOf, type FromThread, READY, type ToThread } from "./messages.ts";
import { writeGroup } from "./write_group.ts";

/** As the engine's, which it works for. */
const NICE = 5;

// The project's own types are the main thread's; here `self` is a worker.
const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
let writer: Writer | undefined;

scope.onmessage = async ({ data }: MessageEvent<ToThread>) => {
  if ("storage" in data) writer = new Writer(new StorageClient(data.storage));
  else scope.postMessage(await answer(writer!, data.group));
};
lowerThreadPriority(NICE);
scope.postMessage(READY);

async function answer(writer: Writer, group: GroupToWrite): Promise<FromThread> {
  try {
    return { written: await writeGroup(writer, group) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}
