// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses stacks by the functions that are in them: a condition on their keys.
 *
 * @module
 */

import type { Question } from "./question.ts";
import { type FunctionNames, QuestionError, type StackChoice } from "./asked.ts";

/** A path is a stack's; agents cut these at 254 locations, each of which may have inlined functions. */
const MAX_PATH = 1024;

/** Is a condition on `keys`, which are from the root to the leaf, and what its parameters stand for. */
export interface ChoiceSql {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

const BY_NAME =
  "SELECT name, groupArray(key) AS keys FROM functions WHERE name IN {names:Array(String)} GROUP BY name";

/**
 * Makes the condition of `choice`; it is `true` where all are chosen. Functions of one name are one, whatever their
 * modules.
 *
 * @throws {RangeError} when the path is too long
 * @throws {StorageError}
 */
export async function stackChoice(question: Question, choice: StackChoice = {}): Promise<ChoiceSql> {
  const { path = [], include, exclude } = choice;
  if (path.length > MAX_PATH) {
    throw new QuestionError(
      `Cannot follow a path of more than ${MAX_PATH} functions: current value is ${path.length}`,
    );
  }
  const conditions: string[] = [];
  const params: Record<string, unknown> = {};
  if (path.length > 0) {
    const rows = await question.rows<{ name: string; keys: readonly string[] }>(BY_NAME, {
      names: [...new Set(path)],
    });
    const keys = new Map(rows.map(({ name, keys }) => [name, keys]));
    // Items that are strings would be quoted, and are then no integers.
    params.path = `[${path.map((name) => `[${(keys.get(name) ?? []).join()}]`).join()}]`;
    // Key 0 stands for a function that is not known, which no name finds.
    conditions.push(
      `arrayAll((any_of, key) -> has(any_of, key), {path:Array(Array(UInt64))}, arrayResize(keys, ${path.length}, toUInt64(0)))`,
    );
  }
  const has = (names: FunctionNames, name: string) => {
    params[`${name}_names`] = names.names;
    const patterns = names.patterns.map((pattern, i) => {
      params[`${name}_pattern_${i}`] = `^(?:${pattern})$`;
      return ` OR match(functions.name, {${name}_pattern_${i}:String})`;
    });
    return `hasAny(keys, (SELECT groupArray(key) FROM functions WHERE functions.name IN {${name}_names:Array(String)}${
      patterns.join("")
    }))`;
  };
  if (isSet(include)) conditions.push(has(include, "include"));
  if (isSet(exclude)) conditions.push(`NOT ${has(exclude, "exclude")}`);
  return { sql: conditions.length > 0 ? conditions.join(" AND ") : "true", params };
}

function isSet(names: FunctionNames | undefined): names is FunctionNames {
  return names !== undefined && names.names.length + names.patterns.length > 0;
}
