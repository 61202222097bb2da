// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { ProfileBuilder } from "./builder.ts";
import { DEFAULT_LEVELS, knownLevels, levelNames } from "./first_levels.ts";
import { flameGraph } from "./flame.ts";
import { foldedStacks } from "./formats/folded.ts";
import { speedscopeJson } from "./formats/speedscope.ts";
import { seriesAt } from "./model.ts";

interface Row {
  readonly exe?: string;
  readonly process?: string;
  readonly comm?: string;
  readonly pid?: number;
}

function profileOf(...rows: readonly Row[]) {
  const builder = new ProfileBuilder();
  const main = { function: "main", module: "/m", file: "", line: 0, buildId: "", address: 0 };
  const stack = builder.stack([builder.frame(main)]);
  for (const row of rows) builder.add("cpu", builder.series(row), stack, 5, 1);
  return builder.build();
}

Deno.test("the process is above the thread in every output", () => {
  const profile = profileOf(
    { exe: "/usr/bin/python3.11", process: "shop.py", comm: "python3", pid: 1 },
    { exe: "/usr/bin/redis-server", comm: "bio_lazy_free", pid: 2 },
    { comm: "kworker/0:1", pid: 3 },
  );
  const paths = [
    ["[kworker/0:1]", "kworker/0:1", "main"],
    ["redis-server", "bio_lazy_free", "main"],
    ["shop.py", "python3", "main"],
  ];
  assertEquals(foldedStacks(profile, { kind: "cpu" }), paths.map((path) => `${path.join(";")} 5\n`).join(""));
  const { shared, profiles } = JSON.parse(speedscopeJson([{ kind: "cpu", profile }], { name: "x" }));
  const named = profiles[0].samples.map((rows: number[]) => rows.map((row) => shared.frames[row].name));
  assertEquals(named.sort(), paths);
  const { levels, names } = flameGraph(profile, { kind: "cpu" });
  assertEquals(
    levels.slice(1).map(({ name }) => name.map((row) => names[row])),
    [0, 1, 2].map((level) => paths.map((path) => path[level])),
  );
});

Deno.test("levelNames() gives what series are called at the levels, as text", () => {
  const profile = profileOf({ exe: "/bin/demo", comm: "x", pid: 7 }, {});
  const of = (row: number) => levelNames(seriesAt(profile, row), [...DEFAULT_LEVELS, "exe", "pid"]);
  assertEquals([of(0), of(1)], [["demo", "x", "/bin/demo", "7"], ["", "", "", ""]]);
});

Deno.test("knownLevels() leaves out levels at which nothing has a name", () => {
  const of = (...rows: readonly Row[]): readonly string[] => knownLevels(profileOf(...rows));
  assertEquals(of({ process: "a" }, { exe: "/b", comm: "t" }), ["process", "comm"]);
  assertEquals(of({ process: "a" }), ["process"]);
  assertEquals(of({}), []);
});
