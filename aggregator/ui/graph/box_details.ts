// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says in the panel what a box is.
 *
 * @module
 */

import type { FlameJson } from "../../http/answers.ts";
import { type FlameModel, functionKey, isOther, pathHash } from "../flame/model.ts";
import { stackText } from "../flame/tree.ts";
import type { App } from "../parts/app.ts";
import { formatCount, formatShare, formatValue } from "../parts/format.ts";
import type { Details } from "../parts/panel.ts";
import type { Asked } from "../state/api.ts";
import { copyAndSay } from "./clipboard.ts";
import { type Neighbour, sumFunction } from "./details.ts";
import { step } from "./menu.ts";
import { sourceLines } from "./source_lines.ts";

export interface LookedAt {
  readonly model: FlameModel;
  readonly box: number;
  readonly answer: FlameJson;
  readonly asked: Asked;
  readonly focus: number;
}

/** Returns what the panel shows of a box. */
export function boxDetails(app: App, { model, box, answer, asked, focus }: LookedAt): Details {
  const row = model.name[box]!;
  const [name, module] = [model.names[row]!, model.modules[row]!];
  const value = (amount: number) =>
    `${formatValue(amount, model.unit)} · ${formatShare(amount, answer.total.value)}`;
  const isCode = module !== "";
  const isRest = isOther(model, row);
  const facts: (readonly [string, string, string?])[] = [
    ["Here", value(model.width[box]!), "This box, and its share of the selection"],
    ["Of the view", formatShare(model.width[box]!, model.width[focus]!), "Of what is zoomed to"],
    ["Itself", value(model.self[box]!), "Of this box, without what it calls"],
  ];
  if (!isCode) {
    return {
      title: isRest ? "What was cut here" : box === 0 ? "All of the selection" : name,
      subtitle: isRest ? "Boxes too small to be sent: a click loads them" : "",
      facts,
      lists: [],
      actions: [],
    };
  }
  const sums = sumFunction(model, row);
  facts.push(
    ["Everywhere", value(sums.total), "All stacks through the function, each once"],
    ["Itself, everywhere", value(sums.self)],
    ["Boxes", formatCount(sums.boxes)],
  );
  const list = (title: string, neighbours: readonly Neighbour[]) => ({
    title,
    rows: neighbours.map((neighbour) => ({
      text: model.names[neighbour.name]!,
      value: formatShare(neighbour.value, answer.total.value),
      run: () => {
        const at = model.name.indexOf(neighbour.name);
        app.store.set({ zoom: pathHash(model, at) });
      },
    })),
  });
  return {
    title: name,
    subtitle: module,
    facts,
    actions: [
      { text: "Sandwich", run: () => app.store.set({ fn: functionKey(model, row), mode: "sandwich" }) },
      { text: "Focus", run: () => step(app, `focus:${name}`) },
      { text: "Hide", run: () => step(app, `hide:${name}`) },
      { text: "Copy name", run: () => void copyAndSay(app, name, "name") },
      {
        text: "Copy stack",
        run: () => void copyAndSay(app, stackText(model, box), "stack"),
        hint: "Key: Y",
      },
    ],
    lists: [list("Called by", sums.callers), list("Calls", sums.callees), list("In", sums.roots)],
    more: sourceLines(app, asked, { name, module }),
  };
}
