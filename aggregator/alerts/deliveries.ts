// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps which changes each webhook has taken: who evaluates next does not tell it again.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { strings } from "../storage/native.ts";
import { insertSettings, selectSettings } from "./consistency.ts";

const DONE = `SELECT DISTINCT id, receiver FROM alert_deliveries WHERE id IN {ids:Array(String)}`;

/** Reads and writes deliveries. */
export class Deliveries {
  readonly #client: StorageClient;

  constructor(client: StorageClient) {
    this.#client = client;
  }

  /** Returns which of the changes `ids` were taken, by {@linkcode deliveryKey}. @throws {StorageError} */
  async done(ids: readonly string[], signal?: AbortSignal): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#client.rows<{ id: string; receiver: string }>(DONE, {
      params: { ids: [...ids] },
      signal,
      settings: selectSettings(this.#client, "alert deliveries"),
    });
    return new Set(rows.map(({ id, receiver }) => deliveryKey(id, receiver)));
  }

  /** Writes that `receiver` took change `id`. @throws {StorageError} */
  async put(id: string, receiver: string): Promise<void> {
    await this.#client.insert("alert_deliveries", [strings("id", [id]), strings("receiver", [receiver])], {
      token: `delivery ${deliveryKey(id, receiver)}`,
      settings: insertSettings(this.#client),
    });
  }
}

/** Returns what names a change and a receiver. */
export function deliveryKey(id: string, receiver: string): string {
  return `${id} ${receiver}`;
}
