// SPDX-License-Identifier: Apache-2.0
/**
 * Is the page that shows a graph by Grafana's panel: a script for a browser, which `build.js` bundles.
 *
 * @module
 */

import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { createTheme, FieldType, toDataFrame } from "@grafana/data";
import { FlameGraph } from "@grafana/flamegraph";

const columns = await (await fetch("/graph.json")).json();
const number = (name) => ({
  name,
  type: FieldType.number,
  values: columns[name],
  config: name === "level" ? {} : { unit: "ns" },
});
const data = toDataFrame({
  name: "response",
  meta: { preferredVisualisationType: "flamegraph" },
  fields: [
    ...["level", "value", "self"].map(number),
    { name: "label", type: FieldType.string, values: columns.label, config: {} },
  ],
});
const theme = createTheme();
createRoot(document.querySelector("#root")).render(
  createElement(FlameGraph, { data, getTheme: () => theme }),
);
