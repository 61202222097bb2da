// SPDX-License-Identifier: Apache-2.0
/**
 * Tells which kinds have data.
 *
 * @module
 */

import { KINDS } from "../../profile/model.ts";
import { type AnyKind, isProfileType } from "../../profile/profile_type.ts";
import type { Question } from "./question.ts";
import { selectionSql } from "./selection.ts";
import { toTotal } from "./totals.ts";
import type { KindsAnswer } from "./series_answers.ts";
import type { Selection } from "./asked.ts";

/**
 * Asks for the kinds and types of profiles that series of `selection` have in its time, idle or not, and how much; its own kind does not
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
      wholeMinutes: true,
    });
    const sql = `SELECT '${kind}' AS kind, sum(totals.value) AS value, sum(totals.count) AS count
FROM (${selected.totals}) AS totals HAVING count > 0`;
    return { sql, params: selected.params };
  });
  const foreign = selectionSql({ ...selection, kind: "cpu", idle: true }, {
    oldest: question.oldest,
    prefix: "foreign_",
  });
  parts.push({
    sql: `SELECT kind, sum(own_value) AS value, sum(own_count) AS count
FROM (${foreign.rows("profiles", "type AS kind, profiles.value AS own_value, profiles.count AS own_count")})
GROUP BY kind HAVING count > 0`,
    params: foreign.params,
  });
  const rows = await question.rows<{ kind: AnyKind; value: string; count: string }>(
    parts.map(({ sql }) => sql).join("\nUNION ALL\n"),
    Object.assign({}, ...parts.map(({ params }) => params)),
  );
  const kinds = rows.map(({ kind, value, count }) => ({ kind, total: toTotal(value, count) }));
  return {
    kinds: kinds.sort((a, b) => place(a.kind) - place(b.kind) || (a.kind < b.kind ? -1 : 1)),
    cost: question.cost,
  };
}

/** Puts the agent's kinds in their order, and types of others behind them. */
function place(kind: AnyKind): number {
  return isProfileType(kind) ? KINDS.length : KINDS.indexOf(kind);
}
