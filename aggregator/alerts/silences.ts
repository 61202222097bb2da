// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps silences: alerts that pass are evaluated and shown, and nobody is told.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { numbers, stringMaps, strings } from "../storage/native.ts";
import type { Alert } from "./alert.ts";
import { insertSettings, selectSettings } from "./consistency.ts";

export interface Silence {
  readonly id: string;
  /** Holds what labels an alert must have; all of them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly comment: string;
  /** It ends then, in Unix ms. */
  readonly untilMs: number;
}

const SILENCES = `
SELECT id, argMax(labels, alert_silences.at) AS of_labels, argMax(comment, alert_silences.at) AS said,
    toUnixTimestamp64Milli(argMax(until, alert_silences.at)) AS until_ms
FROM alert_silences GROUP BY id HAVING until_ms > {now:Int64} ORDER BY until_ms, id LIMIT 1000`;

/** Returns whether one of `silences` hides `alert` at `now` (Unix ms). */
export function isSilenced(
  { labels }: Pick<Alert, "labels">,
  silences: readonly Silence[],
  now: number,
): boolean {
  return silences.some((silence) => {
    return silence.untilMs > now &&
      Object.entries(silence.labels).every(([name, value]) => (labels[name] ?? "") === value);
  });
}

/** Reads and writes silences. */
export class Silences {
  readonly #client: StorageClient;

  constructor(client: StorageClient) {
    this.#client = client;
  }

  /** Returns those that have not ended at `now` (Unix ms). @throws {StorageError} */
  async all(now: number, signal?: AbortSignal): Promise<Silence[]> {
    type Row = { id: string; of_labels: Record<string, string>; said: string; until_ms: string };
    const rows = await this.#client.rows<Row>(SILENCES, {
      params: { now },
      signal,
      settings: selectSettings(this.#client, "alert silences"),
    });
    return rows.map(({ id, of_labels, said, until_ms }) => ({
      ...{ id, labels: of_labels, comment: said, untilMs: Number(until_ms) },
    }));
  }

  /** Writes `silence` in place of the one of its id; one that ends now is taken back. @throws {StorageError} */
  async put({ id, labels, comment, untilMs }: Silence): Promise<void> {
    await this.#client.insert("alert_silences", [
      strings("id", [id]),
      stringMaps("labels", [new Map(Object.entries(labels))]),
      strings("comment", [comment]),
      numbers("until", "DateTime64(3, 'UTC')", BigInt64Array.of(BigInt(Math.round(untilMs)))),
    ], { settings: insertSettings(this.#client) });
  }
}
