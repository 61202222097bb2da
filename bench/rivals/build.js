// SPDX-License-Identifier: Apache-2.0
/**
 * Bundles Grafana's panel for a browser, to the file that the first argument names.
 *
 * @module
 */

import { build } from "esbuild";

await build({
  entryPoints: ["grafana.js"],
  bundle: true,
  minify: true,
  format: "esm",
  outfile: Deno.args[0],
  logLevel: "error",
  mainFields: ["browser", "module", "main"],
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  // Of editors that the panel does not show.
  loader: { ".ttf": "empty", ".css": "empty" },
});
