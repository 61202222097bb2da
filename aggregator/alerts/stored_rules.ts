// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the rules that come by REST.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import type { StorageClient } from "../storage/client.ts";
import { numbers, strings } from "../storage/native.ts";
import { insertSettings, selectSettings } from "./consistency.ts";
import type { Rule } from "./rule.ts";
import { formatRule, parseRule } from "./rule_schema.ts";

const RULES = `
SELECT name, argMax(rule, alert_rules.at) AS text
FROM alert_rules GROUP BY name HAVING NOT argMax(deleted, alert_rules.at) ORDER BY name`;

const burst = new Burst(getLogger(["aperture", "alerts"]));

/** Reads and writes the rules of REST. */
export class StoredRules {
  readonly #client: StorageClient;

  constructor(client: StorageClient) {
    this.#client = client;
  }

  /**
   * Returns the rules by name. One that this version cannot read, as a newer one wrote it, is left out and said in the
   * log.
   *
   * @throws {StorageError}
   */
  async all(signal?: AbortSignal): Promise<Rule[]> {
    const rows = await this.#client.rows<{ name: string; text: string }>(RULES, {
      signal,
      settings: selectSettings(this.#client, "alert rules"),
    });
    return rows.flatMap(({ name, text }) => {
      try {
        return parseRule(JSON.parse(text));
      } catch (error) {
        burst.warn(`rule ${name}`, `Cannot read the stored rule '${name}': ${(error as Error).message}`);
        return [];
      }
    });
  }

  /** Writes `rule` in place of one of its name. @throws {StorageError} */
  async put(rule: Rule): Promise<void> {
    await this.#write(rule.name, { rule, deleted: false });
  }

  /** Removes the rule of this name. @throws {StorageError} */
  async remove(name: string): Promise<void> {
    await this.#write(name, { rule: undefined, deleted: true });
  }

  async #write(name: string, { rule, deleted }: { rule: Rule | undefined; deleted: boolean }): Promise<void> {
    await this.#client.insert("alert_rules", [
      strings("name", [name]),
      strings("rule", [rule ? JSON.stringify(formatRule(rule)) : ""]),
      numbers("deleted", "Bool", Uint8Array.of(deleted ? 1 : 0)),
    ], { settings: insertSettings(this.#client) });
  }
}
