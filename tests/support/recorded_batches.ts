// SPDX-License-Identifier: Apache-2.0
/**
 * Batches of released versions, as bytes.
 *
 * @module
 */

import type { WireJson } from "./wire_columns.ts";

/** Holds `VERSION-MODE.batch`, a `PushRequest`, and `VERSION-MODE.json`, what it says. */
export const RECORDED = new URL("../../profile/wire/recorded/", import.meta.url);

/** Lists the agent's modes of which each version has a batch. */
export const RECORDED_MODES = ["cpu", "lock", "syscall", "all"] as const;

/** Is a batch that an agent pushed. */
export interface RecordedBatch {
  /** Is `VERSION-MODE`. */
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly json: WireJson;
}

/** Returns all, by name. */
export function recordedBatches(): RecordedBatch[] {
  const names = [...Deno.readDirSync(RECORDED)].map(({ name }) => name).filter((name) =>
    name.endsWith(".batch")
  );
  return names.map((file) => file.slice(0, -".batch".length)).sort().map((name) => ({
    name,
    version: name.slice(0, name.lastIndexOf("-")),
    bytes: Deno.readFileSync(new URL(`${name}.batch`, RECORDED)),
    json: JSON.parse(Deno.readTextFileSync(new URL(`${name}.json`, RECORDED))),
  }));
}
