// SPDX-License-Identifier: Apache-2.0
/**
 * Lists what can be done to a graph, each step a text in the address: some are asked of the aggregator, which has all
 * stacks, and some are done to the graph here.
 *
 * @module
 */

import { codeOrigin } from "../../../profile/flame_color.ts";
import { leaveOut, selfOf, type Tree } from "./tree.ts";

/** Is a step as it is written in an address: `hide:malloc`, `recursion:`. */
export interface Step {
  readonly action: Action;
  readonly name: string;
}

/** Lists what the aggregator does, and what is done here. */
const ASKED = ["hide", "focus", "callers", "callees", "recursion", "module"] as const;
const LOCAL = ["fold", "preset"] as const;
export type Action = (typeof ASKED)[number] | (typeof LOCAL)[number];

/** Names the presets, which leave frames out: their time stays with who called them. */
export const PRESETS: Readonly<
  Record<string, { readonly text: string; readonly test: (name: string, module: string) => boolean }>
> = {
  mine: {
    text: "only my code",
    test: (name, module) =>
      /^(\/usr\/|\/lib|\[(?!jit|python))/.test(module) || codeOrigin(module, name) === "runtime",
  },
  kernel: { text: "without kernel", test: (name, module) => codeOrigin(module, name) === "kernel" },
  libc: {
    text: "without libc",
    test: (_, module) => /\/(libc|libpthread|libm|ld-linux[^/]*)[-.][^/]*$/.test(module),
  },
  runtime: { text: "without runtimes", test: (name, module) => codeOrigin(module, name) === "runtime" },
};

const WORDS: Readonly<Record<Action, string>> = {
  hide: "hidden: stacks through",
  focus: "only stacks through",
  callers: "callers of",
  callees: "callees of",
  recursion: "recursion collapsed",
  module: "collapsed:",
  fold: "left out:",
  preset: "",
};

/** Reads steps; what is not understood is left out. */
export function parseSteps(steps: readonly string[]): Step[] {
  return steps.flatMap((text) => {
    const at = text.indexOf(":");
    const action = [...ASKED, ...LOCAL].find((action) => action === text.slice(0, at));
    const name = text.slice(at + 1);
    if (!action || action === "preset" && !Object.hasOwn(PRESETS, name)) return [];
    return [{ action, name }];
  });
}

/** Returns what a chip says of a step. */
export function stepText({ action, name }: Step): string {
  return action === "preset" ? PRESETS[name]!.text : `${WORDS[action]} ${name}`.trim();
}

/** Returns `steps` with one more; a step that there can be one of takes the place of the one before. */
export function addStep(steps: readonly string[], step: string): string[] {
  const { action } = parseSteps([step])[0]!;
  const isOne = ["focus", "callers", "callees", "recursion"].includes(action);
  const others = steps.filter((other) => {
    const before = parseSteps([other])[0]?.action;
    const isSide = (one: Action | undefined) => one === "callers" || one === "callees";
    return other !== step && !(isOne && (before === action || isSide(action) && isSide(before)));
  });
  return [...others, step];
}

/** Is what of steps is asked of the aggregator, as the body of a question has it. */
export interface StepFields {
  readonly hide?: readonly string[];
  readonly focus?: string;
  readonly callers?: string;
  readonly callees?: string;
  readonly collapse_recursion?: true;
  readonly collapse_modules?: readonly string[];
}

/** Returns what of `steps` is asked of the aggregator; what is not, is missing. */
export function stepFields(steps: readonly string[]): StepFields {
  const parsed = parseSteps(steps);
  const all = (action: Action) => parsed.filter((step) => step.action === action).map(({ name }) => name);
  const list = (names: readonly string[]) => names.length > 0 ? names : undefined;
  const fields = {
    hide: list(all("hide")),
    focus: all("focus").at(-1),
    callers: all("callers").at(-1),
    callees: all("callees").at(-1),
    collapse_recursion: all("recursion").length > 0 ? true : undefined,
    collapse_modules: list(all("module").slice(0, 16)),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Returns the same as parameters of the flame graph. */
export function stepParams(steps: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(stepFields(steps)).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
}

/** Is a graph after the steps that are done here, and what each of them moved to callers, by the step's text. */
export interface Changed {
  readonly tree: Tree;
  readonly moved: ReadonlyMap<string, number>;
}

/** Does what of `steps` is done here. */
export function applySteps(tree: Tree, steps: readonly string[]): Changed {
  const moved = new Map<string, number>();
  for (const text of steps) {
    const [step] = parseSteps([text]);
    if (!step || !LOCAL.some((action) => action === step.action)) continue;
    const test = step.action === "preset" ? PRESETS[step.name]!.test : (name: string) => name === step.name;
    moved.set(text, selfOf(tree, test));
    tree = leaveOut(tree, test);
  }
  return { tree, moved };
}
