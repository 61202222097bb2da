// SPDX-License-Identifier: Apache-2.0
/**
 * Says which labels series have, and writes those of pods as one text, so that a series has one column of them.
 *
 * @module
 */

/** Series can be chosen and grouped by these; and by labels of pods. */
export const LABELS = [
  "node",
  "namespace",
  "pod",
  "container",
  "service",
  "process",
  "exe",
  "comm",
  "pid",
] as const;
export type Label = (typeof LABELS)[number];

/**
 * Writes labels as one text that is equal for equal labels: `app=web,team=x`, by ascending key. A `%`, `,` or
 * `=` in a key or value is written as `%25`, `%2C` or `%3D`.
 */
export function encodeLabels(labels: ReadonlyMap<string, string>): string {
  return [...labels].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, value]) => `${escape(key)}=${escape(value)}`).join();
}

/** Reads what {@linkcode encodeLabels} wrote. */
export function decodeLabels(encoded: string): Map<string, string> {
  if (encoded === "") return new Map();
  return new Map(
    encoded.split(",").map((pair) => {
      const at = pair.indexOf("=");
      return [unescape(pair.slice(0, at)), unescape(pair.slice(at + 1))];
    }),
  );
}

const ESCAPES: Readonly<Record<string, string>> = { "%": "%25", ",": "%2C", "=": "%3D" };
const UNESCAPES = new Map(Object.entries(ESCAPES).map(([plain, escaped]) => [escaped, plain]));

function escape(text: string): string {
  return text.replaceAll(/[%,=]/g, (plain) => ESCAPES[plain]!);
}

function unescape(text: string): string {
  return text.replaceAll(/%(?:25|2C|3D)/g, (escaped) => UNESCAPES.get(escaped)!);
}
