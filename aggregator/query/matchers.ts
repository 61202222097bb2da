// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the field's form of choosing series by their labels: `{namespace="shop", pod=~"cart-.*", comm!="kworker"}`.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { type Label, LABELS } from "../../profile/labels.ts";
import { TextCursor } from "./text_cursor.ts";

/** Is a label of pods, as series of some agents have it: `label_app`. */
export type PodLabel = `label_${string}`;
/** Is any label of series by its own name, whatever characters it has: `own:app.kubernetes.io/name`. */
export type OwnLabel = `own:${string}`;

/**
 * Names what the field calls a series by: the first that it has of its service, its container, the file name of its
 * program and its thread's name, else `unknown_service`. So each series has it.
 */
export const SERVICE_NAME = "service_name";

export type AnyLabel = Label | PodLabel | OwnLabel | typeof SERVICE_NAME;

export const OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type Operator = (typeof OPERATORS)[number];

/** Is a condition on one label; a label that a series does not have is "". */
export interface Matcher {
  readonly label: AnyLabel;
  readonly operator: Operator;
  /** Is text, or for `=~` and `!~` an RE2 pattern that must match all of the label. */
  readonly value: string;
}

/** Is thrown for a selector that cannot be read; the message says where and why. */
export class MatcherError extends Error {
  override name = "MatcherError";
}

/** A selector is written by people: more is a mistake, or an attack. */
const MAX_MATCHERS = 32;
const MAX_TEXT = 16_384;
const MAX_VALUE = 4096;

const POD_LABEL = /^label_[A-Za-z0-9_]{1,316}$/;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /=~|!~|!=|=/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/**
 * Tells whether `name` is of a label of pods, and one that there can be. Characters that a selector's name cannot have
 * are `_` in it: `label_app_kubernetes_io_name`.
 */
export function isPodLabel(name: string): name is PodLabel {
  return POD_LABEL.test(name);
}

/** Tells whether `name` is of a label by its own name. */
export function isOwnLabel(name: string): name is OwnLabel {
  return name.startsWith("own:");
}

/** Tells whether people can choose series by `name`. */
export function isLabel(name: string): name is Exclude<AnyLabel, OwnLabel> {
  return (LABELS as readonly string[]).includes(name) || name === SERVICE_NAME || isPodLabel(name);
}

/**
 * Reads a selector; its braces may be left out. Text is in double quotes with the escapes of JSON's short form, or in
 * single quotes with the same.
 *
 * @throws {MatcherError} naming the place, counted from 1
 */
export function parseMatchers(text: string): Matcher[] {
  if (text.length > MAX_TEXT) {
    throw new MatcherError(
      `Cannot read a selector of more than ${MAX_TEXT} characters: it has ${text.length}`,
    );
  }
  const reader = new Reader(text);
  const braced = reader.take("{");
  const end = braced ? "}" : undefined;
  const matchers: Matcher[] = [];
  while (reader.next !== end) {
    if (matchers.length === MAX_MATCHERS) throw reader.error(`more than ${MAX_MATCHERS} conditions`);
    matchers.push(reader.matcher());
    if (!reader.take(",") && reader.next !== end) throw reader.error("no comma or end after a condition");
  }
  if (braced) reader.take("}");
  if (reader.next !== undefined) throw reader.error("text behind the end");
  return matchers;
}

/** Writes `matchers` so that {@linkcode parseMatchers} reads the same. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(({ label, operator, value }) => `${label}${operator}${quote(value)}`).join(", ")}}`;
}

/**
 * Returns `matcher` when it can be asked for.
 *
 * @throws {MatcherError}
 */
export function checkMatcher({ label, operator, value }: Matcher): Matcher {
  if (!isLabel(label) && !isOwnLabel(label)) {
    throw new MatcherError(
      `Cannot choose by '${label}' as it is not one of ${LABELS.join(", ")}, label_NAME`,
    );
  }
  if (value.length > MAX_VALUE) {
    throw new MatcherError(
      `Cannot choose by more than ${MAX_VALUE} characters: '${label}' has ${value.length}`,
    );
  }
  const why = operator.endsWith("~") ? patternFault(value) : undefined;
  if (why !== undefined) {
    throw new MatcherError(`Cannot use the pattern of '${label}' as it is no RE2: ${why}`);
  }
  return { label, operator, value };
}

/**
 * Says what is wrong with a pattern, `undefined` where nothing is. What must match is put into a group: a bracket that
 * closes it would match anywhere, and a quotation that is not ended takes the group's own end in.
 */
export function patternFault(pattern: string): string | undefined {
  try {
    for (const each of [pattern, `(?:${pattern})`]) RE2JS.compile(each);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.replace(/^error parsing regexp: /, "");
  }
}

function quote(value: string): string {
  const escaped = value.replaceAll(/[\\"\n\r\t]/g, (character) => {
    const [name] = Object.entries(ESCAPES).find(([, plain]) => plain === character)!;
    return `\\${name}`;
  });
  return `"${escaped}"`;
}

class Reader extends TextCursor {
  constructor(text: string) {
    super(text, (message) => new MatcherError(message));
  }

  matcher(): Matcher {
    const name = this.match(NAME);
    if (name === undefined) throw this.error("no label's name");
    if (!isLabel(name)) throw this.error(`'${name}' is not one of ${LABELS.join(", ")}, label_NAME`);
    this.skipSpace();
    const operator = this.match(OPERATOR) as Operator | undefined;
    if (operator === undefined) throw this.error(`no ${OPERATORS.join(", ")} after '${name}'`);
    this.skipSpace();
    const value = this.#string();
    this.skipSpace();
    return checkMatcher({ label: name, operator, value });
  }

  #string(): string {
    const mark = this.next;
    if (mark !== '"' && mark !== "'") throw this.error("no text in quotes");
    let value = "";
    this.step();
    for (let character; (character = this.next) !== undefined;) {
      if (character !== "\\") {
        this.step();
        if (character === mark) return value;
        value += character;
        continue;
      }
      this.step();
      const plain = ESCAPES[this.next ?? ""];
      if (plain === undefined) throw this.error("not an escape; a backslash is written \\\\");
      value += plain;
      this.step();
    }
    throw this.error("text without its closing quote");
  }
}
