// SPDX-License-Identifier: Apache-2.0
/**
 * Reads and writes selectors for the bar of filters: one token for each condition.
 *
 * @module
 */

export const OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Filter {
  readonly label: string;
  readonly operator: Operator;
  readonly value: string;
}

const CONDITION =
  /\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s,"'{}]+))\s*(?:,|$)/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Reads conditions with commas between them; braces and, for short values, quotes may be left out. */
export function parseFilters(text: string): Filter[] | undefined {
  const inner = text.trim().replace(/^\{(.*)\}$/s, "$1");
  const filters: Filter[] = [];
  CONDITION.lastIndex = 0;
  while (CONDITION.lastIndex < inner.length) {
    const at = CONDITION.lastIndex;
    const found = CONDITION.exec(inner);
    if (!found) return inner.slice(at).trim() === "" ? filters : undefined;
    const [, label, operator, double, single, bare] = found;
    const value = bare ?? (double ?? single ?? "").replaceAll(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c);
    filters.push({ label: label!, operator: operator as Operator, value });
    if (CONDITION.lastIndex === 0) break;
  }
  return filters;
}

/** Writes `filters` without braces; "" for none. */
export function formatFilters(filters: readonly Filter[]): string {
  return filters.map(({ label, operator, value }) => `${label}${operator}${quote(value)}`).join(",");
}

function quote(value: string): string {
  const escaped = value.replaceAll(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/** Returns the selector with a condition more; one that it has already is not there twice. */
export function withFilter(match: string, filter: Filter): string {
  const filters = parseFilters(match) ?? [];
  const isSame = (other: Filter) => JSON.stringify(other) === JSON.stringify(filter);
  return formatFilters(filters.some(isSame) ? filters : [...filters, filter]);
}
