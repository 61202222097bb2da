// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { groupFiles, leavesWork, takesLong, waitsForBoots } from "./groups.ts";

Deno.test("groupFiles() leaves few files alone, and has each of many in one group", () => {
  using folder = new TempFolder();
  const names = (count: number) =>
    Array.from({ length: count }, (_, i) => `a/${String(i).padStart(3, "0")}_test.ts`);
  const options = { root: "/somewhere", folder: folder.path, isAlone: () => false };
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

Deno.test("groupFiles() has what leaves something running in no group", () => {
  using folder = new TempFolder();
  const files = Array.from({ length: 12 }, (_, i) => `a/${i}_test.ts`);
  const isAlone = (file: string) => file === "a/3_test.ts";
  const [group, ...alone] = groupFiles(files, { root: "/somewhere", folder: folder.path, isAlone });
  assertEquals(alone, ["a/3_test.ts"]);
  assertEquals(Deno.readTextFileSync(group!).match(/\/a\/\d+_test\.ts/g)!.length, 11);
  assert(leavesWork("}, { sanitizeOps: false, sanitizeResources: false });"));
  assert(!leavesWork("sanitizeOps"));
  const boots = `testWith(["qemu-system-x86_64", suite], "sees", () => {});`;
  assert(waitsForBoots(boots) && !waitsForBoots(`run("qemu-system-x86_64")`));
});

Deno.test("groupFiles() begins with the group that has most of what takes long", () => {
  using folder = new TempFolder();
  const files = Array.from({ length: 60 }, (_, i) => `${String(i).padStart(2, "0")}_test.ts`);
  const isLong = (file: string) => ["05_test.ts", "45_test.ts", "46_test.ts"].includes(file);
  const groups = groupFiles(files, { root: "/somewhere", folder: folder.path, isAlone: () => false, isLong });
  const firsts = groups.map((path) => /\/(\d+)_test/.exec(Deno.readTextFileSync(path))![1]);
  assertEquals(firsts, ["40", "00", "20"]);
  assert(takesLong(`testWith(["chdb"], "stores", () => {});`) && !takesLong("chdb"));
  assert(takesLong(`testWith(["agent"], "pushes", () => {});`) && !takesLong(`new Program("agent")`));
});
