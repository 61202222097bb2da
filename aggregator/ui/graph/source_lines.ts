// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Shows which lines of a function take its time, with links to their source where the aggregator has a template.
 *
 * @module
 */

import type { AggregateJson, CoverageJson } from "../../http/answers.ts";
import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";
import { formatShare } from "../parts/format.ts";
import { type Asked, selectionBody, selectionParams } from "../state/api.ts";

const MOST_LINES = 12;
/** Rows are those of all functions. */
const MOST_ROWS = 10_000;

/** Fills the template of a source's address; what could end a part of an address is escaped, slashes of the path stay. */
export function sourceUrl(
  template: string,
  { file, line, buildId }: { readonly file: string; readonly line: number; readonly buildId: string },
): string {
  const path = file.split("/").map(encodeURIComponent).join("/").replace(/^\/+/, "");
  return template.replaceAll("{file}", () => path).replaceAll("{line}", () => String(line))
    .replaceAll("{build_id}", () => encodeURIComponent(buildId));
}

/** Makes a button that asks for the lines of a function, and shows them in its place. */
export function sourceLines(
  app: App,
  asked: Asked,
  { name, module }: { name: string; module: string },
): HTMLElement {
  const root = h("div", { class: "lines" });
  const load = async () => {
    root.replaceChildren(h("p", { class: "quiet" }, "Asking for its lines …"));
    const signal = AbortSignal.timeout(30_000);
    const body = { ...selectionBody(asked), group_by: ["function", "file", "line"], limit: MOST_ROWS };
    const { rows } = await app.api.post<AggregateJson>("/api/aggregate", body, signal);
    const own = rows.filter((row) => row.group[0] === name && row.module === module && row.group[1] !== "")
      .sort((a, b) => b.total.value - a.total.value);
    const template = app.about()?.source_url ?? null;
    const buildId = template?.includes("{build_id}") ? await buildOf(app, asked, module) : "";
    const whole = own.reduce((sum, { total }) => sum + total.value, 0);
    root.replaceChildren(
      h("h3", {}, "Lines"),
      own.length === 0
        ? h("p", { class: "quiet" }, "Its lines are not known: the file has no debug information.")
        : h(
          "ul",
          {},
          ...own.slice(0, MOST_LINES).map(({ group: [, file = "", line = ""], total }) => {
            const place = `${file.slice(file.lastIndexOf("/") + 1)}:${line.slice(line.lastIndexOf(":") + 1)}`;
            const number = Number(line.slice(line.lastIndexOf(":") + 1)) || 1;
            const href = template === null ? undefined : sourceUrl(template, { file, line: number, buildId });
            return h(
              "li",
              {},
              href === undefined ? h("span", { title: `${file}:${number}` }, place) : h(
                "a",
                { href, target: "_blank", rel: "noopener noreferrer", title: `${file}:${number}` },
                place,
              ),
              h("span", { class: "number" }, formatShare(total.value, whole)),
            );
          }),
        ),
    );
  };
  root.append(h("button", {
    onclick: () => {
      load().catch((error: Error) => root.replaceChildren(h("p", { class: "quiet" }, error.message)));
    },
  }, "Lines of source"));
  return root;
}

async function buildOf(app: App, asked: Asked, module: string): Promise<string> {
  const params = selectionParams(asked, { limit: 1000 });
  const { files } = await app.api.get<CoverageJson>("/api/coverage", params, AbortSignal.timeout(30_000));
  return files.find((file) => file.module === module)?.build_id ?? "";
}
