/**
 * Values of stacks spread to the functions or modules that are in them.
 *
 * @module
 */

/** What stacks can be grouped by, and the column of `frames` that tells groups apart. */
export const KEYS = { function: "function_key", module: "module_key" } as const;

export interface SpreadOptions {
  /** A query with columns `stack`, `labels` and `sums`. */
  readonly weights: string;
  /** The columns of `weights` that are grouped by as well. */
  readonly labels: readonly string[];
  /** The columns of `weights` that are summed. */
  readonly sums: readonly string[];
  /** A query of samples: theirs are the stacks in `weights`. */
  readonly samples: string;
  readonly by: keyof typeof KEYS;
}

/**
 * A query with `labels`, `key`, `frame` (a frame of that key, to name it by), and for each of `sums` its
 * `self_…` (of stacks whose leaf has the key) and `total_…` (of stacks that have the key anywhere, once).
 *
 * Rows with key 0 are the sums of all stacks, those without a frame included. They come with the others in
 * one reading, so that a total agrees with its parts while rows are being written.
 */
export function spreadSql({ weights, labels, sums, samples, by }: SpreadOptions): string {
  const list = (columns: readonly string[]) => columns.map((column) => `${column}, `).join("");
  const any = sums.map((sum) => `any(${sum}) AS ${sum}`).join(", ");
  const spread = sums.flatMap((sum) => [
    `sumIf(${sum}, is_leaf) AS self_${sum}`,
    `sum(${sum}) AS total_${sum}`,
  ]).join(", ");
  return `
SELECT ${list(labels)}key, any(frame) AS frame, ${spread}
FROM
(
    SELECT ${list(labels)}stack, key, any(frame) AS frame, max(leaf) AS is_leaf, ${any}
    FROM
    (
        SELECT ${list(labels)}stack, ${list(sums)}frame, frames[1] = frame AND frame != 0 AS leaf
        FROM
        (
            SELECT *
            FROM (${weights}) AS weights
            LEFT ANY JOIN
            (
                SELECT hash AS stack, frames
                FROM stacks
                WHERE hash IN (SELECT stack FROM (${samples}))
            ) AS content
            USING stack
        )
        ARRAY JOIN arrayPushFront(arrayDistinct(frames), toUInt64(0)) AS frame
    ) AS pairs
    LEFT ANY JOIN (SELECT hash AS frame, ${KEYS[by]} AS key FROM frames) AS names
    USING frame
    GROUP BY ${list(labels)}stack, key
)
GROUP BY ${list(labels)}key`;
}
