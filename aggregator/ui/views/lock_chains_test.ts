// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { chainsOf } from "./lock_chains.ts";
import type { Site } from "./lock_columns.ts";

/** Makes a site for each list of the sites where its holders wait, by their places. */
function sitesOf(...waits: readonly (readonly (readonly number[])[])[]): Site[] {
  return waits.map((holders, i) =>
    ({
      ...{ function: "abcdefgh"[i], module: "", address: "heap", held: true, total: { value: 10, count: 1 } },
      holders: holders.map((waits) => ({
        ...{ function: "holder", module: "", total: { value: 5, count: 1 } },
        waits: waits.map((site) => ({ site, total: { value: 1, count: 1 } })),
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
  assertEquals(names(sitesOf([[1]], [[0]])), ["ab"]);
  // The last leads into the circle of the others.
  assertEquals(names(sitesOf([[1]], [[0]], [[0]])), ["cab"]);
});

Deno.test("chainsOf() takes no wait for a link that is for the same lock, or of who is hardly waited for, or waits", () => {
  const [first, ...others] = sitesOf([[1]], [[]]);
  const second = others[0]!;
  const [holder] = first!.holders;
  const variants: [Partial<Site>, Partial<Site>][] = [
    [{}, { function: "holder" }],
    [{ address: "m in /bin/a" }, { address: "m in /bin/a" }],
    [{ holders: [{ ...holder!, total: { value: 0.4, count: 1 } }] }, {}],
    [{ holders: [{ ...holder!, waits: [{ site: 1, total: { value: 0.4, count: 1 } }] }] }, {}],
    [{ holders: [{ ...holder!, function: "[cut: no_rule]" }] }, {}],
    [{}, { held: false }],
  ];
  for (const [a, b] of variants) assertEquals(names([{ ...first!, ...a }, { ...second, ...b }]), []);
  assertEquals(names([first!, second]), ["ab"]);
});
