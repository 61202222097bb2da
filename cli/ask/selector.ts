// SPDX-License-Identifier: Apache-2.0
/**
 * Reads selectors: the field's form, `{service="shop", node!="db-1"}`, and the short one, `service=shop node!=db-1`.
 *
 * @module
 */

import { closestWord } from "../../common/closest.ts";
import { UsageError } from "../../common/settings.ts";
import { LABELS } from "../../profile/labels.ts";

/** Are other words for them. */
export const WORDS = ["thread"] as const;

const CONDITION = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|==|=)\s*/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"|^'((?:[^'\\]|\\.)*)'/s;

/**
 * Returns the selector that arguments stand for, in the form that REST takes; "" of none.
 *
 * In the short form a condition is `label=value`, with `!=`, `=~` and `!~`; several stand in one argument with commas
 * between them, or in several. A value that has a comma, or is "", is in quotes, where a backslash before a quote or
 * another backslash takes it as it is; before others, as those of patterns, it is itself.
 *
 * @throws {UsageError} naming the condition
 */
export function selectorOf(args: readonly string[]): string {
  const conditions = args.flatMap((arg) => {
    const text = arg.trim();
    return text.startsWith("{") ? bracedConditions(text) : shortConditions(text);
  });
  return conditions.length === 0 ? "" : `{${conditions.join(", ")}}`;
}

/** The aggregator reads what is between the braces: it says what is wrong there, and where. */
function bracedConditions(text: string): string[] {
  if (!text.endsWith("}")) {
    throw new UsageError(`Cannot read a selector without its closing brace: "${text}"`);
  }
  const inner = text.slice(1, -1).trim().replace(/,$/, "");
  return inner === "" ? [] : [inner];
}

function shortConditions(text: string): string[] {
  const conditions: string[] = [];
  for (let rest = text; rest !== "";) {
    const head = CONDITION.exec(rest);
    if (!head) {
      throw new UsageError(
        `Cannot read a selector as it is not like service=shop or {service="shop"}: "${rest}"`,
      );
    }
    rest = rest.slice(head[0].length);
    const quoted = QUOTED.exec(rest);
    const value = quoted ? unescape(quoted[1] ?? quoted[2]!) : /^[^,\s]*/.exec(rest)![0];
    const taken = quoted ? quoted[0].length : value.length;
    if (!quoted && value === "") {
      throw new UsageError(`Missing a value behind '${head[1]}${head[2]}': write "" for none`);
    }
    rest = rest.slice(taken).replace(/^\s*,?\s*/, "");
    conditions.push(condition(head[1]!, head[2] === "==" ? "=" : head[2]!, value));
  }
  return conditions;
}

function condition(label: string, operator: string, value: string): string {
  if (label === "thread") return `comm${operator}${quote(value)}`;
  checkLabel(label);
  return `${label}${operator}${quote(value)}`;
}

/** Returns the label that a word stands for. @throws {UsageError} when there is no such label */
export function labelOf(word: string): string {
  if (word === "thread") return "comm";
  checkLabel(word);
  return word;
}

function checkLabel(name: string): void {
  if ((LABELS as readonly string[]).includes(name) || name.startsWith("label_")) return;
  const known = [...LABELS, ...WORDS];
  const meant = closestWord(name, known);
  const hint = meant ? `did you mean '${meant}'?` : `it is not one of ${known.join(", ")}, label_NAME`;
  throw new UsageError(`Unknown label '${name}': ${hint}`);
}

/** Writes text as the aggregator's reader takes it. */
function quote(value: string): string {
  const escapes: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t" };
  return `"${value.replaceAll(/[\\"\n\r\t]/g, (plain) => `\\${escapes[plain] ?? plain}`)}"`;
}

function unescape(text: string): string {
  return text.replaceAll(/\\([\\"'])/g, "$1");
}

/** Writes a value in the quotes of the short form, so that {@linkcode selectorOf} reads the same. */
export function quoted(value: string): string {
  return `"${value.replaceAll(/[\\"]/g, "\\$&")}"`;
}

/** Writes that `label` is `value` in the short form, in quotes where it needs them. */
export function conditionOf(label: string, value: string): string {
  return `${label}=${/^[\w.:/-]+$/.test(value) ? value : quoted(value)}`;
}
