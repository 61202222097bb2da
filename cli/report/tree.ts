// SPDX-License-Identifier: Apache-2.0
/**
 * Shows stacks as a tree of lines: from the root, or from one function to its callers.
 *
 * @module
 */

import { levelNames } from "../../profile/first_levels.ts";
import { type Kind, KIND_NUMBER, type Profile, seriesAt, UNKNOWN_MODULE } from "../../profile/model.ts";

/** Is one box of the tree. */
export interface Node {
  readonly name: string;
  value: number;
  readonly children: Map<string, Node>;
}

/** Returns the tree of samples of `kind`: processes, their threads, and their stacks from the root to the leaf. */
export function callTree(profile: Profile, kind: Kind): Node {
  return grow(profile, kind, (names, levels) => [...levels, ...names.reverse()]);
}

/** Returns the tree of who calls functions of that name: from it to the root, where it is nearest to the leaf. */
export function callerTree(profile: Profile, kind: Kind, name: string): Node {
  return grow(profile, kind, (names, levels) => {
    const at = names.indexOf(name);
    return at < 0 ? undefined : [...names.slice(at), ...levels.toReversed()];
  });
}

function grow(
  profile: Profile,
  kind: Kind,
  path: (names: string[], levels: readonly string[]) => readonly string[] | undefined,
): Node {
  const { strings, frames, samples, stacks: { offset, frame } } = profile;
  const root: Node = { name: "", value: 0, children: new Map() };
  const levels = Array.from(profile.series.pid, (_, row) => {
    const known = levelNames(seriesAt(profile, row)).filter((name) => name !== "");
    return known.length > 0 ? known : ["all"];
  });
  for (let i = 0; i < samples.kind.length; i++) {
    if (samples.kind[i] !== KIND_NUMBER[kind]) continue;
    const rows = frame.subarray(offset[samples.stack[i]!]!, offset[samples.stack[i]! + 1]!);
    const names = Array.from(rows, (row) => strings[frames.function[row]!] || UNKNOWN_MODULE);
    const steps = path(names, levels[samples.series[i]!]!);
    if (!steps) continue;
    const value = samples.value[i]!;
    root.value += value;
    let node = root;
    for (const step of steps) {
      let child = node.children.get(step);
      if (!child) node.children.set(step, child = { name: step, value: 0, children: new Map() });
      child.value += value;
      node = child;
    }
  }
  return root;
}

/** Is one line of a tree. */
export interface TreeLine {
  readonly text: string;
  readonly value: number;
}

/**
 * Returns the `limit` largest nodes, each below its parent. Nodes that are alone below their parent are not indented
 * further, so that a chain of calls stays readable.
 *
 * @returns the lines, and how many nodes were left out
 */
export function treeLines(root: Node, limit: number): { lines: TreeLine[]; left: number } {
  const all: number[] = [];
  const count = (node: Node) => {
    for (const child of node.children.values()) {
      all.push(child.value);
      count(child);
    }
  };
  count(root);
  const least = all.length <= limit ? 0 : all.sort((a, b) => b - a)[limit - 1]!;
  const lines: TreeLine[] = [];
  const add = (node: Node, depth: number) => {
    const shown = [...node.children.values()].filter(({ value }) => value >= least).sort((a, b) =>
      b.value - a.value
    );
    for (const child of shown) {
      if (lines.length === limit) return;
      lines.push({ text: `${"  ".repeat(depth)}${child.name}`, value: child.value });
      add(child, shown.length > 1 || depth === 0 ? depth + 1 : depth);
    }
  };
  add(root, 0);
  return { lines, left: all.length - lines.length };
}
