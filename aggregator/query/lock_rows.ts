// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the query of waits for locks that were woken or are open, each with its other side.
 *
 * @module
 */

import type { Selection } from "./asked.ts";
import type { SelectionSql } from "./selection.ts";

/** Names the columns of what waits are told apart by, beside who waited for whom. */
export const LOCK_TAGS = {
  lock_class: "class_name",
  lock_type: "type_name",
  outcome: "outcome_name",
} as const;

/**
 * Makes a query of `series`, `own_stack`, the columns of {@linkcode LOCK_TAGS}, `other_stack`, `v` in nanoseconds, and
 * `n`, how many were woken. Own is who waited, and the other side who held; with `holders` the other way round, without
 * waits of which nobody was seen to hold the lock.
 */
export function lockRowsSql(
  { rows, busy }: Pick<SelectionSql, "rows" | "busy">,
  { holders = false }: Pick<Selection, "holders">,
): string {
  const [own, other] = holders ? ["holder_stack", "stack"] : ["stack", "holder_stack"];
  const columns = "series, stack, class, type, outcome, holder_stack, delay, locks.count AS waits";
  return `SELECT series, ${own} AS own_stack, toString(class) AS class_name, toString(type) AS type_name,
    toString(outcome) AS outcome_name, ${other} AS other_stack, delay AS v, if(outcome = 'woken', waits, 0) AS n
FROM (${rows("locks", columns)}) AS locks
WHERE outcome IN ('woken', 'open') AND ${busy.locks}${holders ? " AND holder_stack != 0" : ""}`;
}
