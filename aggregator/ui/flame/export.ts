// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the graph that is shown for other tools: folded stacks, and speedscope's file.
 *
 * @module
 */

import { speedscopeUnit } from "../../../profile/formats/speedscope_unit.ts";
import type { Tree } from "./tree.ts";

/** Calls `use` for each stack, root first, that has time of its own. */
function eachStack(root: Tree, use: (path: readonly Tree[], self: number) => void): void {
  const path: Tree[] = [];
  const visit = (node: Tree) => {
    path.push(node);
    if (node.self > 0) use(path, node.self);
    for (const child of node.children) visit(child);
    path.pop();
  };
  for (const child of root.children) visit(child);
}

function stackLine(path: readonly Tree[]): string {
  return path.map(({ name }) => name.replaceAll(/[;\n\r]/g, "_")).join(";");
}

/** Returns a line for each stack: names with semicolons between them, and what the stack is worth. */
export function foldedText(root: Tree): string {
  const lines: string[] = [];
  eachStack(root, (path, self) => {
    lines.push(`${stackLine(path)} ${Math.round(self)}\n`);
  });
  return lines.join("");
}

/** Returns a line for each stack of either side, with what it is worth on both: as `difffolded.pl` of FlameGraph does. */
export function foldedSides(base: Tree, compare: Tree): string {
  const lines = new Map<string, [base: number, compare: number]>();
  for (const [side, root] of [base, compare].entries()) {
    eachStack(root, (path, self) => {
      const line = stackLine(path);
      const values = lines.get(line) ?? [0, 0];
      values[side]! += Math.round(self);
      lines.set(line, values);
    });
  }
  return lines.entries().map(([line, [a, b]]) => `${line} ${a} ${b}\n`).toArray().join("");
}

/** Returns a file of speedscope: a profile of samples for each of `roots`, each sample as long as its stack is worth. */
export function speedscopeText(
  roots: Readonly<Record<string, Tree>>,
  { name, unit }: { readonly name: string; readonly unit: string },
): string {
  const frames: { name: string; file?: string }[] = [];
  const known = new Map<string, number>();
  const profiles = Object.entries(roots).map(([name, root]) => {
    const samples: number[][] = [];
    const weights: number[] = [];
    eachStack(root, (path, self) => {
      samples.push(path.map(({ name, module }) => {
        const key = `${name}\0${module}`;
        let frame = known.get(key);
        if (frame === undefined) {
          known.set(key, frame = frames.push(module ? { name, file: module } : { name }) - 1);
        }
        return frame;
      }));
      weights.push(self);
    });
    return {
      type: "sampled",
      name,
      unit: speedscopeUnit(unit),
      startValue: 0,
      endValue: weights.reduce((a, b) => a + b, 0),
      samples,
      weights,
    };
  });
  return JSON.stringify({
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "aperture",
    name,
    shared: { frames },
    profiles,
  });
}
