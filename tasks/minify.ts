// SPDX-License-Identifier: Apache-2.0
/**
 * Makes scripts of the page smaller than the bundler does, which gives names that are free in an inner function other
 * names than in the next: what travels packed is by a thirtieth smaller where they are the same.
 *
 *     deno run --allow-read --allow-write tasks/minify.ts SCRIPT…
 *
 * @module
 */

import { minify } from "terser";

for (const path of Deno.args) {
  const { code } = await minify(await Deno.readTextFile(path), {
    module: true,
    // These make scripts shorter, and what travels packed longer.
    compress: { passes: 2, conditionals: false, inline: false, sequences: false },
  });
  if (!code) throw new Error(`Cannot minify '${path}': nothing is left`);
  await Deno.writeTextFile(path, code);
}
