// SPDX-License-Identifier: Apache-2.0
/**
 * Tells how much a view leaves out.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { Question } from "./question.ts";
import { selectionSql } from "./selection.ts";
import { NO_TOTAL, toTotal } from "./totals.ts";
import type { Selection } from "./asked.ts";

/**
 * Asks how much of `selection` is idle, and so no part of its `total`; nothing where the selection includes it.
 *
 * @throws {StorageError}
 */
export async function hiddenTotal(question: Question, selection: Selection, total: Total): Promise<Total> {
  if (selection.idle) return NO_TOTAL;
  const { totals, params } = selectionSql({ ...selection, idle: true }, { oldest: question.oldest });
  const [all] = await question.rows<{ value: string; count: string }>(
    `SELECT sum(totals.value) AS value, sum(totals.count) AS count FROM (${totals}) AS totals`,
    params,
  );
  const { value, count } = all ? toTotal(all.value, all.count) : NO_TOTAL;
  return { value: Math.max(0, value - total.value), count: Math.max(0, count - total.count) };
}
