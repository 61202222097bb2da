// SPDX-License-Identifier: Apache-2.0
/**
 * A flame graph as one SVG file that needs nothing else: it shows without scripts, and zooms and searches
 * where they run.
 *
 * @module
 */

import type { FlameGraph } from "../../profile/flame.ts";
import {
  CODE_ORIGINS,
  codeOrigin,
  flameColor,
  ORIGIN_NAMES,
  originColor,
} from "../../profile/flame_color.ts";
import { escapeXml } from "../../profile/xml.ts";
import { cutEnd } from "./fit.js";
import { formatAmount, formatPercent } from "./amount.ts";

export interface FlameSvgOptions {
  readonly title: string;
  /** @default {""} */
  readonly subtitle?: string;
  /** It is so wide without a script that adapts it; in pixels. @default {1200} */
  readonly width?: number;
}

/** Pixels. */
const PAD = 12;
const HEADER = 66;
const FOOTER = 34;
const ROW = 18;
/** Boxes narrower than this cannot be seen. */
const MIN_WIDTH = 0.1;
const WIDTH = 1200;
/** The `minShare` of a flame graph that is to be drawn: what is smaller had better be summed into `other`. */
export const MIN_SHARE = MIN_WIDTH / (WIDTH - 2 * PAD);
/** One column of the font below: 0.6 em of 12 pixels, and a little more, as fonts differ. */
const COLUMN = 7.25;

const STYLE = `
svg{background:#fff;font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
text{fill:#16181d;white-space:pre}
#title{font:600 17px system-ui,"DejaVu Sans",sans-serif}
#subtitle,#status,#legend text,.button{font:12.5px system-ui,"DejaVu Sans",sans-serif;fill:#5b6270}
#status{fill:#b3126b;font-weight:600}
#boxes text{pointer-events:none}
#boxes g{cursor:pointer}
#boxes g:hover rect{stroke:#16181d;stroke-width:1}
#boxes .above rect{opacity:.5}
#boxes .match rect{fill:#e04fd0}
.button{cursor:pointer;text-decoration:underline}
#tip rect{fill:#1d2027;stroke:#4a5160}
#tip text{fill:#d5d9e2}
#tip .name{fill:#fff;font-weight:600}
input{box-sizing:border-box;width:100%;height:28px;padding:0 9px;border:1px solid #b8bdc9;border-radius:6px;
background:transparent;color:inherit;font:12.5px system-ui,sans-serif}
foreignObject{color:#16181d}
@media (prefers-color-scheme:dark){
svg{background:#15171c}
#title{fill:#f0f2f6}
#subtitle,#legend text,.button{fill:#9aa2b1}
#status{fill:#ff7ac6}
foreignObject{color:#f0f2f6;color-scheme:dark}
#boxes g:hover rect{stroke:#fff}
#boxes .above text{fill:#fff}
}`;

/**
 * Draws `graph`, the whole at the top and leaves at the bottom.
 *
 * Names may hold anything: what XML cannot hold becomes U+FFFD, and no name is read as markup or script.
 */
export function flameSvg(
  graph: FlameGraph,
  { title, subtitle = "", width = WIDTH }: FlameSvgOptions,
): string {
  const height = HEADER + graph.levels.length * ROW + FOOTER;
  const parts = [
    `<?xml version="1.0" encoding="UTF-8"?>\n`,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` role="img" aria-label="${escapeXml(title)}" data-pad="${PAD}" data-column="${COLUMN}"`,
    ` data-total="${graph.total || 1}">\n<style>${STYLE}</style>\n`,
    `<text id="title" x="${PAD}" y="28">${escapeXml(title)}</text>\n`,
    `<text id="subtitle" x="${PAD}" y="50">${escapeXml(subtitle)}</text>\n`,
    `<text id="status" class="right" data-right="0" x="${width - PAD}" y="54" text-anchor="end"></text>\n`,
    `<g id="boxes">\n`,
  ];
  drawBoxes(graph, width, parts);
  parts.push(`</g>\n<g id="legend">`);
  drawLegend(graph, height - 21, parts);
  parts.push(`</g>\n<script><![CDATA[\n${viewScript()}]]></script>\n</svg>\n`);
  return parts.join("");
}

function drawBoxes(
  { levels, names, modules, total, unit }: FlameGraph,
  width: number,
  parts: string[],
): void {
  const scale = total > 0 ? (width - 2 * PAD) / total : 0;
  const escaped: string[] = [];
  levels.forEach((level, depth) => {
    const y = HEADER + depth * ROW;
    level.start.forEach((start, i) => {
      const amount = level.width[i]!;
      const wide = amount * scale;
      if (wide < MIN_WIDTH && depth > 0) return;
      const name = level.name[i]!;
      const x = PAD + start * scale;
      const share = total > 0 ? amount / total : 0;
      const own = level.self[i]!;
      const self = own > 0
        ? `\nself ${formatAmount(own, unit)}, ${formatPercent(total > 0 ? own / total : 0)}`
        : "";
      escaped[name] ??= escapeXml(`${oneLine(names[name]!)}\n${oneLine(modules[name]!)}`);
      const label = cutEnd(oneLine(names[name]!), Math.floor((wide - 7) / COLUMN));
      parts.push(
        `<g data-at="${start} ${amount}" data-level="${depth}">`,
        `<title>${escaped[name]}${
          escapeXml(`\n${formatAmount(amount, unit)}, ${formatPercent(share)}${self}`)
        }</title>`,
        `<rect x="${x.toFixed(2)}" y="${y}" width="${Math.max(wide - 0.5, MIN_WIDTH).toFixed(2)}"`,
        ` height="${ROW - 1}" rx="2" fill="${flameColor(names[name]!, modules[name]!)}"/>`,
        label && `<text x="${(x + 3.5).toFixed(2)}" y="${y + 12.5}">${escapeXml(label)}</text>`,
        `</g>\n`,
      );
    });
  });
}

/** Draws a square and a word for each origin that the graph has. */
function drawLegend({ levels, names, modules }: FlameGraph, y: number, parts: string[]): void {
  const present = new Set(
    levels.flatMap((level) => level.name.map((name) => codeOrigin(modules[name]!, names[name]))),
  );
  let x = PAD;
  for (const origin of CODE_ORIGINS) {
    if (origin === "thread" || !present.has(origin)) continue;
    const label = ORIGIN_NAMES[origin];
    parts.push(`<rect x="${x}" y="${y}" width="12" height="12" rx="3" fill="${originColor(origin)}"/>`);
    parts.push(`<text x="${x + 18}" y="${y + 10.5}">${label}</text>`);
    x += 18 + label.length * 7.5 + 22;
  }
}

/** Returns the scripts of this folder, as it is called from a bundle, too, made fit to stand in a document. */
function viewScript(): string {
  const sources = ["fit.js", "svg_view.js"].map((name) => {
    return Deno.readTextFileSync(new URL(`../output/${name}`, import.meta.url)).replaceAll(
      /^import .*$|^export /gm,
      "",
    );
  });
  return `{\n${sources.join("\n")}\nstart(document.currentScript.closest("svg"));\n}\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\t\n\r\u2028\u2029]/g, " ");
}
