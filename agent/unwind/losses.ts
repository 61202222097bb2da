// SPDX-License-Identifier: Apache-2.0
/**
 * The reasons why a part of a file's unwind information is not in its table.
 *
 * @module
 */

/** A reason counts `row`s whose rule is unknown, functions (`fde`s) that are cut short or left out, or `byte`s of code. */
export const UNWIND_LOSSES = {
  /** row: the CFA is a DWARF expression of no form that a rule holds. */
  cfa_expression: "row",
  /** row: no instruction has set the CFA. */
  cfa_undefined: "row",
  /** row: an offset does not fit in a rule. */
  offset: "row",
  /** row: the return address is not found by offset, register or a simple expression. */
  return_address: "row",
  /** row: the caller's stack pointer is not the CFA. */
  stack_pointer: "row",
  /** row: the frame pointer is not found by offset, register or a simple expression; all else is known. */
  frame_pointer: "row",
  /** row: more different rules than a table can refer to. */
  rules: "row",
  /** fde: an unknown instruction, or one that is cut off; unknown from there on. */
  instruction: "fde",
  /** fde: remembered states nest too deeply, or one is restored that was not remembered; unknown from there on. */
  state: "fde",
  /** fde: the return address is in another column than the machine's. */
  return_register: "fde",
  /** fde: covers addresses that are not executable. */
  not_code: "fde",
  /** fde: its entry cannot be read. */
  malformed: "fde",
  /** byte: code without unwind information that was too much to be followed. */
  not_followed: "byte",
} as const;

export type UnwindLoss = keyof typeof UNWIND_LOSSES;

/** Counts how often each happened; only what did is there. */
export class LossCounts {
  readonly #counts = new Map<UnwindLoss, number>();

  add(loss: UnwindLoss, count = 1): void {
    if (count > 0) this.#counts.set(loss, (this.#counts.get(loss) ?? 0) + count);
  }

  addAll(others: LossCounts): void {
    for (const [loss, count] of others.#counts) this.add(loss, count);
  }

  toMap(): ReadonlyMap<UnwindLoss, number> {
    return new Map(this.#counts);
  }
}
