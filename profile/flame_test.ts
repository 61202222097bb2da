// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "./builder.ts";
import { ALL, type FlameGraph, flameGraph } from "./flame.ts";
import { type Kind, KINDS, type Profile, totalOf } from "./model.ts";

interface Row {
  readonly kind: Kind;
  readonly comm: string;
  /** Root first; `name@module`. */
  readonly path: readonly string[];
  readonly address: number;
  readonly value: number;
  readonly count: number;
}

function profileOf(rows: readonly Row[]): Profile {
  const builder = new ProfileBuilder();
  for (const { kind, comm, path, address, value, count } of rows) {
    const frames = path.toReversed().map((text) => {
      const [name, module] = text.split("@");
      return builder.frame({ function: name!, module: module!, file: "", line: 0, buildId: "", address });
    });
    builder.add(kind, builder.series({ comm, pid: address }), builder.stack(frames), value, count);
  }
  return builder.build();
}

const row = fc.record({
  kind: fc.constantFrom<Kind>(...KINDS),
  comm: fc.constantFrom("", "demo", "other", "z"),
  path: fc.array(fc.constantFrom("a@/m", "a@/n", "b@/m", "c@[kernel]"), { maxLength: 5 }),
  address: fc.nat({ max: 2 }),
  value: fc.oneof(fc.constant(0), fc.nat({ max: 1e9 })),
  count: fc.nat({ max: 9 }),
});

/** Returns each box as `path=width/self`, the way a reader of the drawing sees it. */
function boxes({ levels, names, modules }: FlameGraph): string[] {
  let above: { path: string; start: number; end: number }[] = [];
  return levels.flatMap((level, depth) => {
    const here = level.start.map((start, i) => {
      const end = start + level.width[i]!;
      const parent = above.find((p) => p.start <= start && end <= p.end);
      assert(depth === 0 || parent, "a box is the child of a box of the level above");
      const name = level.name[i]!;
      return { path: `${parent?.path ?? ""};${names[name]}@${modules[name]}`, start, end };
    });
    above = here;
    return here.map(({ path }, i) => `${path}=${level.width[i]}/${level.self[i]}`);
  });
}

Deno.test("flameGraph() merges equal functions of a module from the root on, in alphabetical order", () => {
  const cpu = { kind: "cpu", comm: "demo", count: 1 } as const;
  const graph = flameGraph(
    profileOf([
      { ...cpu, path: ["main@/m", "hot@/m"], address: 1, value: 20 },
      { ...cpu, path: ["main@/m", "hot@/m"], address: 2, value: 5 },
      { ...cpu, path: ["main@/m", "cold@/m"], address: 1, value: 10 },
      { ...cpu, path: ["main@/m", "cold@/lib"], address: 1, value: 1 },
      { ...cpu, path: ["main@/m"], address: 1, value: 2 },
      { ...cpu, kind: "lock", path: ["main@/m"], address: 1, value: 99 },
    ]),
    { kind: "cpu" },
  );
  assertEquals(graph.unit, "nanoseconds");
  assertEquals(boxes(graph), [
    `;${ALL}@=38/0`,
    `;${ALL}@;[demo]@=38/0`,
    `;${ALL}@;[demo]@;demo@=38/0`,
    `;${ALL}@;[demo]@;demo@;main@/m=38/2`,
    `;${ALL}@;[demo]@;demo@;main@/m;cold@/lib=1/1`,
    `;${ALL}@;[demo]@;demo@;main@/m;cold@/m=10/10`,
    `;${ALL}@;[demo]@;demo@;main@/m;hot@/m=25/25`,
  ]);
});

