// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { chainsOf } from "./lock_chains.ts";
import type { Site } from "./lock_columns.ts";

/** Makes a site for each list of the sites where its holders wait, by their places. */
function sitesOf(...waits: readonly (readonly number[][])[]): Site[] {
  return waits.map((holders, i) =>
    ({
      function: "abcdefgh"[i],
      holders: holders.map((waits) => ({
        waits: waits.map((site) => ({ site, total: { value: site, count: 1 } })),
      })),
    }) as unknown as Site
  );
}

function names(sites: readonly Site[]): string[] {
  return chainsOf(sites).map((chain) => chain.map(({ site }) => site.function).join(""));
}

Deno.test("chainsOf() follows holders that wait themselves, and leaves out what is a part of another chain", () => {
  assertEquals(names(sitesOf([[1]], [[], [2]], [[]], [[1]])), ["abc", "dbc"]);
  assertEquals(names(sitesOf([[]], [])), []);
});

Deno.test("chainsOf() ends a chain where it comes back, and has each circle once", () => {
  assertEquals(names(sitesOf([[1]], [[0]])), ["aba"]);
  // The last leads into the circle of the others.
  assertEquals(names(sitesOf([[1]], [[0]], [[0]])), ["caba"]);
});
