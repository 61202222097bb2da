// SPDX-License-Identifier: Apache-2.0
/**
 * Reads selectors of labels as Prometheus has them: https://prometheus.io/docs/prometheus/latest/querying/basics/
 *
 * @module
 */

import { type Operator, OPERATORS } from "../../query/matchers.ts";
import { TextCursor } from "../../query/text_cursor.ts";
import { ConnectError } from "../connect/error.ts";

/** Is a condition on a label of any name. */
export interface Condition {
  readonly name: string;
  readonly operator: Operator;
  readonly value: string;
}

const MAX_TEXT = 16_384;
const MAX_CONDITIONS = 64;

const NAME = /[A-Za-z_:][A-Za-z0-9_:]*/y;
const OPERATOR = /=~|!~|!=|=/y;
/** Text in quotes, as Go writes it: the raw form has no escapes. */
const TEXT = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y;
const ESCAPE = /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/y;
const PLAIN: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", "'": "'", '"': '"' },
};

/**
 * Reads a selector. Nothing at all selects everything, as `{}` does.
 *
 * @throws {ConnectError} `invalid_argument`, naming the place, counted from 1
 */
export function parseSelector(text: string): Condition[] {
  if (text.length > MAX_TEXT) {
    const message = `Cannot read a selector of more than ${MAX_TEXT} characters: it has ${text.length}`;
    throw new ConnectError("invalid_argument", message);
  }
  const reader = new Reader(text);
  if (reader.next === undefined) return [];
  reader.expect("{");
  const conditions: Condition[] = [];
  while (!reader.take("}")) {
    if (conditions.length === MAX_CONDITIONS) throw reader.error(`more than ${MAX_CONDITIONS} conditions`);
    conditions.push(reader.condition());
    if (!reader.take(",")) {
      reader.expect("}");
      break;
    }
  }
  if (reader.next !== undefined) throw reader.error("text behind the end");
  return conditions;
}

class Reader extends TextCursor {
  constructor(text: string) {
    super(text, (message) => new ConnectError("invalid_argument", message));
  }

  expect(character: string): void {
    if (!this.take(character)) throw this.error(`no '${character}'`);
  }

  condition(): Condition {
    const name = this.match(NAME) ?? this.#quoted();
    if (name === undefined || name === "") throw this.error("no label's name");
    this.skipSpace();
    const operator = this.match(OPERATOR) as Operator | undefined;
    if (operator === undefined) throw this.error(`no ${OPERATORS.join(", ")} after '${name}'`);
    this.skipSpace();
    const value = this.#quoted();
    if (value === undefined) throw this.error("no text in quotes");
    this.skipSpace();
    return { name, operator, value };
  }

  #quoted(): string | undefined {
    const text = this.match(TEXT);
    if (text === undefined) return undefined;
    const inner = text.slice(1, -1);
    return text.startsWith("`") ? inner : this.#unescape(inner);
  }

  #unescape(text: string): string {
    let plain = "";
    for (let at = 0; at < text.length;) {
      if (text[at] !== "\\") {
        plain += text[at++];
        continue;
      }
      ESCAPE.lastIndex = at;
      const found = ESCAPE.exec(text);
      if (!found) throw this.error(`not an escape: ${text.slice(at, at + 2)}`);
      const [whole, letter, ...codes] = found;
      if (letter !== undefined) plain += PLAIN[letter];
      else {
        const code = codes[3] !== undefined
          ? parseInt(codes[3], 8)
          : parseInt((codes[0] ?? codes[1] ?? codes[2])!, 16);
        if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw this.error(`no character: ${whole}`);
        plain += String.fromCodePoint(code);
      }
      at += whole.length;
    }
    return plain;
  }
}
