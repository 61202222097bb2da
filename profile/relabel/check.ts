// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what relabel rules do to labels, without doing it to data.
 *
 * @module
 */

import { decodeLabels } from "../labels.ts";
import { hashName } from "./hash_names.ts";
import { type Labels, relabel } from "./relabel.ts";
import { parseRules } from "./rules.ts";

/** Stands for all names in a dry run. */
const EXAMPLE = "main";

/**
 * Applies the rules in `yaml` to each of `series`, labels in the form `namespace=shop,pod=cart-1`, and returns what
 * becomes of them, two lines each below a line that counts the rules.
 *
 * @throws {RelabelError} where the rules cannot be used
 */
export function checkRules(yaml: string, series: readonly string[]): string {
  const rules = parseRules(yaml);
  const lines = [rules.length === 1 ? "1 rule" : `${rules.length} rules`];
  for (const written of series) {
    const labels = decodeLabels(written);
    const made = relabel(labels, rules);
    const names = made?.hashKey === undefined
      ? ""
      : `, functions as ${hashName(EXAMPLE, made.hashKey)} for ${EXAMPLE}`;
    lines.push(shown(labels), `  -> ${made ? shown(made.labels) + names : "dropped"}`);
  }
  return `${lines.join("\n")}\n`;
}

function shown(labels: Labels): string {
  const pairs = [...labels].filter(([name]) => !name.startsWith("__")).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}}`;
}
