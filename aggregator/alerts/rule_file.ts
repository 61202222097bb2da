// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a file of rules: YAML with a list `rules`. All of it counts, or nothing.
 *
 * @module
 */

import { parse } from "@std/yaml/parse";
import type { Rule } from "./rule.ts";
import { parseRule, RuleError } from "./rule_schema.ts";

/** More rules, or a longer file, are a mistake. */
export const MAX_RULES = 500;
const MAX_CHARACTERS = 1_000_000;

/**
 * Reads the rules of a file.
 *
 * @param path for messages
 * @throws {Error} naming the line
 */
export function parseRuleFile(text: string, path: string): Rule[] {
  const fail = (line: number | undefined, why: string): never => {
    throw new Error(
      `Cannot read the rules of '${path}'${line === undefined ? "" : ` at line ${line}`}: ${why}`,
    );
  };
  if (text.length > MAX_CHARACTERS) fail(undefined, `it has more than ${MAX_CHARACTERS} characters`);
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const { message } = error as Error;
    const line = /at line (\d+)/.exec(message)?.[1];
    return fail(line === undefined ? undefined : Number(line), message.split("\n")[0]!.replace(/\.$/, ""));
  }
  // A file in which all rules are comments is one without rules.
  if (document === null || document === undefined) return [];
  if (typeof document !== "object" || Array.isArray(document)) {
    return fail(1, "it is not a map with a list 'rules'");
  }
  const unknown = Object.keys(document).find((key) => key !== "rules");
  const lines = text.split("\n");
  if (unknown !== undefined) return fail(lineOfKey(lines, unknown), `Unknown field '${unknown}'`);
  const list = (document as { rules?: unknown }).rules ?? [];
  if (!Array.isArray(list)) return fail(lineOfKey(lines, "rules"), "'rules' is not a list");
  if (list.length > MAX_RULES) {
    fail(undefined, `it has more than ${MAX_RULES} rules: current number is ${list.length}`);
  }
  const items = itemLines(lines);
  const names = new Map<string, number>();
  return list.map((value, i) => {
    const begin = items.length === list.length ? items[i]! : undefined;
    const end = items[i + 1] ?? lines.length + 1;
    try {
      const rule = parseRule(value);
      if (names.has(rule.name)) {
        throw new RuleError(`Cannot have two rules of the name '${rule.name}'`, "name");
      }
      names.set(rule.name, i);
      return rule;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      const at = begin === undefined || error.field === undefined
        ? undefined
        : lines.slice(begin - 1, end - 1).findIndex((line) => isKey(line, error.field!));
      return fail(
        begin === undefined ? undefined : begin + Math.max(0, at ?? 0),
        `rule ${i + 1}: ${error.message}`,
      );
    }
  });
}

/** Returns the lines, from 1 on, at which the items of the list begin: those as deep as the first one. */
function itemLines(lines: readonly string[]): number[] {
  const indent = lines.map((line) => /^( *)- /.exec(line)?.[1]?.length).find((depth) => depth !== undefined);
  return lines.flatMap((line, i) => /^( *)- /.exec(line)?.[1]?.length === indent ? [i + 1] : []);
}

function lineOfKey(lines: readonly string[], key: string): number {
  return Math.max(0, lines.findIndex((line) => isKey(line, key))) + 1;
}

function isKey(line: string, key: string): boolean {
  return line.replace(/^[ -]*/, "").replaceAll(/["']/g, "").startsWith(`${key}:`);
}
