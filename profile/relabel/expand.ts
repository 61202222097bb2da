// SPDX-License-Identifier: Apache-2.0
/**
 * Fills in the groups of a match, as Go's `regexp.Expand` does.
 *
 * @module
 */

import type { RE2JS } from "re2js";

export type Match = ReturnType<RE2JS["matcher"]>;

/** Matches `$$`, `${name}` and `$name`, whose name is as long as it can be: `$1x` is the group "1x", which is none. */
const REFERENCE = /\$(?:(\$)|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;

/**
 * Returns `template` with the groups of `match`. A group that is not there, or had no part in the match, is ""; a `$`
 * that begins no reference stays.
 */
export function expand(template: string, match: Match, pattern: RE2JS): string {
  return template.replaceAll(REFERENCE, (_, dollar?: string, braced?: string, bare?: string) => {
    return dollar ?? groupOf(match, pattern, (braced ?? bare)!);
  });
}

function groupOf(match: Match, pattern: RE2JS, name: string): string {
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    return number <= pattern.groupCount() ? match.group(number) ?? "" : "";
  }
  return Object.hasOwn(pattern.namedGroups(), name) ? match.group(name) ?? "" : "";
}
