// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Draws who waits for whom: waiters at the left, locks in the middle, holders at the right, as wide as the time.
 *
 * @module
 */

import { SERIES, TEXT, type Theme } from "../flame/colors.ts";
import { pageColor, savePng } from "../flame/picture.ts";
import { svgFile } from "../flame/pen.ts";
import { saveFile, svg } from "../parts/dom.ts";
import { formatNs, shortName } from "../parts/format.ts";
import type { MenuItem } from "../parts/menu.ts";

export interface FlowSide {
  readonly name: string;
  readonly detail: string;
  readonly value: number;
  readonly key?: string;
}

export interface Flow {
  readonly waiters: readonly FlowSide[];
  readonly locks: readonly FlowSide[];
  readonly holders: readonly FlowSide[];
  /** Says whether they held the locks, or woke those who waited. */
  readonly holdersHead: string;
  readonly theme: Theme;
  readonly onlock: (key: string) => void;
  /** Takes the holder's key, its function; holders without one cannot be opened. */
  readonly onholder: (key: string) => void;
  readonly onwaiter: (detail: string) => void;
}

export interface Placed extends FlowSide {
  readonly y: number;
  readonly height: number;
}

/** A narrow screen scrolls what is wider, so that names can be read. In CSS pixels, as in the style sheet. */
const [LEAST_WIDTH, MOST_WIDTH] = [560, 1000];
const HEIGHT = 220;
/** So many stand in a column; what is smaller is one. */
const MOST = 8;
const GAP = 6;
const LEAST = 14;
const BAR = 12;
const FONT = "system-ui, sans-serif";
/** Is the room above for the heads of the columns. */
const HEAD = 22;

/** Places the largest of a column below each other, as high as their share; the others are one. */
export function placeColumn(sides: readonly FlowSide[]): Placed[] {
  const sorted = sides.filter(({ value }) => value > 0).sort((a, b) => b.value - a.value);
  const rest = sorted.slice(MOST - 1);
  const kept = rest.length > 1
    ? [...sorted.slice(0, MOST - 1), {
      name: `${rest.length} others`,
      detail: "",
      value: rest.reduce((sum, { value }) => sum + value, 0),
    }]
    : sorted;
  const total = kept.reduce((sum, { value }) => sum + value, 0);
  const room = HEIGHT - GAP * (kept.length - 1) - LEAST * kept.length;
  let y = 0;
  return kept.map((side) => {
    const height = LEAST + (total > 0 ? side.value / total * room : 0);
    const placed = { ...side, y, height };
    y += height + GAP;
    return placed;
  });
}

/** Lists the files of what {@linkcode drawFlow} drew, with the colours that the page gives it. */
export function flowFiles(drawn: SVGElement, name: string): MenuItem[] {
  return [
    { text: "SVG", run: () => saveFile(`${name}.svg`, flowSvg(drawn, name)) },
    { text: "PNG", run: () => savePng(name, sizeOf(drawn), (context) => paintFlow(context, drawn)) },
  ];
}

function sizeOf(drawn: SVGElement): { readonly width: number; readonly height: number } {
  const [, , width, height] = drawn.getAttribute("viewBox")!.split(" ").map(Number);
  return { width: width!, height: height! };
}

function flowSvg(drawn: SVGElement, title: string): string {
  const copy = drawn.cloneNode(true) as SVGElement;
  // What is a button on the page is none in a picture.
  for (const button of copy.querySelectorAll("[tabindex]")) {
    for (const attribute of ["tabindex", "role"]) button.removeAttribute(attribute);
  }
  const frame = { ...sizeOf(drawn), background: pageColor(), title };
  return svgFile(frame, `text{font:12px ${FONT}}`, new XMLSerializer().serializeToString(copy));
}

/** Draws on a canvas what is drawn as SVG, as it looks on the page. */
function paintFlow(context: CanvasRenderingContext2D, drawn: SVGElement): void {
  context.translate(0, HEAD);
  context.textBaseline = "middle";
  for (const shape of drawn.querySelectorAll("path, rect, text")) {
    const { fill, opacity, textAnchor, fontWeight } = getComputedStyle(shape);
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) =>
      Number(shape.getAttribute(name))
    );
    context.fillStyle = fill;
    context.globalAlpha = Number(opacity);
    if (shape.tagName === "path") context.fill(new Path2D(shape.getAttribute("d")!));
    else if (shape.tagName === "rect") context.fillRect(x!, y!, width!, height!);
    else {
      context.font = `${fontWeight} 12px ${FONT}`;
      context.textAlign = textAnchor === "middle" ? "center" : textAnchor as CanvasTextAlign;
      context.fillText(shape.textContent, x!, y!);
    }
  }
}

