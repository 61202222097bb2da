// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { groupFiles } from "./groups.ts";

Deno.test("groupFiles() leaves few files alone, and has each of many in one group", () => {
  using folder = new TempFolder();
  const names = (count: number) =>
    Array.from({ length: count }, (_, i) => `a/${String(i).padStart(3, "0")}_test.ts`);
  const options = { root: "/somewhere", folder: folder.path };
  assertEquals(groupFiles(names(8), options), names(8));
  for (const count of [9, 20, 21, 45, 333]) {
    const groups = groupFiles(names(count), options);
    assertEquals(groups, groups.toSorted());
    const grouped = groups.map((path) => {
      return [...Deno.readTextFileSync(path).matchAll(/"file:\/\/\/somewhere\/(.*)"/g)].map(([, name]) =>
        name!
      );
    });
    assertEquals(grouped.flat(), names(count));
    const sizes = grouped.map(({ length }) => length);
    assert(Math.max(...sizes) <= 20 && Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes}`);
  }
});