Deno.test("flameGraph() sums what it cuts into `other`, and what the caller cut before", () => {
  const graph = flameGraph(
    profileOf([
      { kind: "cpu", comm: "a", path: ["x@/m", "y@/m"], address: 1, value: 50, count: 5 },
      { kind: "cpu", comm: "a", path: ["x@/m", "z@/m"], address: 1, value: 10, count: 1 },
      { kind: "cpu", comm: "a", path: ["x@/m", "w@/m"], address: 1, value: 5, count: 1 },
      { kind: "cpu", comm: "b", path: ["x@/m"], address: 1, value: 3, count: 1 },
    ]),
    { kind: "cpu", maxNodes: 3, firstLevels: ["comm"], other: { value: 32, count: 4 } },
  );
  assertEquals(graph.total, 100);
  assertEquals(boxes(graph).map((box) => box.replaceAll(/@[^;=]*/g, "")), [
    ";all=100/0",
    ";all;a=65/0",
    ";all;other=35/35",
    ";all;a;x=65/0",
    ";all;a;x;y=50/50",
    ";all;a;x;other=15/15",
  ]);
});

Deno.test("flameGraph() of nothing is one empty box", () => {
  const { total, levels } = flameGraph(profileOf([]), { kind: "cpu", value: "count" });
  assertEquals([total, levels.length, levels[0]!.width], [0, 1, [0]]);
});

Deno.test("flameGraph() keeps totals exact and boxes inside of their parents, however much is cut", () => {
  const options = fc.record({
    kind: fc.constantFrom<Kind>(...KINDS),
    value: fc.constantFrom("value" as const, "count" as const),
    maxNodes: fc.oneof(fc.nat({ max: 12 }), fc.constant(Infinity)),
    minShare: fc.constantFrom(0, 0, 0.01, 0.3, 1),
    other: fc.record({ value: fc.nat({ max: 9 }), count: fc.nat({ max: 9 }) }),
  });
  fc.assert(fc.property(fc.array(row), options, (rows, { kind, value, maxNodes, minShare, other }) => {
    const profile = profileOf(rows);
    const graph = flameGraph(profile, { kind, value, maxNodes, minShare, other });
    assertEquals(graph.total, totalOf(profile, kind)[value] + other[value]);
    const selfs = graph.levels.flatMap((level) => level.self);
    assertEquals(selfs.reduce((sum, self) => sum + self), graph.total);
    boxes(graph);
    graph.levels.forEach((level, depth) => {
      level.start.forEach((start, i) => {
        if (i > 0) assert(start >= level.start[i - 1]! + level.width[i - 1]!, "boxes do not overlap");
        const below = graph.levels[depth + 1];
        const covered = below?.start.reduce(
          (sum, s, j) => s >= start && s < start + level.width[i]! ? sum + below.width[j]! : sum,
          0,
        );
        assertEquals(level.self[i]! + (covered ?? 0), level.width[i]);
      });
    });
    // The last name is that of what was cut; a thread may be called the same.
    const kept = graph.levels.slice(1).flatMap((level) => {
      return level.width.filter((_, i) => level.name[i] !== graph.names.length - 1);
    });
    assert(kept.length <= maxNodes);
    assert(kept.every((width) => width >= minShare * graph.total));
  }));
});

Deno.test("flameGraph() does not depend on the order of samples", () => {
  const shuffled = fc.array(row).chain((rows) =>
    fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length }))
  );
  fc.assert(fc.property(shuffled, fc.nat({ max: 12 }), ([rows, permuted], maxNodes) => {
    const [a, b] = [rows, permuted].map((r) => boxes(flameGraph(profileOf(r), { kind: "cpu", maxNodes })));
    assertEquals(a, b);
  }));
});

Deno.test("flameGraph() of 100,000 stacks keeps the number of boxes asked for", () => {
  const builder = new ProfileBuilder();
  const frames = Array.from(
    { length: 5000 },
    (_, i) =>
      builder.frame({
        function: `function_${i}`,
        module: `/m${i % 50}`,
        file: "",
        line: 0,
        buildId: "",
        address: i,
      }),
  );
  const series = builder.series({ comm: "demo" });
  for (let i = 0; i < 100_000; i++) {
    const stack = Array.from({ length: 20 }, (_, d) => frames[(i * (20 - d) * 7 + d) % 5000]!);
    builder.add("cpu", series, builder.stack(stack), 1000 + i, 1);
  }
  const profile = builder.build();
  const graph = flameGraph(profile, { kind: "cpu", maxNodes: 10_000 });
  assertEquals(graph.total, totalOf(profile, "cpu").value);
  assertLess(graph.levels.reduce((sum, level) => sum + level.name.length, 0), 20_002);
});