/** Draws `flow` into `root`. */
export function drawFlow(root: HTMLElement, flow: Flow): void {
  const [waiters, locks, holders] = [flow.waiters, flow.locks, flow.holders].map(placeColumn);
  const width = Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, root.clientWidth));
  const side = width * 0.23;
  const letters = Math.round((width - 310) / 23);
  const x = { waiters: side, locks: width / 2 - BAR / 2, holders: width - side - BAR };
  const colors = SERIES[flow.theme];
  const ribbons = (from: Placed[], to: Placed[], x1: number, x2: number, color: string) => {
    const total = to.reduce((sum, { value }) => sum + value, 0) || 1;
    const taken = to.map(() => 0);
    return from.flatMap((a) => {
      let left = a.y;
      return to.map((b, i) => {
        const part = b.value / total;
        const [h1, h2] = [
          a.height * part,
          b.height * a.height / Math.max(1, from.reduce((s, { height }) => s + height, 0)),
        ];
        const [y1, y2] = [left, b.y + taken[i]!];
        left += h1;
        taken[i]! += h2;
        const middle = (x1 + x2) / 2;
        return svg("path", {
          d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}V${y2 + h2}C${middle} ${
            y2 + h2
          } ${middle} ${y1 + h1} ${x1} ${y1 + h1}Z`,
          fill: color,
          opacity: 0.28,
        });
      });
    });
  };
  const column = (
    sides: Placed[],
    at: number,
    side: "left" | "right",
    color: string,
    run?: (side: Placed) => void,
  ) =>
    sides.map((each) => {
      const text = `${shortName(each.name, letters)}  ${formatNs(each.value)}`;
      const label = svg("text", {
        x: side === "left" ? at - 8 : at + BAR + 8,
        y: each.y + each.height / 2,
        "text-anchor": side === "left" ? "end" : "start",
        "dominant-baseline": "central",
        fill: TEXT[flow.theme],
      }, document.createTextNode(text));
      return svg(
        "g",
        run && each.name !== "" && !each.name.endsWith(" others")
          ? {
            tabindex: 0,
            role: "button",
            "aria-label": `${each.name}, ${formatNs(each.value)}`,
            class: "pickable",
            onclick: () => run(each),
            onkeydown: (event: KeyboardEvent) => event.key === "Enter" && run(each),
          }
          : {},
        svg("title", {}, document.createTextNode(`${each.name}\n${each.detail}\n${formatNs(each.value)}`)),
        svg("rect", { x: at, y: each.y, width: BAR, height: each.height, fill: color, rx: 2 }),
        label,
      );
    });
  root.replaceChildren(svg(
    "svg",
    {
      viewBox: `0 ${-HEAD} ${width} ${HEIGHT + HEAD + 6}`,
      role: "group",
      "aria-label": "Waiters, locks and holders",
    },
    ...[["waiters", x.waiters, "end"], ["locks", x.locks + BAR / 2, "middle"], [
      flow.holdersHead,
      x.holders + BAR,
      "start",
    ]].map(
      ([text, at, anchor]) =>
        svg(
          "text",
          { x: at, y: -10, "text-anchor": anchor, fill: TEXT[flow.theme], "font-weight": 600 },
          document.createTextNode(String(text)),
        ),
    ),
    ...ribbons(waiters!, locks!, x.waiters + BAR, x.locks, colors[0]!),
    ...ribbons(locks!, holders!, x.locks + BAR, x.holders, colors[5]!),
    ...column(waiters!, x.waiters, "left", colors[0]!, ({ detail }) => flow.onwaiter(detail)),
    ...column(locks!, x.locks, "right", colors[7]!, ({ key = "" }) => flow.onlock(key)),
    ...column(
      holders!,
      x.holders,
      "right",
      colors[5]!,
      ({ key }) => key && flow.onholder(key),
    ),
  ));
}
