/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The Worker that reads debug information, for what it takes is nothing that a drain could wait for.
 *
 * @module
 */

import { Dwarf } from "../../libdw/dwarf.ts";
import type { Answer, Request, WorkerOptions } from "./protocol.ts";
import { DebugStore } from "./store.ts";

let store: DebugStore | undefined;

self.onmessage = ({ data }: MessageEvent<WorkerOptions | Request | "close">) => {
  if (data === "close") {
    store?.[Symbol.dispose]();
    self.close();
  } else if ("bytes" in data) {
    store = new DebugStore(new Dwarf(), data.bytes);
  } else if (store !== undefined) {
    const { id, key, place, addresses } = data;
    const result = store.frames(key, place, addresses);
    const refused = typeof result === "string" ? result : undefined;
    const frames = typeof result === "string" ? [] : result;
    const answer: Answer = { id, frames, refused, stats: store.stats };
    self.postMessage(answer);
  }
};
