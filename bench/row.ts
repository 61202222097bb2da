// SPDX-License-Identifier: Apache-2.0
/**
 * One line of the benchmark's table.
 *
 * @module
 */

/** Holds what was measured, ours beside a rival's in the same run. */
export interface Row {
  /** Says what was done. */
  readonly what: string;
  /** It is in `unit`. */
  readonly ours: number;
  readonly unit: string;
  /** The other way to do it, measured in the same run. */
  readonly rival?: { readonly name: string; readonly value: number };
  /** Is true where less is better; else more is. @default {false} */
  readonly less?: boolean;
}

/** Returns how many times better ours is than the rival's: above 1 is better. `undefined` without a rival. */
export function ratio({ ours, rival, less = false }: Row): number | undefined {
  if (!rival) return undefined;
  return less ? rival.value / ours : ours / rival.value;
}

/** Returns the table as text, columns aligned. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    `${round(row.ours)} ${row.unit}`,
    row.rival ? `${round(row.rival.value)} ${row.unit}` : "–",
    row.rival?.name ?? "",
    // Of nothing, anything is any number of times more.
    Number.isFinite(ratio(row)) ? `${ratio(row)!.toFixed(2)}x` : "",
  ]);
  const table = [["what", "Aperture", "rival", "", "better by"], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
    .join("\n") + "\n";
}

/** Rounds to three digits that count. */
function round(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/**
 * Returns the middle of `runs` measurements of `fn`, in ms, after one run that is not counted.
 *
 * @param fn does the work `times` times
 */
export async function median(fn: () => unknown, { runs = 7 }: { runs?: number } = {}): Promise<number> {
  await fn();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await fn();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[runs >> 1]!;
}
