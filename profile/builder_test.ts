// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "./builder.ts";
import { lockAt } from "./locks.ts";
import { frameAt, type Kind, KINDS, type Profile, seriesAt, stackCount, totalOf } from "./model.ts";
import { anyRecording } from "../tests/support/profiles.ts";
import { sliceProfile } from "./slice.ts";
import { syscallAt } from "./syscalls.ts";

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
  assertEquals(frameAt(profile, 0), { ...frame("leaf"), startLine: 0, inlined: false, rank: 2 });
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

Deno.test("ProfileBuilder.merge() sums waits and calls, and keeps the shortest and the longest", () => {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1 });
  const stack = builder.stack([builder.frame(frame("wait"))]);
  const lock = { outcome: "woken", series, stack, class: "mutex", type: "futex", histogram: [0, 1] } as const;
  const holder = { series, stack };
  builder.addLock({ ...lock, holder, count: 2, delay: 30, max: 20 });
  builder.addLock({ ...lock, holder: undefined, count: 1, delay: 5, max: 5 });
  const call = { series, call: "read", category: "file", open: 1, oldest: 90 };
  const errors = new Map([[4, 1], [11, 2]]);
  builder.addSyscall({ ...call, count: 5, total: 50, min: 3, max: 30, errors, histogram: [0, 1, 4] });
  const other = new ProfileBuilder();
  other.series({ pid: 99 });
  other.merge(builder.build());
  const more = other.series({ pid: 1 });
  const moreStack = other.stack([other.frame(frame("wait"))]);
  const same = { ...lock, series: more, stack: moreStack, holder: { series: more, stack: moreStack } };
  other.addLock({ ...same, count: 1, delay: 40, max: 40, histogram: [0, 0, 0, 1] });
  const amounts = { count: 3, total: 7, min: 1, max: 4, errors: new Map([[11, 1], [110, 0]]) };
  other.addSyscall({ ...call, ...amounts, series: more, histogram: [1, 1, 0, 0, 1, 0], oldest: 70 });
  const profile = other.build();
  assertEquals([0, 1].map((row) => lockAt(profile, row)), [
    { ...same, address: "", count: 3, delay: 70, max: 40, histogram: [0, 1, 0, 1] },
    { ...same, address: "", holder: undefined, count: 1, delay: 5, max: 5 },
  ]);
  assertEquals(profile.syscalls.call.length, 1);
  assertEquals(syscallAt(profile, 0), {
    ...{ ...call, series: more, count: 8, total: 57, min: 1, max: 30 },
    ...{ errors: new Map([[4, 1], [11, 3]]), histogram: [1, 2, 4, 0, 1], open: 2, oldest: 90 },
  });
});

Deno.test("ProfileBuilder.addWindow() tells what is open at the end of the last window", () => {
  const NOTHING_ENDED = { count: 0, min: 0, max: 0, errors: new Map(), histogram: [] };
  const window = (age: number, open: number) => {
    const builder = new ProfileBuilder();
    const series = builder.series({ pid: 1 });
    const stack = builder.stack([builder.frame(frame("wait"))]);
    const lock = { outcome: "open", series, stack, class: "mutex", type: "futex", histogram: [] } as const;
    const call = { series, call: "read", category: "file" };
    builder.addLock({ ...lock, holder: undefined, count: open, delay: 100, max: age });
    builder.addSyscall({ ...call, ...NOTHING_ENDED, total: 100, open, oldest: age });
    return builder.build();
  };
  const builder = new ProfileBuilder();
  const opens = (profile: Profile) => {
    const [{ count, delay, max }, { open, total, oldest }] = [lockAt(profile, 0), syscallAt(profile, 0)];
    return [[count, delay, max], [open, total, oldest]];
  };
  builder.addWindow(window(100, 3));
  builder.addWindow(window(200, 1));
  assertEquals(opens(builder.build()), [[1, 200, 200], [1, 200, 200]]);
  // In the third window nothing waits any more.
  builder.addWindow(new ProfileBuilder().build());
  assertEquals(opens(builder.build()), [[0, 200, 0], [0, 200, 0]]);
});

Deno.test("ProfileBuilder.merge() of halves of any profile gives its waits and calls again", () => {
  fc.assert(fc.property(anyRecording, fc.nat({ max: 20 }), (profile, at) => {
    const merged = new ProfileBuilder();
    merged.merge(sliceProfile(profile, 0, at));
    merged.merge(sliceProfile(profile, at, Infinity));
    const again = new ProfileBuilder();
    again.merge(profile);
    const { strings: _a, ...whole } = again.build();
    const { strings: _b, ...parts } = merged.build();
    assertEquals(parts.locks.delay, whole.locks.delay);
    assertEquals(parts.locks.max, whole.locks.max);
    assertEquals(parts.locks.histogram, whole.locks.histogram);
    for (const name of ["count", "total", "max", "histogram"] as const) {
      assertEquals(parts.holds[name], whole.holds[name], name);
    }
    for (
      const name of ["count", "min", "max", "errno", "errorCount", "histogram", "open", "oldest"] as const
    ) {
      assertEquals(parts.syscalls[name], whole.syscalls[name], name);
    }
  }));
});
