// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Knows which files of source functions are written in, which a graph does not say.
 *
 * @module
 */

import type { AggregateJson } from "../../http/answers.ts";
import type { FlameModel } from "../flame/model.ts";
import { type Api, type Asked, selectionBody } from "../state/api.ts";

/** So many functions have files at most, those that take most. */
const MOST_ROWS = 10_000;

/**
 * Asks for the files of `model`'s names in the selections that it is of, a text for each row: "" of what has none.
 *
 * @throws {UnauthorizedError | UnreachableError | AnswerError}
 */
export async function sourceFiles(
  api: Api,
  selections: readonly Asked[],
  model: Pick<FlameModel, "names" | "modules">,
): Promise<string[]> {
  const answers = await Promise.all(selections.map((asked) => {
    const body = { ...selectionBody(asked), group_by: ["function", "file"], limit: MOST_ROWS };
    return api.post<AggregateJson>("/api/aggregate", body, AbortSignal.timeout(30_000));
  }));
  return filesOf(model, answers.flatMap(({ rows }) => rows));
}

/** Returns for each name the files of its rows, with a line's end between them. */
export function filesOf(
  { names, modules }: Pick<FlameModel, "names" | "modules">,
  rows: readonly Pick<AggregateJson["rows"][number], "group" | "module">[],
): string[] {
  const files = Map.groupBy(rows, ({ group: [name], module }) => `${name}\0${module}`);
  return names.map((name, row) =>
    (files.get(`${name}\0${modules[row]}`) ?? []).map(({ group }) => group[1]).join("\n")
  );
}
