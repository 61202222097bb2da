// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows what a box says of itself.
 *
 * @module
 */

import { formatShare, formatValue } from "./format.ts";
import type { FlameModel } from "./model.ts";

const OFFSET = 14;

/** Returns one line on `box`, for who cannot see the graph. */
export function describeBox(model: FlameModel, box: number): string {
  const name = model.name[box]!;
  const share = formatShare(model.width[box]!, model.total);
  return `${model.names[name]}, ${share}, ${formatValue(model.width[box]!, model.unit)}`;
}

/** Shows `box` beside `point`; `undefined` hides the tooltip. */
export function showTooltip(
  tooltip: HTMLElement,
  shown: { model: FlameModel; box: number; focus: number } | undefined,
  point: { x: number; y: number },
): void {
  tooltip.hidden = shown === undefined;
  if (!shown) return;
  const { model, box, focus } = shown;
  const name = model.name[box]!;
  const title = document.createElement("strong");
  title.textContent = model.names[name]!;
  const module = document.createElement("span");
  module.textContent = model.modules[name]!;
  const list = document.createElement("dl");
  const rows = [["Total", model.width[box]!], ["Self", model.self[box]!]] as const;
  for (const [label, value] of rows) {
    const term = document.createElement("dt");
    term.textContent = label;
    const text = document.createElement("dd");
    text.textContent = formatValue(value, model.unit);
    const share = document.createElement("dd");
    share.textContent = formatShare(value, model.total);
    list.append(term, text, share);
    if (focus !== 0) {
      const zoomed = document.createElement("dd");
      zoomed.textContent = `${formatShare(value, model.width[focus]!)} of zoom`;
      list.append(zoomed);
    }
  }
  list.classList.toggle("zoomed", focus !== 0);
  tooltip.replaceChildren(title, ...(module.textContent ? [module] : []), list);
  const { width, height } = tooltip.getBoundingClientRect();
  const x = point.x + OFFSET + width > innerWidth ? point.x - OFFSET - width : point.x + OFFSET;
  const y = point.y + OFFSET + height > innerHeight ? point.y - OFFSET - height : point.y + OFFSET;
  tooltip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
}
