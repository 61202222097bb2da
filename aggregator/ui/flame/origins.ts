// SPDX-License-Identifier: Apache-2.0
/**
 * Sums a graph by kinds of code.
 *
 * @module
 */

import { type CodeOrigin, codeOrigin } from "../../../profile/flame_color.ts";
import { type FlameModel, isOther } from "./model.ts";

/** Returns how much of the graph was cut, and is not loaded. */
export function cutSum(model: FlameModel): number {
  return model.name.reduce((sum, row, box) => isOther(model, row) ? sum + model.width[box]! : sum, 0);
}

/** Returns how much of the graph is in each kind of code itself; what is no code, or was cut, is of none. */
export function originSums(model: FlameModel): Map<CodeOrigin, number> {
  const sums = new Map<CodeOrigin, number>();
  const origins = model.names.map((name, row) => codeOrigin(model.modules[row]!, name));
  for (let box = 1; box < model.name.length; box++) {
    const row = model.name[box]!;
    if (model.self[box] === 0 || isOther(model, row)) continue;
    const origin = origins[row]!;
    if (origin !== "thread") sums.set(origin, (sums.get(origin) ?? 0) + model.self[box]!);
  }
  return sums;
}
