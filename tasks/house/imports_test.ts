// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { circles, type Imports, readImports } from "./imports.ts";

const graph = (edges: Record<string, string[]>): Imports =>
  new Map(Object.entries(edges).map(([file, targets]) => [file, new Set(targets)]));

Deno.test("circles() finds the shortest circle of each group", () => {
  assertEquals(circles(graph({ a: ["b", "c"], b: ["c"], c: [] })), []);
  assertEquals(circles(graph({ a: ["a"] })), [["a", "a"]]);
  const found = circles(graph({ a: ["b"], b: ["c"], c: ["a", "b"], d: ["a", "e"], e: ["d"] }));
  assertEquals(found.map((circle) => [...new Set(circle)].sort()).sort(), [["b", "c"], ["d", "e"]]);
});

Deno.test("circles() finds one exactly where a file leads back to itself, and it is one", () => {
  const name = fc.nat({ max: 9 }).map(String);
  fc.assert(fc.property(fc.array(fc.tuple(name, name), { maxLength: 25 }), (edges) => {
    const imports = new Map<string, Set<string>>();
    for (const [from, to] of edges) {
      imports.set(from, (imports.get(from) ?? new Set()).add(to));
      if (!imports.has(to)) imports.set(to, new Set());
    }
    const reach = new Map([...imports].map(([file, targets]) => [file, new Set(targets)]));
    for (const via of reach.keys()) {
      for (const [, targets] of reach) {
        if (targets.has(via)) { for (const target of reach.get(via)!) targets.add(target); }
      }
    }
    const inCircles = [...reach].filter(([file, targets]) => targets.has(file)).map(([file]) => file);
    const groups = new Set(
      inCircles.map((file) =>
        inCircles.filter((o) => reach.get(file)!.has(o) && reach.get(o)!.has(file)).join()
      ),
    );
    const found = circles(imports);
    assertEquals(found.length, groups.size);
    for (const circle of found) {
      assert(circle.length > 1);
      assertEquals(circle[0], circle.at(-1));
      circle.slice(1).forEach((file, i) => assert(imports.get(circle[i]!)!.has(file)));
    }
  }));
});

Deno.test("readImports() sees values, types and dynamic imports", async () => {
  const imports = await readImports();
  assert(imports.get("profile/wire/read_batch.ts")!.has("profile/wire/wire_reader.ts"), "a value");
  assert(imports.get("profile/wire/read_batch.ts")!.has("profile/wire/wire_batch.ts"), "a type");
  assert(imports.get("bench/main.ts")!.has("bench/wire.ts"), "a dynamic import");
  assert(imports.get("common/metrics_test.ts")!.has("common/metrics.ts"), "a test's");
});
