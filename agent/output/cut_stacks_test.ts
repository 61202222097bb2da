// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { ProfileBuilder } from "../../profile/builder.ts";
import { CutStacks } from "./cut_stacks.ts";

const PLACE = { module: "[unknown]", file: "", line: 0, buildId: "", address: 0 };

function profileOf(rows: readonly (readonly [exe: string, root: string, count: number])[]) {
  const builder = new ProfileBuilder();
  for (const [exe, root, count] of rows) {
    const frames = ["leaf", root].map((name) => builder.frame({ ...PLACE, function: name }));
    const series = builder.series({ comm: "x", exe });
    builder.add("cpu", series, builder.stack(frames), count, count);
  }
  return builder.build();
}

Deno.test("CutStacks names the program that most cut stacks are of, and begins anew each hour", () => {
  let now = 0;
  const cut = new CutStacks({ clock: () => now });
  cut.add(profileOf([["/a", "[cut: no_rule]", 3], ["/a", "[cut: no_page]", 1], ["/b", "_start", 90]]));
  assertEquals(cut.most, { program: "/a", reason: "no_rule", count: 4 });
  cut.add(profileOf([["/c", "[cut: depth_reached]", 5]]));
  assertEquals(cut.most, { program: "/c", reason: "depth_reached", count: 5 });
  now = 3_600_000;
  cut.add(profileOf([["", "[cut: no_rule]", 1]]));
  assertEquals(cut.most, undefined);
});
