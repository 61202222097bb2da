import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "./builder.ts";
import { frameAt, type Kind, KINDS, seriesAt, stackCount, totalOf } from "./model.ts";

function frame(name: string, address = 0) {
  return { function: name, module: "/bin/demo", file: "", line: 0, buildId: "ab", address };
}

Deno.test("ProfileBuilder keeps equal rows once and sums equal samples", () => {
  const builder = new ProfileBuilder();
  const [leaf, root] = [builder.frame(frame("leaf")), builder.frame(frame("root"))];
  assertEquals(builder.frame(frame("leaf")), leaf);
  const series = builder.series({ pid: 7, comm: "demo" });
  builder.add("cpu", series, builder.stack([leaf, root]), 10, 1);
  builder.add("cpu", series, builder.stack([leaf, root]), 20, 2);
  builder.add("lock", series, builder.stack([leaf, root]), 5, 1);
  const profile = builder.build();
  assertEquals(stackCount(profile), 1);
  assertEquals([...profile.samples.value], [30, 5]);
  assertEquals(totalOf(profile, "cpu"), { value: 30, count: 3 });
  assertEquals(totalOf(profile), { value: 35, count: 4 });
  assertEquals(frameAt(profile, 0), frame("leaf"));
  assertEquals(seriesAt(profile, 0).comm, "demo");
});

Deno.test("ProfileBuilder tells frames at two addresses and stacks of two orders apart", () => {
  const builder = new ProfileBuilder();
  const [a, b] = [builder.frame(frame("f", 1)), builder.frame(frame("f", 2))];
  assertEquals([builder.stack([a, b]), builder.stack([b, a]), builder.stack([])], [0, 1, 2]);
  assertEquals([...builder.build().stacks.offset], [0, 2, 4, 4]);
});

Deno.test("ProfileBuilder.merge() of two halves equals adding everything to one", () => {
  const sample = fc.record({
    kind: fc.constantFrom<Kind>(...KINDS),
    pid: fc.integer({ min: 0, max: 3 }),
    names: fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 4 }),
    value: fc.integer({ min: 0, max: 1e9 }),
  });
  type Sample = typeof sample extends fc.Arbitrary<infer T> ? T : never;
  const build = (samples: Sample[], builder = new ProfileBuilder()) => {
    for (const { kind, pid, names, value } of samples) {
      const stack = builder.stack(names.map((name) => builder.frame(frame(name))));
      builder.add(kind, builder.series({ pid }), stack, value, 1);
    }
    return builder;
  };
  const rows = (builder: ProfileBuilder) => {
    const p = builder.build();
    return Array.from(p.samples.kind, (kind, i) => {
      const stack = p.samples.stack[i]!;
      const names = [...p.stacks.frame.subarray(p.stacks.offset[stack], p.stacks.offset[stack + 1])]
        .map((f) => frameAt(p, f).function);
      return JSON.stringify([
        kind,
        seriesAt(p, p.samples.series[i]!),
        names,
        p.samples.value[i],
        p.samples.count[i],
      ]);
    }).sort();
  };
  fc.assert(fc.property(fc.array(sample), fc.array(sample), (first, second) => {
    const merged = new ProfileBuilder();
    merged.merge(build(first).build());
    merged.merge(build(second).build());
    assertEquals(rows(merged), rows(build([...first, ...second])));
  }));
});
