// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which kinds have data.
 *
 * @module
 */

import { KINDS } from "../../profile/model.ts";
import type { Question } from "./question.ts";
import { selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { KindsAnswer, Selection } from "./types.ts";

/**
 * Asks for the kinds that series of `selection` have in its time, idle or not, and how much; its own kind does not
 * matter.
 *
 * @throws {RangeError} when the selection makes no sense
 * @throws {StorageError}
 */
export async function kinds(question: Question, selection: Omit<Selection, "kind">): Promise<KindsAnswer> {
  const parts = KINDS.map((kind) => {
    const selected = selectionSql({ ...selection, kind, idle: true }, {
      oldest: question.oldest,
      prefix: `${kind}_`,
    });
    const sql = `SELECT '${kind}' AS kind, sum(totals.value) AS value, sum(totals.count) AS count
FROM (${selected.totals}) AS totals HAVING count > 0`;
    return { sql, params: selected.params };
  });
  const rows = await question.rows<{ kind: (typeof KINDS)[number]; value: string; count: string }>(
    parts.map(({ sql }) => sql).join("\nUNION ALL\n"),
    Object.assign({}, ...parts.map(({ params }) => params)),
  );
  const kinds = rows.map(({ kind, value, count }) => ({ kind, total: toTotal(value, count) }));
  return { kinds: kinds.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind)), cost: question.cost };
}
