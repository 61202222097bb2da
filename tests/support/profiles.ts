// SPDX-License-Identifier: Apache-2.0
/**
 * Profiles for tests of what is made from one.
 *
 * @module
 */

import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Frame, type Kind, KINDS, type Profile } from "../../profile/model.ts";
import { anyCall, anyHold, anyWait } from "./waits_and_calls.ts";

/** Returns a frame of `/bin/demo` unless `more` says otherwise. */
export function demoFrame(name: string, more: Partial<Frame> = {}): Frame {
  return {
    function: name,
    module: "/bin/demo",
    file: "demo.c",
    line: 7,
    buildId: "ab12",
    address: 64,
    ...more,
  };
}

/** Returns main → hot twice as long as main → cold, and a system call; 30 samples of cpu and 3 waits. */
export function demoProfile(): Profile {
  const builder = new ProfileBuilder();
  const main = builder.frame(demoFrame("main", { address: 16 }));
  const hot = builder.frame(demoFrame("hot"));
  const cold = builder.frame(demoFrame("cold", { address: 128, line: 0, file: "" }));
  const libc = { module: "/usr/lib/libc.so.6", file: "", line: 0, buildId: "cd34" };
  const read = builder.frame(demoFrame("read", { ...libc, address: 0xf7a40 }));
  const kernel = { module: "[kernel]", file: "", line: 0, buildId: "ef56" };
  const sys = builder.frame(demoFrame("ksys_read", { ...kernel, address: 0x12_3456_7890 }));
  const series = builder.series({ pid: 42, comm: "demo", exe: "/bin/demo", pod: "web-0" });
  builder.add("cpu", series, builder.stack([hot, main]), 180e6, 18);
  builder.add("cpu", series, builder.stack([cold, main]), 90e6, 9);
  builder.add("cpu", builder.series({ comm: "idle" }), builder.stack([sys, read, main]), 30e6, 3);
  const waiter = { series, stack: builder.stack([read, main]) };
  const holder = { series, stack: builder.stack([cold, main]) };
  const wait = { outcome: "woken", class: "mutex", type: "futex", histogram: [] } as const;
  builder.addLock({ ...wait, ...waiter, holder, count: 3, delay: 7e9, max: 4e9 });
  return builder.build();
}

/** Text as programs may name themselves. */
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("main", "hot", "a::b<c&d>(int, char*)", "日本") },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("a;b", "two\nlines", `"'`, "]]>", "</text><script>alert(1)</script>", "\0"),
  },
);

const anyRow = fc.record({
  kind: fc.constantFrom<Kind>(...KINDS),
  series: fc.record({
    pid: fc.nat({ max: 3 }),
    comm: fc.oneof(fc.constant(""), name),
    pod: fc.constantFrom("", "web"),
  }),
  frames: fc.array(
    fc.record({
      function: name,
      module: fc.constantFrom("/bin/demo", "[kernel]", "[unknown]"),
      file: fc.constantFrom("", "demo.c"),
      line: fc.nat({ max: 3 }),
      buildId: fc.constantFrom("", "ab12"),
      address: fc.oneof(fc.nat({ max: 3 }), fc.maxSafeNat()),
    }),
    { maxLength: 5 },
  ),
  value: fc.nat(),
  count: fc.nat({ max: 100 }),
  wait: fc.option(anyWait),
  hasHolder: fc.boolean(),
  hold: fc.option(anyHold),
  call: fc.option(anyCall),
});

/** Any profile that a collector may have counted: its waits are in the table of locks. */
export const anyRecording: fc.Arbitrary<Profile> = fc.array(anyRow).map((rows) => {
  const builder = new ProfileBuilder();
  let holder: { series: number; stack: number } | undefined;
  for (const { wait, hasHolder, hold, call, ...row } of rows) {
    const series = builder.series(row.series);
    const stack = builder.stack(row.frames.map((frame) => builder.frame(frame)));
    if (row.kind !== "lock") builder.add(row.kind, series, stack, row.value, row.count);
    if (wait) builder.addLock({ ...wait, series, stack, holder: hasHolder ? holder : undefined });
    if (hold) builder.addHold({ ...hold, series, stack });
    if (call) builder.addSyscall({ ...call, series });
    holder = { series, stack };
  }
  return builder.build();
});

/** Any profile to look at: samples of every kind. */
export const anyProfile: fc.Arbitrary<Profile> = fc.array(anyRow).map((rows) => {
  const builder = new ProfileBuilder();
  for (const { kind, series, frames, value, count } of rows) {
    const stack = builder.stack(frames.map((frame) => builder.frame(frame)));
    builder.add(kind, builder.series(series), stack, value, count);
  }
  return builder.build();
});
